//! Comments on care requests.

use super::care_request::find;
use super::idempotency::Done;
use super::policy::{self, Action};
use super::values::Text;
use super::write::Happening;
use super::{Error, Keyed, Member, Reason, Written};
use crate::app::App;
use crate::entity::event::EventKind;
use crate::entity::{CareRequestId, CommentId, care_request, comment};

/// Adds a comment of the viewer's, and tells which if it was done now.
pub async fn add(
    app: &App,
    viewer: &Member,
    request: CareRequestId,
    body: Text<4000>,
    keyed: Option<Keyed>,
) -> Result<(Written, Option<comment::Model>), Error> {
    let comment = comment::Model {
        id: CommentId(app.clock.new_id()),
        care_request_id: request,
        author_id: viewer.id,
        body: body.into_string(),
        is_advice: false,
        created_at: app.clock.now(),
        version: 1,
    };
    let written = app
        .write_once(
            "addComment",
            viewer,
            keyed,
            (*viewer, comment.clone()),
            |write, (viewer, comment)| {
                Box::pin(async move {
                    let request = find(write, viewer, comment.care_request_id, care_request::held).await?;
                    if !policy::may(Action::Comment, policy::member_standing(viewer, &request)) {
                        return Err(Reason::NotAllowed.into());
                    }
                    let id = comment.id.0;
                    write.store(comment::Model::clone(comment));
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
        .await?;
    let is_new = written.is_new;
    Ok((written, is_new.then_some(comment)))
}
