//! Sessions: logging in, staying in, and out.

use chrono::TimeDelta;
use plant_care::domain::user;
use serde_json::{Value, json};

use super::{knock, login, row, turned_away, welcome};
use crate::support::{Member, PASSWORD, TestApp, data, error_code, key, text};

/// The tokens of an answer, or the code of its refusal.
async fn refresh(app: &TestApp, token: &str) -> Result<(String, String), String> {
    let query = "mutation($input: RefreshSessionInput!) { refreshSession(input: $input) {
        session { accessToken refreshToken } userErrors { code } } }";
    let input = json!({ "input": { "refreshToken": token } });
    let payload = data(app.send(None, query, input).await)["refreshSession"].take();
    match payload["userErrors"][0]["code"].as_str() {
        Some(code) => {
            assert_eq!(payload["session"], Value::Null);
            Err(code.to_owned())
        }
        None => Ok((
            text(&payload["session"]["accessToken"]),
            text(&payload["session"]["refreshToken"]),
        )),
    }
}

fn refused() -> Result<(String, String), String> {
    Err("INVALID_CREDENTIALS".to_owned())
}

#[tokio::test]
async fn the_right_password_opens_a_session() {
    let app = TestApp::start().await;
    let member = app.member("Ada").await;
    for email in [member.email.clone(), member.email.to_uppercase()] {
        let payload = login(&app, &email, PASSWORD).await;
        assert_eq!(payload["userErrors"], json!([]));
        let session = &payload["session"];
        assert_eq!(session["user"]["id"], member.id);
        assert_eq!(session["expiresAt"], "2026-06-01T09:15:00.000000Z");
        assert_eq!(knock(&app, &text(&session["accessToken"])).await, welcome());
    }
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_are_told_alike() {
    let app = TestApp::start().await;
    let member = app.member("Ada").await;
    let wrong = login(&app, &member.email, "incorrect horse").await;
    assert_eq!(
        wrong,
        json!({ "session": null, "userErrors": [{
            "code": "INVALID_CREDENTIALS", "field": null,
            "message": "This does not open a session. Check it and try again.",
        }] })
    );
    assert_eq!(login(&app, "nobody@example.org", PASSWORD).await, wrong);
    assert_eq!(login(&app, &member.email, "").await, wrong);
    assert_eq!(login(&app, &member.email, &PASSWORD.to_uppercase()).await, wrong);
}

#[tokio::test]
async fn a_refresh_token_is_good_for_one_new_pair() {
    let app = TestApp::start().await;
    let member = app.member("Ada").await;
    let (access, next) = refresh(&app, &member.refresh_token).await.unwrap();
    assert_ne!(next, member.refresh_token);
    assert_ne!(access, member.token);
    assert_eq!(knock(&app, &access).await, welcome());
    let (access, _) = refresh(&app, &next).await.unwrap();
    assert_eq!(knock(&app, &access).await, welcome());
    for unknown in ["", "x", &access, &member.id] {
        assert_eq!(refresh(&app, unknown).await, refused());
    }
}

#[tokio::test]
async fn a_refresh_token_that_comes_twice_ends_its_session_and_no_other() {
    let app = TestApp::start().await;
    let member = app.member("Ada").await;
    let other = app.login(&member).await;
    let (access, next) = refresh(&app, &member.refresh_token).await.unwrap();
    assert_eq!(refresh(&app, &member.refresh_token).await, refused());
    assert_eq!(refresh(&app, &next).await, refused());
    for token in [&member.token, &access] {
        assert_eq!(knock(&app, token).await, turned_away());
    }
    assert_eq!(knock(&app, &other.token).await, welcome());
    refresh(&app, &other.refresh_token).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_used_ten_times_at_once_opens_at_most_one_session() {
    let app = TestApp::start().await;
    let replica = app.replica().await;
    let member = app.member("Ada").await;
    let both = [&app, &replica];
    let sent = both.iter().cycle().take(10);
    let answers =
        futures_util::future::join_all(sent.map(|process| refresh(process, &member.refresh_token))).await;
    let opened: Vec<_> = answers.iter().flatten().collect();
    assert_eq!(opened.len(), 1, "{answers:?}");
    // The nine others were a theft, and the one is worth nothing any more.
    assert_eq!(knock(&app, &opened[0].0).await, turned_away());
    assert_eq!(refresh(&app, &opened[0].1).await, refused());
}

#[tokio::test]
async fn who_logs_out_is_out_on_this_device_alone() {
    let app = TestApp::start().await;
    let member = app.member("Ada").await;
    let other = app.login(&member).await;
    let query = "mutation { logout { userErrors { code } } }";
    let data = app.run(&member, query, json!({})).await;
    assert_eq!(data["logout"]["userErrors"], json!([]));
    assert_eq!(knock(&app, &member.token).await, turned_away());
    assert_eq!(refresh(&app, &member.refresh_token).await, refused());
    assert_eq!(knock(&app, &other.token).await, welcome());
}

#[tokio::test]
async fn an_access_token_is_good_for_its_minutes() {
    for (minutes, settings) in [(15, vec![]), (1, vec![("ACCESS_TOKEN_MINUTES", "1")])] {
        let app = TestApp::start_with(&settings).await;
        let member = app.member("Ada").await;
        app.app
            .clock
            .advance(TimeDelta::minutes(minutes) - TimeDelta::seconds(1));
        assert_eq!(knock(&app, &member.token).await, welcome());
        app.app.clock.advance(TimeDelta::seconds(1));
        assert_eq!(knock(&app, &member.token).await, turned_away());
        let (access, _) = refresh(&app, &member.refresh_token).await.unwrap();
        assert_eq!(knock(&app, &access).await, welcome());
    }
}

#[tokio::test]
async fn a_refresh_token_waits_thirty_days() {
    for (seconds, good) in [(-1, true), (0, false)] {
        let app = TestApp::start().await;
        let member = app.member("Ada").await;
        app.app
            .clock
            .advance(TimeDelta::days(30) + TimeDelta::seconds(seconds));
        assert_eq!(refresh(&app, &member.refresh_token).await.is_ok(), good);
    }
}

#[tokio::test]
async fn a_token_that_is_none_of_ours_is_turned_away_even_where_none_is_needed() {
    let app = TestApp::start().await;
    let member = app.member("Ada").await;
    let mut changed = member.token.clone();
    let middle = changed.len() / 2;
    let other = if changed[middle..].starts_with('A') {
        "B"
    } else {
        "A"
    };
    changed.replace_range(middle..=middle, other);
    for authorization in [
        format!("Bearer {changed}"),
        format!("Bearer {}", member.refresh_token),
        format!("Bearer {}A", member.token),
        format!("Basic {}", member.token),
        member.token.clone(),
        "Bearer ".to_owned(),
        String::new(),
    ] {
        let (status, answer) = app
            .post(&[("authorization", &authorization)], "{ __typename }", json!({}))
            .await;
        assert_eq!(status, 401, "{authorization}");
        assert_eq!(error_code(&answer), "UNAUTHENTICATED");
        assert_eq!(answer["data"], Value::Null);
    }
    let bearer = format!("bearer  {}", member.token);
    let (status, _) = app
        .post(&[("authorization", &bearer)], "{ __typename }", json!({}))
        .await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn a_suspended_member_is_out_at_once_and_stays_out() {
    let app = TestApp::start().await;
    let member = app.member("Ada").await;
    let bystander = app.member("Eva").await;
    assert_eq!(knock(&app, &member.token).await, welcome());
    user::suspend(&app.app, key(&member.id)).await.unwrap();
    assert_eq!(knock(&app, &member.token).await, turned_away());
    assert_eq!(refresh(&app, &member.refresh_token).await, refused());
    let wrong = login(&app, "nobody@example.org", PASSWORD).await;
    assert_eq!(login(&app, &member.email, PASSWORD).await, wrong);
    assert_eq!(knock(&app, &bystander.token).await, welcome());
}

#[tokio::test]
async fn a_new_role_ends_the_tokens_of_the_old_one() {
    let app = TestApp::start().await;
    let member = app.member("Ada").await;
    let role = plant_care::entity::user::Role::Moderator;
    user::grant(&app.app, key(&member.id), role).await.unwrap();
    assert_eq!(knock(&app, &member.token).await, turned_away());
    let member = app.login(&member).await;
    let data = app.run(&member, "{ viewer { role } }", json!({})).await;
    assert_eq!(data["viewer"]["role"], "MODERATOR");
}

#[tokio::test]
async fn when_a_member_was_last_seen_is_written_at_once_and_then_once_a_minute() {
    let app = TestApp::start().await;
    let member: Member = app.member("Ada").await;
    let seen = async || row(&app, &member.id).await.last_seen_at;
    let start = app.app.clock.now();
    assert_eq!(seen().await, None);
    knock(&app, &member.token).await;
    assert_eq!(seen().await, Some(start));
    app.app.clock.advance(TimeDelta::milliseconds(59_999));
    knock(&app, &member.token).await;
    assert_eq!(seen().await, Some(start));
    app.app.clock.advance(TimeDelta::milliseconds(1));
    knock(&app, &member.token).await;
    assert_eq!(seen().await, Some(start + TimeDelta::minutes(1)));
    // Who is turned away was not seen.
    app.app.clock.advance(TimeDelta::minutes(15));
    knock(&app, &member.token).await;
    assert_eq!(seen().await, Some(start + TimeDelta::minutes(1)));
}

#[tokio::test]
async fn a_session_is_looked_up_once_a_second_and_at_once_when_one_has_ended() {
    let app = TestApp::start().await;
    let (ada, bea) = (app.member("Ada").await, app.member("Bea").await);
    let looked_up = async |member: &Member| {
        let before = app.app.database.statements();
        assert_eq!(knock(&app, &member.token).await, welcome());
        app.app.database.statements() - before
    };
    let anew = looked_up(&ada).await;
    let again = looked_up(&ada).await;
    assert_eq!(looked_up(&ada).await, again);
    assert!(again < anew, "{again} < {anew}");
    app.app.clock.advance(TimeDelta::milliseconds(999));
    assert_eq!(looked_up(&ada).await, again);
    app.app.clock.advance(TimeDelta::milliseconds(1));
    assert!(looked_up(&ada).await > again);
    assert_eq!(looked_up(&ada).await, again);

    // Somebody else's session ends: whose it was is not looked at.
    data(
        app.send(
            Some(&bea.token),
            "mutation { logout { userErrors { code } } }",
            json!({}),
        )
        .await,
    );
    assert_eq!(knock(&app, &bea.token).await, turned_away());
    assert!(looked_up(&ada).await > again);
}

#[tokio::test]
async fn a_session_that_ended_elsewhere_is_over_within_a_second_though_nobody_says_so() {
    let app = TestApp::start().await;
    let elsewhere = app.silent_replica().await;
    let member = app.member("Ada").await;
    assert_eq!(knock(&app, &member.token).await, welcome());
    let logout = "mutation { logout { userErrors { code } } }";
    data(elsewhere.send(Some(&member.token), logout, json!({})).await);
    assert_eq!(knock(&elsewhere, &member.token).await, turned_away());
    app.app.clock.advance(TimeDelta::seconds(1));
    assert_eq!(knock(&app, &member.token).await, turned_away());
}
