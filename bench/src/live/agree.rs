//! Whether all deliver the same: one event, which Plant Care records and all others are handed.

use std::time::Duration;

use plant_care_prove::api::Api;
use plant_care_prove::failure::{Failure, Result, fail};
use plant_care_prove::message::{Kind, Message};
use plant_care_prove::pace::Pace;
use plant_care_prove::socket::Socket;
use serde_json::Value;
use tokio::time::timeout;

use super::scene::Scene;
use super::source::Source;
use crate::neutral::Shape::{self, Id, Maybe, Moment, Number, Object, Text};
use crate::neutral::{self, first_difference};
use crate::servers::Server;

/// How long an event may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// An event of a request's timeline, as it is selected.
pub const CARE_EVENT: Shape = Object(&[(
    "careEvents",
    Object(&[
        ("__typename", Text),
        ("cursor", Id),
        (
            "event",
            Object(&[
                ("id", Id),
                ("seq", Number),
                ("recordedAt", Moment),
                ("note", Text),
            ]),
        ),
    ]),
)]);

/// A change of the board, as it is selected.
pub const BOARD_EVENT: Shape = Object(&[(
    "openCareRequests",
    Object(&[
        ("__typename", Text),
        ("cursor", Id),
        (
            "careRequest",
            Object(&[
                ("id", Id),
                ("recordedAt", Moment),
                ("note", Text),
                ("instructions", Maybe(&Text)),
            ]),
        ),
    ]),
)]);

/// Has the first server tell an event that it records, and all others the same event; fails with the first difference in
/// what a subscriber gets. The message in which the first told it.
pub(super) async fn all(scene: &Scene<'_>, servers: &[Server], shape: &Shape) -> Result<String> {
    let mut first: Option<(&str, String, Value)> = None;
    for server in servers {
        let handed = first.as_ref().map_or("", |(_, message, _)| message);
        let message = match timeout(PATIENCE, told(scene, server, handed)).await {
            Ok(told) => told,
            Err(_) => fail(format!("an event did not come within {PATIENCE:?}")),
        };
        let message = message.map_err(|reason| Failure::new(format!("{}: {reason}", server.name)))?;
        let event = payload(shape, &message)?;
        match &first {
            None => first = Some((&server.name, message, event)),
            Some((name, _, expected)) => {
                if let Some(difference) = first_difference(expected, &event) {
                    let other = &server.name;
                    return fail(format!("{name} and {other} do not tell the same: {difference}"));
                }
            }
        }
    }
    first
        .map(|(_, message, _)| message)
        .ok_or_else(|| Failure::new("there is nobody to tell anything"))
}

/// What a message of a subscription carries, neutral.
fn payload(shape: &Shape, message: &str) -> Result<Value> {
    let mut message: Value = serde_json::from_str(message)?;
    neutral::answer(shape, message["payload"].take().to_string().as_bytes())
}

/// The message in which one event is told to one subscriber; a server that records none is handed the event of another's
/// message.
async fn told(scene: &Scene<'_>, server: &Server, handed: &str) -> Result<String> {
    let mut places = scene.places(server, 1).await?;
    let place = places
        .pop()
        .ok_or_else(|| Failure::new("nobody follows the stream"))?;
    let mut socket = Socket::open(place.server, &place.token).await?;
    let payload = place.topic.payload(place.after.as_deref());
    socket.subscribe("1", &payload).await?;
    next(&mut socket, Kind::CaughtUp).await?;
    let harness = &scene.stage.harness;
    match scene.handing(server, handed) {
        Source::Posted(event) => {
            Api::new()?.post(place.server, "/publish", &event.same()?).await?;
        }
        Source::Bytes(message) => {
            let mut writer = Socket::open(place.server, "").await?;
            writer.send(&serde_json::from_str(&message)?).await?;
        }
        source => {
            let once = Pace {
                rate: 1.0,
                time: Duration::from_secs(1),
            };
            let from = (harness.clock, place.seq);
            source.write(&harness.api, place.server, once, from).await?;
        }
    }
    next(&mut socket, Kind::Event).await
}

/// The next message of a kind.
async fn next(socket: &mut Socket, kind: Kind) -> Result<String> {
    loop {
        let text = socket.text().await?;
        match Message::read(&text).kind {
            found if found == kind => return Ok(text.as_str().to_owned()),
            Kind::Error | Kind::Complete => return fail(format!("unexpected: {text}")),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_the_same_whatever_its_ids_and_the_order_of_its_members() {
        let ours = r#"{"type":"next","id":"1","payload":{"data":{"careEvents":{"__typename":"CareEventDelivered","cursor":"c1","event":{"id":"e1","seq":5,"recordedAt":"2026-11-23T08:00:00Z","note":"n"}}}}}"#;
        let theirs = r#"{"id":"1","type":"next","payload":{"data":{"careEvents":{"event":{"note":"n","seq":5,"recordedAt":"2026-11-23T08:00:00+00:00","id":"e2"},"cursor":"c2","__typename":"CareEventDelivered"}}}}"#;
        let ours = payload(&CARE_EVENT, ours).unwrap();
        assert_eq!(
            first_difference(&ours, &payload(&CARE_EVENT, theirs).unwrap()),
            None
        );
        let other = payload(&CARE_EVENT, &theirs.replace("\"seq\":5", "\"seq\":6")).unwrap();
        assert_eq!(
            first_difference(&ours, &other).unwrap(),
            "data.careEvents.event.seq is 5 and 6"
        );
        let wrong = payload(&CARE_EVENT, &theirs.replace("\"seq\":5", "\"seq\":\"5\""));
        assert!(wrong.unwrap_err().to_string().contains("is not a number"));
    }
}
