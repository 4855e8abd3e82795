//! Comments on care requests.

use sea_orm::{ActiveModelTrait as _, ColumnTrait as _, DbErr, IntoActiveModel as _, QueryFilter as _};

use super::care_request::find;
use super::idempotency::Done;
use super::policy::{self, Action};
use super::values::Text;
use super::write::Happening;
use super::{Error, Keyed, Member, Reason, Written};
use crate::app::App;
use crate::database::Database;
use crate::entity::event::EventKind;
use crate::entity::{CareRequestId, CommentId, care_request, comment};

/// Adds a comment of the viewer's.
pub async fn add(
    app: &App,
    viewer: &Member,
    request: CareRequestId,
    body: Text<4000>,
    keyed: Option<&Keyed>,
) -> Result<Written, Error> {
    app.write_once(
        "addComment",
        viewer,
        keyed,
        &(viewer, request, body),
        |write, (viewer, request, body)| {
            Box::pin(async move {
                let request = find(write, viewer, *request, care_request::held).await?;
                if !policy::may(Action::Comment, policy::member_standing(viewer, &request)) {
                    return Err(Reason::NotAllowed.into());
                }
                let comment = comment::Model {
                    id: CommentId(write.new_id()),
                    care_request_id: request.id,
                    author_id: viewer.id,
                    body: body.as_ref().to_owned(),
                    is_advice: false,
                    created_at: write.now,
                    version: 1,
                };
                let id = comment.id.0;
                comment.into_active_model().insert(write.transaction).await?;
                let event = write.record(&Happening {
                    subject: Some(id),
                    ..Happening::new(EventKind::CommentAdded, &request, Some(viewer.id))
                });
                Ok(Done {
                    id,
                    event: Some(event),
                    timeline: Some(request.id),
                })
            })
        },
    )
    .await
}

/// A comment that the viewer may see.
pub async fn visible(
    database: &Database,
    viewer: &Member,
    id: CommentId,
) -> Result<Option<comment::Model>, DbErr> {
    comment::visible_to(viewer.id)
        .filter(comment::COLUMN.id.eq(id))
        .one(database.reader())
        .await
}
