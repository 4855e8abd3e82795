//! Many rows at once, put into the database directly: through the API they would take minutes.

use plant_care::entity::care_request::{CareMode, CareRequestStatus};
use plant_care::entity::event::EventKind;
use plant_care::entity::offer::OfferStatus;
use plant_care::entity::plant::PlantStatus;
use plant_care::entity::stream_entry::Level;
use plant_care::entity::{
    CareRequestId, CommentId, EventId, OfferId, PlantId, care_request, care_request_plant, comment, event,
    offer, plant, stream, stream_entry,
};
use plant_care::live::Stream;
use sea_orm::{EntityTrait as _, IntoActiveModel as _, Set};
use uuid::Uuid;

use super::{Member, TODAY, TestApp, key};

/// Rows of one statement: each of their columns is a parameter, and a statement takes at most 32,766.
const A_STATEMENT: usize = 500;

impl TestApp {
    /// New keys, in order.
    pub(crate) fn keys(&self, count: usize) -> Vec<Uuid> {
        (0..count).map(|_| self.app.clock.new_id()).collect()
    }

    /// Adds plants with these keys.
    pub(crate) async fn add_plants(&self, owner: &Member, keys: &[Uuid]) {
        for keys in keys.chunks(A_STATEMENT) {
            let rows = keys.iter().map(|id| {
                plant::Model {
                    id: PlantId(*id),
                    owner_id: key(&owner.id),
                    name: format!("Plant {id}"),
                    species_text: None,
                    instructions: Some("Little water.".to_owned()),
                    status: PlantStatus::Active,
                    created_at: self.app.clock.now(),
                    version: 1,
                }
                .into_active_model()
            });
            plant::Entity::insert_many(rows)
                .exec_without_returning(self.rows())
                .await
                .unwrap();
        }
    }

    /// Adds care requests with these keys, without plants; open, or with a caretaker.
    pub(crate) async fn add_requests(&self, owner: &Member, caretaker: Option<&Member>, keys: &[Uuid]) {
        let status = match caretaker {
            Some(_) => CareRequestStatus::InProgress,
            None => CareRequestStatus::Open,
        };
        for keys in keys.chunks(A_STATEMENT) {
            let rows = keys.iter().map(|id| {
                care_request::Model {
                    id: CareRequestId(*id),
                    owner_id: key(&owner.id),
                    caretaker_id: caretaker.map(|member| key(&member.id)),
                    title: format!("Request {id}"),
                    mode: CareMode::AtOwner,
                    starts_on: TODAY.parse().unwrap(),
                    ends_on: TODAY.parse().unwrap(),
                    timezone: "UTC".to_owned(),
                    approx_cell: None,
                    latitude_e6: None,
                    longitude_e6: None,
                    instructions: None,
                    status,
                    status_since: self.app.clock.now(),
                    urgent: false,
                    created_at: self.app.clock.now(),
                    version: 1,
                }
                .into_active_model()
            });
            care_request::Entity::insert_many(rows)
                .exec_without_returning(self.rows())
                .await
                .unwrap();
        }
    }

    /// Puts plants into care requests: pairs of a request and a plant.
    pub(crate) async fn add_plants_to_requests(&self, pairs: &[(Uuid, Uuid)]) {
        let rows = pairs.iter().zip(0..).map(|((request, plant), position)| {
            care_request_plant::Model {
                care_request_id: CareRequestId(*request),
                plant_id: PlantId(*plant),
                position,
            }
            .into_active_model()
        });
        care_request_plant::Entity::insert_many(rows)
            .exec_without_returning(self.rows())
            .await
            .unwrap();
    }

    /// Adds comments with these keys to a care request.
    pub(crate) async fn add_comments(&self, request: Uuid, author: &Member, keys: &[Uuid]) {
        for keys in keys.chunks(A_STATEMENT) {
            let rows = keys.iter().map(|id| {
                comment::Model {
                    id: CommentId(*id),
                    care_request_id: CareRequestId(request),
                    author_id: key(&author.id),
                    body: format!("Comment {id}"),
                    is_advice: false,
                    created_at: self.app.clock.now(),
                    version: 1,
                }
                .into_active_model()
            });
            comment::Entity::insert_many(rows)
                .exec_without_returning(self.rows())
                .await
                .unwrap();
        }
    }

    /// Adds entries to a request's timeline: so many that tell of one long comment.
    pub(crate) async fn add_entries(&self, request: Uuid, author: &Member, count: usize) {
        let comment = self.keys(1)[0];
        let row = comment::Model {
            id: CommentId(comment),
            care_request_id: CareRequestId(request),
            author_id: key(&author.id),
            body: "Water. ".repeat(500),
            is_advice: false,
            created_at: self.app.clock.now(),
            version: 1,
        };
        comment::Entity::insert(row.into_active_model())
            .exec_without_returning(self.rows())
            .await
            .unwrap();
        let stream = Stream::Care(CareRequestId(request)).to_string();
        let head = stream::Entity::find_by_id(stream.clone())
            .one(self.rows())
            .await
            .unwrap()
            .unwrap();
        let keys = self.keys(count);
        for (keys, part) in keys.chunks(A_STATEMENT).zip(0_i64..) {
            let events = keys.iter().map(|id| {
                event::Model {
                    id: EventId(*id),
                    kind: EventKind::CommentAdded,
                    care_request_id: Some(CareRequestId(request)),
                    plant_id: None,
                    actor_id: Some(key(&author.id)),
                    subject_id: Some(comment),
                    occurred_at: self.app.clock.now(),
                    recorded_at: self.app.clock.now(),
                    traceparent: None,
                }
                .into_active_model()
            });
            event::Entity::insert_many(events)
                .exec_without_returning(self.rows())
                .await
                .unwrap();
            let first = head.last_seq + 1 + part * i64::try_from(A_STATEMENT).unwrap();
            let entries = keys
                .iter()
                .zip(first..)
                .map(|(id, seq)| stream_entry::ActiveModel {
                    stream: Set(stream.clone()),
                    seq: Set(seq),
                    event_id: Set(EventId(*id)),
                    level: Set(Level::Notice),
                    access_version: Set(head.access_version),
                });
            stream_entry::Entity::insert_many(entries)
                .exec_without_returning(self.rows())
                .await
                .unwrap();
        }
        let last = head.last_seq + i64::try_from(count).unwrap();
        self.sql(&format!(
            "UPDATE streams SET last_seq = {last} WHERE name = '{stream}'"
        ))
        .await;
    }

    /// Adds offers with these keys to a care request; they were taken back, so that one member may have many.
    pub(crate) async fn add_offers(&self, request: Uuid, caretaker: &Member, keys: &[Uuid]) {
        for keys in keys.chunks(A_STATEMENT) {
            let rows = keys.iter().map(|id| {
                offer::Model {
                    id: OfferId(*id),
                    care_request_id: CareRequestId(request),
                    caretaker_id: key(&caretaker.id),
                    message: None,
                    status: OfferStatus::Withdrawn,
                    created_at: self.app.clock.now(),
                    version: 1,
                }
                .into_active_model()
            });
            offer::Entity::insert_many(rows)
                .exec_without_returning(self.rows())
                .await
                .unwrap();
        }
    }
}
