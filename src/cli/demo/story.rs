//! The story: a week of care, from asking for it to coming home.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Days};
use serde_json::{Value, json};

use super::people::{Care, Person, Plant, text};
use super::screen::{Screen, Style};
use super::witness::Witness;
use super::{CliError, Pace};
use crate::client::{Client, ClientError};

/// Who plays; the same in every round.
pub(super) struct Cast {
    owner: Person,
    caretaker: Person,
    neighbour: Person,
    plants: [Plant; 3],
    /// The server's time, as far as it is known.
    time: String,
}

/// What came of the rounds so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    rounds: u32,
    events: usize,
    missed: usize,
    live: u32,
    waited: Duration,
    slowest: Duration,
}

impl Cast {
    /// Makes new members, so that a story disturbs nobody.
    pub(super) async fn register(server: &Client) -> Result<Self, ClientError> {
        let (owner, time) = Person::register(server, "Nora").await?;
        let (caretaker, _) = Person::register(server, "Emil").await?;
        let (neighbour, _) = Person::register(server, "Petra").await?;
        let plants = [
            owner.plant("Fernanda", "Boston fern").await?,
            owner.plant("Old Spikey", "Golden barrel cactus").await?,
            owner.plant("Madame Violet", "African violet").await?,
        ];
        Ok(Self {
            owner,
            caretaker,
            neighbour,
            plants,
            time,
        })
    }

    /// Keeps everybody logged in.
    pub(super) async fn refresh(&mut self) -> Result<(), ClientError> {
        for person in [&mut self.owner, &mut self.caretaker, &mut self.neighbour] {
            person.refresh().await?;
        }
        Ok(())
    }

    /// Plays one round.
    pub(super) async fn play(
        &mut self,
        screen: &Screen,
        pace: Pace,
        tally: &mut Tally,
    ) -> Result<(), CliError> {
        let names: Vec<_> = self.plants.iter().map(|plant| plant.name.as_str()).collect();
        let (owner, caretaker) = (self.owner.name, self.caretaker.name);
        screen.headline(&format!(
            "{owner} goes away for a week; {} stay",
            names.join(", ")
        ))?;
        screen.aside(
            Style::Dim,
            &format!("{owner}'s live timeline: time, place in it, delay after it was sent"),
        )?;
        let request = self.ask().await?;
        let mut witness = Witness::of(&self.owner, &request, screen, pace).await?;
        witness.pause(1500).await?;
        witness
            .sees(self.owner.change("publishCareRequest", &request))
            .await?;
        witness.pause(1500).await?;

        self.find_caretaker(&mut witness, &request).await?;
        self.first_days(&mut witness, &request).await?;

        screen.headline(&format!(
            "{owner}'s train enters a tunnel: her connection is cut. {caretaker} goes on"
        ))?;
        witness.cut();
        let unseen = self.unseen(&mut witness, &request).await?;
        screen.headline(&format!(
            "{owner} is back, with the cursor of the last event she saw"
        ))?;
        let missed = witness.connect().await?;
        if missed != unseen {
            return Err(CliError::Domain(format!(
                "{unseen} events were stored while she was away, and {missed} arrived afterwards"
            )));
        }
        screen.aside(
            Style::Dim,
            &format!("{missed} events missed, {missed} arrived: each once, in order"),
        )?;
        witness.pause(2000).await?;

        self.last_days(&mut witness, &request).await?;
        // Long enough for what would come twice.
        witness.pause(1000).await?;
        tally.add(witness.account(&self.owner).await?, missed, &witness.latencies);
        if let Some(time) = witness.time {
            self.time = time;
        }
        Ok(())
    }

    /// Makes a draft for the week from today on, by the server's clock: its id.
    async fn ask(&self) -> Result<String, CliError> {
        let today = DateTime::parse_from_rfc3339(&self.time)
            .map_err(|error| CliError::Domain(format!("the server's time {} is none: {error}", self.time)))?
            .to_utc()
            .date_naive();
        let ids: Vec<_> = self.plants.iter().map(|plant| &plant.id).collect();
        let input = json!({
            "plantIds": ids, "title": "A week by the sea", "mode": "AT_OWNER", "timezone": "UTC",
            "startsOn": today, "endsOn": today + Days::new(6),
            "instructions": "Madame Violet from below, please.",
        });
        let fields = "careRequest { id }";
        let payload = self.owner.mutate("createCareRequest", input, fields).await?;
        Ok(text(&payload["careRequest"]["id"]))
    }

    /// Two offers, of which the owner takes the first.
    async fn find_caretaker(&self, witness: &mut Witness<'_>, request: &str) -> Result<(), CliError> {
        let (caretaker, neighbour) = (&self.caretaker, &self.neighbour);
        witness.screen.headline("Two neighbours offer to help")?;
        let offer = caretaker
            .offer(request, "I live across the street and love ferns.")
            .await?;
        neighbour.offer(request, "I could come by twice.").await?;
        let query = "{ feed { unread events(last: 2) { edges { node { event {
            ... on OfferReceived { actor { displayName } offer { message } } } } } } } }";
        let feed = self.owner.client.run(query, json!({})).await?["feed"].take();
        for edge in feed["events"]["edges"].as_array().into_iter().flatten() {
            let event = &edge["node"]["event"];
            let (who, what) = (
                text(&event["actor"]["displayName"]),
                text(&event["offer"]["message"]),
            );
            witness
                .screen
                .aside(Style::Plain, &format!("◇ {who}: “{what}”"))?;
        }
        witness.screen.aside(
            Style::Dim,
            &format!("offers are in her feed alone; {} unread there", feed["unread"]),
        )?;
        witness.pause(2000).await?;
        let input = json!({ "offerId": offer });
        witness
            .sees(self.owner.mutate("acceptOffer", input, "cursor"))
            .await?;
        witness.pause(1500).await
    }

    async fn first_days(&self, witness: &mut Witness<'_>, request: &str) -> Result<(), CliError> {
        let [fern, cactus, violet] = &self.plants;
        witness.screen.headline(&format!(
            "The first days: {} sees them as they happen",
            self.owner.name
        ))?;
        witness.sees(self.caretaker.change("startCare", request)).await?;
        witness.pause(1300).await?;
        let done = [
            care(fern, "WATER", Some(300), Some("Dry two fingers deep.")),
            care(violet, "WATER", Some(100), Some("From below, as you asked.")),
            care(cactus, "ROTATE", None, None),
        ];
        for care in &done {
            witness.sees(self.caretaker.care(request, care)).await?;
            witness.pause(1100).await?;
        }
        witness
            .sees(self.owner.comment(request, "How is Fernanda?"))
            .await?;
        witness.pause(1300).await?;
        let answer = "Two new fronds since you left!";
        witness.sees(self.caretaker.comment(request, answer)).await?;
        witness.pause(1500).await
    }

    /// What happens while the owner sees nothing: so many events, as the server answers the caretaker.
    async fn unseen(&self, witness: &mut Witness<'_>, request: &str) -> Result<usize, CliError> {
        let [fern, _, violet] = &self.plants;
        let done = [
            care(fern, "WATER", Some(250), None),
            care(fern, "MIST", None, Some("The air is dry today.")),
            care(
                violet,
                "PEST_CHECK",
                None,
                Some("Looked under every leaf: nothing."),
            ),
        ];
        let mut stored: Vec<Value> = Vec::new();
        for care in &done {
            let payload = witness.sees(self.caretaker.care(request, care)).await?;
            witness.screen.event(&payload["event"], "unseen", true)?;
            stored.push(payload);
            witness.pause(1000).await?;
        }
        let body = "All well here. Enjoy the sea!";
        stored.push(witness.sees(self.caretaker.comment(request, body)).await?);
        witness.screen.aside(
            Style::Dim,
            &format!("» and {} has written to her", self.caretaker.name),
        )?;
        witness.pause(1500).await?;
        Ok(stored.len())
    }

    async fn last_days(&self, witness: &mut Witness<'_>, request: &str) -> Result<(), CliError> {
        let [fern, ..] = &self.plants;
        witness.screen.headline("The last days: live again")?;
        let prune = care(fern, "PRUNE", None, Some("Two brown tips."));
        witness.sees(self.caretaker.care(request, &prune)).await?;
        witness.pause(1300).await?;
        witness.sees(self.caretaker.change("endCare", request)).await?;
        witness.pause(1300).await?;
        witness.sees(self.owner.change("confirmCare", request)).await?;
        self.read_feed(witness).await
    }

    /// The owner looks through her feed: nothing of what others did is unread any more.
    async fn read_feed(&self, witness: &Witness<'_>) -> Result<(), CliError> {
        let query = "{ feed { unread events(last: 1) { pageInfo { endCursor } } } }";
        let feed = self.owner.client.run(query, json!({})).await?["feed"].take();
        let input = json!({ "cursor": feed["events"]["pageInfo"]["endCursor"] });
        let read = self
            .owner
            .mutate("markFeedRead", input, "feed { unread }")
            .await?;
        let line = format!(
            "her feed had {} unread, and has {} now that she looked",
            feed["unread"], read["feed"]["unread"]
        );
        Ok(witness.screen.aside(Style::Dim, &line)?)
    }
}

impl Tally {
    fn add(&mut self, events: usize, missed: usize, latencies: &[Duration]) {
        self.rounds += 1;
        self.events += events;
        self.missed += missed;
        for latency in latencies {
            self.live += 1;
            self.waited += *latency;
            self.slowest = self.slowest.max(*latency);
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rounds > 1 {
            write!(f, "{} rounds: ", self.rounds)?;
        }
        let average = self.waited / self.live.max(1);
        write!(
            f,
            "{} events, no gap, no double. {} of them came after a lost connection; the live ones took {} ms on \
             average, {} ms at most.",
            self.events,
            self.missed,
            average.as_millis(),
            self.slowest.as_millis()
        )
    }
}

fn care<'a>(
    plant: &'a Plant,
    kind: &'static str,
    amount_ml: Option<i32>,
    note: Option<&'static str>,
) -> Care<'a> {
    Care {
        plant,
        kind,
        amount_ml,
        note,
    }
}
