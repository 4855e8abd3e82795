//! Operations as Plant Care takes them: by a member who is logged in, with opaque ids.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::header::AUTHORIZATION;
use plant_care_prove::api::Member;
use plant_care_prove::failure::{Result, fail};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{BODY, Operation};
use crate::load::Ask;
use crate::stage::Stage;

pub(super) fn asks(operation: Operation, stage: &Stage) -> Result<Vec<Ask>> {
    let ask = |member: &Member, variables: Value| ask(member, operation.document(), &variables);
    let members = &stage.members;
    match operation {
        Operation::Feed => Ok(vec![ask(&members.owner, json!({}))]),
        Operation::Board => Ok(vec![ask(&members.reader, json!({ "cell": stage.cell }))]),
        Operation::One => stage
            .open
            .iter()
            .map(|id| Ok(ask(&members.reader, json!({ "id": global_id(id)? }))))
            .collect(),
        Operation::Write | Operation::OneStream => {
            let comment = |id: &String| {
                let input = json!({ "careRequestId": global_id(id)?, "body": BODY });
                Ok(ask(&members.writer, json!({ "input": input })))
            };
            operation.written(stage).iter().map(comment).collect()
        }
    }
}

/// A page of the feed with so many requests.
pub(super) fn page(rows: u64, stage: &Stage) -> Ask {
    let document = Operation::Feed
        .document()
        .replace("first: 50)", &format!("first: {rows})"));
    ask(&stage.members.owner, &document, &json!({}))
}

fn ask(member: &Member, document: &str, variables: &Value) -> Ask {
    Ask::post("/graphql", &json!({ "query": document, "variables": variables }))
        .header(AUTHORIZATION, &format!("Bearer {}", member.token))
}

/// A request's id as Plant Care tells it: a mark of its type and the key.
pub fn global_id(id: &str) -> Result<String> {
    let mut bytes = vec![b'r'];
    bytes.extend_from_slice(Uuid::parse_str(id)?.as_bytes());
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// The key of what Plant Care tells by this id.
pub fn key(global_id: &str) -> Result<String> {
    let bytes = URL_SAFE_NO_PAD.decode(global_id)?;
    match bytes.split_first() {
        Some((_, key)) => Ok(Uuid::from_slice(key)?.to_string()),
        None => fail("an empty id"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_can_be_told_and_read_again() {
        let id = "01900000-0000-7002-8000-000000000190";
        assert_eq!(key(&global_id(id).unwrap()).unwrap(), id);
        assert!(key("").is_err());
    }
}
