//! Stream tickets: for an `EventSource`, which cannot send headers.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::{Error, Member};
use crate::app::App;
use crate::auth;
use crate::crypto;
use crate::entity::stream_ticket;

/// How long a ticket waits for its first use.
const UNUSED_FOR: TimeDelta = TimeDelta::minutes(1);

/// How long a ticket is kept.
const KEPT_FOR: TimeDelta = TimeDelta::days(30);

/// A new ticket.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// What opens the stream. It is stored nowhere.
    pub ticket: String,
    /// Until when it has to be used first.
    pub expires_at: DateTime<Utc>,
}

/// Makes a ticket for one event stream of the viewer's.
pub async fn create(app: &App, viewer: &Member) -> Result<Ticket, Error> {
    let (ticket, ticket_hash) = crypto::new_refresh_token();
    let created_at = app.clock.now();
    let row = stream_ticket::Model {
        ticket_hash,
        user_id: viewer.id,
        family: viewer.session,
        created_at,
        bound_to: None,
    };
    app.write("create_stream_ticket", row, |write, row| {
        Box::pin(async move {
            write.insert(row.clone()).await?;
            Ok(())
        })
    })
    .await?;
    Ok(Ticket {
        ticket,
        expires_at: created_at + UNUSED_FOR,
    })
}

/// The ticket's row, if it may be used for a request: the first time within a minute, which binds it to
/// that request, and from then on for the same. Whether its session still lives is not said here.
///
/// An address may come so many times with tickets that open nothing, as the [throttle](super::throttle) says.
pub async fn redeem(
    app: &App,
    from: IpAddr,
    ticket: &str,
    request: [u8; 32],
) -> Result<Option<stream_ticket::Model>, Error> {
    let token = app.throttle.token(from).await?;
    let hash = crypto::sha256(ticket.as_bytes());
    let of_task = app.clone();
    // To its end: a ticket that opens nothing counts, whether its answer is waited for or not.
    let redeemed = app.to_its_end(async move {
        let bound = bind(&of_task, hash, request).await?;
        token.judged(bound.is_some());
        Ok(bound)
    });
    redeemed.await?
}

async fn bind(app: &App, hash: Vec<u8>, request: [u8; 32]) -> Result<Option<stream_ticket::Model>, Error> {
    let find = || stream_ticket::Entity::find_by_id(hash.clone());
    let Some(found) = find().one(app.database.reader()).await? else {
        return Ok(None);
    };
    let bound = if found.bound_to.is_some() {
        Some(found)
    } else {
        if app.clock.now() >= found.created_at + UNUSED_FOR {
            return Ok(None);
        }
        app.write(
            "bind_stream_ticket",
            (hash.clone(), request),
            |write, (hash, request)| {
                Box::pin(async move {
                    // Of two first uses at the same moment one binds it.
                    stream_ticket::Entity::update_many()
                        .col_expr(stream_ticket::Column::BoundTo, Expr::value(request.to_vec()))
                        .filter(stream_ticket::Column::TicketHash.eq(hash.clone()))
                        .filter(stream_ticket::Column::BoundTo.is_null())
                        .exec(write.transaction)
                        .await?;
                    Ok(())
                })
            },
        )
        .await?;
        find().one(app.database.reader()).await?
    };
    Ok(bound.filter(|row| row.bound_to.as_deref() == Some(request.as_slice())))
}

/// The member whom a ticket speaks for, if its session lives.
pub async fn member(app: &App, ticket: &stream_ticket::Model) -> Result<Option<Member>, Error> {
    Ok(auth::member_of(app, ticket.user_id, ticket.family).await?)
}

/// Forgets tickets whose sessions are over by now: a refresh token waits for 30 days at most, and whoever
/// still comes back with an older ticket asks for another.
pub async fn forget_old(app: &App) -> Result<(), Error> {
    let before = app.clock.now() - KEPT_FOR;
    let old = stream_ticket::Entity::find().filter(stream_ticket::Column::CreatedAt.lt(before));
    if old.one(app.database.reader()).await?.is_none() {
        return Ok(());
    }
    app.write("forget_stream_tickets", before, |write, before| {
        Box::pin(async move {
            stream_ticket::Entity::delete_many()
                .filter(stream_ticket::Column::CreatedAt.lt(*before))
                .exec(write.transaction)
                .await?;
            Ok(())
        })
    })
    .await?;
    Ok(())
}
