//! The program itself: what its commands do, and the one line it says when they cannot.

#[cfg(test)]
mod colours;
#[cfg(test)]
mod database;
#[cfg(test)]
mod descriptors;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod program;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod secrets;

use plant_care::client::Client;
use plant_care::entity::UserId;
use plant_care::live::Stream;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use self::program::{Program, Server};
use crate::support::{Member, PASSWORD, Socket, Story, TestApp, care_stream, text};

/// A new access token for a member, or why there is none.
async fn log_in(url: &str, member: &Member) -> Result<String, String> {
    let query = "mutation($input: LoginInput!) { login(input: $input) {
        session { accessToken } userErrors { message } } }";
    let input = json!({ "input": { "email": member.email, "password": PASSWORD } });
    let client = Client::new(format!("{url}/graphql").parse().unwrap()).unwrap();
    match client.run(query, input).await {
        Ok(data) => Ok(text(&data["login"]["session"]["accessToken"])),
        Err(error) => Err(error.to_string()),
    }
}

#[tokio::test]
async fn migrations_go_up_and_down_to_nothing_and_up_again() {
    let program = Program::new().await;
    let count = program.says(&["migrate", "status"]).await.lines().count();
    assert!(count >= 3);
    let all = |word: &str, status: &str| {
        assert_eq!(
            status.lines().filter(|line| line.starts_with(word)).count(),
            count,
            "{status}"
        );
    };
    all("missing ", &program.says(&["migrate", "status"]).await);
    for _ in 0..2 {
        assert_eq!(
            program.says(&["migrate", "up"]).await,
            format!("applied {count}\n")
        );
        assert_eq!(program.says(&["migrate", "up"]).await, "nothing to apply\n");
        all("applied ", &program.says(&["migrate", "status"]).await);

        assert_eq!(program.says(&["migrate", "down"]).await, "reverted 1\n");
        let status = program.says(&["migrate", "status"]).await;
        assert!(status.lines().last().unwrap().starts_with("missing "), "{status}");
        assert_eq!(status.matches("applied ").count(), count - 1, "{status}");

        let rest = (count - 1).to_string();
        program.says(&["migrate", "down", "--steps", &rest]).await;
        all("missing ", &program.says(&["migrate", "status"]).await);
    }
}

#[tokio::test]
async fn commands_that_look_or_change_a_member_never_change_the_schema() {
    let program = Program::new().await;
    let stream = format!("user:{}", uuid::Uuid::nil());
    for command in [
        &["log", "inspect", stream.as_str()][..],
        &["user", "suspend", "olga@example.org"],
    ] {
        program.complains(command, "run `plant-care migrate up`").await;
    }
    assert!(!program.says(&["migrate", "status"]).await.contains("applied"));
}

#[tokio::test]
async fn a_new_database_file_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = std::env::temp_dir().join(format!("plant_care_file_{}", std::process::id()));
    let file = folder.join("new/care.db");
    let url = format!("sqlite://{}", file.display());
    Program::new()
        .await
        .with(&[("DATABASE_URL", &url)])
        .says(&["migrate", "up"])
        .await;
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn the_schema_is_printed_and_nothing_else() {
    let program = Program::new().await;
    assert_eq!(program.says(&["schema"]).await, plant_care::graphql::sdl());
}

#[tokio::test]
async fn the_configuration_in_force_is_printed_without_secrets() {
    let key = "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IDEyMzQ=";
    let program = Program::new().await.with(&[
        ("SECRET_KEY", key),
        ("ENCRYPTION_KEY", key),
        ("DATABASE_URL", "postgres://care:hunter2@db.example:5432/care"),
        ("LIMIT_DEPTH", "9"),
    ]);
    let config = program.says(&["config"]).await;
    for line in [
        "SECRET_KEY=***",
        "ENCRYPTION_KEY=***",
        "DATABASE_URL=postgres://care:***@db.example:5432/care",
        "LIMIT_DEPTH=9",
        "LIMIT_ALIASES=30",
        "ENVIRONMENT=development",
    ] {
        assert!(
            config.lines().any(|printed| printed == line),
            "{line} in:\n{config}"
        );
    }
    assert!(!config.contains(key) && !config.contains("hunter2"), "{config}");
}

#[tokio::test]
async fn a_setting_comes_from_the_folders_env_file_unless_the_environment_has_it() {
    let program = Program::new().await;
    program.write(".env", "LIMIT_DEPTH=7\nLIMIT_ALIASES=8\n");
    let config = program.with(&[("LIMIT_ALIASES", "9")]).says(&["config"]).await;
    assert!(
        config.contains("\nLIMIT_DEPTH=7\n") && config.contains("\nLIMIT_ALIASES=9\n"),
        "{config}"
    );
}

#[tokio::test]
async fn health_is_checked_by_exit_code() {
    let app = TestApp::start().await;
    let program = Program::of(&app);
    let ready = format!("{}/health/ready", app.url);
    assert_eq!(program.says(&["healthcheck", &ready]).await, "");
    app.sql("DELETE FROM seaql_migrations").await;
    program.complains(&["healthcheck", &ready], "answered 503").await;
    program
        .complains(
            &["healthcheck", "http://127.0.0.1:1/health/ready"],
            "cannot reach",
        )
        .await;
}

#[tokio::test]
async fn a_stream_is_inspected_for_missing_entries() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    story.water(1).await;
    let program = Program::of(&app);
    let stream = care_stream(&story.request);
    assert_eq!(
        program.says(&["log", "inspect", &stream]).await,
        "head 4\nfloor 0\nmissing 0\n"
    );
    app.sql(&format!(
        "DELETE FROM stream_entries WHERE stream = '{stream}' AND seq IN (2, 4)"
    ))
    .await;
    assert_eq!(
        program.says(&["log", "inspect", &stream]).await,
        "head 4\nfloor 0\nmissing 2\n"
    );
    app.sql(&format!(
        "UPDATE streams SET floor_seq = 2 WHERE name = '{stream}'"
    ))
    .await;
    assert_eq!(
        program.says(&["log", "inspect", &stream]).await,
        "head 4\nfloor 2\nmissing 1\n"
    );
    let never = Stream::User(UserId(app.keys(1)[0]));
    let never = never.to_string();
    assert_eq!(
        program.says(&["log", "inspect", &never]).await,
        "head 0\nfloor 0\nmissing 0\n"
    );
    program
        .complains(&["log", "inspect", "everything"], "everything is not a stream")
        .await;
}

#[tokio::test]
async fn an_operator_grants_roles_and_suspends_members() {
    let app = TestApp::start().await;
    let olga = app.member("Olga").await;
    let program = Program::of(&app);
    let told = async |field: &str| {
        let token = log_in(&app.url, &olga).await.unwrap();
        let viewer = app
            .send(Some(&token), "{ viewer { role botanistStatus } }", json!({}))
            .await;
        text(&viewer["data"]["viewer"][field])
    };
    assert_eq!(told("role").await, "MEMBER");
    let done = program.says(&["user", "grant", &olga.email, "moderator"]).await;
    assert_eq!(done, "Olga has a new role\n");
    assert_eq!(told("role").await, "MODERATOR");
    let (status, _) = app
        .post(
            &[("authorization", &format!("Bearer {}", olga.token))],
            "{ viewer { id } }",
            json!({}),
        )
        .await;
    assert_eq!(status, 401, "no old token speaks for the new role");

    program.says(&["user", "verify-botanist", &olga.email]).await;
    assert_eq!(told("botanistStatus").await, "VERIFIED");
    assert_eq!(
        program.says(&["user", "suspend", &olga.email]).await,
        "Olga is suspended\n"
    );
    let refused = log_in(&app.url, &olga).await.unwrap_err();
    assert!(refused.starts_with("the server refused: "), "{refused}");

    program
        .complains(&["user", "suspend", "nobody@example.org"], "")
        .await;
    program
        .complains(&["user", "grant", "nobody", "admin"], "email: ")
        .await;
}

#[tokio::test]
async fn a_member_is_added_and_her_password_shown_once() {
    let app = TestApp::start().await;
    let program = Program::of(&app);
    let told = program.says(&["user", "add", "ada@example.org"]).await;
    let [line, password] = told.lines().collect::<Vec<_>>()[..] else {
        panic!("{told}")
    };
    assert_eq!(line, "ada is a member. The password, which is shown this once:");
    let query =
        "mutation($input: LoginInput!) { login(input: $input) { session { user { displayName role } } } }";
    let log_in = async |email: &str, password: &str| {
        let input = json!({ "input": { "email": email, "password": password } });
        app.send(None, query, input).await["data"]["login"]["session"]["user"].take()
    };
    assert_eq!(
        log_in("ada@example.org", password).await,
        json!({ "displayName": "ada", "role": "MEMBER" })
    );
    let named = program
        .says(&["user", "add", "bea@example.org", "--name", "Bea B."])
        .await;
    let other = named.lines().last().unwrap();
    assert_ne!(other, password);
    assert_eq!(log_in("bea@example.org", other).await["displayName"], "Bea B.");
    assert_eq!(log_in("bea@example.org", password).await, json!(null));

    program
        .complains(&["user", "add", "ADA@example.org"], "email: ")
        .await;
    program.complains(&["user", "add", "nobody"], "email: ").await;
    program
        .complains(&["user", "add", "c@example.org", "--name", " "], "name: ")
        .await;
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_closes_its_websockets_and_ends_well() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let server = Server::start(Program::of(&app)).await;
    // Its clock is the system's: the token must be of now.
    let token = log_in(&server.url, &story.owner).await.unwrap();
    let mut socket = Socket::open(&server.url, Some(&token)).await;
    socket.follow(&story.request, None).await;
    socket.replay().await;
    let comment = json!({ "careRequestId": story.request, "body": "Is all well?" });
    let written = app.done(&story.owner, "addComment", comment, "cursor").await;
    // Besides what its own jobs do, for which months have passed, it tells what another process wrote.
    while socket.told().await["cursor"] != written["cursor"] {}

    let stopped = server.terminate();
    match socket.frame().await {
        Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), 1012),
        frame => panic!("not closed: {frame:?}"),
    }
    let stopped = stopped.await;
    assert_eq!((stopped.code, stopped.err.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn what_is_logged_is_changed_while_the_server_runs() {
    let app = TestApp::start().await;
    let program = Program::of(&app).with(&[
        ("RUST_LOG", "info"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1"),
    ]);
    let server = Server::start(program).await;
    let (address, graphql) = (
        format!("{}/log-level", server.management),
        format!("{}/graphql", server.url),
    );
    let (client, trace) = (reqwest::Client::new(), "0af7651916cd43dd8448eb211c80319c");
    for (level, name) in [("plant_care=debug", "Loud"), ("info", "Quiet")] {
        let answer = client.put(&address).body(level).send().await.unwrap();
        let answer: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(answer, json!({ "logLevel": level }));
        let question = json!({ "query": format!("query {name} {{ __typename }}") });
        let request = client
            .post(&graphql)
            .header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
        request.json(&question).send().await.unwrap();
    }
    let ended = server.terminate().await;
    let lines: Vec<serde_json::Value> = ended
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let operations: Vec<_> = lines
        .iter()
        .filter(|line| line["message"] == "an operation was answered")
        .collect();
    assert_eq!(operations.len(), 1, "{}", ended.out);
    let line = operations[0];
    assert_eq!(line["graphql_operation_name"], "Loud");
    assert_eq!(
        (&line["level"], &line["service"]),
        (&json!("DEBUG"), &json!("plant-care-api"))
    );
    assert_eq!(line["trace_id"], trace);
    assert_eq!(text(&line["span_id"]).len(), 16);
    assert!(line["duration_ms"].is_f64());
    assert!(chrono::DateTime::parse_from_rfc3339(&text(&line["timestamp"])).is_ok());
}

#[tokio::test]
async fn a_server_migrates_what_it_finds_and_starts_again_on_it() {
    let program = Program::new().await;
    for _ in 0..2 {
        let server = Server::start(program.clone()).await;
        let ready = format!("{}/health/ready", server.url);
        program.says(&["healthcheck", &ready]).await;
        let ended = server.terminate().await;
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    }
    let status = program.says(&["migrate", "status"]).await;
    assert!(!status.contains("missing"), "{status}");
}
