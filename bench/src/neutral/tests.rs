use serde_json::{Value, json};

use super::{answer, first_difference, shape};
use crate::operations::Operation;

/// A feed of one request, as Plant Care answers.
fn feed() -> Value {
    json!({ "data": { "careRequests": { "edges": [{ "node": {
        "id": "cgGQAAAAAAB_", "title": "Request 400", "status": "IN_PROGRESS", "startsOn": "2026-06-01",
        "endsOn": "2099-12-31",
        "plants": [{ "name": "Plant 1.0", "speciesText": "Ficus lyrata" }, { "name": "Plant 1.1", "speciesText": null }],
        "caretaker": { "displayName": "Member 3" },
        "comments": { "edges": [{ "node": { "body": "Dry.", "createdAt": "2026-11-23T01:02:03.456780Z",
            "author": { "displayName": "Bench owner" } } }] },
    } }] } } })
}

fn node(feed: &mut Value) -> &mut Value {
    &mut feed["data"]["careRequests"]["edges"][0]["node"]
}

fn neutral(feed: &Value) -> Result<Value, String> {
    answer(shape(Operation::Feed), feed.to_string().as_bytes()).map_err(|failure| failure.to_string())
}

/// Where a feed differs from another that was changed.
fn difference(change: impl FnOnce(&mut Value)) -> Option<String> {
    let mut changed = feed();
    change(node(&mut changed));
    first_difference(&neutral(&feed()).unwrap(), &neutral(&changed).unwrap())
}

/// Why a changed feed is none.
fn refusal(change: impl FnOnce(&mut Value)) -> String {
    let mut changed = feed();
    change(node(&mut changed));
    neutral(&changed).unwrap_err()
}

#[test]
fn ids_and_the_ways_to_write_a_moment_are_no_differences() {
    assert_eq!(
        difference(|node| node["id"] = json!("01900000-0000-7002-8000-000000000190")),
        None
    );
    for moment in [
        "2026-11-23T01:02:03.45678+00:00",
        "2026-11-23T02:02:03.456780+01:00",
        "2026-11-23T01:02:03.456780000Z",
    ] {
        let other = difference(|node| {
            node["comments"]["edges"][0]["node"]["createdAt"] = json!(moment);
        });
        assert_eq!(other, None, "{moment}");
    }
}

#[test]
fn a_moment_with_lost_microseconds_is_a_difference() {
    let difference = difference(|node| {
        node["comments"]["edges"][0]["node"]["createdAt"] = json!("2026-11-23T01:02:03.456Z");
    });
    assert_eq!(
        difference.unwrap(),
        "data.careRequests[0].comments[0].createdAt.micros is 1795395723456780 and 1795395723456000"
    );
}

#[test]
fn another_value_order_or_number_is_a_difference() {
    let title = difference(|node| node["title"] = json!("Request 401"));
    assert_eq!(
        title.unwrap(),
        "data.careRequests[0].title is \"Request 400\" and \"Request 401\""
    );
    let order = difference(|node| node["plants"].as_array_mut().unwrap().reverse());
    assert!(order.unwrap().starts_with("data.careRequests[0].plants[0].name"));
    let fewer = difference(|node| drop(node["plants"].as_array_mut().unwrap().pop()));
    assert_eq!(fewer.unwrap(), "data.careRequests[0].plants has 2 entries and 1");
    let hidden = difference(|node| node["caretaker"] = Value::Null);
    assert!(hidden.unwrap().starts_with("data.careRequests[0].caretaker is"));
}

#[test]
fn a_key_that_is_missing_or_was_not_asked_for_is_an_error() {
    let missing = refusal(|node| drop(node.as_object_mut().unwrap().remove("caretaker")));
    assert_eq!(missing, "data.careRequests[0].caretaker is missing");
    let more = refusal(|node| node["plants"][0]["id"] = json!("5"));
    assert_eq!(more, "data.careRequests[0].plants[0].id was not asked for");
    let null = refusal(|node| node["title"] = Value::Null);
    assert_eq!(null, "data.careRequests[0].title is not a text: null");
    let day = refusal(|node| node["startsOn"] = json!("2026-06-01T00:00:00Z"));
    assert!(day.starts_with("data.careRequests[0].startsOn is not a day"));
    let id = refusal(|node| node["id"] = json!(400));
    assert!(id.starts_with("data.careRequests[0].id is not a text"));
    let list = refusal(|node| node["comments"] = json!({ "nodes": [] }));
    assert_eq!(list, "data.careRequests[0].comments.edges is missing");
}

#[test]
fn an_answer_without_data_is_an_error() {
    let wrong = json!({ "errors": [{ "message": "no" }] });
    assert!(neutral(&wrong).unwrap_err().starts_with("data is not an object"));
}
