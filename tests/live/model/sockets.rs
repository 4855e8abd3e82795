//! The same over real sockets, with three processes of which one loses all its wake-ups.

use serde_json::{Value, json};

use crate::support::{Dice, Socket, Story, TestApp, care_stream, dice, text};

const STEPS: usize = 40;

#[tokio::test]
async fn a_client_who_moves_between_servers_is_told_every_entry_once_and_in_order() {
    let app = TestApp::start().await;
    let (replica, silent) = (app.replica().await, app.silent_replica().await);
    let story = Story::in_progress(&app).await;
    let servers = [&app, &replica, &silent];
    for seed in dice::seeds(3, 150) {
        let mut dice = Dice::new(seed);
        let mut follower = Follower::begin(&story, servers[dice.below(3)]).await;
        for _ in 0..STEPS {
            match dice.below(10) {
                0..5 => {
                    let input = json!({ "careRequestId": story.request, "plantId": story.plants[0], "kind": "WATER" });
                    let server = servers[dice.below(3)];
                    server.done(&story.caretaker, "recordCare", input, "").await;
                }
                5 | 6 => follower.move_to(servers[dice.below(3)]).await,
                7 => follower.hear().await,
                8 => {
                    let (last, floor) = ends(&story).await;
                    let floor = dice.between(floor, last - 1);
                    trim(&story, floor).await;
                }
                _ => {
                    let server = servers[dice.below(3)];
                    server.app.hub.catch_up().await.unwrap();
                }
            }
        }
        let (last, _) = ends(&story).await;
        while follower.at < last {
            follower.hear().await;
        }
    }
    replica.stop().await;
    silent.stop().await;
}

async fn ends(story: &Story<'_>) -> (i64, i64) {
    use plant_care::entity::stream;
    use sea_orm::EntityTrait as _;
    let row = stream::Entity::find_by_id(care_stream(&story.request));
    let row = row.one(story.app.rows()).await.unwrap().unwrap();
    (row.last_seq, row.floor_seq)
}

async fn trim(story: &Story<'_>, floor: i64) {
    let (app, stream) = (story.app, care_stream(&story.request));
    app.sql(&format!(
        "UPDATE streams SET floor_seq = {floor} WHERE name = '{stream}'"
    ))
    .await;
    app.sql(&format!(
        "DELETE FROM stream_entries WHERE stream = '{stream}' AND seq <= {floor}"
    ))
    .await;
}

struct Follower<'a> {
    story: &'a Story<'a>,
    socket: Socket,
    cursor: Option<String>,
    at: i64,
    has_caught_up: bool,
}

impl<'a> Follower<'a> {
    async fn begin(story: &'a Story<'a>, server: &TestApp) -> Self {
        let mut socket = server.socket(&story.owner).await;
        socket.follow(&story.request, None).await;
        Self {
            story,
            socket,
            cursor: None,
            at: 0,
            has_caught_up: false,
        }
    }

    /// Comes back to a server with the last cursor.
    async fn move_to(&mut self, server: &TestApp) {
        self.socket = server.socket(&self.story.owner).await;
        self.socket
            .follow(&self.story.request, self.cursor.as_deref())
            .await;
        self.has_caught_up = false;
    }

    /// Hears one message, if one must come.
    async fn hear(&mut self) {
        let (last, _) = ends(self.story).await;
        if self.has_caught_up && self.at >= last {
            return;
        }
        let told = self.socket.told().await;
        match told["__typename"].as_str().unwrap() {
            "CareEventDelivered" => {
                let seq = told["event"]["seq"].as_i64().unwrap();
                assert_eq!(seq, self.at + 1, "{told}");
                self.at = seq;
                self.cursor = Some(text(&told["cursor"]));
            }
            "StreamGap" => self.gap(&told).await,
            "StreamCaughtUp" => {
                assert!(!self.has_caught_up, "once");
                self.has_caught_up = true;
                self.cursor = Some(text(&told["cursor"]));
            }
            _ => panic!("unexpected: {told}"),
        }
    }

    async fn gap(&mut self, told: &Value) {
        assert_eq!(told["reason"], "TRIMMED", "{told}");
        let (to, (_, floor)) = (text(&told["to"]), ends(self.story).await);
        let seq = crate::live::number(&to);
        assert!(seq > self.at && seq <= floor, "{told} after {}", self.at);
        self.at = seq;
        self.cursor = Some(to);
    }
}
