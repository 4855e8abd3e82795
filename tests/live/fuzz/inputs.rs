//! Inputs that nobody means well.

use serde_json::{Map, Number, Value, json};

use crate::support::Dice;

/// What stands in valid documents; joined and damaged it makes others.
const DOCUMENTS: [&str; 12] = [
    "{ viewer { id displayName } }",
    "query($id: ID!) { careRequest(id: $id) { title status timeline(first: 3) { edges { cursor node { id } } } } }",
    "{ openCareRequests(first: 5) { edges { node { id title plants { name } } } pageInfo { endCursor } } }",
    "{ feed { events(first: 2, after: \"CURSOR\") { edges { cursor } } unreadCount } }",
    "{ node(id: \"CURSOR\") { __typename id } }",
    "{ __schema { types { name fields { name } } } }",
    "subscription { careEvents(careRequestId: \"CURSOR\", after: \"CURSOR\") { __typename } }",
    "subscription { myFeed(after: \"CURSOR\") { __typename ... on FeedEventDelivered { cursor } } }",
    "subscription { openCareRequests { __typename ... on BoardRequestChanged { cursor } } }",
    "mutation { addComment(input: { careRequestId: \"CURSOR\", body: \"so\" }) { userErrors { code } } }",
    "mutation { markFeedRead(input: { cursor: \"CURSOR\" }) { userErrors { code } } }",
    "query A { ...f } fragment f on Query { viewer { id ...g } } fragment g on User { displayName }",
];

const TEXTS: [&str; 12] = [
    "",
    "id",
    "\u{0}",
    "\u{202e}abc",
    "🪴🌵",
    "e\u{301}\u{301}\u{301}",
    "\u{feff}",
    "\u{ffff}",
    "99999999999999999999999999",
    "' OR 1=1 --",
    "query",
    "a\\u0000b",
];

const NUMBERS: [&str; 8] = [
    "0",
    "-1",
    "1e308",
    "1e999",
    "9223372036854775808",
    "-9223372036854775809",
    "0.1",
    "4294967296",
];

/// A document: a valid one, one with wrong values, a deep one, or a damaged one.
pub(super) fn document(dice: &mut Dice, cursor: &str) -> String {
    let cursor = if dice.once_in(3) {
        dice.of(&TEXTS).to_string()
    } else {
        cursor.to_owned()
    };
    let text = dice.of(&DOCUMENTS).replace("CURSOR", &cursor);
    match dice.below(8) {
        0 => {
            let depth = dice.below(400);
            format!("{}x{}", "{a ".repeat(depth), "}".repeat(depth))
        }
        1 => {
            let depth = dice.below(400);
            format!(
                "{{ node(id: {}1{}) {{ id }} }}",
                "[".repeat(depth),
                "]".repeat(depth)
            )
        }
        2 | 3 => String::from_utf8_lossy(&mutated(dice, text.as_bytes())).into_owned(),
        4 => text.replace("first: ", &format!("first: {}", dice.of(&NUMBERS))),
        5 => format!("{text}{}", dice.of(&DOCUMENTS)),
        _ => text,
    }
}

/// Any JSON value, so deep at most.
pub(super) fn value(dice: &mut Dice, depth: usize) -> Value {
    match dice.below(if depth == 0 { 5 } else { 7 }) {
        0 => Value::Null,
        1 => json!(dice.once_in(2)),
        2 => json!(dice.of(&TEXTS)),
        3 => {
            let number: Option<Number> = dice.of(&NUMBERS).parse().ok();
            number.map_or(json!(dice.number()), Value::Number)
        }
        4 => json!(dice.between(-3, 300)),
        5 => (0..dice.below(4)).map(|_| value(dice, depth - 1)).collect(),
        _ => {
            let names = [
                "query",
                "variables",
                "extensions",
                "operationName",
                "documentId",
                "type",
                "id",
                "payload",
                "authorization",
            ];
            let fields = (0..dice.below(4)).map(|_| {
                let name = (*dice.of(&names)).to_owned();
                (name, value(dice, depth - 1))
            });
            Value::Object(fields.collect::<Map<_, _>>())
        }
    }
}

/// The same with bytes changed, left out, doubled, moved or put in.
pub(super) fn mutated(dice: &mut Dice, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=dice.below(4) {
        if bytes.is_empty() {
            bytes.push(b'{');
        }
        let at = dice.below(bytes.len());
        match dice.below(6) {
            0 => bytes[at] = dice.number().to_le_bytes()[0],
            1 => bytes[at] ^= 1 << dice.below(8),
            2 => {
                bytes.remove(at);
            }
            3 => bytes.truncate(at),
            4 => {
                let end = bytes.len().min(at + 1 + dice.below(20));
                let part = bytes[at..end].to_vec();
                let to = dice.below(bytes.len());
                bytes.splice(to..to, part);
            }
            _ => {
                let inserted = dice.of(&[
                    "{", "}", "[", "\"", "\\", "$", "...", "@skip", "null", ":", "é", "#",
                ]);
                bytes.splice(at..at, inserted.bytes());
            }
        }
    }
    bytes
}
