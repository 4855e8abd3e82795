//! A text message as it goes over the wire: one frame, unmasked, as a server sends it (RFC 6455, section 5.2).

/// The last frame of a message, with text in it.
const TEXT: u8 = 0x81;
/// The length is in the next two bytes.
const IN_TWO: u8 = 126;
/// The length is in the next eight.
const IN_EIGHT: u8 = 127;

/// Writes the frame of a text that comes in parts.
pub fn text(parts: &[&str], into: &mut Vec<u8>) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    into.push(TEXT);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length), _) if length < IN_TWO => into.push(length),
        (_, Ok(length)) => {
            into.push(IN_TWO);
            into.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            into.push(IN_EIGHT);
            into.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    for part in parts {
        into.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};

    use super::*;

    #[test]
    fn a_client_reads_what_was_written_whatever_its_length() {
        for length in [0, 1, 125, 126, 127, 65_535, 65_536, 200_000] {
            let (one, other) = ("é".repeat(length / 2), "x".repeat(length % 2));
            let mut bytes = Vec::new();
            text(&[&one, &other], &mut bytes);
            let mut client = WebSocket::from_raw_socket(Cursor::new(bytes), Role::Client, None);
            assert_eq!(client.read().unwrap(), Message::text(one + &other));
        }
    }
}
