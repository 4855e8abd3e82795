//! Comments.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object};
use sea_orm::{EntityTrait as _, Select};
use uuid::Uuid;

use super::ahead::{Ahead, is_a_row};
use super::at_hand::AtHand;
use super::care_request::CareRequest;
use super::connection::{ConnectionNode, KeyedNode};
use super::error::{ApiError, UserError};
use super::list::List;
use super::loaders::CommentKey;
use super::outcome::{Outcome, keyed};
use super::scalars::{DateTime, GlobalId as _};
use super::scope::{app, loaded, member};
use super::user::User;
use crate::domain;
use crate::domain::values::Text;
use crate::entity::{CareRequestId, CommentId, UserId, comment};

/// A comment on a care request.
pub struct Comment(pub Arc<comment::Model>, pub Ahead);

is_a_row!(Comment, comment);

impl ConnectionNode for Comment {
    const NAME: &'static str = "Comment";
}

impl KeyedNode for Comment {
    const MARK: u8 = b'c';
    const NEWEST_FIRST: bool = false;

    fn key(&self) -> Uuid {
        self.0.id.0
    }
}

/// The comments on a care request; its parties see them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Comments;

impl List for Comments {
    type Of = CareRequest;
    type Parent = CareRequestId;
    type Node = Comment;
    type Entity = comment::Entity;

    const FIELD: &'static str = "comments";
    const NAME: &'static str = "Comments";
    const TOTAL: &'static str = "CommentCount";
    const PARENT: comment::Column = comment::Column::CareRequestId;
    const KEY: comment::Column = comment::Column::Id;

    fn parent(of: &CareRequest) -> CareRequestId {
        of.0.id
    }

    fn is_shown(context: &Context<'_>, of: &CareRequest) -> bool {
        of.shows_private_details(context)
    }

    fn select(_viewer: Option<UserId>) -> Option<Select<comment::Entity>> {
        Some(comment::Entity::find())
    }

    fn parent_of(row: &comment::Model) -> CareRequestId {
        row.care_request_id
    }
}

impl Comment {
    /// A comment of which the viewer knows by something that she may see.
    pub async fn load_known(context: &Context<'_>, id: CommentId) -> Result<Option<Self>, ApiError> {
        Ok(loaded(context).load_one(CommentKey(id)).await?.map(Self::from))
    }
}

/// A comment on a care request; its parties see it.
#[Object]
impl Comment {
    /// Its global id.
    pub async fn id(&self) -> ID {
        self.0.id.to_id()
    }

    /// The request; null if the viewer may no longer see it.
    async fn care_request(&self, context: &Context<'_>) -> Result<Option<CareRequest>, ApiError> {
        CareRequest::load(context, self.0.care_request_id).await
    }

    /// Who wrote it.
    async fn author(&self, context: &Context<'_>) -> Result<AtHand<User>, ApiError> {
        User::at_hand(context, &self.1, self.0.author_id)
            .await
            .map(AtHand::new)
    }

    /// What it says.
    fn body(&self) -> AtHand<&str> {
        AtHand::new(&self.0.body)
    }

    /// Whether it is advice, because the server knows that its author is a verified botanist.
    fn is_advice(&self) -> bool {
        self.0.is_advice
    }

    /// When it was written.
    fn created_at(&self) -> AtHand<DateTime> {
        AtHand::new(DateTime(self.0.created_at))
    }
}

/// A comment to be added.
#[derive(InputObject)]
pub struct AddCommentInput {
    /// The request.
    care_request_id: ID,
    /// What it says: at most 4,000 characters.
    body: String,
    /// The caller's own name for this mutation: the same name with the same input does it once.
    idempotency_key: Option<String>,
}

/// The answer to what adds a comment.
pub struct CommentPayload(Outcome);

/// The answer to what adds a comment.
#[Object]
impl CommentPayload {
    /// The comment; null if it was refused.
    async fn comment(&self, context: &Context<'_>) -> Result<Option<Comment>, ApiError> {
        match &self.0.done {
            Some(written) => Comment::load_known(context, CommentId(written.id)).await,
            None => Ok(None),
        }
    }

    /// The place of its event in the request's timeline, for `after`.
    async fn cursor(&self) -> Option<String> {
        self.0.cursor()
    }

    /// Why it was refused; empty if it was not.
    async fn user_errors(&self) -> &[UserError] {
        &self.0.user_errors
    }
}

/// Mutations of comments.
#[derive(Default)]
pub struct CommentMutation;

#[Object]
impl CommentMutation {
    /// Comments on a care request, as its owner or caretaker.
    async fn add_comment(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "The comment.")] input: AddCommentInput,
    ) -> Result<CommentPayload, ApiError> {
        let viewer = member(context)?;
        let id = CareRequestId::from_id(&input.care_request_id)?;
        let added = async {
            let body = Text::parse("body", &input.body)?;
            let keyed = keyed(input.idempotency_key.as_deref(), &input)?;
            domain::comment::add(app(context), viewer, id, body, keyed).await
        };
        let Outcome { done, user_errors } = Outcome::of(context, added.await)?;
        let (done, comment) = done.unzip();
        if let Some(comment) = comment.flatten() {
            // What was stored need not be read.
            let loaders = loaded(context);
            loaders.feed_one(CommentKey(comment.id), Arc::new(comment)).await;
        }
        Ok(CommentPayload(Outcome { done, user_errors }))
    }
}
