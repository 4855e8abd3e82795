//! A member's feed: what concerns her, over all her requests, and how much of it she has not read.

use sea_orm::sea_query::{Alias, Expr, OnConflict};
use sea_orm::{ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, QueryFilter as _, Set};

use futures_util::future::BoxFuture;

use super::{Error, Member, timeline};
use crate::app::App;
use crate::auth;
use crate::database::Database;
use crate::entity::{UserId, read_cursor};
use crate::live::bus::Wake;
use crate::live::gate::{Access, Reader};
use crate::live::log;
use crate::live::{Cursor, Stream};

/// Entries of the feed that the member has not read and can still be given.
pub async fn unread(database: &Database, member: UserId) -> Result<i64, DbErr> {
    let extent = log::extent(database.reader(), Stream::User(member)).await?;
    let read = read_position(database.reader(), member).await?;
    Ok(extent.last - read.max(extent.floor).min(extent.last))
}

/// Moves the read position to `cursor`, never back, and tells the member's other devices.
pub async fn mark_read(app: &App, viewer: &Member, cursor: Cursor) -> Result<(), Error> {
    timeline::stand(&app.database, &cursor).await?;
    let stream = Stream::User(viewer.id);
    let row = read_cursor::ActiveModel {
        stream: Set(stream.to_string()),
        user_id: Set(viewer.id),
        last_seq: Set(cursor.seq),
    };
    app.write(
        "mark_feed_read",
        (row, stream, viewer.id),
        |write, (row, stream, reader)| {
            Box::pin(async move {
                // Not at the top: its `max` would hide the one of numbers.
                use sea_orm::sea_query::ExprTrait as _;
                let read_to = Expr::col((Alias::new("excluded"), read_cursor::Column::LastSeq));
                let further = Expr::col((read_cursor::Entity, read_cursor::Column::LastSeq)).lt(read_to);
                read_cursor::Entity::insert(row.clone())
                    .on_conflict(
                        OnConflict::columns([read_cursor::Column::Stream, read_cursor::Column::UserId])
                            .update_column(read_cursor::Column::LastSeq)
                            .action_and_where(further)
                            .to_owned(),
                    )
                    .exec_without_returning(write.transaction)
                    .await?;
                let (stream, read) = (*stream, read_position(write.transaction, *reader).await?);
                write.after_commit(move |app| app.wake(Wake::Read(stream, read)));
                Ok(())
            })
        },
    )
    .await?;
    Ok(())
}

async fn read_position(connection: &impl ConnectionTrait, member: UserId) -> Result<i64, DbErr> {
    let row = read_cursor::Entity::find()
        .filter(read_cursor::Column::Stream.eq(Stream::User(member).to_string()))
        .filter(read_cursor::Column::UserId.eq(member))
        .one(connection)
        .await?;
    Ok(row.map_or(0, |row| row.last_seq))
}

/// Answers whether somebody is still a member, who may read her own feed and the board.
#[derive(Clone, Debug)]
pub struct MemberReader {
    /// Where that is known.
    pub database: Database,
    /// Who.
    pub member: UserId,
}

impl Reader for MemberReader {
    fn access(&self) -> BoxFuture<'_, Result<Access, DbErr>> {
        Box::pin(async {
            let active = auth::is_active(&self.database, self.member).await?;
            Ok(if active {
                Access::All
            } else {
                Access::Only(Vec::new())
            })
        })
    }
}
