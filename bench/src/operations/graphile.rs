//! Operations as `PostGraphile` takes them: its own documents for the same answers, with the viewer as a variable.

use serde_json::{Value, json};

use super::{BODY, Operation};
use crate::load::Ask;
use crate::stage::Stage;

fn document(operation: Operation) -> &'static str {
    match operation {
        Operation::Feed => include_str!("../../peers/postgraphile/feed.graphql"),
        Operation::Board => include_str!("../../peers/postgraphile/board.graphql"),
        Operation::One => include_str!("../../peers/postgraphile/one.graphql"),
        Operation::Write | Operation::OneStream => include_str!("../../peers/postgraphile/write.graphql"),
    }
}

pub(super) fn asks(operation: Operation, stage: &Stage) -> Vec<Ask> {
    let ask = |variables: Value| {
        let body = json!({ "query": document(operation), "variables": variables });
        Ask::post("/graphql", &body)
    };
    let people = &stage.people;
    match operation {
        Operation::Feed => vec![ask(json!({ "viewer": people.owner }))],
        Operation::Board => vec![ask(json!({ "cell": stage.cell }))],
        Operation::One => stage.open.iter().map(|id| ask(json!({ "id": id }))).collect(),
        Operation::Write | Operation::OneStream => {
            let comment = |id: &String| {
                let input = json!({ "careRequestId": id, "body": BODY, "viewer": people.writer });
                ask(json!({ "input": input }))
            };
            operation.written(stage).iter().map(comment).collect()
        }
    }
}
