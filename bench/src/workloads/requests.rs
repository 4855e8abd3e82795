//! The requests that a workload is made of, as each kind of server takes them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::header::AUTHORIZATION;
use plant_care_prove::api::Member;
use plant_care_prove::failure::Result;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Workload;
use crate::limits::Form;
use crate::load::Ask;
use crate::stage::Stage;

/// The documents, which are the same for all who have the same schema.
fn document(workload: Workload) -> &'static str {
    match workload {
        Workload::Feed => include_str!("../../queries/feed.graphql"),
        Workload::Board => include_str!("../../queries/board.graphql"),
        Workload::One => include_str!("../../queries/one.graphql"),
    }
}

/// As Plant Care takes them: by a member who is logged in, with opaque ids.
pub(super) fn ours(workload: Workload, stage: &Stage) -> Result<Vec<Ask>> {
    let ask = |member: &Member, variables: Value| {
        Ask::post(
            "/graphql",
            &json!({ "query": document(workload), "variables": variables }),
        )
        .header(AUTHORIZATION, &format!("Bearer {}", member.token))
    };
    let members = &stage.members;
    match workload {
        Workload::Feed => Ok(vec![ask(&members.owner, json!({}))]),
        Workload::Board => Ok(vec![ask(&members.reader, json!({ "cell": stage.cell }))]),
        Workload::One => stage
            .open
            .iter()
            .map(|id| Ok(ask(&members.reader, json!({ "id": global_id(id)? }))))
            .collect(),
    }
}

/// As the limit takes them.
pub(super) fn path(workload: Workload, form: Form, stage: &Stage) -> Vec<Ask> {
    let form = form.name();
    match workload {
        Workload::Feed => vec![Ask::get(format!("/feed/{form}?viewer={}", stage.people.owner))],
        Workload::Board => vec![Ask::get(format!("/board/{form}?cell={}", stage.cell))],
        Workload::One => stage
            .open
            .iter()
            .map(|id| Ask::get(format!("/one?id={id}")))
            .collect(),
    }
}

/// A request's id as Plant Care tells it: a mark of its type and the key.
fn global_id(id: &str) -> Result<String> {
    let mut bytes = vec![b'r'];
    bytes.extend_from_slice(Uuid::parse_str(id)?.as_bytes());
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
