//! The codes with which a connection is closed; those from 4400 on are the protocol's.

use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::telemetry::metrics::EndedBy;

/// A close frame holds at most so much of a reason (RFC 6455, section 5.5).
const REASON_BYTES: usize = 123;

/// What is said of a token whose time is over.
pub(super) const TOKEN_EXPIRED: &str = "token expired";

/// Why the server closes a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Close {
    /// A message that is none of the protocol's.
    BadRequest(String),
    /// An operation before `connection_ack`.
    Unauthorized,
    /// A token that is no good, or no longer: come back with another.
    Forbidden(&'static str),
    /// The client does not speak our protocol.
    SubprotocolNotAcceptable,
    /// No `connection_init` in time.
    InitTimeout,
    /// An operation under an id that is in use.
    SubscriberExists(String),
    /// A second `connection_init`.
    TooManyInits,
    /// The process stops: come back at once, to another.
    Restart,
    /// It could not be found out who is asking: come back a little later.
    TryAgainLater,
    /// The client did not answer.
    Gone,
}

impl Close {
    /// As what its streams' end is counted; nothing where the connection's own end says it.
    pub(super) fn ends_streams_by(&self) -> Option<EndedBy> {
        match self {
            Self::Forbidden(TOKEN_EXPIRED) => Some(EndedBy::TokenExpired),
            Self::Forbidden(_) | Self::Restart | Self::Gone => None,
            _ => Some(EndedBy::Error),
        }
    }

    /// The frame that says so.
    pub(super) fn frame(&self) -> CloseFrame {
        let (code, reason) = match self {
            Self::BadRequest(reason) => (4400, reason.clone()),
            Self::Unauthorized => (4401, "Unauthorized".to_owned()),
            Self::Forbidden(reason) => (4403, (*reason).to_owned()),
            Self::SubprotocolNotAcceptable => (4406, "Subprotocol not acceptable".to_owned()),
            Self::InitTimeout => (4408, "Connection initialisation timeout".to_owned()),
            Self::SubscriberExists(id) => (4409, format!("Subscriber for {id} already exists")),
            Self::TooManyInits => (4429, "Too many initialisation requests".to_owned()),
            Self::Restart => (CloseCode::Restart.into(), "the server restarts".to_owned()),
            Self::TryAgainLater => (CloseCode::Again.into(), "try again later".to_owned()),
            Self::Gone => (CloseCode::Away.into(), "no answer to pings".to_owned()),
        };
        let code: u16 = code;
        CloseFrame {
            code: code.into(),
            reason: shortened(reason),
        }
    }
}

/// A reason that fits, cut between characters.
fn shortened(mut reason: String) -> Utf8Bytes {
    reason.truncate(reason.floor_char_boundary(REASON_BYTES));
    reason.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_fits_its_frame_and_is_whole_characters() {
        let reason = Close::BadRequest("é".repeat(100)).frame().reason;
        assert_eq!(reason.as_str(), "é".repeat(61));
        let id = format!("\"{}\"", "x".repeat(500));
        assert_eq!(Close::SubscriberExists(id).frame().reason.len(), REASON_BYTES);
    }
}
