//! What a use case may answer instead of doing what it was asked.

use chrono::NaiveDate;
use sea_orm::DbErr;

use crate::admission::Busy;
use crate::app::Interrupted;
use crate::crypto::Unsealable;
use crate::database::HasDatabaseError;
use crate::entity::care_request::CareRequestStatus;
use crate::live::GapReason;

/// Why a use case did not do what it was asked. Nothing was written, unless it is [unconfirmed](Self::Unconfirmed).
///
/// It has no `Display`: its inside must not reach a client by way of a blanket conversion.
#[derive(Debug)]
pub enum Error {
    /// Expected: told to the user.
    Refused(Vec<Refusal>),
    /// A cursor whose place in the log is no more.
    StaleCursor(GapReason),
    /// The database failed.
    Database(DbErr),
    /// The database was asked to store it and did not answer: nobody knows whether it is.
    Unconfirmed(DbErr),
    /// A sealed value could not be opened, or a password not hashed.
    Crypto(Unsealable),
    /// More than is allowed.
    Exceeded(Exceeded),
    /// A task of the process ended before its answer; it is stopping.
    Interrupted,
    /// It would have taken too long until it was its turn.
    Busy,
}

/// Which limit, what was asked for, and what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// The limit's name: that of its variable without `LIMIT_`.
    pub limit: &'static str,
    /// What was asked for.
    pub value: usize,
    /// What is allowed.
    pub maximum: usize,
}

impl Exceeded {
    /// The first limit that is exceeded, of these with their values and maxima.
    pub fn first(limits: impl IntoIterator<Item = (&'static str, usize, usize)>) -> Option<Self> {
        let mut limits = limits.into_iter();
        let exceeded = limits.find(|(_, value, maximum)| value > maximum);
        exceeded.map(|(limit, value, maximum)| Self {
            limit,
            value,
            maximum,
        })
    }
}

/// One reason, and the input field it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// The input field, if it is about one.
    pub field: Option<&'static str>,
}

/// The reasons for which something expected is refused. What is said of each to people, and its code,
/// is in `graphql::error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing but white space.
    Blank,
    /// More characters than allowed.
    TooLong {
        /// The most characters allowed.
        maximum: usize,
    },
    /// Fewer characters than allowed.
    TooShort {
        /// The fewest characters allowed.
        minimum: usize,
    },
    /// A character NUL, which no text has.
    HoldsNul,
    /// A control character.
    HoldsControl,
    /// A line break where there is one line.
    HoldsLineBreak,
    /// A character that is not seen, or that turns the direction of what is.
    HoldsInvisible,
    /// Not an e-mail address.
    NotAnEmail,
    /// Not an IANA time zone.
    NotATimezone,
    /// Not a geohash of six characters.
    NotACell,
    /// The last day is before the first.
    EndsBeforeStart,
    /// More than a year from the first day.
    LongerThanAYear {
        /// The latest last day.
        latest: NaiveDate,
    },
    /// Before the care began that it was part of.
    BeforeCareBegan,
    /// The days are over already.
    InThePast,
    /// Later than now, by more than clocks differ.
    InTheFuture,
    /// A number outside its range.
    OutOfRange {
        /// The least.
        minimum: i64,
        /// The most.
        maximum: i64,
    },
    /// A list without an element.
    Empty,
    /// The same element twice.
    Repeated,
    /// More elements than allowed.
    TooMany {
        /// The most elements allowed.
        maximum: usize,
    },
    /// The e-mail address has an account.
    EmailTaken,
    /// E-mail and password, or a refresh token, that open nothing.
    InvalidCredentials,
    /// There is no such thing, or it is not to be known that there is.
    NotFound,
    /// The viewer may not do that to what she can see.
    NotAllowed,
    /// Nobody takes care of her own request.
    OwnRequest,
    /// A plant that is not in the owner's care any more.
    PlantNotActive,
    /// A plant that another request has for overlapping days.
    PlantBusy,
    /// The caretaker has as many plants as she can take.
    CaretakerFull,
    /// The caretaker has an offer for it already.
    AlreadyOffered,
    /// Somebody else has been given the request.
    AlreadyTaken,
    /// The request's or offer's state does not allow it.
    IllegalMove {
        /// The state of the request.
        from: CareRequestStatus,
    },
    /// The offer was answered or withdrawn.
    OfferNotLive,
    /// Care starts at the earliest the day before the first day.
    TooEarly,
    /// The plant is not one of the request's.
    PlantNotInRequest,
    /// The idempotency key was used with another input.
    IdempotencyConflict,
}

impl Refusal {
    /// A refusal about the whole input.
    pub fn new(reason: Reason) -> Self {
        Self { reason, field: None }
    }

    /// A refusal about one field.
    pub fn of(field: &'static str, reason: Reason) -> Self {
        Self {
            reason,
            field: Some(field),
        }
    }
}

impl From<Reason> for Error {
    fn from(reason: Reason) -> Self {
        Self::Refused(vec![Refusal::new(reason)])
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(vec![refusal])
    }
}

impl From<Interrupted> for Error {
    fn from(_: Interrupted) -> Self {
        Self::Interrupted
    }
}

impl From<Busy> for Error {
    fn from(_: Busy) -> Self {
        Self::Busy
    }
}

impl From<Exceeded> for Error {
    fn from(exceeded: Exceeded) -> Self {
        Self::Exceeded(exceeded)
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

impl From<Unsealable> for Error {
    fn from(error: Unsealable) -> Self {
        Self::Crypto(error)
    }
}

impl HasDatabaseError for Error {
    fn database_error(&self) -> Option<&DbErr> {
        match self {
            Self::Database(error) | Self::Unconfirmed(error) => Some(error),
            _ => None,
        }
    }

    fn unconfirmed(error: DbErr) -> Self {
        Self::Unconfirmed(error)
    }
}
