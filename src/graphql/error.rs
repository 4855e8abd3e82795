//! Errors as clients see them: the only place that sets codes.
//!
//! An expected refusal is data, a [`UserError`] in the payload. What is left are top-level errors, each
//! with `extensions.code`; what went wrong inside is logged under an `errorId` and never told.

use std::fmt::Debug;
use std::sync::Arc;

use async_graphql::{Enum, ErrorExtensionValues, Response, ServerError, SimpleObject, Value};
use sea_orm::DbErr;

use super::messages;
use crate::admission::Busy;
use crate::auth::AuthError;
use crate::crypto;
use crate::database::fault::Fault;
pub use crate::domain::Exceeded;
use crate::domain::{Error, Reason, Refusal};
use crate::entity::loaded::TOO_MUCH;
use crate::entity::user::Locale;
use crate::live::GapReason;
use crate::telemetry::operation::Outcome;

/// A top-level error. It has no `Display` on purpose: with one, async-graphql would let `?` send any
/// error's text to the client.
#[derive(Clone, Debug)]
pub enum ApiError {
    /// It takes somebody who is logged in.
    Unauthenticated,
    /// The request cannot be understood.
    BadRequest(String),
    /// An id that is damaged or another type's.
    InvalidId,
    /// A cursor that is damaged or of another list, or whose place is no more.
    InvalidCursor(Option<GapReason>),
    /// There is no such thing, or it is not to be known that there is; subscriptions only.
    NotFound,
    /// There is nothing at this address.
    NoSuchAddress,
    /// No text is known here of the hash that was sent in place of a document: the client sends both then.
    PersistedQueryNotFound,
    /// No text of the hash that was sent is ever known here: the client sends texts from then on.
    PersistedQueryNotSupported,
    /// More than is allowed.
    LimitExceeded(Exceeded),
    /// The database had no room for it in time or could not be reached, or it would have taken too long until it was
    /// its turn; nothing was done.
    ServerBusy,
    /// The database was asked to store it and did not answer: nobody knows whether it is.
    Unconfirmed,
    /// It took longer than it may. What a mutation has written by then is not known.
    TimedOut {
        /// Whether something may have been written.
        is_mutation: bool,
        /// How long it may take.
        seconds: usize,
    },
    /// It went wrong inside.
    Internal {
        /// Under which it was logged.
        error_id: String,
    },
}

impl ApiError {
    /// The code of [`PersistedQueryNotFound`](Self::PersistedQueryNotFound).
    pub const PERSISTED_QUERY_NOT_FOUND: &str = "PERSISTED_QUERY_NOT_FOUND";

    /// The code of [`PersistedQueryNotSupported`](Self::PersistedQueryNotSupported).
    pub const PERSISTED_QUERY_NOT_SUPPORTED: &str = "PERSISTED_QUERY_NOT_SUPPORTED";

    /// The code of [`ServerBusy`](Self::ServerBusy).
    pub const SERVER_BUSY: &str = "SERVER_BUSY";

    /// The code of [`TimedOut`](Self::TimedOut).
    pub const TIMED_OUT: &str = "TIMED_OUT";

    /// Something that went wrong inside: logged here, once, in full.
    pub fn internal(error: &impl Debug) -> Self {
        let error_id = format!("{:016x}", u64::from_be_bytes(crypto::random()));
        tracing::error!(
            error.id = error_id,
            ?error,
            "an operation failed inside (error {error_id})"
        );
        Self::Internal { error_id }
    }

    /// The database failed. What may be over in a moment is told as that to whoever ran into it, and the log once for
    /// all of them (see [`Api`](super::Api)).
    fn of_database(error: &DbErr) -> Self {
        let fault = Fault::of(error);
        if fault.is_passing() {
            tracing::debug!(?fault, %error, "the database did not do what it was asked");
            return Self::ServerBusy;
        }
        // How much it was is told with the whole answer.
        if matches!(error, DbErr::Custom(text) if text == TOO_MUCH) {
            return Self::LimitExceeded(Exceeded {
                limit: "LOADED_BYTES",
                value: 0,
                maximum: 0,
            });
        }
        // Its text, not all that the database says: that may hold the row.
        Self::internal(&error.to_string())
    }

    /// The code that clients may rely on.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::BadRequest(_) => "BAD_REQUEST",
            Self::InvalidId => "INVALID_ID",
            Self::InvalidCursor(_) => "INVALID_CURSOR",
            Self::NotFound | Self::NoSuchAddress => "NOT_FOUND",
            Self::PersistedQueryNotFound => Self::PERSISTED_QUERY_NOT_FOUND,
            Self::PersistedQueryNotSupported => Self::PERSISTED_QUERY_NOT_SUPPORTED,
            Self::LimitExceeded(_) => "LIMIT_EXCEEDED",
            Self::ServerBusy | Self::Unconfirmed => Self::SERVER_BUSY,
            Self::TimedOut { .. } => Self::TIMED_OUT,
            Self::Internal { .. } => INTERNAL,
        }
    }

    /// What it says, for people.
    pub fn message(&self) -> String {
        match self {
            Self::Unauthenticated => "Log in first: this needs a valid access token.".to_owned(),
            Self::BadRequest(message) => message.clone(),
            Self::InvalidId => "This is not an id of the type that is asked for here.".to_owned(),
            Self::InvalidCursor(None) => "This is not a cursor of this list.".to_owned(),
            Self::InvalidCursor(Some(_)) => "The place of this cursor is no longer in the log.".to_owned(),
            Self::NotFound => "There is nothing here that you may follow.".to_owned(),
            Self::NoSuchAddress => "There is nothing at this address.".to_owned(),
            // Clients know them by these words, some by nothing else.
            Self::PersistedQueryNotFound => "PersistedQueryNotFound".to_owned(),
            Self::PersistedQueryNotSupported => "PersistedQueryNotSupported".to_owned(),
            Self::ServerBusy => "The server is busy: try again in a few seconds.".to_owned(),
            Self::Unconfirmed => {
                "The database did not say whether this was stored: look, or send it again with the \
                                  same idempotencyKey."
                    .to_owned()
            }
            Self::TimedOut {
                is_mutation: false,
                seconds,
            } => format!("This took longer than {seconds} s, and was stopped."),
            Self::TimedOut {
                is_mutation: true,
                seconds,
            } => format!(
                "This took longer than {seconds} s. Whether it was done is not known: with an idempotencyKey the same \
                 request tells."
            ),
            Self::LimitExceeded(Exceeded {
                limit,
                value,
                maximum,
            }) => {
                format!("{limit} is {value}; at most {maximum} is allowed.")
            }
            Self::Internal { error_id } => format!("Something went wrong on our side (error {error_id})."),
        }
    }

    /// The error as async-graphql's, at no place in particular.
    pub fn into_server_error(self) -> ServerError {
        let told = async_graphql::Error::from(self);
        let mut error = ServerError::new(told.message, None);
        error.extensions = told.extensions;
        error
    }

    /// A whole answer that is this error.
    pub fn into_response(self) -> Response {
        Response::from_errors(vec![self.into_server_error()])
    }
}

impl From<ApiError> for async_graphql::Error {
    fn from(error: ApiError) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place where errors are made for clients"
        )]
        let mut told = Self::new(error.message());
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", error.code());
        match error {
            ApiError::LimitExceeded(Exceeded {
                limit,
                value,
                maximum,
            }) => {
                extensions.set("limit", limit);
                extensions.set("value", value as u64);
                extensions.set("maximum", maximum as u64);
            }
            ApiError::InvalidCursor(Some(reason)) => extensions.set("reason", gap_reason(reason)),
            ApiError::Unconfirmed
            | ApiError::TimedOut {
                is_mutation: true, ..
            } => extensions.set("written", "UNKNOWN"),
            ApiError::Internal { error_id } => extensions.set("errorId", error_id),
            _ => {}
        }
        told.extensions = Some(extensions);
        told
    }
}

impl From<DbErr> for ApiError {
    fn from(error: DbErr) -> Self {
        Self::of_database(&error)
    }
}

impl From<Arc<DbErr>> for ApiError {
    fn from(error: Arc<DbErr>) -> Self {
        Self::of_database(&error)
    }
}

impl From<Busy> for ApiError {
    fn from(_: Busy) -> Self {
        Self::ServerBusy
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Invalid => Self::Unauthenticated,
            AuthError::Unavailable(error) => error.into(),
        }
    }
}

impl From<Error> for ApiError {
    /// A use case's error where there is no payload to put a refusal into.
    fn from(error: Error) -> Self {
        match error {
            Error::StaleCursor(reason) => Self::InvalidCursor(Some(reason)),
            Error::Exceeded(exceeded) => Self::LimitExceeded(exceeded),
            Error::Database(error) => error.into(),
            Error::Busy => Self::ServerBusy,
            Error::Unconfirmed(error) => {
                tracing::warn!(%error, "it is not known whether a write was stored");
                Self::Unconfirmed
            }
            error => Self::internal(&error),
        }
    }
}

/// Gives every error of an answer a code: those without one are async-graphql's own, about the document.
/// Places that are nowhere are left out.
pub fn with_codes(mut response: Response) -> Response {
    for error in &mut response.errors {
        error.locations.retain(|place| place.line > 0);
        let extensions = error.extensions.get_or_insert_default();
        if extensions.get("code").is_none() {
            extensions.set("code", "BAD_REQUEST");
        }
    }
    response
}

/// How an operation came out, by its answer.
pub fn outcome(response: &Response) -> Outcome {
    match response.errors.iter().find(|error| is_ours(error)) {
        Some(error) => Outcome::ServerError(code_of(error)),
        None => response
            .errors
            .first()
            .map_or(Outcome::Ok, |error| Outcome::ClientError(code_of(error))),
    }
}

/// Whether an error is our failure, and not the client's.
pub fn is_ours(error: &ServerError) -> bool {
    // Whoever has to wait too long is not at fault.
    matches!(
        code_of(error),
        INTERNAL | ApiError::SERVER_BUSY | ApiError::TIMED_OUT
    )
}

/// Whether an answer was refused because of a limit.
pub(super) fn is_limited(response: &Response) -> bool {
    let mut errors = response.errors.iter();
    errors.any(|error| code_of(error) == "LIMIT_EXCEEDED")
}

/// The code of an error, as one of those that there are; async-graphql's own have none.
pub(super) fn code_of(error: &ServerError) -> &'static str {
    let code = extension(error, "code");
    let known = CODES.into_iter().find(|known| code == Some(*known));
    known.unwrap_or("BAD_REQUEST")
}

fn extension<'e>(error: &'e ServerError, name: &str) -> Option<&'e str> {
    match error.extensions.as_ref()?.get(name)? {
        Value::String(value) => Some(value),
        _ => None,
    }
}

const INTERNAL: &str = "INTERNAL";
const CODES: [&str; 11] = [
    "UNAUTHENTICATED",
    "BAD_REQUEST",
    "INVALID_ID",
    "INVALID_CURSOR",
    "NOT_FOUND",
    ApiError::PERSISTED_QUERY_NOT_FOUND,
    ApiError::PERSISTED_QUERY_NOT_SUPPORTED,
    "LIMIT_EXCEEDED",
    ApiError::SERVER_BUSY,
    ApiError::TIMED_OUT,
    INTERNAL,
];

fn gap_reason(reason: GapReason) -> &'static str {
    match reason {
        GapReason::Trimmed => "TRIMMED",
        GapReason::LogReset => "LOG_RESET",
    }
}

/// Why a mutation did not do what it was asked. Nothing was changed.
#[derive(Clone, Debug, SimpleObject)]
pub struct UserError {
    /// What kind of refusal it is; stable, for programs.
    pub code: UserErrorCode,
    /// What to tell a person, in the viewer's language.
    pub message: String,
    /// The path of the input field that it is about; null if it is about the whole.
    pub field: Option<Vec<String>>,
}

/// Kinds of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum UserErrorCode {
    /// A value that is not acceptable.
    Validation,
    /// E-mail and password, or a refresh token, that open nothing.
    InvalidCredentials,
    /// There is no such thing, or it is not to be known that there is.
    NotFound,
    /// The viewer may not do that.
    NotAllowed,
    /// It collides with something that is there, or somebody was quicker.
    Conflict,
    /// The state of the care request or offer does not allow it.
    IllegalMove,
    /// The idempotency key was used with another input.
    IdempotencyConflict,
}

impl UserError {
    /// A refusal, told in a language.
    pub fn new(refusal: &Refusal, locale: Locale) -> Self {
        Self {
            code: code(refusal.reason),
            message: messages::refusal(refusal.reason, locale),
            field: refusal.field.map(|field| vec![field.to_owned()]),
        }
    }
}

fn code(reason: Reason) -> UserErrorCode {
    match reason {
        Reason::Blank
        | Reason::TooLong { .. }
        | Reason::TooShort { .. }
        | Reason::HoldsNul
        | Reason::HoldsControl
        | Reason::HoldsLineBreak
        | Reason::HoldsInvisible
        | Reason::NotAnEmail
        | Reason::NotATimezone
        | Reason::NotACell
        | Reason::EndsBeforeStart
        | Reason::LongerThanAYear { .. }
        | Reason::BeforeCareBegan
        | Reason::InThePast
        | Reason::InTheFuture
        | Reason::OutOfRange { .. }
        | Reason::Empty
        | Reason::Repeated
        | Reason::TooMany { .. }
        | Reason::PlantNotActive
        | Reason::PlantNotInRequest => UserErrorCode::Validation,
        Reason::InvalidCredentials => UserErrorCode::InvalidCredentials,
        Reason::NotFound => UserErrorCode::NotFound,
        Reason::NotAllowed | Reason::OwnRequest => UserErrorCode::NotAllowed,
        Reason::EmailTaken
        | Reason::PlantBusy
        | Reason::CaretakerFull
        | Reason::AlreadyOffered
        | Reason::AlreadyTaken => UserErrorCode::Conflict,
        Reason::IllegalMove { .. } | Reason::OfferNotLive | Reason::TooEarly => UserErrorCode::IllegalMove,
        Reason::IdempotencyConflict => UserErrorCode::IdempotencyConflict,
    }
}
