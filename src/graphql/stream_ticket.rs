//! Stream tickets.

use async_graphql::{Context, Object, SimpleObject};

use super::error::{ApiError, UserError};
use super::outcome::Outcome;
use super::scalars::DateTime;
use super::scope::{app, member};
use crate::domain;

/// The answer to `createStreamTicket`.
#[derive(SimpleObject)]
pub struct StreamTicketPayload {
    /// The ticket, for `GET /graphql?ticket=...`; it is told once and never again.
    ticket: Option<String>,
    /// Until when it has to be used first: one minute from now.
    expires_at: Option<DateTime>,
    /// Why there is none; empty if there is.
    user_errors: Vec<UserError>,
}

/// Mutations of stream tickets.
#[derive(Default)]
pub struct StreamTicketMutation;

#[Object]
impl StreamTicketMutation {
    /// Makes a ticket for one event stream, for a browser's `EventSource`, which cannot send a token. Its first use binds
    /// it to that query, those variables and that operation name; from then on it is good for coming back to the same
    /// stream while the viewer's session lives.
    async fn create_stream_ticket(&self, context: &Context<'_>) -> Result<StreamTicketPayload, ApiError> {
        let created = domain::stream_ticket::create(app(context), member(context)?).await;
        let Outcome { done, user_errors } = Outcome::of(context, created)?;
        let (ticket, expires_at) = done.map(|made| (made.ticket, DateTime(made.expires_at))).unzip();
        Ok(StreamTicketPayload {
            ticket,
            expires_at,
            user_errors,
        })
    }
}
