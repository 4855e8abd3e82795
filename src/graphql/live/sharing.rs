//! Which answers are the same for every reader, so that one may be sent to all.

use async_graphql::parser::types::{Field, Selection, SelectionSet};

/// The fields whose value does not depend on who reads them, if she may read the message at all. What is
/// not here is resolved for each member by herself. `tests/board/sharing.rs` reads each as every kind of
/// member and compares.
pub const SAME_FOR_ALL: [(&str, &[&str]); 5] = [
    ("Subscription", &["openCareRequests"]),
    ("BoardRequestChanged", &["cursor", "careRequest", "skipped"]),
    ("BoardRequestLeft", &["cursor", "careRequestId", "skipped"]),
    (
        "CareRequest",
        &[
            "id",
            "title",
            "status",
            "mode",
            "startsOn",
            "endsOn",
            "timezone",
            "approxCell",
            "urgent",
            "createdAt",
        ],
    ),
    ("Stream", &["cursor", "from", "to", "reason"]),
];

/// Whether all that a subscription selects is the same for every reader.
pub(super) fn is_shareable(field: &Field) -> bool {
    is_same("Subscription", field.name.node.as_str()) && selections(&field.selection_set.node, "BoardMessage")
}

fn selections(set: &SelectionSet, parent: &str) -> bool {
    set.items.iter().all(|item| match &item.node {
        Selection::Field(field) => {
            let name = field.node.name.node.as_str();
            let inner = &field.node.selection_set.node;
            name == "__typename"
                || (is_same(parent, name)
                    && (inner.items.is_empty()
                        || (name == "careRequest" && selections(inner, "CareRequest"))))
        }
        Selection::InlineFragment(fragment) => {
            let on = fragment.node.type_condition.as_ref();
            let on = on.map_or(parent, |on| on.node.on.node.as_str());
            selections(&fragment.node.selection_set.node, on)
        }
        Selection::FragmentSpread(_) => false,
    })
}

fn is_same(parent: &str, field: &str) -> bool {
    let parent = match parent {
        "StreamCaughtUp" | "StreamPosition" | "StreamGap" | "StreamEnded" => "Stream",
        parent => parent,
    };
    SAME_FOR_ALL
        .iter()
        .any(|(of, fields)| *of == parent && fields.contains(&field))
}
