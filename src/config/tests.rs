//! What is read, what is refused, and what is shown of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

fn read(settings: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::from_source(&|name| {
        settings
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    })
}

fn complaint(settings: &[(&str, &str)]) -> String {
    read(settings).unwrap_err().to_string()
}

#[test]
fn the_defaults_serve_one_machine() {
    let config = read(&[]).unwrap();
    assert_eq!(config.listen_addr.to_string(), "127.0.0.1:8000");
    assert_eq!(config.database_url.0, "sqlite://data/plant-care.db");
    assert_eq!(config.environment, Environment::Development);
    assert!(config.introspection);
}

#[test]
fn a_wrong_value_is_named_with_what_it_takes() {
    assert_eq!(
        complaint(&[("DRAIN_SECONDS", "soon")]),
        "DRAIN_SECONDS=soon is not valid: it takes 0 to 600 seconds"
    );
    assert!(complaint(&[("DATABASE_URL", "mysql://x")]).starts_with("DATABASE_URL=mysql://*** is not valid"));
    assert!(complaint(&[("DATABASE_URL", "sqlite::memory:")]).starts_with("DATABASE_URL="));
    assert!(complaint(&[("LISTEN_ADDR", "0.0.0.0:80")]).contains("loopback"));
    assert!(complaint(&[("LIMIT_DEPTH", "0")]).starts_with("LIMIT_DEPTH=0"));
    assert!(complaint(&[("ALLOWED_ORIGINS", "nowhere")]).starts_with("ALLOWED_ORIGINS=nowhere"));
    assert!(complaint(&[("RUST_LOG", "a=b=c")]).starts_with("RUST_LOG=a=b=c"));
    assert!(complaint(&[("CLIENT_ADDRESS_HEADER", "x forwarded")]).starts_with("CLIENT_ADDRESS_HEADER="));
    assert!(complaint(&[("TRUSTED_PROXIES", "10.0.0.0/33")]).starts_with("TRUSTED_PROXIES=10.0.0.0/33 "));
    assert!(complaint(&[("LIMIT_LOGINS_PER_ACCOUNT", "0")]).starts_with("LIMIT_LOGINS_PER_ACCOUNT=0"));
}

#[test]
fn production_demands_keys_and_never_shows_them() {
    assert!(complaint(&[("ENVIRONMENT", "production")]).starts_with("SECRET_KEY="));
    let bad = complaint(&[("ENVIRONMENT", "production"), ("SECRET_KEY", "hunter2")]);
    assert!(bad.starts_with("SECRET_KEY=***") && !bad.contains("hunter2"));
    let key = STANDARD.encode([7; 32]);
    let config = read(&[
        ("ENVIRONMENT", "production"),
        ("SECRET_KEY", &key),
        ("ENCRYPTION_KEY", &key),
    ])
    .unwrap();
    assert!(!config.introspection);
    let shown = format!("{:?} {:?}", config, config.table());
    assert!(!shown.contains(&key) && !shown.contains("[7, 7"));
}

#[test]
fn a_secret_may_be_in_a_file() {
    let file = std::env::temp_dir().join(format!("plant_care_key_{}", std::process::id()));
    let key = STANDARD.encode([9; 32]);
    std::fs::write(&file, format!("{key}\n")).unwrap();
    let path = file.display().to_string();
    let config = read(&[("SECRET_KEY_FILE", &path)]).unwrap();
    assert_eq!(config.secret_key, Some(Secret([9; 32])));
    let both = complaint(&[("SECRET_KEY_FILE", &path), ("SECRET_KEY", &key)]);
    assert!(
        both.starts_with("SECRET_KEY_FILE=") && both.ends_with("only if SECRET_KEY is not set"),
        "{both}"
    );
    std::fs::remove_file(&file).unwrap();
    let gone = complaint(&[("SECRET_KEY_FILE", &path)]);
    assert!(
        gone.starts_with("SECRET_KEY_FILE=") && gone.contains("a file that can be read"),
        "{gone}"
    );
}

#[test]
fn what_is_observed_is_checked() {
    assert!(complaint(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "alloy:4317")]).contains("http://alloy:4317"));
    assert!(complaint(&[("RESOLVER_SPANS_RATIO", "2")]).contains("0 to 1"));
    assert!(complaint(&[("OTEL_TRACES_SAMPLER", "jaeger_remote")]).contains("parentbased_traceidratio"));
    assert!(complaint(&[("OTEL_TRACES_SAMPLER_ARG", "some")]).contains("0 to 1"));
    assert!(complaint(&[("METRICS_OPERATION_NAMES", "a b")]).starts_with("METRICS_OPERATION_NAMES=a b"));
    assert!(complaint(&[("MANAGEMENT_ADDR", "0.0.0.0:8001")]).contains("loopback"));
    let config = read(&[("ENABLE_OBSERVABILITY", "false")]).unwrap();
    assert!(!config.observability.enabled);
}

#[test]
fn the_bus_is_a_nats_server_or_the_databases_own() {
    let shown = |settings: &[(&str, &str)]| read(settings).unwrap().shown_bus_url();
    assert_eq!(shown(&[]), "in-process");
    assert_eq!(shown(&[("DATABASE_URL", "postgres://db/care")]), "postgres");
    for url in ["nats://bus", "nats://127.0.0.1:4222", "tls://[::1]:4222"] {
        assert_eq!(shown(&[("BUS_URL", url)]), url);
    }
    let config = read(&[("BUS_URL", "tls://care:hunter2@bus:4222")]).unwrap();
    let all = format!("{:?} {:?}", config, config.table());
    assert!(
        !all.contains("hunter2") && all.contains("tls://care:***@bus:4222"),
        "{all}"
    );
}

#[test]
fn another_bus_is_refused_and_no_part_of_it_shown() {
    let takes =
        "is not valid: it takes nats://host:4222, nats://user:password@host:4222, or the same with tls://";
    for (held, shown) in [
        ("kafka://care:hunter2@bus:9092", "kafka://***"),
        ("nats://hunter2@bus:4222", "nats://***"),
        ("nats://:hunter2@bus:4222", "nats://***"),
        ("nats://care:hunter2@", "nats://***"),
        ("nats://care:hunter2@bus:many", "nats://***"),
        ("nats://care:hunter2", "nats://***"),
        ("nats://bus/subject", "nats://***"),
        ("nats://one,nats://two", "nats://***"),
        ("nats:hunter2@bus", "***"),
        ("care:hunter2@bus:4222", "***"),
        ("postgres", "***"),
    ] {
        assert_eq!(
            complaint(&[("BUS_URL", held)]),
            format!("BUS_URL={shown} {takes}")
        );
    }
}

#[test]
fn a_database_password_is_masked() {
    let config = read(&[("DATABASE_URL", " postgres://care:hunter2@db/care\n")]).unwrap();
    let shown = format!("{:?} {:?}", config, config.table());
    assert!(
        !shown.contains("hunter2") && shown.contains("care:***@db"),
        "{shown}"
    );
    assert_eq!(config.database_url.0, "postgres://care:hunter2@db/care");
}

#[test]
fn in_production_a_database_that_is_not_said_is_not_guessed() {
    let key = STANDARD.encode([7; 32]);
    let production = [
        ("ENVIRONMENT", "production"),
        ("SECRET_KEY", &*key),
        ("ENCRYPTION_KEY", &*key),
    ];
    let with = |more: (&'static str, &'static str)| {
        let mut settings = production.to_vec();
        settings.push(more);
        read(&settings)
            .map(|config| config.database_url.0)
            .map_err(|error| error.to_string())
    };
    for empty in ["", " ", "\n"] {
        let complaint = with(("DATABASE_URL", empty)).unwrap_err();
        assert!(
            complaint.starts_with("DATABASE_URL= is not valid: it takes sqlite://"),
            "{complaint}"
        );
    }
    assert!(read(&production).is_ok() && read(&[("DATABASE_URL", "")]).is_ok());
    let nothing = with(("DATABASE_URL_FILE", "/dev/null")).unwrap_err();
    assert!(
        nothing.starts_with("DATABASE_URL_FILE=/dev/null is not valid"),
        "{nothing}"
    );
}
