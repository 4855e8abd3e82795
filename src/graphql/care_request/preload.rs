//! Loading ahead: what a page's selection will ask for, before its entries are resolved.
//!
//! The rows are fed to the operation's loaders, so that every child finds its own without waiting; what
//! is not fed in here, the loaders fetch when asked. The number of statements depends on the selection
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
use crate::graphql::comment::Comment;
use crate::graphql::connection::{KeyedNode, Page, PageArguments};
use crate::graphql::error::ApiError;
use crate::graphql::loaders::{
    CommentCountKey, CommentsKey, Loaders, Observed, OfferCountKey, OffersKey, RequestPlantsKey, UserKey,
};
use crate::graphql::offer::Offer;
use crate::graphql::scope::{app, loaded};

/// Loads what `node`, the selection on each request, asks for.
pub async fn preload(
    context: &Context<'_>,
    requests: &[CareRequest],
    node: &Lookahead<'_>,
) -> Result<(), ApiError> {
    if requests.is_empty() {
        return Ok(());
    }
    let loaders = loaded(context);
    let all: Vec<_> = requests.iter().map(|request| request.0.id).collect();
    let mut private = Vec::new();
    for request in requests {
        if may(Action::SeePrivateDetails, request.standing(context)) {
            private.push(request.0.id);
        }
    }
    let (comment_pages, comment_totals) = pages::<Comment>(context, &node.field("comments"));
    let (offer_pages, offer_totals) = pages::<Offer>(context, &node.field("offers"));
    let wants_plants = node.field("plants").exists();

    let (plants, comments, offers, _, _) = try_join!(
        feed(&loaders, keys(&all, wants_plants, RequestPlantsKey)),
        feed(
            &loaders,
            comment_pages
                .iter()
                .flat_map(|page| keys(&private, true, |id| CommentsKey(id, *page)))
                .collect()
        ),
        feed(
            &loaders,
            offer_pages
                .iter()
                .flat_map(|page| keys(&all, true, |id| OffersKey(id, *page)))
                .collect()
        ),
        feed(&loaders, keys(&private, comment_totals, CommentCountKey)),
        feed(&loaders, keys(&all, offer_totals, OfferCountKey)),
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
    feed(&loaders, people.into_iter().map(UserKey).collect()).await?;
    Ok(())
}

/// A key for each request, if they are wanted.
fn keys<K>(requests: &[CareRequestId], wanted: bool, key: impl Fn(CareRequestId) -> K) -> Vec<K> {
    if wanted {
        requests.iter().map(|id| key(*id)).collect()
    } else {
        Vec::new()
    }
}

/// Loads the rows of all keys at once and gives them to the loaders.
async fn feed<K>(
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
    let rows = loaders.loader().load(&keys).await?;
    loaders
        .feed_many(rows.iter().map(|(key, value)| (key.clone(), value.clone())))
        .await;
    Ok(rows)
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
