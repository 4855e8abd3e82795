//! What the server tells of itself: metrics, spans and log lines.

mod metrics;
mod outages;
mod secrets;
mod spans;

use serde_json::{Value, json};

use crate::support::{Member, Story, TestApp};

/// Runs an operation as a member, at a place in a trace.
async fn run_at(app: &TestApp, member: &Member, header: &str, query: &str, variables: Value) -> Value {
    let token = format!("Bearer {}", member.token);
    let headers = [("authorization", token.as_str()), ("traceparent", header)];
    app.post(&headers, query, variables).await.1
}

/// Has the caretaker comment, at a place in a trace.
async fn comment_at(app: &TestApp, story: &Story<'_>, header: &str) {
    let mutation = "mutation($input: AddCommentInput!) { addComment(input: $input) { userErrors { code } } }";
    let input = json!({ "input": { "careRequestId": story.request, "body": "Hello." } });
    run_at(app, &story.caretaker, header, mutation, input).await;
}

/// A place in a trace, as a client sends it: the header, the trace and the span.
fn traceparent(number: u8) -> (String, String, String) {
    let (trace, span) = (format!("{number:032x}"), format!("{number:016x}"));
    (format!("00-{trace}-{span}-01"), trace, span)
}
