//! The protocol's messages.

use async_graphql::{Request, Response};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::graphql::request;

/// What a client says.
#[derive(Debug)]
pub enum FromClient {
    /// It begins, with whatever says who it is.
    Init(Value),
    /// Are you there?
    Ping(Option<Box<RawValue>>),
    /// I am.
    Pong,
    /// An operation under an id.
    Subscribe(Id, Box<Request>),
    /// No more of an operation.
    Complete(Id),
}

/// An operation's id, as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Id(Box<str>);

impl Id {
    fn of(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("The id is empty.".to_owned());
        }
        Ok(Self(Value::from(text).to_string().into()))
    }

    /// The id as it stands in JSON, with its quotes.
    pub(super) fn as_json(&self) -> &str {
        &self.0
    }
}

#[derive(Deserialize)]
struct Envelope<'m> {
    #[serde(rename = "type")]
    kind: String,
    id: Option<String>,
    #[serde(borrow)]
    payload: Option<&'m RawValue>,
}

impl FromClient {
    /// Reads a message, or says what is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        let envelope: Envelope<'_> =
            serde_json::from_str(text).map_err(|error| format!("The message is not understood: {error}"))?;
        let id = || match &envelope.id {
            Some(id) => Id::of(id),
            None => Err("The message has no id.".to_owned()),
        };
        match envelope.kind.as_str() {
            "connection_init" => match envelope
                .payload
                .map(|payload| serde_json::from_str(payload.get()))
            {
                None | Some(Ok(Value::Null)) => Ok(Self::Init(Value::Null)),
                Some(Ok(payload @ Value::Object(_))) => Ok(Self::Init(payload)),
                Some(_) => Err("The payload of connection_init is not an object.".to_owned()),
            },
            "ping" => Ok(Self::Ping(envelope.payload.map(ToOwned::to_owned))),
            "pong" => Ok(Self::Pong),
            "complete" => Ok(Self::Complete(id()?)),
            "subscribe" => {
                let payload = envelope.payload.ok_or("The message has no payload.")?;
                let payload = serde_json::from_str(payload.get()).map_err(|error| error.to_string())?;
                let request = request::read(payload).map_err(|error| error.message())?;
                Ok(Self::Subscribe(id()?, Box::new(request)))
            }
            kind => Err(format!("There is no message of the type {kind:?}.")),
        }
    }
}

/// `connection_ack`.
pub(super) const ACK: &str = r#"{"type":"connection_ack"}"#;

/// `pong`, with the ping's payload.
pub(super) fn pong(payload: Option<&RawValue>) -> String {
    match payload {
        Some(payload) => format!(r#"{{"type":"pong","payload":{}}}"#, payload.get()),
        None => r#"{"type":"pong"}"#.to_owned(),
    }
}

/// `next`: an answer under its operation's id, in parts, because all that others are told as well is the answer.
pub fn next<'m>(id: &'m Id, body: &'m str) -> [&'m str; 5] {
    [
        r#"{"id":"#,
        id.as_json(),
        r#","type":"next","payload":"#,
        body,
        "}",
    ]
}

/// `error`: the errors for which an operation was refused.
pub(super) fn error(id: &Id, response: &Response) -> String {
    let errors = serde_json::to_string(&response.errors).unwrap_or_else(|_| "[]".to_owned());
    format!(r#"{{"id":{},"type":"error","payload":{errors}}}"#, id.as_json())
}

/// `complete`: there will be no more.
pub(super) fn complete(id: &Id) -> String {
    format!(r#"{{"id":{},"type":"complete"}}"#, id.as_json())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_none_of_the_protocols_is_refused_in_words() {
        for (message, says) in [
            ("", "not understood"),
            ("[]", "not understood"),
            ("{}", "type"),
            (r#"{"type":7}"#, "not understood"),
            (r#"{"type":"start"}"#, "no message of the type"),
            (r#"{"type":"connection_init","payload":7}"#, "not an object"),
            (r#"{"type":"subscribe","payload":{"query":"{a}"}}"#, "no id"),
            (
                r#"{"type":"subscribe","id":"","payload":{"query":"{a}"}}"#,
                "empty",
            ),
            (r#"{"type":"subscribe","id":"1"}"#, "no payload"),
            (
                r#"{"type":"subscribe","id":"1","payload":{}}"#,
                "There is no query",
            ),
            (
                r#"{"type":"subscribe","id":"1","payload":{"query":7}}"#,
                "must be a string",
            ),
            (
                r#"{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":[]}}"#,
                "must be an object",
            ),
            (r#"{"type":"complete"}"#, "no id"),
        ] {
            let refusal = FromClient::read(message).unwrap_err();
            assert!(refusal.contains(says), "{message}: {refusal}");
        }
    }

    #[test]
    fn a_message_goes_out_under_the_clients_own_id() {
        let id = Id::of("a\"b").unwrap();
        let text = next(&id, "{\"data\":null}").concat();
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["id"], "a\"b");
        assert_eq!(read["payload"], serde_json::json!({ "data": null }));
    }

    #[test]
    fn a_pong_carries_the_pings_payload() {
        let Ok(FromClient::Ping(payload)) = FromClient::read(r#"{"type":"ping","payload":{"at": 1.50}}"#)
        else {
            panic!("not a ping");
        };
        assert_eq!(
            pong(payload.as_deref()),
            r#"{"type":"pong","payload":{"at": 1.50}}"#
        );
        assert_eq!(pong(None), r#"{"type":"pong"}"#);
    }
}
