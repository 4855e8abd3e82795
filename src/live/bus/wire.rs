//! How wake-ups are written, the same for every back end.
//!
//! A message is a line `1 SENDER`, the version and the process that sent it, and a line for each
//! wake-up: `m STREAM SEQ` (moved) or `r STREAM SEQ` (read). Whatever else it holds is ignored, so that
//! a newer program may say more.

use super::Wake;

const VERSION: &str = "1";

/// Wake-ups as one message.
pub(super) fn encode(sender: &str, wakes: impl IntoIterator<Item = Wake>) -> String {
    let header = format!("{VERSION} {sender}");
    let lines = wakes.into_iter().map(|wake| match wake {
        Wake::Moved(stream, last) => format!("m {stream} {last}"),
        Wake::Read(stream, read) => format!("r {stream} {read}"),
    });
    std::iter::once(header)
        .chain(lines)
        .collect::<Vec<_>>()
        .join("\n")
}

/// A message that wakes nobody, by which a process finds out whether it hears itself.
pub(super) fn hello(sender: &str, number: u64) -> String {
    format!("{VERSION} {sender}\nh {number}")
}

/// The wake-ups of a message that another process sent.
pub(super) fn decode<'a>(own: &str, message: &'a str) -> impl Iterator<Item = Wake> + use<'a> {
    let mut lines = message.lines();
    let sender = lines
        .next()
        .and_then(|header| header.strip_prefix(VERSION)?.strip_prefix(' '));
    let foreign = sender.is_some_and(|sender| sender != own);
    lines.take_while(move |_| foreign).filter_map(decode_wake)
}

fn decode_wake(line: &str) -> Option<Wake> {
    let mut parts = line.split(' ');
    let (kind, stream, number) = (
        parts.next()?,
        parts.next()?.parse().ok()?,
        parts.next()?.parse().ok()?,
    );
    match (kind, parts.next()) {
        ("m", None) => Some(Wake::Moved(stream, number)),
        ("r", None) => Some(Wake::Read(stream, number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::entity::{CareRequestId, UserId};
    use crate::live::Stream;

    fn decoded(message: &str) -> Vec<Wake> {
        decode("me", message).collect()
    }

    #[test]
    fn wake_ups_survive_the_wire() {
        let care = Stream::Care(CareRequestId(Uuid::from_u128(1)));
        let user = Stream::User(UserId(Uuid::from_u128(2)));
        let wakes = [
            Wake::Moved(care, 7),
            Wake::Read(user, 0),
            Wake::Moved(user, i64::MAX),
        ];
        let message = encode("you", wakes);
        assert_eq!(decoded(&message), wakes);
        assert_eq!(
            message.lines().take(2).collect::<Vec<_>>(),
            ["1 you", "m care:00000000-0000-0000-0000-000000000001 7"],
            "servers of different versions must understand each other"
        );
    }

    #[test]
    fn a_process_does_not_wake_itself() {
        let wake = Wake::Moved(Stream::User(UserId(Uuid::from_u128(2))), 7);
        assert_eq!(decoded(&encode("me", [wake])), []);
        assert_eq!(decoded(&encode("me too", [wake])), [wake]);
        assert_eq!(decoded(&hello("you", 1)), []);
    }

    #[test]
    fn noise_is_ignored() {
        let wake = "m care:00000000-0000-0000-0000-000000000001 2";
        for noise in [
            String::new(),
            "\n".to_owned(),
            wake.to_owned(),
            format!("2 you\n{wake}"),
            format!("1you\n{wake}"),
            format!("10 you\n{wake}"),
            "1 you\nm".to_owned(),
            "1 you\nm care:1 2".to_owned(),
            "1 you\nm nowhere 2".to_owned(),
            format!("1 you\n{wake}x"),
            format!("1 you\n{wake} 3"),
            format!("1 you\nx{wake}"),
        ] {
            assert_eq!(decoded(&noise), [], "{noise:?}");
        }
        // What is understood counts all the same.
        assert_eq!(decoded(&format!("1 you\n?\n{wake}\nm")).len(), 1);
    }
}
