//! A server per test, its members, and what they usually do.

pub(crate) mod bulk;
pub(crate) mod collector;
pub(crate) mod dice;
pub(crate) mod events;
mod held;
pub(crate) mod logs;
pub(crate) mod nats;
pub(crate) mod raw;
pub(crate) mod rows;
pub(crate) mod socket;
pub(crate) mod story;
pub(crate) mod wire;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use async_graphql::parser::parse_schema;
use async_graphql::parser::types::TypeSystemDefinition;
use chrono::{DateTime, TimeDelta, Utc};
use plant_care::app::App;
use plant_care::clock::Clock;
use plant_care::config::Config;
use plant_care::live::Stream;
use plant_care::live::bus::Bus;
use plant_care::telemetry::LogLevel;
use plant_care::transport::{management, server};
use reqwest::{Method, RequestBuilder};
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

pub(crate) use self::dice::Dice;
pub(crate) use self::held::Held;
pub(crate) use self::logs::Logs;
pub(crate) use self::nats::Nats;
pub(crate) use self::raw::Raw;
pub(crate) use self::rows::key;
pub(crate) use self::socket::Socket;
pub(crate) use self::story::Story;

/// The day on which every test begins: a Monday, at 9 in the morning in UTC.
pub(crate) const TODAY: &str = "2026-06-01";

/// A running server with a clock that stands still, and a database of its own.
pub(crate) struct TestApp {
    /// The process inside, for what a client cannot see: its clock, its jobs, its database.
    pub(crate) app: App,
    /// `http://127.0.0.1:...`
    pub(crate) url: String,
    /// The same of the management listener, if there is one.
    pub(crate) management: Option<String>,
    http: reqwest::Client,
    server: JoinHandle<()>,
    folder: PathBuf,
    members: AtomicU32,
}

/// A member of a test's server.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) token: String,
    pub(crate) refresh_token: String,
}

pub(crate) const PASSWORD: &str = "correct horse battery";

impl TestApp {
    /// Starts a server with the default settings.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a server with some settings.
    pub(crate) async fn start_with(settings: &[(&str, &str)]) -> Self {
        let (config, folder) = config(settings).await;
        let app = App::build(config, Clock::manual(morning()), true).await.unwrap();
        Self::serve(app, folder).await
    }

    /// Starts a second server over this one's database, as another process would be.
    pub(crate) async fn replica(&self) -> Self {
        let config = Config::clone(&self.app.config);
        let app = App::build(config, self.app.clock.clone(), false).await.unwrap();
        Self::serve(app, PathBuf::new()).await
    }

    /// A [`replica`](Self::replica) whose wake-ups all get lost: nobody else is told of what it writes.
    pub(crate) async fn silent_replica(&self) -> Self {
        let config = Config::clone(&self.app.config);
        let mut app = App::build(config, self.app.clock.clone(), false).await.unwrap();
        app.bus = Bus::InProcess;
        Self::serve(app, PathBuf::new()).await
    }

    async fn serve(app: App, folder: PathBuf) -> Self {
        let listener = server::listen(&app.config).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let management = management::listen(&app.config).unwrap().map(|listener| {
            let url = format!("http://{}", listener.local_addr().unwrap());
            management::serve(&app, listener, LogLevel::default());
            url
        });
        let serving = server::serve(app.clone(), listener);
        #[expect(
            clippy::disallowed_methods,
            reason = "the process under test has a task tracker; its test has not"
        )]
        let server = tokio::spawn(async move { serving.await.unwrap() });
        Self {
            app,
            http: client(),
            url,
            management,
            server,
            folder,
            members: AtomicU32::new(0),
        }
    }

    /// Stops the server, does something to its database, and starts it again.
    pub(crate) async fn restart_after(mut self, between: impl AsyncFnOnce(&Config)) -> Self {
        self.app.stop.cancel();
        (&mut self.server).await.unwrap();
        let config = Config::clone(&self.app.config);
        between(&config).await;
        let app = App::build(config, self.app.clock.clone(), true).await.unwrap();
        Self::serve(app, std::mem::take(&mut self.folder)).await
    }

    /// Stops the server as SIGTERM would, and waits until it has.
    pub(crate) async fn stop(mut self) {
        self.app.stop.cancel();
        (&mut self.server).await.unwrap();
        if self.folder.exists() {
            std::fs::remove_dir_all(&self.folder).unwrap();
        }
    }

    /// What `/metrics` shows now.
    pub(crate) async fn metrics(&self) -> Samples {
        let address = format!(
            "{}/metrics",
            self.management.as_ref().expect("a management listener")
        );
        let request = self
            .http
            .get(address)
            .header("accept", "application/openmetrics-text");
        Samples(request.send().await.unwrap().text().await.unwrap())
    }

    /// What is counted now, also after nobody can ask any more.
    pub(crate) fn counted(&self, series: &str) -> i64 {
        Samples(self.app.telemetry.metrics.open_metrics().unwrap()).value(series)
    }

    /// Waits until a series has the value that is waited for.
    pub(crate) async fn until_metric(&self, series: &str, is_it: impl Fn(i64) -> bool) {
        let waiting = async {
            while !is_it(self.metrics().await.value(series)) {
                tokio::task::yield_now().await;
            }
        };
        let waited = tokio::time::timeout(socket::PATIENCE, waiting).await;
        assert!(
            waited.is_ok(),
            "{series} is {}",
            self.metrics().await.value(series)
        );
    }

    /// A request to one of the server's addresses.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    /// Changes the database behind the server's back.
    pub(crate) async fn sql(&self, statement: &str) {
        self.app
            .database
            .reader()
            .execute_unprepared(statement)
            .await
            .unwrap();
    }

    /// Sends an operation and gives the whole answer.
    pub(crate) async fn send(&self, token: Option<&str>, query: &str, variables: Value) -> Value {
        let mut request = self
            .http
            .post(format!("{}/graphql", self.url))
            .json(&json!({ "query": query, "variables": variables }));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.unwrap().json().await.unwrap()
    }

    /// Sends an operation as a member and gives its data; top-level errors fail the test.
    pub(crate) async fn run(&self, member: &Member, query: &str, variables: Value) -> Value {
        data(self.send(Some(&member.token), query, variables).await)
    }

    /// Sends an operation with some headers and gives the status and the whole answer.
    pub(crate) async fn post(&self, headers: &[(&str, &str)], query: &str, variables: Value) -> (u16, Value) {
        let mut request = self
            .http
            .post(format!("{}/graphql", self.url))
            .json(&json!({ "query": query, "variables": variables }));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// Runs one mutation that takes one `input`, as a member, and gives its payload. `fields` are selected besides the
    /// user errors.
    pub(crate) async fn mutate(&self, member: &Member, mutation: &str, input: Value, fields: &str) -> Value {
        let mut name = mutation.to_owned();
        name[..1].make_ascii_uppercase();
        let query = format!(
            "mutation($input: {name}Input!) {{ {mutation}(input: $input) {{ {fields} userErrors {{ code message field }} }} }}"
        );
        self.run(member, &query, json!({ "input": input })).await[mutation].take()
    }

    /// [`mutate`](Self::mutate) that must not be refused.
    pub(crate) async fn done(&self, member: &Member, mutation: &str, input: Value, fields: &str) -> Value {
        let payload = self.mutate(member, mutation, input, fields).await;
        assert_eq!(payload["userErrors"], json!([]), "{mutation} was refused");
        payload
    }

    /// [`mutate`](Self::mutate) that must be refused: the code of its first user error.
    pub(crate) async fn refused(&self, member: &Member, mutation: &str, input: Value) -> String {
        let payload = self.mutate(member, mutation, input, "").await;
        payload["userErrors"][0]["code"]
            .as_str()
            .unwrap_or_else(|| panic!("{mutation} was not refused"))
            .to_owned()
    }

    /// What concerned a member so far: the kind and the loudness of each entry of her feed, oldest first.
    pub(crate) async fn feed(&self, member: &Member) -> Vec<(String, String)> {
        let query = "{ feed { events(first: 100) { edges { node { level event { __typename } } } } } }";
        let data = self.run(member, query, json!({})).await;
        nodes(&data["feed"]["events"])
            .map(|node| (text(&node["event"]["__typename"]), text(&node["level"])))
            .collect()
    }

    /// Registers a member.
    pub(crate) async fn member(&self, name: &str) -> Member {
        let number = self.members.fetch_add(1, Ordering::Relaxed);
        let email = format!("{}.{number}@example.org", name.to_lowercase().replace(' ', "."));
        let input = json!({ "email": email, "password": PASSWORD, "displayName": name });
        let query = "mutation($input: RegisterInput!) { register(input: $input) {
            session { accessToken refreshToken user { id } } userErrors { message } } }";
        let session =
            data(self.send(None, query, json!({ "input": input })).await)["register"]["session"].take();
        Member {
            id: text(&session["user"]["id"]),
            email,
            token: text(&session["accessToken"]),
            refresh_token: text(&session["refreshToken"]),
        }
    }

    /// Logs a member in again: with a new role, or after her tokens expired.
    pub(crate) async fn login(&self, member: &Member) -> Member {
        let query =
            "mutation($input: LoginInput!) { login(input: $input) { session { accessToken refreshToken } } }";
        let input = json!({ "email": member.email, "password": PASSWORD });
        let session =
            data(self.send(None, query, json!({ "input": input })).await)["login"]["session"].take();
        Member {
            token: text(&session["accessToken"]),
            refresh_token: text(&session["refreshToken"]),
            ..member.clone()
        }
    }

    /// Adds a plant.
    pub(crate) async fn plant(&self, owner: &Member, name: &str) -> String {
        text(
            &self
                .done(owner, "createPlant", json!({ "name": name }), "plant { id }")
                .await["plant"]["id"],
        )
    }

    /// Opens a websocket as a member.
    pub(crate) async fn socket(&self, member: &Member) -> Socket {
        Socket::open(&self.url, Some(&member.token)).await
    }

    /// Moves the clock on and takes the steps that are due.
    pub(crate) async fn pass(&self, time: TimeDelta) -> usize {
        self.app.clock.advance(time);
        plant_care::domain::care_request::timed::run(&self.app)
            .await
            .unwrap()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.app.stop.cancel();
    }
}

/// A client with a connection for each request: one that is kept would be closed when a test moves the clock.
pub(crate) fn client() -> reqwest::Client {
    // It has all TLS of this process use what we use.
    plant_care::client::http(&"http://127.0.0.1".parse().unwrap()).unwrap();
    reqwest::Client::builder()
        .timeout(socket::PATIENCE)
        .pool_max_idle_per_host(0)
        .build()
        .unwrap()
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    let waited = tokio::time::timeout(socket::PATIENCE, waiting).await;
    assert!(waited.is_ok(), "not so: {what}");
}

/// The data of an answer without errors.
pub(crate) fn data(mut answer: Value) -> Value {
    assert_eq!(answer.get("errors"), None, "{answer}");
    answer["data"].take()
}

/// The code of an answer's first error.
pub(crate) fn error_code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"]
        .as_str()
        .unwrap_or_else(|| panic!("no error code: {answer}"))
}

/// The nodes of a connection.
pub(crate) fn nodes(connection: &Value) -> impl Iterator<Item = &Value> {
    let edges = connection["edges"]
        .as_array()
        .unwrap_or_else(|| panic!("not a connection: {connection}"));
    edges.iter().map(|edge| &edge["node"])
}

/// A JSON string.
pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not a string: {value}"))
        .to_owned()
}

/// The name of a request's stream.
pub(crate) fn care_stream(request: &str) -> String {
    Stream::Care(key(request)).to_string()
}

fn morning() -> DateTime<Utc> {
    format!("{TODAY}T09:00:00Z").parse().unwrap()
}

/// The settings of a test's server, with a database that is new and empty, and the folder they are in.
pub(crate) async fn config(settings: &[(&str, &str)]) -> (Config, PathBuf) {
    let name = format!(
        "plant_care_test_{:x}",
        u128::from_ne_bytes(plant_care::crypto::random())
    );
    let folder = std::env::temp_dir().join(&name);
    std::fs::create_dir_all(&folder).unwrap();
    let url = match server_of_databases() {
        Some(server) => {
            let connection = sea_orm::Database::connect(&server).await.unwrap();
            // Not dropped afterwards: the whole server is thrown away.
            connection
                .execute_unprepared(&format!("CREATE DATABASE {name}"))
                .await
                .unwrap();
            connection.close().await.unwrap();
            let (server, _) = server.rsplit_once('/').unwrap();
            format!("{server}/{name}")
        }
        None => format!("sqlite://{}/test.db", folder.display()),
    };
    let folder_name = folder.display().to_string();
    let usual = [
        ("DATABASE_URL", url.as_str()),
        ("DATA_DIR", &folder_name),
        ("LISTEN_ADDR", "127.0.0.1:0"),
        ("MANAGEMENT_ADDR", "127.0.0.1:0"),
        ("DRAIN_SECONDS", "5"),
    ];
    let config = Config::from_source(&|name| {
        settings
            .iter()
            .chain(&usual)
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned())
    });
    (config.unwrap(), folder)
}

/// Metrics in the `OpenMetrics` text format.
pub(crate) struct Samples(pub(crate) String);

impl Samples {
    /// The value of a series, as it is written: `name{label="value"}`.
    pub(crate) fn value(&self, series: &str) -> i64 {
        let line = self
            .line(series)
            .unwrap_or_else(|| panic!("no {series} in\n{}", self.0));
        line.split(' ').next().unwrap().parse().unwrap()
    }

    /// What comes after a series in its line: the value, and what else there is.
    pub(crate) fn line(&self, series: &str) -> Option<&str> {
        let mut lines = self.0.lines();
        lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
    }

    /// Each series' name and labels.
    pub(crate) fn series(&self) -> std::collections::BTreeSet<String> {
        let lines = self.0.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| {
                line[..line
                    .find("} ")
                    .map_or_else(|| line.find(' ').unwrap(), |end| end + 1)]
                    .to_owned()
            })
            .collect()
    }
}

/// The server of databases that the tests run on, if not on SQLite.
pub(crate) fn server_of_databases() -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "it says which database the tests run on"
    )]
    std::env::var("TEST_DATABASE_URL")
        .ok()
        .filter(|url| !url.is_empty())
}

/// The definitions of a schema's types: the parser knows no description of the schema itself.
pub(crate) fn definitions(sdl: &str) -> Vec<TypeSystemDefinition> {
    let end = sdl
        .rfind("\n\"\"\"\nschema {")
        .and_then(|end| sdl[..end].rfind("\n\"\"\"\n"));
    let types = end.map_or(sdl, |end| &sdl[..end]);
    parse_schema(types).unwrap().definitions
}
