//! Feeds: what concerns a member arrives once, with how loud it is, and is read on all her devices.

#[cfg(test)]
mod live;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{Member, Story, TestApp, error_code, nodes, text};

/// What is in a member's feed, as `kind level`.
async fn feed(app: &TestApp, member: &Member) -> Vec<String> {
    let entries = app.feed(member).await;
    entries
        .into_iter()
        .map(|(kind, level)| format!("{kind} {level}"))
        .collect()
}

/// A page of a member's feed.
async fn page(app: &TestApp, member: &Member, arguments: Value) -> Value {
    let query =
        "query($first: Int, $after: String, $last: Int, $before: String, $minLevel: FeedLevel) { feed {
        unread
        events(first: $first, after: $after, last: $last, before: $before, minLevel: $minLevel) {
            totalCount edges { cursor node { cursor level event { id __typename } } }
            pageInfo { hasPreviousPage hasNextPage startCursor endCursor } } } }";
    app.run(member, query, arguments).await["feed"].take()
}

/// The cursors of a page.
fn cursors(page: &Value) -> Vec<String> {
    let edges = page["events"]["edges"].as_array().unwrap();
    edges.iter().map(|edge| text(&edge["cursor"])).collect()
}

/// Has a member comment on the story's request.
async fn comment(story: &Story<'_>, member: &Member) {
    let input = json!({ "careRequestId": story.request, "body": "All is well." });
    story.app.done(member, "addComment", input, "").await;
}

#[tokio::test]
async fn offers_concern_the_owner_and_their_answers_the_offerer() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    let others = [app.member("Dora").await, app.member("Emil").await];
    let declined = story.offer(&others[0]).await;
    let withdrawn = story.offer(&others[1]).await;
    app.done(&story.owner, "declineOffer", json!({ "offerId": declined }), "")
        .await;
    app.done(&others[1], "withdrawOffer", json!({ "offerId": withdrawn }), "")
        .await;
    story.offer(&others[0]).await;
    story.assign(&story.caretaker).await;

    assert_eq!(
        feed(&app, &story.owner).await,
        [
            "OfferReceived NOTICE",
            "OfferReceived NOTICE",
            "OfferWithdrawn INFO",
            "OfferReceived NOTICE",
            "OfferReceived NOTICE",
        ]
    );
    assert_eq!(feed(&app, &story.caretaker).await, ["RequestAccepted NOTICE"]);
    assert_eq!(
        feed(&app, &others[0]).await,
        ["OfferDeclined NOTICE", "OfferDeclined NOTICE"],
        "one declined by the owner, one by her choice"
    );
    assert_eq!(feed(&app, &others[1]).await, [""; 0]);
}

#[tokio::test]
async fn what_one_party_does_concerns_the_other() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let before = feed(&app, &story.owner).await.len();
    story.water(100).await;
    comment(&story, &story.caretaker).await;
    comment(&story, &story.owner).await;
    story.does(&story.caretaker, "endCare").await;
    story.does(&story.owner, "confirmCare").await;
    assert_eq!(
        feed(&app, &story.owner).await[before - 1..],
        [
            "CareStarted NOTICE",
            "CareRecorded INFO",
            "CommentAdded NOTICE",
            "CareEnded NOTICE"
        ]
    );
    assert_eq!(
        feed(&app, &story.caretaker).await,
        [
            "RequestAccepted NOTICE",
            "CommentAdded NOTICE",
            "CareConfirmed NOTICE"
        ]
    );
}

#[tokio::test]
async fn what_ends_early_is_told_to_the_other_party_and_to_those_who_had_hoped() {
    let app = TestApp::start().await;
    let ended = Story::in_progress(&app).await;
    ended.does(&ended.owner, "endCareEarly").await;
    assert_eq!(feed(&app, &ended.caretaker).await[1..], ["EndedEarly NOTICE"]);

    let cancelled = Story::assigned(&app).await;
    cancelled.does(&cancelled.owner, "cancelCareRequest").await;
    assert_eq!(
        feed(&app, &cancelled.caretaker).await[1..],
        ["RequestCancelled WARNING"]
    );

    let open = Story::open(&app).await;
    open.offer(&open.caretaker).await;
    open.does(&open.owner, "cancelCareRequest").await;
    assert_eq!(feed(&app, &open.caretaker).await, ["OfferDeclined NOTICE"]);

    let left = Story::in_progress(&app).await;
    left.does(&left.caretaker, "withdrawFromCare").await;
    assert_eq!(
        feed(&app, &left.owner).await.last().unwrap(),
        "CaretakerWithdrew CRITICAL"
    );
    assert_eq!(
        feed(&app, &left.caretaker).await,
        ["RequestAccepted NOTICE"],
        "her own doing"
    );
}

#[tokio::test]
async fn what_time_does_concerns_all() {
    let app = TestApp::start().await;
    let idle = Story::assigned(&app).await;
    let forgotten = Story::open(&app).await;
    forgotten.offer(&forgotten.caretaker).await;
    let cared_for = Story::in_progress(&app).await;
    assert_eq!(app.pass(TimeDelta::days(2)).await, 2);
    for member in [&forgotten.owner, &forgotten.caretaker] {
        let member = app.login(member).await;
        assert_eq!(
            feed(&app, &member).await.last().unwrap(),
            "RequestExpired WARNING"
        );
    }
    for member in [&idle.owner, &idle.caretaker] {
        let member = app.login(member).await;
        assert_eq!(
            feed(&app, &member).await.last().unwrap(),
            "RequestReopened WARNING"
        );
    }

    // The care is over, and nobody says so.
    app.pass(TimeDelta::days(6)).await;
    app.pass(TimeDelta::days(3)).await;
    for member in [&cared_for.owner, &cared_for.caretaker] {
        let member = app.login(member).await;
        let feed = feed(&app, &member).await;
        assert_eq!(
            feed[feed.len() - 2..],
            ["CareEnded NOTICE", "CareConfirmed NOTICE"]
        );
    }
}

#[tokio::test]
async fn pages_of_a_feed_have_the_cursors_that_are_followed() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    for number in 0..5 {
        story.water(number).await;
    }
    // An offer, the start, and five times water.
    let all = page(&app, &story.owner, json!({})).await;
    let every = cursors(&all);
    assert_eq!((all["unread"].clone(), every.len()), (json!(7), 7));
    for edge in all["events"]["edges"].as_array().unwrap() {
        assert_eq!(edge["cursor"], edge["node"]["cursor"]);
    }

    let mut forward = Vec::new();
    let mut after = Value::Null;
    loop {
        let page = page(&app, &story.owner, json!({ "first": 3, "after": after })).await;
        forward.extend(cursors(&page));
        assert_eq!(page["events"]["totalCount"], 7);
        after = page["events"]["pageInfo"]["endCursor"].clone();
        if page["events"]["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(forward, every);

    let mut backward = Vec::new();
    let mut before = Value::Null;
    loop {
        let page = page(&app, &story.owner, json!({ "last": 3, "before": before })).await;
        backward.splice(0..0, cursors(&page));
        before = page["events"]["pageInfo"]["startCursor"].clone();
        if page["events"]["pageInfo"]["hasPreviousPage"] == false {
            break;
        }
    }
    assert_eq!(backward, every);

    let loud = page(&app, &story.owner, json!({ "minLevel": "NOTICE" })).await;
    assert_eq!(cursors(&loud), every[..2]);
    assert_eq!(loud["events"]["totalCount"], 2);
}

#[tokio::test]
async fn unread_falls_when_she_reads_and_never_rises_by_reading_older_entries() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    for number in 0..4 {
        story.water(number).await;
    }
    let every = cursors(&page(&app, &story.owner, json!({})).await);
    let read = async |cursor: &str| {
        let input = json!({ "cursor": cursor });
        app.done(&story.owner, "markFeedRead", input, "feed { unread }")
            .await["feed"]["unread"]
            .clone()
    };
    assert_eq!(read(&every[1]).await, 4);
    assert_eq!(read(&every[3]).await, 2);
    assert_eq!(read(&every[0]).await, 2, "it never moves back");
    assert_eq!(page(&app, &story.owner, json!({})).await["unread"], 2);
    story.water(5).await;
    assert_eq!(page(&app, &story.owner, json!({})).await["unread"], 3);
    assert_eq!(read(&every[5]).await, 1);
    assert_eq!(
        page(&app, &story.caretaker, json!({})).await["unread"],
        1,
        "hers is her own"
    );
}

#[tokio::test]
async fn a_feed_is_read_with_its_own_cursors_only() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let timeline = text(&story.water(1).await["cursor"]);
    let hers = cursors(&page(&app, &story.caretaker, json!({})).await).remove(0);
    for cursor in [timeline, hers, "x".to_owned()] {
        let query =
            "mutation($cursor: String!) { markFeedRead(input: { cursor: $cursor }) { feed { unread } } }";
        let answer = app
            .send(Some(&story.owner.token), query, json!({ "cursor": cursor }))
            .await;
        assert_eq!(error_code(&answer), "INVALID_CURSOR", "{cursor}");
        let query = "query($cursor: String!) { feed { events(after: $cursor) { edges { cursor } } } }";
        let answer = app
            .send(Some(&story.owner.token), query, json!({ "cursor": cursor }))
            .await;
        assert_eq!(error_code(&answer), "INVALID_CURSOR", "{cursor}");
    }
}

#[tokio::test]
async fn an_entry_that_she_may_no_longer_read_stays_without_its_event() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    comment(&story, &story.owner).await;
    let cleared = page(&app, &story.caretaker, json!({})).await;
    assert!(nodes(&cleared["events"]).all(|node| node["event"] != Value::Null));

    // No use case takes a request from somebody without a trace, but an operator may have to.
    app.sql("UPDATE care_requests SET caretaker_id = NULL").await;
    app.sql("DELETE FROM assignments").await;
    let entries = page(&app, &story.caretaker, json!({})).await;
    assert_eq!(cursors(&entries), cursors(&cleared));
    assert!(nodes(&entries["events"]).all(|node| node["event"] == Value::Null && node["level"] == "NOTICE"));
}

#[tokio::test]
async fn nobody_in_particular_has_no_feed() {
    let app = TestApp::start().await;
    let answer = app.send(None, "{ feed { unread } }", json!({})).await;
    assert_eq!(answer, json!({ "data": { "feed": null } }));
    let query = "mutation { markFeedRead(input: { cursor: \"x\" }) { feed { unread } } }";
    assert_eq!(
        error_code(&app.send(None, query, json!({})).await),
        "UNAUTHENTICATED"
    );
}
