//! Doing what the plan says, through the use cases.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::QueryFilter as _;

use super::Error;
use super::members::{PASSWORD, PEOPLE};
use super::plan::{self, Act, Deed};
use super::requests::{self, Request};
use super::{known, member, plants};
use crate::app::App;
use crate::domain::care_record::{self, NewCareRecord};
use crate::domain::care_request::{self, NewCareRequest, timed};
use crate::domain::plant::{self, NewPlant};
use crate::domain::user::{self, NewUser};
use crate::domain::values::{Cell, Days, Email, Password, Text, Timezone};
use crate::domain::{self, Keyed, Member, comment, feed, offer};
use crate::entity::user::BotanistStatus;
use crate::entity::{CareRequestId, FamilyId, OfferId, PlantId, UserId};
use crate::live::{Stream, log};

/// How often the steps that time takes are looked for.
const TIME_STEPS_EVERY: TimeDelta = TimeDelta::hours(6);

/// Plays the plan on a clock of its own.
pub(super) struct Player {
    app: App,
    now: DateTime<Utc>,
    time_looked: DateTime<Utc>,
    table: Vec<&'static Request>,
    members: HashMap<usize, Member>,
    pots: HashMap<(usize, usize), PlantId>,
    asked: HashMap<usize, CareRequestId>,
    offers: HashMap<(usize, usize), OfferId>,
}

impl Player {
    /// A player whose present is `now` and whose app's clock is set to the beginning.
    pub(super) fn new(app: App, now: DateTime<Utc>) -> Self {
        Self {
            time_looked: app.clock.now(),
            app,
            now,
            table: requests::all().map(|(_, request)| request).collect(),
            members: HashMap::new(),
            pots: HashMap::new(),
            asked: HashMap::new(),
            offers: HashMap::new(),
        }
    }

    /// Does everything, in order.
    pub(super) async fn play(mut self) -> Result<(), Error> {
        let acts = plan::acts(self.now);
        let of = acts.len();
        for (done, act) in acts.iter().enumerate() {
            let outcome = match self.wait_until(act.at).await {
                Ok(()) => self.perform(act).await,
                Err(error) => Err(error),
            };
            outcome.map_err(|error| Error::Stopped { done, of, error })?;
        }
        Ok(())
    }

    /// Moves the clock on, and lets time do what is due on the way.
    async fn wait_until(&mut self, time: DateTime<Utc>) -> Result<(), domain::Error> {
        while self.time_looked + TIME_STEPS_EVERY <= time {
            self.time_looked += TIME_STEPS_EVERY;
            self.advance_to(self.time_looked);
            timed::run(&self.app).await?;
        }
        self.advance_to(time);
        Ok(())
    }

    fn advance_to(&self, time: DateTime<Utc>) {
        let clock = &self.app.clock;
        clock.advance((time - clock.now()).max(TimeDelta::zero()));
    }

    async fn perform(&mut self, act: &Act) -> Result<(), domain::Error> {
        let app = self.app.clone();
        let keyed = Some(keyed(&act.key)?);
        match act.deed {
            Deed::Join(person) => self.join(person).await?,
            Deed::Verify(person) => {
                let id = self.member(person)?.id;
                let known_as = known(member(&app, &PEOPLE[person]).await?)?.botanist_status;
                if known_as != BotanistStatus::Verified {
                    user::verify_botanist(&app, id).await?;
                }
            }
            Deed::Pot { owner, number } => self.pot(owner, number).await?,
            Deed::Ask { request, publish } => {
                let new = self.request(request, publish)?;
                let owner = self.member(self.table[request].owner)?;
                let id = care_request::create(&app, &owner, new, keyed).await?.id;
                self.asked.insert(request, CareRequestId(id));
            }
            Deed::Change { request, by, change } => {
                let (by, id) = (self.member(by)?, self.asked(request)?);
                care_request::change(&app, &by, id, change, keyed).await?;
            }
            Deed::Offer { request, by, message } => {
                let text = Text::optional("message", message)?;
                let (member, id) = (self.member(by)?, self.asked(request)?);
                let offer = offer::send(&app, &member, id, text, keyed).await?.id;
                self.offers.insert((request, by), OfferId(offer));
            }
            Deed::Accept { request, of } => {
                let (owner, id) = (self.member(self.table[request].owner)?, self.offer(request, of)?);
                offer::accept(&app, &owner, id, keyed).await?;
            }
            Deed::Decline { request, of } => {
                let (owner, id) = (self.member(self.table[request].owner)?, self.offer(request, of)?);
                offer::decline(&app, &owner, id, keyed).await?;
            }
            Deed::TakeBack { request, by } => {
                let (member, id) = (self.member(by)?, self.offer(request, by)?);
                offer::withdraw(&app, &member, id, keyed).await?;
            }
            Deed::Care { request, .. } => {
                let caretaker = self.member(self.table[request].caretaker)?;
                let new = self.record(&act.deed)?;
                care_record::record(&app, &caretaker, new, keyed).await?;
            }
            Deed::Say { request, by, body } => {
                let (by, id) = (self.member(by)?, self.asked(request)?);
                comment::add(&app, &by, id, Text::parse("body", body)?, keyed).await?;
            }
            Deed::Read(person) => {
                let viewer = self.member(person)?;
                let stream = Stream::User(viewer.id);
                let reader = app.database.reader();
                let last = log::extent(reader, stream).await?.last;
                let cursor = log::cursor_at(reader, stream, last).await?;
                feed::mark_read(&app, &viewer, cursor).await?;
            }
        }
        Ok(())
    }

    async fn join(&mut self, number: usize) -> Result<(), domain::Error> {
        let person = &PEOPLE[number];
        let user = if let Some(user) = member(&self.app, person).await? {
            user
        } else {
            let new = NewUser {
                email: Email::parse("email", &person.email())?,
                password: Password::parse("password", PASSWORD)?,
                display_name: Text::parse("displayName", person.name)?,
                locale: person.locale,
                timezone: Some(Timezone::parse("timezone", person.timezone)?),
            };
            user::register(&self.app, new).await?.user
        };
        let member = Member {
            id: user.id,
            session: FamilyId(self.app.clock.new_id()),
            role: user.role,
            locale: user.locale,
        };
        self.members.insert(number, member);
        Ok(())
    }

    async fn pot(&mut self, owner: usize, number: usize) -> Result<(), domain::Error> {
        let viewer = self.member(owner)?;
        let pot = plants::pot(owner, number);
        let id = if let Some(id) = self.planted(viewer.id, pot.name).await? {
            id
        } else {
            let new = NewPlant {
                name: Text::parse("name", pot.name)?,
                species_text: Text::optional("speciesText", Some(pot.species))?,
                instructions: Text::optional("instructions", Some(pot.instructions))?,
            };
            plant::create(&self.app, &viewer, new).await?.id
        };
        self.pots.insert((owner, number), id);
        Ok(())
    }

    /// A plant that an interrupted run has added: adding one takes no idempotency key.
    async fn planted(&self, owner: UserId, name: &str) -> Result<Option<PlantId>, domain::Error> {
        use crate::entity::plant;
        let found = plant::owned_by(owner)
            .filter(plant::COLUMN.name.eq(name))
            .one(self.app.database.reader())
            .await?;
        Ok(found.map(|plant| plant.id))
    }

    fn request(&self, number: usize, publish: bool) -> Result<NewCareRequest, domain::Error> {
        let request = self.table[number];
        let owner = &PEOPLE[request.owner];
        let zone = owner.timezone.parse().unwrap_or(chrono_tz::Tz::UTC);
        let day = |day| plan::day_from(self.now, zone, day);
        let plants = request
            .plants
            .iter()
            .map(|plant| known(self.pots.get(&(request.owner, *plant)).copied()));
        Ok(NewCareRequest {
            plants: plants.collect::<Result<_, _>>()?,
            title: Text::parse("title", request.title)?,
            mode: request.mode,
            days: Days::parse(day(request.first), day(request.last))?,
            timezone: Timezone::parse("timezone", owner.timezone)?,
            cell: Cell::optional("approxCell", Some(owner.cell))?,
            instructions: Text::optional("instructions", Some(request.instructions))?,
            publish,
        })
    }

    fn record(&self, deed: &Deed) -> Result<NewCareRecord, domain::Error> {
        let Deed::Care {
            request,
            number,
            kind,
            amount_ml,
            note,
            minutes_ago,
        } = *deed
        else {
            return known(None);
        };
        let plant = self.pots.get(&(self.table[request].owner, number));
        Ok(NewCareRecord {
            care_request: self.asked(request)?,
            plant: known(plant.copied())?,
            kind,
            amount_ml,
            note: Text::optional("note", note)?,
            occurred_at: minutes_ago.map(|minutes| self.app.clock.now() - TimeDelta::minutes(minutes)),
        })
    }

    fn member(&self, number: usize) -> Result<Member, domain::Error> {
        known(self.members.get(&number).copied())
    }

    fn asked(&self, request: usize) -> Result<CareRequestId, domain::Error> {
        known(self.asked.get(&request).copied())
    }

    fn offer(&self, request: usize, by: usize) -> Result<OfferId, domain::Error> {
        known(self.offers.get(&(request, by)).copied())
    }
}

/// The idempotency key of a deed, whose input is the same in every run.
fn keyed(key: &str) -> Result<Keyed, domain::Error> {
    let key = format!("demonstration-{key}");
    Ok(Keyed {
        fingerprint: key.clone().into_bytes(),
        key: Text::parse("idempotencyKey", &key)?,
    })
}
