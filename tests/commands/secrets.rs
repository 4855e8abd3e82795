//! No command ever tells a secret, whatever is wrong with the setting that holds it, and however much is logged.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plant_care::config::Config;

use super::program::{Program, Ran};

/// The parts of secrets that must be nowhere: each is in the setting under test, and in no message of ours.
const PARTS: [&str; 3] = ["hunter2", "s3kr1t", "t0ps"];

/// An address with a password that holds a sign as people choose them.
fn addresses(scheme: &str) -> Vec<String> {
    let rest = |rest: &str| format!("{scheme}://{rest}");
    let mut addresses: Vec<String> = [
        // A wrong port, a wrong host, a wrong scheme, no scheme.
        "care:hunter2@127.0.0.1:99999/care",
        "care:hunter2@127.0.0.1:0/care",
        "care:hunter2@127.0.0.1:many/care",
        "care:hunter2@127.0.0.1:/care",
        "care:hunter2@ho st/care",
        "care:hunter2@[::1/care",
        "care:hunter2@/care",
        "care:hunter2@",
        // Signs that are not escaped.
        "care:hunter2@t0ps@127.0.0.1:1/care",
        "care:hunter2/t0ps@127.0.0.1:1/care",
        "care:4222/hunter2@127.0.0.1:1/care",
        "care:hunter2?t0ps@127.0.0.1:1/care",
        "care:4222?hunter2@127.0.0.1:1/care",
        "care:hunter2#t0ps@127.0.0.1:1/care",
        "care:4222#hunter2@127.0.0.1:1/care",
        "care:hunter2%t0ps@127.0.0.1:1/care",
        "care:hunter2%ff@127.0.0.1:1/care",
        "care:hunter2:t0ps@127.0.0.1:1/care",
        "care:hunter2\\t0ps@127.0.0.1:1/care",
        "care:hunter2 t0ps@127.0.0.1:1/care",
        "care:hunter2\nt0ps@127.0.0.1:1/care",
        "care:hunter2é@127.0.0.1:1/care",
        "hunter2@127.0.0.1:1/care",
        ":hunter2@127.0.0.1:1/care",
        // In a parameter.
        "127.0.0.1:1/care?password=hunter2",
        "127.0.0.1:1/care?user=care&pass=hunter2",
        "127.0.0.1:1/care?sslmode=hunter2",
        "127.0.0.1:1/care?hunter2",
        "127.0.0.1:1/care/hunter2@more",
        // Cut off.
        "care:hunter2",
        // After an unescaped @ the rest of a password would be a host: that one cannot be told from a right address.
        "care:hunter2@t0ps@",
    ]
    .into_iter()
    .map(rest)
    .collect();
    let good = "care:hunter2@127.0.0.1:1/care";
    addresses.extend([
        good.to_owned(),
        format!("{scheme}:{good}"),
        format!("{scheme}//{good}"),
        format!("{scheme}:/{good}"),
        format!("hunter2://{good}"),
        format!("\"{scheme}://{good}\""),
        format!("'{scheme}://{good}'"),
        format!("{scheme}://{good}{}", "x".repeat(5_000)),
        format!("{scheme}://care:{}hunter2@127.0.0.1:1/care", "x".repeat(5_000)),
        format!("  {scheme}://{good}  "),
        format!("\n{scheme}://{good}\n"),
        format!("{scheme}://{good},{scheme}://{good}"),
        format!("DATABASE_URL={scheme}://{good}"),
        "host=127.0.0.1 user=care password=hunter2".to_owned(),
        "hunter2".to_owned(),
    ]);
    addresses.extend(
        ["mysql", "http", "ftp", "Postgres", "jdbc:postgresql"].map(|other| format!("{other}://{good}")),
    );
    addresses
}

/// Each setting that holds a secret, and what may be wrong with it.
fn damaged() -> Vec<(&'static str, String)> {
    let mut damaged = Vec::new();
    for (variable, scheme) in [
        ("DATABASE_URL", "postgres"),
        ("BUS_URL", "nats"),
        ("BUS_URL", "tls"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http"),
        ("ALLOWED_ORIGINS", "https"),
        ("LISTEN_ADDR", "http"),
        ("DATABASE_URL_FILE", "postgres"),
        ("TRUSTED_DOCUMENTS", "https"),
    ] {
        // Into what holds no secret one may come as a part of an address; a bare word is no more secret there than
        // any other.
        let no_secret = matches!(variable, "ALLOWED_ORIGINS" | "LISTEN_ADDR" | "TRUSTED_DOCUMENTS");
        let address = |text: &String| text.contains("://") || text.contains('@');
        let addresses = addresses(scheme)
            .into_iter()
            .filter(|text| !no_secret || address(text));
        damaged.extend(addresses.map(|text| (variable, text)));
    }
    for variable in [
        "SECRET_KEY",
        "ENCRYPTION_KEY",
        "SECRET_KEY_FILE",
        "ENCRYPTION_KEY_FILE",
    ] {
        for key in [
            "hunter2".to_owned(),
            "/hunter2".to_owned(),
            "/tmp/hunter2".to_owned(),
            "hunter2".repeat(10),
            format!("{}hunter2=", "A".repeat(36)),
            format!("{} hunter2", STANDARD.encode([7; 32])),
            format!("base64:{}hunter2", STANDARD.encode([7; 24])),
        ] {
            // A path that could be one is shown: somebody has to find the file.
            if !(variable.ends_with("_FILE") && key == "/tmp/hunter2") {
                damaged.push((variable, key));
            }
        }
    }
    damaged
}

#[test]
fn no_damage_of_a_setting_shows_a_part_of_a_secret() {
    let mut refused = 0;
    for (variable, held) in damaged() {
        let config = Config::from_source(&|name| (name == variable).then(|| held.clone()));
        let told = match &config {
            Ok(config) => format!("{config:?} {:?}", config.table()),
            Err(error) => {
                refused += 1;
                format!("{error} {error:?}")
            }
        };
        for part in PARTS {
            assert!(!told.contains(part), "{variable}={held}: {told}");
        }
    }
    assert!(refused > 300, "{refused}");
}

#[tokio::test]
async fn no_damage_of_a_file_with_a_secret_shows_a_part_of_it() {
    let program = Program::new().await;
    for (variable, scheme) in [
        ("DATABASE_URL", "postgres"),
        ("SECRET_KEY", ""),
        ("ENCRYPTION_KEY", ""),
    ] {
        let name = format!("{variable}_FILE");
        let contents = if scheme.is_empty() {
            vec![
                "hunter2".to_owned(),
                format!("{}\nhunter2", STANDARD.encode([7; 32])),
            ]
        } else {
            addresses(scheme)
        };
        for content in contents {
            program.write("secret", &content);
            let config = Config::from_source(&|asked| (asked == name).then(|| program.path("secret")));
            let told = config.map_or_else(
                |error| error.to_string(),
                |config| format!("{:?}", config.table()),
            );
            assert!(
                PARTS.iter().all(|part| !told.contains(part)),
                "{name} with {content:?}: {told}"
            );
        }
    }
}

fn assert_silent(ran: &Ran, what: &str) {
    for part in PARTS {
        assert!(
            !ran.out.contains(part) && !ran.err.contains(part),
            "{what}: {ran:?}"
        );
    }
}

#[tokio::test]
async fn no_command_tells_a_secret_however_much_is_logged() {
    let program = Program::new().await;
    let loud = [("RUST_LOG", "trace"), ("LOG_FORMAT", "pretty")];
    let of_setting: [(&str, &str); 9] = [
        ("DATABASE_URL", "postgres://care:hunter2@127.0.0.1:1/care"),
        ("DATABASE_URL", "postgres://care:hunter2@127.0.0.1:99999/care"),
        (
            "DATABASE_URL",
            "postgres://127.0.0.1:1/care?user=care&password=hunter2&more=s3kr1t",
        ),
        ("DATABASE_URL", " postgres://care:hunter2@127.0.0.1:1/care"),
        ("DATABASE_URL", "care:hunter2@127.0.0.1/care"),
        ("BUS_URL", "nats://care:hunter2@127.0.0.1:99999"),
        ("SECRET_KEY", "hunter2"),
        ("ENCRYPTION_KEY_FILE", "hunter2"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://care:hunter2@127.0.0.1:1"),
    ];
    for (variable, held) in of_setting {
        let damaged = program.with(&loud).with(&[(variable, held)]);
        for command in [
            &["serve"][..],
            &["migrate", "status"],
            &["config"],
            &["seed"],
            &["user", "suspend", "olga@example.org"],
            &["log", "inspect", "board"],
        ] {
            let ran = damaged.run(command).await;
            assert_silent(&ran, &format!("{command:?} with {variable}={held}"));
            assert!(
                command == ["config"] || ran.code == Some(1),
                "{variable}={held}: {ran:?}"
            );
        }
    }
}

#[tokio::test]
async fn no_command_that_speaks_to_a_server_tells_a_secret() {
    let program = Program::new()
        .await
        .with(&[("RUST_LOG", "trace"), ("PLANT_CARE_TOKEN", "s3kr1t\n")]);
    for url in [
        "http://care:hunter2@127.0.0.1:1",
        "http://care:hunter2@127.0.0.1:99999",
        "http://care:hunter2@ho st",
        "ftp://care:hunter2@127.0.0.1:1",
        "care:hunter2@127.0.0.1:1",
    ] {
        for command in [
            &["watch", "cmVxdWVzdA", "--url", url][..],
            &["demo", "--url", url],
            &["healthcheck", url],
        ] {
            let ran = program.run(command).await;
            assert_eq!(ran.code, Some(1), "{command:?}: {ran:?}");
            assert_silent(&ran, &format!("{command:?}"));
        }
    }
}

#[tokio::test]
async fn a_server_that_logs_everything_tells_no_secret() {
    let key = STANDARD.encode(*b"hunter2 hunter2 hunter2 hunter2 ");
    let program = Program::new().await.with(&[
        ("RUST_LOG", "trace"),
        ("LOG_FORMAT", "json"),
        ("SECRET_KEY", &key),
        ("ENCRYPTION_KEY", &key),
        ("BUS_URL", "nats://care:hunter2@127.0.0.1:1"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://care:hunter2@127.0.0.1:1"),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "authorization=Bearer hunter2,x-token=s3kr1t",
        ),
    ]);
    let server = super::program::Server::start(program).await;
    let token = "t0ps-access-token";
    let client = plant_care::client::http(&server.url.parse().unwrap()).unwrap();
    let register = serde_json::json!({ "query": "mutation { register(input: { email: \"olga.s3kr1t@example.org\",
        password: \"hunter2 hunter2\", displayName: \"Olga\" }) { session { accessToken } userErrors { code } } }" });
    for bearer in [None, Some(token)] {
        let mut request = client.post(format!("{}/graphql", server.url)).json(&register);
        if let Some(bearer) = bearer {
            request = request.bearer_auth(bearer);
        }
        request.send().await.unwrap();
    }
    let payload = serde_json::json!({ "authorization": format!("Bearer {token}") });
    let mut socket = crate::support::Socket::connect(&server.url).await;
    socket
        .send(serde_json::json!({ "type": "connection_init", "payload": payload }))
        .await;
    socket.closed().await;
    let ran = server.terminate().await;
    assert!(
        ran.out.contains("worker polling for next message"),
        "all is logged: {ran:?}"
    );
    assert_silent(&ran, "a server at trace");
    assert!(!ran.out.contains(&key) && !ran.out.contains(&key[..20]));
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_told_at_once() {
    let program = Program::new().await;
    let nobody = program.with(&[("DATABASE_URL", "postgres://care:hunter2@127.0.0.1:1/care")]);
    for command in [
        &["serve"][..],
        &["migrate", "up"],
        &["user", "suspend", "olga@example.org"],
    ] {
        #[expect(clippy::disallowed_methods, reason = "how long another process takes")]
        let began = Instant::now();
        nobody
            .complains(
                command,
                "cannot open the database postgres://care:***@127.0.0.1:1/care: Connection Error: error communicating with \
                 database: Connection refused",
            )
            .await;
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_limit_that_there_is_not_stops_the_start() {
    let program = Program::new().await.with(&[("LIMIT_DEPHT", "3")]);
    for command in [&["serve"][..], &["config"]] {
        program
            .complains(
                command,
                "LIMIT_DEPHT is no limit that there is: was LIMIT_DEPTH meant?",
            )
            .await;
    }
    let program = Program::new().await;
    program.write(".env", "LIMIT_COSTS=3\n");
    program
        .complains(
            &["config"],
            "LIMIT_COSTS is no limit that there is: was LIMIT_COST meant?",
        )
        .await;
}
