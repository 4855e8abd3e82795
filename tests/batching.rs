//! What is asked for below a list takes as many statements for twenty rows as for two: each relation of the schema, below
//! each list, under several names and with several arguments.

#[cfg(test)]
mod question;
#[cfg(test)]
mod shape;
#[cfg(test)]
mod world;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use self::question::{Question, Quiet};
use self::shape::{Kind, Path, Relation, Shape};
use self::world::{LONG, world};
use crate::support::dice::{Dice, seeds};
use crate::support::{Member, TestApp, error_code};

/// How many rows a list has in the small case.
const FEW: usize = 2;

/// How many more statements many rows may take: of what is asked for in two ways, one may have to be asked for anew, if
/// the other was answered before it could join in.
const BY_CHANCE: u64 = 4;

/// How many things stand in an answer under a name that passes.
fn count(answer: &Value, is_it: &dyn Fn(&str) -> bool) -> usize {
    match answer {
        Value::Array(values) => values.iter().map(|value| count(value, is_it)).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| count(value, is_it) + if is_it(name) { length(value) } else { 0 })
            .sum(),
        _ => 0,
    }
}

fn length(value: &Value) -> usize {
    match value.get("edges").unwrap_or(value) {
        Value::Null => 0,
        Value::Array(values) => values.len(),
        _ => 1,
    }
}

fn is_asked(name: &str) -> bool {
    name.strip_prefix('r')
        .is_some_and(|number| number.parse::<usize>().is_ok())
}

/// The first cursor of a page that was asked for.
fn cursor(answer: &Value) -> Option<String> {
    match answer {
        Value::Array(values) => values.iter().find_map(cursor),
        Value::Object(fields) => fields.iter().find_map(|(name, value)| {
            let page = is_asked(name)
                .then(|| value["pageInfo"]["startCursor"].as_str())
                .flatten();
            page.map(str::to_owned).or_else(|| cursor(value))
        }),
        _ => None,
    }
}

/// With what a relation is asked for under different names.
fn variants(shape: &Shape, relation: &Relation) -> Vec<String> {
    let pages: &[&str] = match relation.kind {
        Kind::Connection => &["first: 1", "first: 3", "last: 2", "first: 1", ""],
        _ => &["", ""],
    };
    let of_pages = pages.iter().map(|page| (*page).to_owned());
    let filters = shape.filters(relation);
    let filtered = filters.into_iter().filter(|filter| !filter.is_empty());
    of_pages.chain(filtered).collect()
}

#[tokio::test]
async fn each_relation_below_each_list_takes_as_many_statements_for_twenty_rows_as_for_two() {
    let app = TestApp::start().await;
    let members = world(&app).await;
    let quiet = Quiet::over(&app).await;
    let shape = Shape::of_schema();
    let lists = shape.lists();
    let (mut grown, mut more) = (BTreeSet::new(), Vec::new());
    for list in &lists {
        let node = &list.last().unwrap().to;
        for below in shape.reached_from(node) {
            let question = Question {
                shape: &shape,
                list,
                below: &below,
            };
            for member in &members {
                let asked = compared(&quiet, member, &question).await;
                if asked.grown {
                    grown.insert(question.last().full_name());
                }
                more.extend(asked.more);
            }
        }
    }
    assert_eq!(more, Vec::<String>::new());
    // And of all of them there was something to be loaded.
    assert_eq!(grown, shape.below_lists());
}

/// What became of a question that was asked of a few rows and of many.
struct Compared {
    /// Whether there was more to load for many.
    grown: bool,
    /// Where it took more statements.
    more: Vec<String>,
}

async fn compared(quiet: &Quiet, member: &Member, question: &Question<'_>) -> Compared {
    let arguments = variants(question.shape, question.last());
    let [few, many] = [FEW, LONG].map(|length| question.document(length, &arguments));
    let (small, for_few) = quiet.ask(member, &few).await;
    let (large, for_many) = quiet.ask(member, &many).await;
    assert_eq!(large.get("errors"), None, "{many}: {large}");
    let asked = |answer| (count(answer, &|name| name == "rows"), count(answer, &is_asked));
    let ((few_rows, few_asked), (many_rows, many_asked)) = (asked(&small), asked(&large));
    let mut more = Vec::new();
    if for_many > for_few + BY_CHANCE && few_asked > 0 {
        more.push(format!("{for_few} became {for_many}: {many}"));
    }
    let names = u64::try_from(arguments.len()).unwrap();
    assert!(for_many <= 20 + 3 * names, "{for_many} statements: {many}");
    if let Some(cursor) = cursor(&large) {
        let arguments = [
            format!("first: 2, after: \"{cursor}\""),
            format!("last: 1, before: \"{cursor}\""),
        ];
        let many = question.document(LONG, &arguments);
        let (answer, statements) = quiet.ask(member, &many).await;
        // A cursor of a stream is good for that stream alone.
        assert!(
            answer.get("errors").is_none() || error_code(&answer) == "INVALID_CURSOR",
            "{many}: {answer}"
        );
        if statements > for_many + 6 {
            more.push(format!("{statements}: {many}"));
        }
    }
    Compared {
        grown: many_rows > few_rows && many_asked > few_asked && few_asked > 0,
        more,
    }
}

/// A selection at random below a type.
fn at_random(shape: &Shape, dice: &mut Dice, of_type: &str, depth: u32, names: &mut u32) -> String {
    let relations: Vec<_> = shape.of(of_type).filter(|relation| relation.is_free()).collect();
    let mut selected = vec!["__typename".to_owned()];
    for _ in 0..if depth == 0 || relations.is_empty() {
        0
    } else {
        1 + dice.below(2)
    } {
        let relation = *dice.of(&relations);
        let inner = at_random(shape, dice, &relation.to, depth - 1, names);
        *names += 1;
        let field = match relation.kind {
            Kind::Connection => {
                let page = *dice.of(&["first: 1", "first: 2", "last: 1", "last: 2"]);
                let filter = dice.of(&shape.filters(relation)).clone();
                format!(
                    "{}({page} {filter}) {{ totalCount edges {{ node {inner} }} }}",
                    relation.name
                )
            }
            _ => format!("{} {inner}", relation.name),
        };
        let field = format!("n{names}: {field}");
        selected.push(if relation.of == of_type {
            field
        } else {
            format!("... on {} {{ {field} }}", relation.of)
        });
    }
    format!("{{ {} }}", selected.join(" "))
}

#[tokio::test]
async fn whatever_is_asked_for_at_any_depth_takes_no_more_statements_for_more_rows() {
    let app = TestApp::start().await;
    let members = world(&app).await;
    let quiet = Quiet::over(&app).await;
    let shape = Shape::of_schema();
    for seed in seeds(40, 1_000) {
        let mut dice = Dice::new(seed);
        let member = dice.of(&members).clone();
        let mut names = 0;
        let selection = at_random(&shape, &mut dice, "CareRequest", 4, &mut names);
        let root = *dice.of(&[
            "careRequests(as: OWNER",
            "careRequests(as: CARETAKER",
            "openCareRequests(",
        ]);
        let document =
            |first: usize| format!("{{ {root} first: {first}) {{ edges {{ node {selection} }} }} }}");
        // Of fewer rows fewer may have something below them: five have what twenty have.
        let (_, few) = quiet.ask(&member, &document(5)).await;
        let (answer, many) = quiet.ask(&member, &document(LONG)).await;
        assert_eq!(answer.get("errors"), None, "{}", document(LONG));
        assert!(many <= few + BY_CHANCE, "{few} became {many}: {}", document(LONG));
        assert!(many <= 10 + 6 * u64::from(names), "{many}: {}", document(LONG));
    }
}

#[tokio::test]
async fn a_list_is_counted_once_whatever_its_pages_are() {
    let app = TestApp::start().await;
    let [owner, _] = world(&app).await;
    let quiet = Quiet::over(&app).await;
    let total = "{ totalCount }";
    let pages = "{ totalCount edges { node { __typename } } }";
    // Twenty-four names each, and a number of its own in place of `#`.
    let names = |field: &str, selection: &str| {
        let names = (1..=24).map(|number| {
            let name: String = field.chars().filter(char::is_ascii_alphabetic).collect();
            format!(
                "{name}{number}: {} {selection} ",
                field.replace('#', &number.to_string())
            )
        });
        names.collect::<String>()
    };
    let below = |list: &str, fields: String| format!("{list} {{ edges {{ node {{ {fields} }} }} }}");
    let on = |object: &str, fields: String| format!("{object} {{ {fields} }}");
    let both = |first: String, second: String| first + &second;
    let requests = "careRequests(first: 100)";
    for (document, expected) in [
        (names("careRequests(first: #)", total), 1),
        (names("openCareRequests(last: #)", pages), 24 + 1),
        (
            both(
                names("careRequests(first: #, as: OWNER)", total),
                names("careRequests(last: #)", total),
            ),
            2,
        ),
        // Pages that begin at the same place are one.
        (on("viewer", names("plants(first: #)", pages)), 3),
        (
            on(
                "viewer",
                both(names("plants(first: #)", total), names("plants(last: #)", total)),
            ),
            2,
        ),
        (on("feed", names("events(first: #)", total)), 2),
        (on("feed", names("unread", "")), 2),
        (below(requests, on("owner", names("plants(first: 1)", total))), 3),
        (below(requests, names("timeline(last: #)", total)), 3),
        (below(requests, names("comments(last: #)", pages)), 3),
    ] {
        let document = format!("{{ {document} }}");
        let (answer, statements) = quiet.ask(&owner, &document).await;
        assert_eq!(answer.get("errors"), None, "{document}: {answer}");
        assert_eq!(statements, expected, "{document}");
    }
}

#[tokio::test]
async fn things_by_their_ids_are_read_together() {
    let app = TestApp::start().await;
    let [owner, caretaker] = world(&app).await;
    let quiet = Quiet::over(&app).await;
    let query = "{ careRequests(first: 20, as: OWNER) { edges { node { id plants { id }
        offers(first: 1) { edges { node { id } } } comments(first: 1) { edges { node { id } } }
        timeline(first: 15) { edges { node { id } } } } } } }";
    let (answer, _) = quiet.ask(&caretaker, &query.replace("OWNER", "CARETAKER")).await;
    let requests = answer["data"]["careRequests"]["edges"].as_array().unwrap();
    for below in ["id", "plants", "offers", "comments", "timeline"] {
        let document = |count: usize| {
            let ids = requests
                .iter()
                .take(count)
                .flat_map(|request| ids(&request["node"][below]));
            let nodes = ids
                .enumerate()
                .map(|(number, id)| format!("n{number}: node(id: {id}) {{ id }} "));
            format!("{{ {} }}", nodes.collect::<String>())
        };
        let (few, many) = (document(FEW), document(LONG));
        assert!(many.len() > 5 * few.len(), "{below}");
        for member in [&owner, &caretaker] {
            let ((answer, for_few), (large, for_many)) =
                (quiet.ask(member, &few).await, quiet.ask(member, &many).await);
            assert!(
                answer["data"]["n0"]["id"].is_string() && large["data"]["n0"]["id"].is_string(),
                "{answer}"
            );
            assert!(
                for_many <= for_few + BY_CHANCE,
                "{below}: {for_few} became {for_many}"
            );
        }
    }
}

fn ids(value: &Value) -> Vec<Value> {
    match value {
        Value::String(_) => vec![value.clone()],
        Value::Array(values) => values.iter().flat_map(ids).collect(),
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| ["id", "edges", "node"].contains(&name.as_str()))
            .flat_map(|(_, value)| ids(value))
            .collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn what_is_below_an_event_takes_as_many_statements_for_twenty_rows_as_for_two() {
    let app = TestApp::start().await;
    let [owner, _] = world(&app).await;
    let quiet = Quiet::over(&app).await;
    let (answer, _) = quiet
        .ask(
            &owner,
            "{ careRequests(as: OWNER, last: 1) { edges { node { id } } } }",
        )
        .await;
    let request = answer["data"]["careRequests"]["edges"][0]["node"]["id"].clone();
    let mut taken = Vec::new();
    for length in [FEW, LONG] {
        let query = format!(
            "subscription($id: ID!) {{ careEvents(careRequestId: $id) {{ __typename
                ... on CareEventDelivered {{ event {{ careRequest {{
                    comments(first: {length}) {{ edges {{ node {{ author {{ plants(first: 1) {{ totalCount }} }}
                        careRequest {{ a: offers(first: 1) {{ totalCount }} b: timeline(first: 3) {{ totalCount }} }} }} }} }}
                }} }} }} }} }}"
        );
        let mut socket = app.socket(&owner).await;
        let before = app.app.database.statements();
        socket.subscribe("1", &query, json!({ "id": request })).await;
        let mut events = 0;
        while socket.told().await["__typename"] != "StreamCaughtUp" {
            events += 1;
        }
        assert_eq!(events, 90);
        taken.push((app.app.database.statements() - before) / events);
        socket.close().await;
    }
    assert_eq!(taken[0], taken[1], "statements of each event");
}

/// The path is there to be read in a failure.
#[tokio::test]
async fn the_lists_of_the_schema_are_found() {
    let shape = Shape::of_schema();
    let names = |path: &Path<'_>| {
        path.iter()
            .map(|relation| relation.full_name())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let lists: Vec<_> = shape.lists().iter().map(names).collect();
    for list in [
        "Query.careRequests",
        "Query.careRequests CareRequest.plants",
        "Query.viewer User.plants",
    ] {
        assert!(lists.iter().any(|found| found == list), "{lists:?}");
    }
}
