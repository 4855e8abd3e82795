//! A world in which every list is long: twenty requests, each with all that may be below it.

use plant_care::entity::care_record::{self, TaskKind};
use plant_care::entity::event::{self, EventKind};
use plant_care::entity::stream_entry::{self, Level};
use plant_care::entity::{CareRecordId, CareRequestId, EventId, PlantId, stream};
use plant_care::live::Stream;
use sea_orm::{EntityTrait as _, IntoActiveModel as _, Iterable as _, Set};
use uuid::Uuid;

use crate::support::{Member, TestApp, key};

/// How long each list is.
pub(super) const LONG: usize = 20;

/// How often each kind of event is in a timeline.
const EACH_KIND: usize = 6;

/// Rows of one statement.
const A_STATEMENT: usize = 500;

/// An owner with a caretaker, who both have requests of their own.
pub(super) async fn world(app: &TestApp) -> [Member; 2] {
    let (owner, caretaker) = (app.member("Olga").await, app.member("Carl").await);
    let (closed, open) = (app.keys(LONG), app.keys(LONG));
    app.add_requests(&owner, Some(&caretaker), &closed).await;
    app.add_requests(&owner, None, &open).await;
    app.sql(
        "UPDATE care_requests SET approx_cell = 'u09tvw', latitude_e6 = 48850000, longitude_e6 = 2340000",
    )
    .await;
    let mut feed = Vec::new();
    for request in closed.iter().chain(&open) {
        let plants = app.keys(2);
        app.add_plants(&owner, &plants).await;
        let pairs: Vec<(Uuid, Uuid)> = plants.iter().map(|plant| (*request, *plant)).collect();
        app.add_plants_to_requests(&pairs).await;
        let (comments, offers) = (app.keys(LONG), app.keys(LONG));
        app.add_comments(*request, &caretaker, &comments).await;
        app.add_offers(*request, &caretaker, &offers).await;
        let record = app.keys(1)[0];
        let row = care_record::Model {
            id: CareRecordId(record),
            care_request_id: CareRequestId(*request),
            plant_id: PlantId(plants[0]),
            caretaker_id: key(&caretaker.id),
            kind: TaskKind::Water,
            amount_ml: Some(100),
            note: None,
            occurred_at: app.app.clock.now(),
            created_at: app.app.clock.now(),
        };
        care_record::Entity::insert(row.into_active_model())
            .exec_without_returning(app.rows())
            .await
            .unwrap();
        let happened = (0..EACH_KIND).flat_map(|time| {
            let about = (offers[time], comments[time], record);
            let kinds = EventKind::iter().filter(|kind| is_of_care(*kind));
            kinds.map(move |kind| (kind, subject(kind, about)))
        });
        let events: Vec<_> = happened
            .map(|(kind, subject)| event::Model {
                id: EventId(app.app.clock.new_id()),
                kind,
                care_request_id: Some(CareRequestId(*request)),
                plant_id: Some(PlantId(plants[1])),
                actor_id: Some(key(&caretaker.id)),
                subject_id: subject,
                occurred_at: app.app.clock.now(),
                recorded_at: app.app.clock.now(),
                traceparent: None,
            })
            .collect();
        for events in events.chunks(A_STATEMENT) {
            let rows = events.iter().map(|event| event.clone().into_active_model());
            event::Entity::insert_many(rows)
                .exec_without_returning(app.rows())
                .await
                .unwrap();
        }
        let events: Vec<_> = events.into_iter().map(|event| event.id).collect();
        append(app, Stream::Care(CareRequestId(*request)), &events).await;
        feed.extend(events);
    }
    append(app, Stream::User(key(&owner.id)), &feed).await;
    [owner, caretaker]
}

/// Whether events of a kind are in timelines.
fn is_of_care(kind: EventKind) -> bool {
    !matches!(kind, EventKind::SessionEnded | EventKind::MemberChanged)
}

/// What an event of a kind is about.
fn subject(kind: EventKind, (offer, comment, record): (Uuid, Uuid, Uuid)) -> Option<Uuid> {
    use EventKind as E;
    match kind {
        E::CommentAdded => Some(comment),
        E::CareRecorded => Some(record),
        E::OfferReceived | E::OfferWithdrawn | E::OfferDeclined | E::RequestAccepted => Some(offer),
        _ => None,
    }
}

async fn append(app: &TestApp, stream: Stream, events: &[EventId]) {
    let head = stream::ActiveModel {
        name: Set(stream.to_string()),
        last_seq: Set(i64::try_from(events.len()).unwrap()),
        floor_seq: Set(0),
        last_recorded_at: Set(app.app.clock.now()),
        access_version: Set(0),
    };
    stream::Entity::insert(head)
        .exec_without_returning(app.rows())
        .await
        .unwrap();
    let entries: Vec<_> = events
        .iter()
        .zip(1..)
        .map(|(event, seq)| stream_entry::ActiveModel {
            stream: Set(stream.to_string()),
            seq: Set(seq),
            event_id: Set(*event),
            level: Set(Level::Notice),
            access_version: Set(0),
        })
        .collect();
    for entries in entries.chunks(A_STATEMENT) {
        stream_entry::Entity::insert_many(entries.to_vec())
            .exec_without_returning(app.rows())
            .await
            .unwrap();
    }
}
