//! Loading ahead: what a page's selection will ask for, before its entries are resolved.
//!
//! The rows go [with the entries](crate::graphql::ahead), so that every child finds its own without waiting; what
//! is not among them, the operation's loaders fetch when asked. The number of statements depends on the selection
//! and not on the page.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use async_graphql::{Context, Lookahead, SelectionField, Value};
use futures_util::try_join;
use sea_orm::DbErr;

use super::CareRequest;
use crate::domain::policy::{Action, may};
use crate::entity::{CareRequestId, UserId, comment, offer};
use crate::graphql::ahead::{Ahead, Rows};
use crate::graphql::comment::Comment;
use crate::graphql::connection::KeyedNode;
use crate::graphql::error::ApiError;
use crate::graphql::loaders::{
    CommentCountKey, CommentsKey, Loaders, Observed, OfferCountKey, OffersKey, RequestPlantsKey, UserKey,
};
use crate::graphql::offer::Offer;
use crate::graphql::page::{Page, PageArguments};
use crate::graphql::scope::{app, loaded};

/// Loads what `node`, the selection on each request, asks for, gives it to the requests, and says whether that is all
/// that it asks for.
pub async fn preload(
    context: &Context<'_>,
    requests: &mut [CareRequest],
    node: &Lookahead<'_>,
) -> Result<bool, ApiError> {
    if requests.is_empty() {
        return Ok(false);
    }
    let loaders = loaded(context);
    let all: Vec<_> = requests.iter().map(|request| request.0.id).collect();
    let mut private = Vec::new();
    for request in &*requests {
        if may(Action::SeePrivateDetails, request.standing(context)) {
            private.push(request.0.id);
        }
    }
    let (comment_pages, comment_totals) = pages::<Comment>(context, &node.field("comments"));
    let (offer_pages, offer_totals) = pages::<Offer>(context, &node.field("offers"));
    let wants_plants = node.field("plants").exists();

    let (plants, comments, offers, comment_counts, offer_counts) = try_join!(
        rows(&loaders, keys(&all, wants_plants, RequestPlantsKey)),
        rows(
            &loaders,
            comment_pages
                .iter()
                .flat_map(|page| keys(&private, true, |id| CommentsKey(id, *page)))
                .collect()
        ),
        rows(
            &loaders,
            offer_pages
                .iter()
                .flat_map(|page| keys(&all, true, |id| OffersKey(id, *page)))
                .collect()
        ),
        rows(&loaders, keys(&private, comment_totals, CommentCountKey)),
        rows(&loaders, keys(&all, offer_totals, OfferCountKey)),
    )?;

    let mut people: Vec<UserId> = Vec::new();
    if node.field("owner").exists() {
        people.extend(requests.iter().map(|request| request.0.owner_id));
    }
    if node.field("caretaker").exists() {
        people.extend(requests.iter().filter_map(|request| request.0.caretaker_id));
    }
    if node.field("plants").field("owner").exists() {
        people.extend(
            plants
                .values()
                .flat_map(|plants| plants.iter().map(|plant| plant.owner_id)),
        );
    }
    if nested(node, "comments", "author") {
        people.extend(
            comments
                .values()
                .flat_map(|rows| rows.iter().map(|row: &Arc<comment::Model>| row.author_id)),
        );
    }
    if nested(node, "offers", "caretaker") {
        people.extend(
            offers
                .values()
                .flat_map(|rows| rows.iter().map(|row: &Arc<offer::Model>| row.caretaker_id)),
        );
    }
    people.sort_unstable();
    people.dedup();
    let users = rows(&loaders, people.into_iter().map(UserKey).collect()).await?;
    let ahead = Ahead::from(Rows {
        users,
        plants,
        comments,
        comment_counts,
        offers,
        offer_counts,
    });
    for request in requests {
        request.1 = ahead.clone();
    }
    let selected = node.selection_fields();
    Ok(selected.iter().all(|node| Loaded::Request.holds_all_of(node)))
}

/// What is loaded ahead, each with fields of its own.
#[derive(Clone, Copy)]
enum Loaded {
    Request,
    Plant,
    Member,
    Comments,
    CommentEdge,
    Comment,
    Offers,
    OfferEdge,
    Offer,
    PageInfo,
}

impl Loaded {
    /// Whether it has all that is selected on it.
    fn holds_all_of(self, selected: &SelectionField<'_>) -> bool {
        selected.selection_set().all(|field| {
            if field.selection_set().next().is_none() {
                // Whether she may read a plant's instructions is asked of the database. What is a member's alone, too, but
                // only where she is the viewer herself.
                return !matches!((self, field.name()), (Self::Plant, "instructions"));
            }
            self.below(field.name())
                .is_some_and(|below| below.holds_all_of(&field))
        })
    }

    fn below(self, field: &str) -> Option<Self> {
        Some(match (self, field) {
            (Self::Request | Self::Offer, "caretaker")
            | (Self::Request | Self::Plant, "owner")
            | (Self::Comment, "author") => Self::Member,
            (Self::Request, "plants") => Self::Plant,
            (Self::Request, "comments") => Self::Comments,
            (Self::Request, "offers") => Self::Offers,
            (Self::Comments, "edges") => Self::CommentEdge,
            (Self::CommentEdge, "node") => Self::Comment,
            (Self::Offers, "edges") => Self::OfferEdge,
            (Self::OfferEdge, "node") => Self::Offer,
            (Self::Comments | Self::Offers, "pageInfo") => Self::PageInfo,
            _ => return None,
        })
    }
}

/// A key for each request, if they are wanted.
fn keys<K>(requests: &[CareRequestId], wanted: bool, key: impl Fn(CareRequestId) -> K) -> Vec<K> {
    if wanted {
        requests.iter().map(|id| key(*id)).collect()
    } else {
        Vec::new()
    }
}

/// The rows of all keys at once.
async fn rows<K>(
    loaders: &Loaders,
    keys: Vec<K>,
) -> Result<HashMap<K, <Observed as Loader<K>>::Value>, Arc<DbErr>>
where
    K: Send + Sync + Hash + Eq + Clone + 'static,
    Observed: Loader<K, Error = Arc<DbErr>>,
{
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    loaders.loader().load(&keys).await
}

/// The pages of a connection that a selection asks for (by aliases there may be several), and whether it
/// asks for the total.
fn pages<N: KeyedNode>(context: &Context<'_>, connection: &Lookahead<'_>) -> (Vec<Page>, bool) {
    let mut pages = Vec::new();
    for field in connection.selection_fields() {
        // What is wrong with its arguments is told where it is resolved.
        if let Some(page) = arguments(&field).and_then(|arguments| arguments.page::<N>(app(context)).ok())
            && !pages.contains(&page)
        {
            pages.push(page);
        }
    }
    (pages, connection.field("totalCount").exists())
}

fn arguments(field: &SelectionField<'_>) -> Option<PageArguments> {
    let mut page = PageArguments::default();
    for (name, value) in field.arguments().ok()? {
        match (name.as_str(), value) {
            ("first", Value::Number(number)) => page.first = Some(i32::try_from(number.as_i64()?).ok()?),
            ("last", Value::Number(number)) => page.last = Some(i32::try_from(number.as_i64()?).ok()?),
            ("after", Value::String(cursor)) => page.after = Some(cursor),
            ("before", Value::String(cursor)) => page.before = Some(cursor),
            (_, Value::Null) => {}
            _ => return None,
        }
    }
    Some(page)
}

fn nested(node: &Lookahead<'_>, connection: &str, field: &str) -> bool {
    node.field(connection)
        .field("edges")
        .field("node")
        .field(field)
        .exists()
}
