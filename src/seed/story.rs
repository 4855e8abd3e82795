//! What happens to one request, step by step.

use super::dice::Dice;
use super::members::PEOPLE;
use super::plan::{Deed, When};
use super::requests::{Arc, FOLLOWED, Request};
use super::{plants, talk};
use crate::domain::care_request::Change;
use crate::entity::care_record::TaskKind;

/// Minutes of an hour.
const HOUR: i64 = 60;

/// The steps of a request's story, in order.
pub(super) fn story(number: usize, request: &Request, dice: &mut Dice) -> Vec<(When, Deed)> {
    let mut teller = Teller {
        number,
        request,
        dice,
        said: 0,
        steps: Vec::new(),
    };
    teller.tell();
    teller.steps
}

struct Teller<'a> {
    number: usize,
    request: &'a Request,
    dice: &'a mut Dice,
    /// How many lines of the talk have been said.
    said: usize,
    steps: Vec<(When, Deed)>,
}

impl Teller<'_> {
    fn tell(&mut self) {
        let request = self.request;
        let asked = match request.arc {
            Arc::Draft => -2,
            Arc::Expired => request.first - 1,
            _ => {
                let lead = 7 + i64::try_from(self.dice.below(3)).unwrap_or(0);
                (request.first - lead).min(-3)
            }
        };
        self.ask(asked);
        match request.arc {
            Arc::Draft | Arc::DraftDropped => {}
            _ => self.offers(asked + 1),
        }
        match request.arc {
            Arc::Draft | Arc::Open => {}
            Arc::DraftDropped => self.change(When::Day(asked + 2, 21 * HOUR), request.owner, Change::Cancel),
            Arc::OpenDropped => {
                self.change(When::Day(asked + 4, 12 * HOUR), request.owner, Change::Cancel);
                self.say(When::Day(asked + 4, 12 * HOUR));
            }
            Arc::Expired => self.say(When::Day(request.first + 2, 11 * HOUR)),
            _ => {
                self.accept(asked + 2);
                self.taken();
            }
        }
    }

    /// What happens once there is a caretaker.
    fn taken(&mut self) {
        let request = self.request;
        let (owner, caretaker) = (request.owner, request.caretaker);
        match request.arc {
            Arc::Assigned => self.greet(),
            Arc::AssignedDropped => {
                self.change(When::Day(request.first - 2, 18 * HOUR), owner, Change::Cancel);
                self.greet();
            }
            Arc::NeverStarted => self.say(When::Day(request.first + 1, 18 * HOUR)),
            Arc::LeftBeforeStart => {
                self.greet();
                self.change(When::Day(-1, 17 * HOUR), caretaker, Change::Withdraw);
            }
            Arc::Running => {
                self.care(-1);
                self.care_today();
            }
            Arc::LeftWhileRunning => {
                self.care(-2);
                self.say_all(When::Day(-1, 16 * HOUR));
                self.change(When::Day(-1, 17 * HOUR), caretaker, Change::Withdraw);
                if let Some(rival) = request.rivals.first() {
                    self.offer(When::Ago(120), *rival);
                }
            }
            Arc::EndedEarly => {
                let day = request.first + (request.last - request.first) * 3 / 4;
                self.care(day);
                self.say_all(When::Day(day, 20 * HOUR));
                self.change(When::Day(day, 20 * HOUR + 40), owner, Change::EndEarly);
            }
            Arc::EndedByTime => {
                self.care(request.last);
                self.say_all(When::Day(request.last, 20 * HOUR));
            }
            Arc::ConfirmedLate => {
                self.care(request.last);
                self.change(When::Day(request.last + 2, 13 * HOUR), owner, Change::Confirm);
                self.say_all(When::Day(request.last + 2, 14 * HOUR));
            }
            Arc::Ended | Arc::ConfirmedByTime => self.end(),
            Arc::Confirmed => {
                self.end();
                self.change(When::Day(request.last + 1, 10 * HOUR), owner, Change::Confirm);
            }
            // Those never have a caretaker.
            Arc::Draft | Arc::DraftDropped | Arc::Open | Arc::OpenDropped | Arc::Expired => {}
        }
    }

    fn ask(&mut self, day: i64) {
        let draft = matches!(self.request.arc, Arc::Draft | Arc::DraftDropped);
        // Every third owner sleeps over it.
        let first_a_draft = draft || self.dice.once_in(3);
        let (request, minute) = (self.number, self.minute(9, 4));
        let ask = Deed::Ask {
            request,
            publish: !first_a_draft,
        };
        self.steps.push((When::Day(day, minute), ask));
        if first_a_draft && !draft {
            let at = When::Day(day, 18 * HOUR + 5);
            self.change(at, self.request.owner, Change::Publish);
        }
    }

    fn offers(&mut self, day: i64) {
        let morning = self.minute(9, 3);
        self.offer(When::Day(day, morning), self.request.caretaker);
        for (rival, hour) in self.request.rivals.iter().zip(13..) {
            self.offer(When::Day(day, hour * HOUR), *rival);
        }
        // Where the request stays open its first rival thinks better of it.
        if let (Arc::Open, [rival, _, ..]) = (self.request.arc, self.request.rivals) {
            let deed = Deed::TakeBack {
                request: self.number,
                by: *rival,
            };
            self.steps.push((When::Day(day + 1, 9 * HOUR), deed));
        }
    }

    fn offer(&mut self, at: When, by: usize) {
        let message = talk::offer(PEOPLE[self.request.owner].locale, self.dice);
        let deed = Deed::Offer {
            request: self.number,
            by,
            message,
        };
        self.steps.push((at, deed));
    }

    fn accept(&mut self, day: i64) {
        let (request, of) = (self.number, self.request.caretaker);
        // Some owners answer every offer themselves; for the others acceptance does it.
        if let Some(rival) = self.request.rivals.first()
            && self.dice.once_in(2)
        {
            let deed = Deed::Decline { request, of: *rival };
            self.steps.push((When::Day(day, 18 * HOUR), deed));
        }
        let at = When::Day(day, 18 * HOUR + 20);
        self.steps.push((at, Deed::Accept { request, of }));
    }

    /// The first words: one line each, or the owner's alone.
    fn greet(&mut self) {
        for minute in [15, 50] {
            self.say(self.after(minute));
        }
    }

    /// Starts the care and visits until a day.
    fn care(&mut self, until: i64) {
        let request = self.request;
        self.greet();
        let start = if self.dice.once_in(3) {
            When::Day(request.first - 1, 18 * HOUR + 30)
        } else {
            When::Day(request.first, 8 * HOUR + 40)
        };
        self.change(start, request.caretaker, Change::Start);
        let every = if self.number == FOLLOWED { 1 } else { 2 };
        let mut day = request.first;
        while day <= until.min(request.last) {
            let minute = self.minute(9, 9);
            self.visit(When::Day(day, minute));
            // The last lines of the followed request are today's.
            if self.number != FOLLOWED || self.said < 4 {
                self.say(self.after(35));
            }
            day += every;
        }
    }

    fn care_today(&mut self) {
        if self.number == FOLLOWED {
            self.visit(When::Ago(96));
            self.say(When::Ago(60));
            self.say(When::Ago(41));
        } else {
            let minutes = 80 + i64::try_from(self.dice.below(60)).unwrap_or(0);
            self.visit(When::Ago(minutes));
            self.say(When::Ago(30));
        }
    }

    /// Most plants get water, one of them something else besides.
    fn visit(&mut self, at: When) {
        let mut at = at;
        let plants = self.request.plants.len();
        let favourite = self.dice.below(plants);
        for number in 0..plants {
            let (times, amounts): (usize, &[i32]) = if self.likes_it_dry(number) {
                (4, &[50, 100])
            } else {
                (1, &[150, 200, 250, 300, 500])
            };
            // Even the thirsty are passed over now and then.
            if self.dice.once_in(times) && (number == favourite || !self.dice.once_in(4)) {
                let amount = self.dice.of(amounts);
                self.look_after(at, number, TaskKind::Water, amount);
                at = self.after(4);
            }
        }
        let dry = self.likes_it_dry(favourite);
        let kind = talk::extra(dry, self.dice);
        self.look_after(at, favourite, kind, None);
    }

    fn likes_it_dry(&self, number: usize) -> bool {
        plants::likes_it_dry(self.request.owner, self.request.plants[number])
    }

    fn look_after(&mut self, at: When, number: usize, kind: TaskKind, amount_ml: Option<i32>) {
        let locale = PEOPLE[self.request.owner].locale;
        let note = talk::note(locale, kind, self.dice);
        let deed = Deed::Care {
            request: self.number,
            number: self.request.plants[number],
            kind,
            amount_ml,
            note,
            minutes_ago: self.dice.once_in(9).then_some(25),
        };
        self.steps.push((at, deed));
    }

    fn end(&mut self) {
        let last = self.request.last;
        self.care(last);
        self.say_all(When::Day(last, 20 * HOUR));
        self.change(
            When::Day(last, 20 * HOUR + 30),
            self.request.caretaker,
            Change::End,
        );
    }

    fn change(&mut self, at: When, by: usize, change: Change) {
        let deed = Deed::Change {
            request: self.number,
            by,
            change,
        };
        self.steps.push((at, deed));
    }

    /// The next line of the talk, if there is one.
    fn say(&mut self, at: When) {
        let Some(body) = self.request.talk.get(self.said) else {
            return;
        };
        let by = if self.said.is_multiple_of(2) {
            self.request.owner
        } else {
            self.request.caretaker
        };
        self.said += 1;
        let deed = Deed::Say {
            request: self.number,
            by,
            body,
        };
        self.steps.push((at, deed));
    }

    /// All lines of the talk that are left.
    fn say_all(&mut self, at: When) {
        while self.said < self.request.talk.len() {
            self.say(at);
        }
    }

    /// Some minutes after the last step.
    fn after(&self, minutes: i64) -> When {
        match self.steps.last() {
            Some((When::Day(day, minute), _)) => When::Day(*day, minute + minutes),
            Some((When::Ago(ago), _)) => When::Ago(ago - minutes),
            None => When::Ago(0),
        }
    }

    /// A minute of the day, from `hour` on within some hours.
    fn minute(&mut self, hour: i64, hours: usize) -> i64 {
        hour * HOUR + i64::try_from(self.dice.below(hours * 60)).unwrap_or(0)
    }
}
