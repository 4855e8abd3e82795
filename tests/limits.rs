//! What one request may ask for: each refusal names the limit, the value and what is allowed.

mod accepted;
mod answers;
mod introspection;

use serde_json::{Value, json};

use crate::support::{Member, TestApp, error_code, text};

/// A document's refusal: which limit, the value, the maximum. Nothing of it may have run.
fn exceeded(answer: &Value) -> (String, u64, u64) {
    assert_eq!(error_code(answer), "LIMIT_EXCEEDED", "{answer}");
    assert!(answer.get("data").is_none_or(Value::is_null), "{answer}");
    assert_eq!(answer["errors"].as_array().unwrap().len(), 1);
    let told = &answer["errors"][0]["extensions"];
    let number = |name: &str| told[name].as_u64().unwrap();
    (text(&told["limit"]), number("value"), number("maximum"))
}

async fn ask(app: &TestApp, member: &Member, query: &str) -> Value {
    app.send(Some(&member.token), query, json!({})).await
}

/// Parts of a document, one for each number.
fn numbered(count: usize, part: impl Fn(usize) -> String) -> String {
    (0..count).map(part).collect::<Vec<_>>().join(" ")
}

/// A document that stays within a limit by exactly nothing, and one that exceeds it by one.
struct Edge {
    limit: &'static str,
    maximum: u64,
    document: fn(usize) -> String,
}

const EDGES: [Edge; 6] = [
    Edge {
        limit: "ALIASES",
        maximum: 30,
        document: |count| {
            let aliases = numbered(count, |number| format!("a{number}: id"));
            format!("{{ viewer {{ {aliases} }} }}")
        },
    },
    Edge {
        limit: "DIRECTIVES",
        maximum: 50,
        document: |count| {
            format!(
                "{{ viewer {{ id{} }} }}",
                " displayName @include(if: true)".repeat(count)
            )
        },
    },
    Edge {
        limit: "ROOT_FIELDS",
        maximum: 20,
        document: |count| format!("{{ {} }}", numbered(count, |n| format!("a{n}: __typename"))),
    },
    Edge {
        limit: "NODES",
        maximum: 500,
        document: |count| format!("{{ viewer {{ {} }} }}", "id ".repeat(count - 1)),
    },
    Edge {
        limit: "DEPTH",
        maximum: 12,
        document: nested,
    },
    Edge {
        limit: "DOCUMENT_BYTES",
        maximum: 16 * 1024,
        document: |bytes| format!("{:<bytes$}", "{ viewer { id } }"),
    },
];

/// A document of a depth: members, their plants, and the plants' owners.
fn nested(depth: usize) -> String {
    const LEVELS: [&str; 4] = ["plants(first: 1)", "edges", "node", "owner"];
    let levels = numbered(depth - 2, |level| format!("{} {{", LEVELS[level % 4]));
    format!("{{ viewer {{ {levels} __typename {}", "} ".repeat(depth))
}

#[tokio::test]
async fn a_document_may_use_each_limit_up_and_not_exceed_it_by_one() {
    let app = TestApp::start().await;
    let member = app.member("Olga").await;
    for Edge {
        limit,
        maximum,
        document,
    } in EDGES
    {
        let most = usize::try_from(maximum).unwrap();
        let within = ask(&app, &member, &document(most)).await;
        assert_eq!(within.get("errors"), None, "{limit}: {within}");
        let beyond = ask(&app, &member, &document(most + 1)).await;
        assert_eq!(exceeded(&beyond), (limit.to_owned(), maximum + 1, maximum));
    }
}

#[tokio::test]
async fn cost_counts_the_objects_that_may_come() {
    let app = TestApp::start().await;
    let member = app.member("Olga").await;
    // A hundred requests, and of each a page of comments with their authors.
    let query = |comments: usize| {
        format!(
            "{{ careRequests(first: 100) {{ edges {{ node {{ comments(first: {comments}) {{ edges {{ node {{
                author {{ id }} }} }} }} }} }} }} }}"
        )
    };
    assert_eq!(ask(&app, &member, &query(24)).await.get("errors"), None);
    let answer = ask(&app, &member, &query(25)).await;
    assert_eq!(exceeded(&answer), ("COST".to_owned(), 100 + 2 * 100 * 25, 5_000));

    // By a variable, and through a fragment, it costs the same.
    let query = "query($comments: Int!) { careRequests(first: 100) { edges { node { ...talk } } } }
        fragment talk on CareRequest { comments(first: $comments) { edges { node { author { id } } } } }";
    let answer = app
        .send(Some(&member.token), query, json!({ "comments": 25 }))
        .await;
    assert_eq!(exceeded(&answer), ("COST".to_owned(), 5_100, 5_000));
}

#[tokio::test]
async fn fragments_do_not_hide_what_a_document_asks_for() {
    let app = TestApp::start().await;
    let member = app.member("Olga").await;
    // Each fragment uses the one before it ten times: a billion fields in half a page of text.
    let fragments = numbered(9, |before| {
        let uses = format!(" ...f{before}").repeat(10);
        format!("fragment f{} on User {{{uses} }}", before + 1)
    });
    let document = format!("{{ viewer {{ ...f9 }} }} fragment f0 on User {{ id }} {fragments}");
    let (limit, value, maximum) = exceeded(&ask(&app, &member, &document).await);
    assert_eq!((limit.as_str(), maximum), ("NODES", 500));
    assert!(value > 500);

    // Nor does it take long to see through fragments that come to nothing.
    let empty = document.replace("{ id }", "{ ...nothing }");
    assert_eq!(exceeded(&ask(&app, &member, &empty).await).0, "NODES");

    let looped = "{ viewer { ...f } } fragment f on User { id ...f }";
    assert_eq!(error_code(&ask(&app, &member, looped).await), "BAD_REQUEST");
}

#[tokio::test]
async fn limits_are_what_the_configuration_says() {
    let app = TestApp::start_with(&[
        ("LIMIT_DEPTH", "4"),
        ("LIMIT_PAGE_SIZE", "5"),
        ("LIMIT_COST", "30"),
    ])
    .await;
    let member = app.member("Olga").await;
    let refused = async |query: &str| exceeded(&ask(&app, &member, query).await);
    assert_eq!(
        refused("{ viewer { plants { edges { node { name } } } } }").await,
        ("DEPTH".to_owned(), 5, 4)
    );
    assert_eq!(
        refused("{ viewer { plants(first: 30) { totalCount } } }").await,
        ("COST".to_owned(), 31, 30)
    );
    let query = "{ viewer { plants(first: 6) { totalCount } } }";
    let answer = ask(&app, &member, query).await;
    assert_eq!(error_code(&answer), "LIMIT_EXCEEDED");
    assert_eq!(answer["errors"][0]["extensions"]["limit"], "PAGE_SIZE");
}

#[tokio::test]
async fn a_mutation_beyond_a_limit_changes_nothing() {
    let app = TestApp::start().await;
    let member = app.member("Olga").await;
    let fields = numbered(21, |number| {
        format!("p{number}: createPlant(input: {{ name: \"Fern\" }}) {{ plant {{ id }} }}")
    });
    assert_eq!(
        error_code(&ask(&app, &member, &format!("mutation {{ {fields} }}")).await),
        "LIMIT_EXCEEDED"
    );
    let plants = ask(&app, &member, "{ viewer { plants { totalCount } } }").await;
    assert_eq!(plants["data"]["viewer"]["plants"]["totalCount"], 0);
}

#[tokio::test]
async fn subscriptions_have_the_same_limits() {
    let app = TestApp::start().await;
    let member = app.member("Olga").await;
    let mut socket = app.socket(&member).await;
    let aliases = numbered(31, |number| format!("a{number}: cursor"));
    let query = format!("subscription {{ myFeed {{ ... on StreamCaughtUp {{ {aliases} }} }} }}");
    socket.subscribe("1", &query, json!({})).await;
    assert_eq!(exceeded(&socket.refusal().await), ("ALIASES".to_owned(), 31, 30));
}

#[tokio::test]
async fn introspection_has_a_depth_of_its_own() {
    let app = TestApp::start().await;
    let of_type = |depth: usize| {
        let open = "ofType { ".repeat(depth - 4);
        let close = "} ".repeat(depth - 4);
        format!("{{ __schema {{ types {{ fields {{ type {{ {open} name {close} }} }} }} }} }}")
    };
    let within = app.send(None, &of_type(29), json!({})).await;
    assert_eq!(within.get("errors"), None, "{within}");
    let beyond = app.send(None, &of_type(30), json!({})).await;
    assert_eq!(exceeded(&beyond), ("INTROSPECTION_DEPTH".to_owned(), 31, 30));
}

#[tokio::test]
async fn brackets_that_would_overflow_the_parser_are_refused_and_the_server_lives() {
    let app = TestApp::start().await;
    for depth in [1_000, 6_000] {
        let answer = app
            .send(None, &format!("{{ a(b: {}", "[".repeat(depth)), json!({}))
            .await;
        let (limit, value, maximum) = exceeded(&answer);
        assert!(
            ["NESTING", "TOKENS"].contains(&limit.as_str()) && value > maximum,
            "{answer}"
        );
    }
    let alive = app.send(None, "{ __typename }", json!({})).await;
    assert_eq!(alive["data"]["__typename"], "Query");
}

#[tokio::test]
async fn operations_that_would_not_run_are_within_the_limits_too() {
    let app = TestApp::start().await;
    let fragments = (0..20)
        .map(|n| format!("fragment f{n} on Query {{ ...f{0} ...f{0} }}", n + 1))
        .collect::<Vec<_>>()
        .join(" ");
    let query = format!(
        "query a {{ __typename }} query b {{ ...f0 }} {fragments} fragment f20 on Query {{ __typename }}"
    );
    let body = json!({ "query": query, "operationName": "a" });
    let http = plant_care::client::http(&app.url.parse().unwrap()).unwrap();
    let sent = http
        .post(format!("{}/graphql", app.url))
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(exceeded(&sent.json().await.unwrap()).0, "NODES");
}

#[tokio::test]
async fn days_that_are_not_ordered_as_text_are_refused() {
    let app = TestApp::start().await;
    let olga = app.member("Olga").await;
    for day in ["+262142-12-30", "-100000-01-01", "2026-6-1", "20260601"] {
        let answer = ask(
            &app,
            &olga,
            &format!("{{ openCareRequests(from: \"{day}\") {{ totalCount }} }}"),
        )
        .await;
        assert_eq!(error_code(&answer), "BAD_REQUEST", "{day}");
    }
}

#[tokio::test]
async fn the_cost_of_a_request_is_told_if_it_is_asked_for() {
    let app = TestApp::start().await;
    let query = "query a($n: Int = 3) { openCareRequests(first: $n) { edges { node { plants { id } } } } }
        query b { openCareRequests { totalCount } }";
    let ask = async |extensions: Value| -> Value {
        let body = json!({ "query": query, "operationName": "a", "variables": { "n": 7 }, "extensions": extensions });
        let sent = app.request(reqwest::Method::POST, "/graphql").json(&body);
        let answer: Value = sent.send().await.unwrap().json().await.unwrap();
        answer.get("extensions").cloned().unwrap_or_default()
    };
    assert_eq!(
        ask(json!({ "cost": true })).await,
        json!({ "cost": { "requested": 7 + 7 * 50, "maximum": 5_000 } }),
        "of the operation that runs"
    );
    for not_asked in [json!({}), json!({ "cost": false }), json!({ "cost": "true" })] {
        assert_eq!(ask(not_asked).await, Value::Null);
    }
}

#[tokio::test]
async fn every_limit_in_force_is_published() {
    let app = TestApp::start_with(&[("LIMIT_DEPTH", "13"), ("LIMIT_SUBSCRIPTIONS_PER_USER", "7")]).await;
    let described = "{ __type(name: \"ServiceLimits\") { fields { name } } }";
    let fields = app.send(None, described, json!({})).await["data"]["__type"]["fields"].take();
    let names: Vec<_> = fields
        .as_array()
        .unwrap()
        .iter()
        .map(|field| text(&field["name"]))
        .collect();
    let query = format!("{{ serviceLimits {{ {} }} }}", names.join(" "));
    let published = crate::support::data(app.send(None, &query, json!({})).await)["serviceLimits"].take();
    assert_eq!(
        (&published["depth"], &published["subscriptionsPerUser"]),
        (&json!(13), &json!(7))
    );
    // `bodyBytes` is `LIMIT_BODY_BYTES`; how deep brackets nest cannot be set, nor how many passwords are hashed.
    let variable = |name: &str| {
        let capitals = name.chars().fold(String::new(), |mut capitals, letter| {
            if letter.is_ascii_uppercase() {
                capitals.push('_');
            }
            capitals.push(letter.to_ascii_uppercase());
            capitals
        });
        format!("LIMIT_{capitals}")
    };
    let mut published: Vec<_> = names
        .iter()
        .filter(|name| !["nesting", "passwords"].contains(&name.as_str()))
        .map(|name| (variable(name), published[name].to_string()))
        .collect();
    let table = app.app.config.table().into_iter();
    let mut in_force: Vec<_> = table
        .filter(|(variable, _)| variable.starts_with("LIMIT_"))
        .map(|(variable, value)| (variable.to_owned(), value))
        .collect();
    // The schema names them in the order of its text.
    published.sort_by(|(one, _), (other, _)| one.cmp(other));
    in_force.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert_eq!(published, in_force);
}
