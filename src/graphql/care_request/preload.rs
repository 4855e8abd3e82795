//! Loading ahead: what a page's selection will ask for, before its entries are resolved.
//!
//! The rows go [with the entries](crate::graphql::ahead), so that every child finds its own without waiting; what
//! is not among them, the operation's loaders fetch when asked. The number of statements depends on the selection
//! and not on the page.

use std::collections::HashMap;
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use async_graphql::{Context, Lookahead, SelectionField, Value};
use futures_util::try_join;
use sea_orm::DbErr;

use super::CareRequest;
use crate::entity::UserId;
use crate::graphql::ahead::{Ahead, Lists, Loaded, Rows};
use crate::graphql::comment::Comments;
use crate::graphql::connection::has_rows;
use crate::graphql::error::ApiError;
use crate::graphql::list::{List, PageKey, TotalKey};
use crate::graphql::loaders::{Key, Loaders, Observed, RequestPlantsKey, UserKey};
use crate::graphql::offer::Offers;
use crate::graphql::page::{Page, PageArguments};
use crate::graphql::scope::{app, loaded, scope};
use crate::graphql::user::{account, asks_for_account};

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
    let wants_plants = node.field("plants").exists();
    let all = requests.iter().map(|request| RequestPlantsKey(request.0.id));
    let all = if wants_plants { all.collect() } else { Vec::new() };
    let (plants, comments, offers) = try_join!(
        rows(&loaders, all),
        list::<Comments>(context, &loaders, requests, node),
        list::<Offers>(context, &loaders, requests, node),
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
    if nested(node, "comments", "author").exists() {
        people.extend(
            comments
                .pages
                .values()
                .flat_map(|rows| rows.iter().map(|row| row.author_id)),
        );
    }
    if nested(node, "offers", "caretaker").exists() {
        people.extend(
            offers
                .pages
                .values()
                .flat_map(|rows| rows.iter().map(|row| row.caretaker_id)),
        );
    }
    people.sort_unstable();
    people.dedup();
    let viewer = scope(context).caller.viewer.member().map(|viewer| viewer.id);
    let viewer = viewer.filter(|viewer| people.contains(viewer) && asks_for_viewer(node));
    let account = async {
        match viewer {
            Some(viewer) => account(context, viewer).await,
            None => Ok(None),
        }
    };
    let users = async {
        rows(&loaders, people.into_iter().map(UserKey).collect())
            .await
            .map_err(ApiError::from)
    };
    let (account, users) = try_join!(account, users)?;
    let mut lists = Lists::default();
    lists.add(comments);
    lists.add(offers);
    let ahead = Ahead::from(Rows {
        users,
        account,
        plants,
        lists,
    });
    for request in requests {
        request.1 = ahead.clone();
    }
    let selected = node.selection_fields();
    Ok(selected.iter().all(|node| At::Request.holds_all_of(node)))
}

/// Where in what is loaded ahead a selection is; each place has fields of its own.
#[derive(Clone, Copy)]
enum At {
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

impl At {
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

/// What a selection asks for of a list of each request: its pages (by aliases there may be several) and its totals.
async fn list<L: List<Of = CareRequest>>(
    context: &Context<'_>,
    loaders: &Loaders,
    requests: &[CareRequest],
    node: &Lookahead<'_>,
) -> Result<Loaded<L>, Arc<DbErr>> {
    let connection = node.field(L::FIELD);
    let selected = connection.selection_fields();
    if selected.is_empty() {
        return Ok(Loaded::default());
    }
    let shown = requests.iter().filter(|request| L::is_shown(context, request));
    let shown: Vec<_> = shown.map(L::parent).collect();
    let mut pages: Vec<Page> = Vec::new();
    for field in selected.iter().filter(|field| has_rows(field)) {
        // What is wrong with its arguments is told where it is resolved.
        if let Some(page) =
            arguments(field).and_then(|arguments| arguments.page::<L::Node>(app(context)).ok())
            && !pages.contains(&page)
        {
            pages.push(page);
        }
    }
    let pages = pages
        .iter()
        .flat_map(|page| shown.iter().map(|parent| PageKey::<L>(*parent, *page)));
    let totals = if connection.field("totalCount").exists() {
        shown.iter().map(|parent| TotalKey::of(*parent)).collect()
    } else {
        Vec::new()
    };
    let (pages, totals) = try_join!(rows(loaders, pages.collect()), rows(loaders, totals))?;
    Ok(Loaded { pages, totals })
}

/// The rows of all keys at once.
async fn rows<K>(
    loaders: &Loaders,
    keys: Vec<K>,
) -> Result<HashMap<K, <Observed as Loader<K>>::Value>, Arc<DbErr>>
where
    K: Key,
    Observed: Loader<K, Error = Arc<DbErr>>,
{
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    loaders.loader().load(&keys).await
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

/// Whether of one of the people something is asked for that is hers alone.
fn asks_for_viewer(node: &Lookahead<'_>) -> bool {
    [
        node.field("owner"),
        node.field("caretaker"),
        node.field("plants").field("owner"),
        nested(node, "comments", "author"),
        nested(node, "offers", "caretaker"),
    ]
    .iter()
    .any(asks_for_account)
}

fn nested<'a>(node: &Lookahead<'a>, connection: &str, field: &str) -> Lookahead<'a> {
    node.field(connection).field("edges").field("node").field(field)
}
