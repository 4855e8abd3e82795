//! What is open: the board on which members look for plants to take care of.

use geohash::Coord;
use serde_json::{Value, json};

use crate::support::story::{create, draft, request_input};
use crate::support::{Member, Story, TestApp, error_code, nodes, text};

/// An owner with a plant of her own for each request.
struct Board<'a> {
    app: &'a TestApp,
    owner: Member,
    reader: Member,
}

impl<'a> Board<'a> {
    async fn new(app: &'a TestApp) -> Self {
        Self {
            app,
            owner: app.member("Olga").await,
            reader: app.member("Carl").await,
        }
    }

    async fn open(&self, title: &str, change: impl FnOnce(&mut Value)) -> String {
        let mut input = request_input(&[self.app.plant(&self.owner, title).await]);
        input["title"] = json!(title);
        change(&mut input);
        create(self.app, &self.owner, input).await
    }

    async fn open_at(&self, title: &str, latitude: f64, longitude: f64) {
        self.open(title, |input| {
            input["approxCell"] = json!(cell(latitude, longitude));
        })
        .await;
    }

    /// The titles of what is found.
    async fn found(&self, arguments: &str) -> Vec<String> {
        let query =
            format!("{{ openCareRequests{arguments} {{ totalCount edges {{ node {{ title }} }} }} }}");
        let data = self.app.run(&self.reader, &query, json!({})).await;
        let titles: Vec<_> = nodes(&data["openCareRequests"])
            .map(|request| text(&request["title"]))
            .collect();
        assert_eq!(data["openCareRequests"]["totalCount"], titles.len());
        titles
    }

    async fn near(&self, latitude: f64, longitude: f64, radius_km: i32) -> Vec<String> {
        let cell = cell(latitude, longitude);
        self.found(&format!("(near: {{ cell: \"{cell}\", radiusKm: {radius_km} }})"))
            .await
    }
}

fn cell(latitude: f64, longitude: f64) -> String {
    let place = Coord {
        x: longitude,
        y: latitude,
    };
    geohash::encode(place, 6).unwrap()
}

#[tokio::test]
async fn only_what_is_open_is_on_the_board_newest_first() {
    let app = TestApp::start().await;
    let board = Board::new(&app).await;
    assert!(board.found("").await.is_empty());
    board.open("First", |_| {}).await;
    let gone = board.open("Gone", |_| {}).await;
    let taken = board.open("Taken", |_| {}).await;
    board.open("Last", |_| {}).await;
    draft(&app, &board.owner, &[app.plant(&board.owner, "Palm").await]).await;
    assert_eq!(board.found("").await, ["Last", "Taken", "Gone", "First"]);

    let input = json!({ "careRequestId": gone });
    app.done(&board.owner, "cancelCareRequest", input, "").await;
    let story = Story {
        app: &app,
        owner: board.owner.clone(),
        caretaker: board.reader.clone(),
        plants: Vec::new(),
        request: taken,
    };
    story.assign(&story.caretaker).await;
    assert_eq!(board.found("").await, ["Last", "First"]);
    story.does(&story.caretaker, "withdrawFromCare").await;
    assert_eq!(board.found("").await, ["Last", "Taken", "First"]);
}

#[tokio::test]
async fn the_board_is_read_page_by_page() {
    let app = TestApp::start().await;
    let board = Board::new(&app).await;
    for number in 1..=5 {
        board.open(&format!("No. {number}"), |_| {}).await;
    }
    let page = async |arguments: &str| {
        let query = format!(
            "{{ openCareRequests({arguments}) {{ totalCount edges {{ node {{ title }} }}
                pageInfo {{ endCursor startCursor hasNextPage hasPreviousPage }} }} }}"
        );
        let data = app.run(&board.reader, &query, json!({})).await["openCareRequests"].take();
        assert_eq!(data["totalCount"], 5);
        let titles: Vec<_> = nodes(&data).map(|request| text(&request["title"])).collect();
        (titles.join(", "), data["pageInfo"].clone())
    };
    let (titles, first) = page("first: 2").await;
    assert_eq!(titles, "No. 5, No. 4");
    assert_eq!(
        (&first["hasNextPage"], &first["hasPreviousPage"]),
        (&json!(true), &json!(false))
    );
    let (titles, rest) = page(&format!("first: 3, after: {}", first["endCursor"])).await;
    assert_eq!(titles, "No. 3, No. 2, No. 1");
    assert_eq!(
        (&rest["hasNextPage"], &rest["hasPreviousPage"]),
        (&json!(false), &json!(true))
    );
    let (titles, _) = page(&format!("last: 1, before: {}", rest["startCursor"])).await;
    assert_eq!(titles, "No. 4");
    let (titles, _) = page("last: 2").await;
    assert_eq!(titles, "No. 2, No. 1");
}

#[tokio::test]
async fn what_is_near_is_found_by_its_cell() {
    let app = TestApp::start().await;
    let board = Board::new(&app).await;
    board.open("Nowhere", |_| {}).await;
    board.open_at("Paris", 48.8566, 2.3522).await;
    board.open_at("Versailles", 48.8049, 2.1204).await;
    board.open_at("Lyon", 45.7640, 4.8357).await;
    assert_eq!(board.near(48.8566, 2.3522, 5).await, ["Paris"]);
    assert_eq!(board.near(48.8566, 2.3522, 16).await, ["Paris"]);
    assert_eq!(board.near(48.8566, 2.3522, 20).await, ["Versailles", "Paris"]);
    assert_eq!(
        board.near(48.8566, 2.3522, 500).await,
        ["Lyon", "Versailles", "Paris"]
    );
    assert!(board.near(-48.8566, 2.3522, 500).await.is_empty());
    assert_eq!(board.found("").await, ["Lyon", "Versailles", "Paris", "Nowhere"]);
}

#[tokio::test]
async fn what_is_near_may_be_beyond_the_antimeridian_or_the_pole() {
    let app = TestApp::start().await;
    let board = Board::new(&app).await;
    board.open_at("Taveuni, west", -16.8, 179.98).await;
    board.open_at("Taveuni, east", -16.8, -179.98).await;
    board.open_at("The pole", 89.99, 10.0).await;
    board.open_at("The pole, opposite", 89.9, -170.0).await;
    for longitude in [179.98, -179.98] {
        assert_eq!(
            board.near(-16.8, longitude, 10).await,
            ["Taveuni, east", "Taveuni, west"]
        );
    }
    assert_eq!(board.near(-16.8, 179.98, 1).await, ["Taveuni, west"]);
    assert_eq!(
        board.near(89.99, 10.0, 20).await,
        ["The pole, opposite", "The pole"]
    );
}

#[tokio::test]
async fn the_board_is_narrowed_to_some_days() {
    let app = TestApp::start().await;
    let board = Board::new(&app).await;
    for (first, last) in [(1, 7), (5, 10), (10, 12)] {
        board
            .open(&format!("{first} to {last}"), |input| {
                input["startsOn"] = json!(format!("2026-06-{first:02}"));
                input["endsOn"] = json!(format!("2026-06-{last:02}"));
            })
            .await;
    }
    for (arguments, titles) in [
        ("(from: \"2026-06-05\")", vec!["10 to 12", "5 to 10"]),
        ("(from: \"2026-06-06\")", vec!["10 to 12"]),
        ("(to: \"2026-06-10\")", vec!["5 to 10", "1 to 7"]),
        ("(to: \"2026-06-09\")", vec!["1 to 7"]),
        ("(from: \"2026-06-02\", to: \"2026-06-11\")", vec!["5 to 10"]),
        ("(from: \"2026-06-11\", to: \"2026-06-30\")", vec![]),
    ] {
        assert_eq!(board.found(arguments).await, titles, "{arguments}");
    }
}

#[tokio::test]
async fn a_place_that_is_none_is_refused() {
    let app = TestApp::start().await;
    let board = Board::new(&app).await;
    for (near, field) in [
        ("{ cell: \"u09tv\", radiusKm: 5 }", "near.cell"),
        ("{ cell: \"u09tva\", radiusKm: 5 }", "near.cell"),
        ("{ cell: \"u09tvw\", radiusKm: 0 }", "near.radiusKm"),
        ("{ cell: \"u09tvw\", radiusKm: 501 }", "near.radiusKm"),
    ] {
        let query = format!("{{ openCareRequests(near: {near}) {{ totalCount }} }}");
        let answer = app.send(Some(&board.reader.token), &query, json!({})).await;
        assert_eq!(error_code(&answer), "BAD_REQUEST", "{near}");
        assert!(
            text(&answer["errors"][0]["message"]).starts_with(field),
            "{answer}"
        );
    }
}
