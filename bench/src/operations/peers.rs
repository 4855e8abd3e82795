//! Operations as peers with Plant Care's schema take them: by whom a header names, with plain ids.

use hyper::header::HeaderName;
use serde_json::{Value, json};

use super::{BODY, Operation};
use crate::load::Ask;
use crate::stage::Stage;

/// Names the viewer; peers believe it.
const VIEWER: HeaderName = HeaderName::from_static("x-viewer");

pub(super) fn asks(operation: Operation, stage: &Stage) -> Vec<Ask> {
    let document = operation.document();
    let ask = |viewer: &str, variables: Value| {
        Ask::post("/graphql", &json!({ "query": document, "variables": variables })).header(VIEWER, viewer)
    };
    let people = &stage.people;
    match operation {
        Operation::Feed => vec![ask(&people.owner, json!({}))],
        Operation::Board => vec![ask(&people.reader, json!({ "cell": stage.cell }))],
        Operation::One => {
            let one = |id: &String| ask(&people.reader, json!({ "id": id }));
            stage.open.iter().map(one).collect()
        }
        Operation::Write | Operation::OneStream => {
            let comment = |id: &String| {
                let input = json!({ "careRequestId": id, "body": BODY });
                ask(&people.writer, json!({ "input": input }))
            };
            operation.written(stage).iter().map(comment).collect()
        }
    }
}
