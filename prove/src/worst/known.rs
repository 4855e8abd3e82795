//! Attacks that are known, which the search begins with.

use super::document::Ids;

/// Queries, by what they are after.
pub(super) fn queries(ids: &Ids) -> Vec<(&'static str, String)> {
    let request = ids.all.first().map(String::as_str).unwrap_or_default();
    let again = |what: &str, times: usize| vec![what; times].join(" ");
    let nested = "interfaces { possibleTypes { ".repeat(5) + "name description" + &" } }".repeat(5);
    let page = |first: usize, inner: &str| {
        format!("query {{ careRequests(first: {first}) {{ edges {{ node {{ {inner} }} }} }} }}")
    };
    let texts = "id title instructions timezone approxCell createdAt startsOn endsOn status mode urgent";
    let plants = "plants { id name speciesText instructions status createdAt owner { id displayName } }";
    let author = "author { id displayName botanistStatus createdAt }";
    let event = "__typename id seq occurredAt recordedAt actor { id displayName email plants(first: 1) { totalCount } } \
                 plant { id name instructions owner { id } } careRequest { id title instructions }";
    vec![
        ("possible types of interfaces", format!("query {{ __schema {{ types {{ {nested} }} }} }}")),
        (
            "types of fields of types",
            "query { __schema { types { fields { type { fields { type { fields { type { name } } } } } } } } }".to_owned(),
        ),
        (
            "descriptions",
            format!(
                "query {{ __schema {{ types {{ {} }} }} }}",
                again("name description fields { name description args { name description } }", 8)
            ),
        ),
        ("one scalar, 490 times", page(100, &again("instructions", 490))),
        ("one scalar, 45 times", page(100, &again("instructions", 45))),
        ("one short scalar, 490 times", format!("query {{ viewer {{ {} }} }}", again("id", 490))),
        ("all texts", page(100, texts)),
        ("plants", page(50, &format!("{texts} {plants}"))),
        (
            "comments with their authors",
            page(24, &format!("{texts} comments(first: 100) {{ edges {{ node {{ id body createdAt isAdvice {author} }} }} }}")),
        ),
        ("comments", page(49, "comments(first: 100) { edges { node { id body createdAt isAdvice } } }")),
        ("comments that nobody reads", page(49, "comments(first: 100) { totalCount }")),
        (
            "offers",
            page(24, &format!("offers(first: 100) {{ totalCount edges {{ node {{ id message caretaker {{ id }} careRequest {{ {texts} }} }} }} }}")),
        ),
        (
            "an owner's plants, over and over",
            page(100, &format!("owner {{ {} }}", (0..24).map(|n| format!("p{n}: plants(first: 1) {{ totalCount }}")).collect::<Vec<_>>().join(" "))),
        ),
        (
            "timelines",
            page(8, &format!("timeline(first: 100) {{ totalCount edges {{ cursor node {{ {event} }} }} }}")),
        ),
        (
            "one timeline",
            format!("query {{ careRequest(id: \"{request}\") {{ timeline(first: 100) {{ edges {{ node {{ {event} ... on CommentAdded {{ comment {{ body {author} careRequest {{ {texts} }} }} }} }} }} }} }} }}"),
        ),
        (
            "the feed",
            format!("query {{ feed {{ unread events(first: 100) {{ totalCount edges {{ cursor node {{ level event {{ {event} }} }} }} }} }} }}"),
        ),
        (
            "nested pages",
            "query { viewer { plants(first: 10) { edges { node { owner { plants(first: 10) { edges { node { owner { \
             plants(first: 10) { edges { node { id name instructions } } } } } } } } } } } } }"
                .to_owned(),
        ),
        ("the board", format!("query {{ openCareRequests(first: 90) {{ totalCount edges {{ node {{ {texts} {plants} }} }} }} }}").replace("first: 90", "first: 40")),
        ("pages of everything", format!("query {{ {} }}", again("openCareRequests(first: 100) { edges { node { id title instructions } } }", 20))),
    ]
}

/// Documents that cost before anything of them runs, which are only looked at.
pub(super) fn documents() -> Vec<(&'static str, String)> {
    let numbered =
        |count: usize, part: &dyn Fn(usize) -> String| (0..count).map(part).collect::<Vec<_>>().join(" ");
    let scalars = ["id displayName locale timezone role"; 80].join(" ");
    let doubling = |leaf: &str| {
        numbered(8, &|n| {
            format!("fragment f{} on User {{ ...f{n} ...f{n} }}", n + 1)
        }) + &format!(" fragment f0 on User {{ {leaf} }} query {{ viewer {{ ...f8 }} }}")
    };
    vec![
        (
            "many operations of one long fragment",
            numbered(150, &|n| format!("query q{n} {{ viewer {{ ...f }} }}"))
                + &format!(" fragment f on User {{ {scalars} }}"),
        ),
        ("fragments of fragments", doubling("id")),
        (
            "fragments in fragments",
            format!(
                "query {{ viewer {{ {} {scalars} {} }} }}",
                "... on User { ".repeat(55),
                "} ".repeat(55)
            ),
        ),
        (
            "names that nobody has",
            format!(
                "query {{ viewer {{ {} }} }}",
                numbered(480, &|n| format!("displayNamm{n:015}"))
            ),
        ),
        (
            "one long name",
            format!("query {{ viewer {{ {} }} }}", "displayName".repeat(1_400)),
        ),
        (
            "arguments that nobody takes",
            format!(
                "query {{ viewer {{ plants({}) {{ totalCount }} }} }}",
                numbered(480, &|n| format!("firsst{n}: 1"))
            ),
        ),
        (
            "a long list",
            format!(
                "query {{ careRequests(status: [{}]) {{ totalCount }} }}",
                ["OPEN"; 1_900].join(" ")
            ),
        ),
        (
            "variables",
            format!(
                "query({}) {{ viewer {{ {} }} }}",
                numbered(120, &|n| format!("$v{n}: Boolean! = true")),
                numbered(50, &|n| format!("id @include(if: $v{n})"))
            ),
        ),
    ]
}

/// What a subscription selects on an event.
pub(super) const EVENTS: [(&str, &str); 4] = [
    ("a scalar", "id"),
    (
        "a long selection",
        "id id id id id id id id id id id id id id id id id id id id id id id id id id id id id id id id id id id id id id",
    ),
    (
        "all of it",
        "__typename id seq occurredAt recordedAt actor { id displayName email } plant { id name instructions }
         careRequest { id title instructions owner { id } plants { id name instructions owner { id } } }
         ... on CommentAdded { comment { id body author { id displayName } careRequest { id title } } }",
    ),
    (
        "its request's comments",
        "id careRequest { id comments(first: 100) { edges { node { id body author { id } } } } }",
    ),
];
