//! Cursors: positions in a stream, opaque to clients and the same on every replica.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::Stream;
use crate::entity::{CareRequestId, EventId, UserId};

/// A position in a stream: after the entry `seq`.
///
/// `tail` is the end of that entry's event id. If another event stands there when the cursor comes
/// back, the log was reset (a restored backup, a failover that lost its tail), and the client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    /// The stream.
    pub stream: Stream,
    /// The last entry that was read; 0 before the first.
    pub seq: i64,
    /// The last 8 bytes of its event's id; zeros for position 0 and for a trimmed entry.
    pub tail: [u8; 8],
}

impl Cursor {
    /// The beginning of a stream.
    pub fn start(stream: Stream) -> Self {
        Self {
            stream,
            seq: 0,
            tail: [0; 8],
        }
    }

    /// The position after an entry.
    pub fn after(stream: Stream, seq: i64, event: EventId) -> Self {
        Self {
            stream,
            seq,
            tail: tail(event),
        }
    }

    /// The position after a trimmed entry, whose event is no longer known.
    pub fn at_floor(stream: Stream, floor: i64) -> Self {
        Self {
            stream,
            seq: floor,
            tail: [0; 8],
        }
    }

    /// The text that clients keep.
    pub fn encode(&self) -> String {
        let (kind, id) = match self.stream {
            Stream::Care(id) => (b'c', id.0),
            Stream::User(id) => (b'u', id.0),
            Stream::Board => (b'b', Uuid::nil()),
            Stream::Control => (b'x', Uuid::nil()),
        };
        let mut bytes = Vec::with_capacity(33);
        bytes.push(kind);
        bytes.extend_from_slice(id.as_bytes());
        bytes.extend_from_slice(&self.seq.to_be_bytes());
        bytes.extend_from_slice(&self.tail);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads what a client kept; `None` if it is damaged or of another stream.
    pub fn decode(text: &str, stream: Stream) -> Option<Self> {
        let bytes: [u8; 33] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (kind, rest) = bytes.split_first()?;
        let (id, rest) = rest.split_first_chunk::<16>()?;
        let (seq, rest) = rest.split_first_chunk::<8>()?;
        let id = Uuid::from_bytes(*id);
        let named = match kind {
            b'c' => Stream::Care(CareRequestId(id)),
            b'u' => Stream::User(UserId(id)),
            b'b' if id.is_nil() => Stream::Board,
            _ => return None,
        };
        let cursor = Self {
            stream: named,
            seq: i64::from_be_bytes(*seq),
            tail: rest.try_into().ok()?,
        };
        (named == stream && cursor.seq >= 0).then_some(cursor)
    }
}

/// The last 8 bytes of an event's id: its random part.
pub fn tail(event: EventId) -> [u8; 8] {
    let mut tail = [0; 8];
    tail.copy_from_slice(&event.0.as_bytes()[8..]);
    tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was_and_only_to_its_stream() {
        let care = Stream::Care(CareRequestId(Uuid::from_u128(7)));
        let cursor = Cursor::after(care, 42, EventId(Uuid::from_u128(0x1122_3344_5566_7788)));
        assert_eq!(Cursor::decode(&cursor.encode(), care), Some(cursor));
        assert_eq!(
            Cursor::decode(&cursor.encode(), Stream::User(UserId(Uuid::from_u128(7)))),
            None
        );
        assert_eq!(
            Cursor::decode(&cursor.encode(), Stream::Care(CareRequestId(Uuid::from_u128(8)))),
            None
        );
    }

    #[test]
    fn damaged_cursors_are_refused() {
        let care = Stream::Care(CareRequestId(Uuid::from_u128(7)));
        let text = Cursor::start(care).encode();
        for damaged in ["", "?", "AAAA", &text[1..], &format!("{text}A")] {
            assert_eq!(Cursor::decode(damaged, care), None, "{damaged}");
        }
        let negative = Cursor {
            seq: -1,
            ..Cursor::start(care)
        };
        assert_eq!(Cursor::decode(&negative.encode(), care), None);
    }
}
