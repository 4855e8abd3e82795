//! What a server says over a websocket, read as cheaply as can be: the load must not be the client's.
//!
//! The selections below put no free text before the fields that are looked for, and notes are the
//! harness's own, so the first occurrence is the right one.

use serde_json::{Value, json};

/// The care stream, with what the checks look at.
const CARE: &str = "subscription($id: ID!, $after: String) { careEvents(careRequestId: $id, after: $after) {
    __typename
    ... on CareEventDelivered { cursor event { id seq recordedAt ... on CareRecorded { note } } }
    ... on StreamCaughtUp { cursor } ... on StreamPosition { cursor }
    ... on StreamGap { from to gapReason: reason } ... on StreamEnded { endReason: reason } } }";
/// The board near a place, with a field that depends on who follows it. A title that is a note tells when its writer was to
/// send it.
const BOARD: &str =
    "subscription($near: NearInput, $after: String) { openCareRequests(near: $near, after: $after) {
    __typename
    ... on BoardRequestChanged { cursor careRequest { id recordedAt: createdAt note: title instructions } }
    ... on StreamCaughtUp { cursor } ... on StreamPosition { cursor }
    ... on StreamGap { from to gapReason: reason } ... on StreamEnded { endReason: reason } } }";
const FEED: &str = "subscription($after: String) { myFeed(after: $after) {
    __typename
    ... on FeedEventDelivered { cursor event { id recordedAt } }
    ... on StreamCaughtUp { cursor } ... on StreamPosition { cursor }
    ... on StreamGap { from to gapReason: reason } ... on StreamEnded { endReason: reason } } }";

/// What is followed.
#[derive(Clone, Debug)]
pub enum Topic {
    /// A request's timeline, by the request's id.
    Care(String),
    /// The member's own feed.
    Feed,
    /// What is open near a cell.
    Board(&'static str),
    /// A request's timeline, each note so many times over: what fills a peer's buffers quickly.
    Heavy(String, usize),
}

impl Topic {
    /// The payload of `subscribe`.
    pub fn payload(&self, after: Option<&str>) -> Value {
        match self {
            Self::Care(id) => json!({ "query": CARE, "variables": { "id": id, "after": after } }),
            Self::Feed => json!({ "query": FEED, "variables": { "after": after } }),
            Self::Board(cell) => {
                let near = json!({ "cell": cell, "radiusKm": 25 });
                json!({ "query": BOARD, "variables": { "near": near, "after": after } })
            }
            Self::Heavy(id, times) => {
                let notes: Vec<String> = (1..*times).map(|number| format!("n{number}: note")).collect();
                let query = CARE.replace("{ note }", &format!("{{ note {} }}", notes.join(" ")));
                json!({ "query": query, "variables": { "id": id, "after": after } })
            }
        }
    }
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An event.
    Event,
    /// `StreamCaughtUp`.
    CaughtUp,
    /// `StreamPosition`.
    Position,
    /// `FeedReadMoved`.
    ReadMoved,
    /// `StreamGap`.
    Gap,
    /// `StreamEnded`.
    Ended,
    /// `error`, or a `next` with errors.
    Error,
    /// `complete`.
    Complete,
    /// Anything else.
    Other,
}

/// One message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// All of it.
    pub text: &'a str,
    /// What it is.
    pub kind: Kind,
}

impl<'a> Message<'a> {
    /// Looks at a message.
    pub fn read(text: &'a str) -> Self {
        let kind = match field(text, "\"__typename\":\"") {
            Some("CareEventDelivered" | "FeedEventDelivered" | "BoardRequestChanged") => Kind::Event,
            Some("StreamCaughtUp") => Kind::CaughtUp,
            Some("StreamPosition") => Kind::Position,
            Some("FeedReadMoved") => Kind::ReadMoved,
            Some("StreamGap") => Kind::Gap,
            Some("StreamEnded") => Kind::Ended,
            Some(_) => Kind::Other,
            None => match field(text, "\"type\":\"") {
                Some("error") => Kind::Error,
                Some("complete") => Kind::Complete,
                Some("next") if text.contains("\"errors\":") => Kind::Error,
                _ => Kind::Other,
            },
        };
        Self { text, kind }
    }

    /// The operation's id.
    pub fn operation(&self) -> Option<&'a str> {
        // The event has an `id`, too: the operation's is outside the payload, before or after it.
        let payload = self.text.find("\"payload\":")?;
        field(&self.text[..payload], "\"id\":\"").or_else(|| {
            self.text
                .rfind("\"id\":\"")
                .and_then(|at| field(&self.text[at..], "\"id\":\""))
        })
    }

    /// The cursor to come back with.
    pub fn cursor(&self) -> Option<&'a str> {
        let name = if self.kind == Kind::Gap {
            "\"to\":\""
        } else {
            "\"cursor\":\""
        };
        field(self.text, name)
    }

    /// The event's number in its request's timeline.
    pub fn seq(&self) -> Option<u64> {
        let at = self.text.find("\"seq\":")? + 6;
        let rest = &self.text[at..];
        let end = rest.find(|letter: char| !letter.is_ascii_digit())?;
        rest[..end].parse().ok()
    }

    /// The event's id.
    pub fn event(&self) -> Option<&'a str> {
        let at = self.text.find("\"event\":")?;
        field(&self.text[at..], "\"id\":\"")
    }

    /// When its writer was to send it, which it wrote into the note.
    pub fn scheduled(&self) -> Option<u64> {
        let note = field(self.text, "\"note\":\"t=")?;
        note.split(' ').next()?.parse().ok()
    }

    /// When the server recorded it.
    pub fn recorded(&self) -> Option<u64> {
        let text = field(self.text, "\"recordedAt\":\"")?;
        let time = chrono::DateTime::parse_from_rfc3339(text).ok()?;
        u64::try_from(time.timestamp_micros()).ok()
    }

    /// The code of a refusal.
    pub fn code(&self) -> &'a str {
        field(self.text, "\"code\":\"").unwrap_or("without a code")
    }
}

/// The note that carries when its writer was to send it, filled up to a length.
pub fn note(scheduled: u64, length: usize) -> String {
    let mut note = format!("t={scheduled} ");
    while note.len() < length {
        note.push('.');
    }
    note
}

fn field<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    let at = text.find(start)? + start.len();
    let rest = &text[at..];
    Some(&rest[..rest.find('"')?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_whatever_the_order_of_their_members() {
        let event = r#"{"__typename":"CareEventDelivered","cursor":"c1","event":{"id":"e1","seq":17,"recordedAt":"1970-01-01T00:00:02.000005Z","note":"t=42 .."}}"#;
        for text in [
            format!(r#"{{"type":"next","id":"7","payload":{{"data":{{"careEvents":{event}}}}}}}"#),
            format!(r#"{{"payload":{{"data":{{"careEvents":{event}}}}},"id":"7","type":"next"}}"#),
        ] {
            let message = Message::read(&text);
            assert_eq!(message.kind, Kind::Event);
            assert_eq!(message.operation(), Some("7"));
            assert_eq!(message.cursor(), Some("c1"));
            assert_eq!(message.seq(), Some(17));
            assert_eq!(message.event(), Some("e1"));
            assert_eq!(message.scheduled(), Some(42));
            assert_eq!(message.recorded(), Some(2_000_005));
        }
        assert_eq!(note(42, 12), "t=42 .......");
    }

    #[test]
    fn what_the_board_tells_has_a_schedule_and_no_number() {
        let text = r#"{"type":"next","id":"1","payload":{"data":{"openCareRequests":{"__typename":"BoardRequestChanged","cursor":"c1","careRequest":{"id":"r1","recordedAt":"1970-01-01T00:00:01Z","note":"t=7 ..","instructions":null}}}}}"#;
        let message = Message::read(text);
        assert_eq!(message.kind, Kind::Event);
        assert_eq!(
            (message.seq(), message.scheduled(), message.recorded()),
            (None, Some(7), Some(1_000_000))
        );
        let payload = Topic::Board("u09tvw").payload(None);
        assert_eq!(payload["variables"]["near"]["cell"], "u09tvw");
    }

    #[test]
    fn what_is_not_an_event_is_told_apart() {
        let kind = |text: &str| Message::read(text).kind;
        assert_eq!(kind(r#"{"type":"complete","id":"1"}"#), Kind::Complete);
        let refused =
            r#"{"type":"error","id":"1","payload":[{"message":"m","extensions":{"code":"NOT_FOUND"}}]}"#;
        assert_eq!(kind(refused), Kind::Error);
        assert_eq!(Message::read(refused).code(), "NOT_FOUND");
        assert_eq!(
            kind(r#"{"type":"next","id":"1","payload":{"data":null,"errors":[]}}"#),
            Kind::Error
        );
        let gap = r#"{"type":"next","id":"1","payload":{"data":{"careEvents":{"__typename":"StreamGap","from":"a","to":"b","gapReason":"TRIMMED"}}}}"#;
        assert_eq!(kind(gap), Kind::Gap);
        assert_eq!(Message::read(gap).cursor(), Some("b"));
    }
}
