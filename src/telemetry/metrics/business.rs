//! What members do.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::entity::event::EventKind;

/// What members do. Counters count what this process did; the gauges are read from the database.
#[derive(Debug)]
pub struct Business {
    /// Members who registered.
    pub registrations: Counter,
    /// Plants that were created.
    pub plants: Counter,
    requests: Family<Action, Counter>,
    comments: Counter,
    /// Members who were seen in the last 15 minutes.
    pub active_users: Gauge,
    /// Plants whose care has begun and not ended.
    pub plants_in_care: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UserType {
    user_type: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OwnerType {
    owner_type: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Action {
    action: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

const ACTIONS: [&str; 14] = [
    "created",
    "published",
    "offered",
    "accepted",
    "declined",
    "offer_withdrawn",
    "start",
    "end",
    "confirmed",
    "ended_early",
    "withdrawn",
    "cancelled",
    "expired",
    "reopened",
];

impl Business {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let registrations = Family::<UserType, Counter>::default();
        let plants = Family::<OwnerType, Counter>::default();
        let comments = Family::<Kind, Counter>::default();
        registry.register(
            "plant_care_user_registrations",
            "Members who registered",
            registrations.clone(),
        );
        registry.register(
            "plant_care_plant_creations",
            "Plants that were created",
            plants.clone(),
        );
        let business = Self {
            registrations: registrations.get_or_create_owned(&UserType { user_type: "member" }),
            plants: plants.get_or_create_owned(&OwnerType { owner_type: "member" }),
            requests: Family::default(),
            comments: comments.get_or_create_owned(&Kind { kind: "comment" }),
            active_users: Gauge::default(),
            plants_in_care: Gauge::default(),
        };
        drop(comments.get_or_create(&Kind { kind: "advice" }));
        registry.register(
            "plant_care_care_requests",
            "Steps of care requests",
            business.requests.clone(),
        );
        registry.register(
            "plant_care_comments_created",
            "Comments that were written",
            comments,
        );
        registry.register(
            "plant_care_active_users",
            "Members who were seen in the last 15 minutes, by the database: the same on every replica",
            business.active_users.clone(),
        );
        registry.register(
            "plant_care_plants_in_care",
            "Plants of requests in progress, by the database: the same on every replica",
            business.plants_in_care.clone(),
        );
        for action in ACTIONS {
            drop(business.requests.get_or_create(&Action { action }));
        }
        business
    }

    /// A care request was created.
    pub fn request_created(&self) {
        self.action("created");
    }

    /// An event was committed.
    pub fn happened(&self, kind: EventKind) {
        let action = match kind {
            EventKind::RequestPublished => "published",
            EventKind::OfferReceived => "offered",
            EventKind::OfferWithdrawn => "offer_withdrawn",
            EventKind::OfferDeclined => "declined",
            EventKind::RequestAccepted => "accepted",
            EventKind::RequestCancelled => "cancelled",
            EventKind::RequestExpired => "expired",
            EventKind::RequestReopened => "reopened",
            EventKind::CaretakerWithdrew => "withdrawn",
            EventKind::CareStarted => "start",
            EventKind::CareEnded => "end",
            EventKind::CareConfirmed => "confirmed",
            EventKind::EndedEarly => "ended_early",
            EventKind::CommentAdded => {
                self.comments.inc();
                return;
            }
            EventKind::CareRecorded | EventKind::SessionEnded | EventKind::MemberChanged => return,
        };
        self.action(action);
    }

    fn action(&self, action: &'static str) {
        self.requests.get_or_create(&Action { action }).inc();
    }
}
