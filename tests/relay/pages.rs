//! Paging through long lists that change meanwhile: what stays is seen once, in order.

use std::collections::{BTreeMap, BTreeSet};

use plant_care::entity::{care_request, comment, offer, plant};
use plant_care::graphql::scalars::marked;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Member, TestApp, text};

const ROWS: usize = 1_000;
/// Rows that come or go between two pages.
const CHANGES: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    Plants,
    Requests,
    Offers,
    Comments,
}

/// Numbers that look random and are the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        // Knuth's MMIX generator; its upper bits are good enough to shuffle with.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

struct Reader<'a> {
    app: &'a TestApp,
    list: List,
    owner: Member,
    caretaker: Member,
    /// The request that offers and comments are about.
    request: Uuid,
}

impl<'a> Reader<'a> {
    async fn new(app: &'a TestApp, list: List) -> Self {
        let (owner, caretaker) = (app.member("Olga").await, app.member("Carl").await);
        let request = app.keys(1)[0];
        if matches!(list, List::Offers | List::Comments) {
            app.add_requests(&owner, Some(&caretaker), &[request]).await;
        }
        Self {
            app,
            list,
            owner,
            caretaker,
            request,
        }
    }

    async fn add(&self, keys: &[Uuid]) {
        match self.list {
            List::Plants => self.app.add_plants(&self.owner, keys).await,
            List::Requests => self.app.add_requests(&self.owner, None, keys).await,
            List::Offers => self.app.add_offers(self.request, &self.caretaker, keys).await,
            List::Comments => self.app.add_comments(self.request, &self.owner, keys).await,
        }
    }

    async fn remove(&self, id: Uuid) {
        let rows = self.app.rows();
        let removed = match self.list {
            List::Plants => {
                plant::Entity::delete_many()
                    .filter(plant::Column::Id.eq(id))
                    .exec(rows)
                    .await
            }
            List::Requests => {
                let which = care_request::Column::Id.eq(id);
                care_request::Entity::delete_many().filter(which).exec(rows).await
            }
            List::Offers => {
                offer::Entity::delete_many()
                    .filter(offer::Column::Id.eq(id))
                    .exec(rows)
                    .await
            }
            List::Comments => {
                comment::Entity::delete_many()
                    .filter(comment::Column::Id.eq(id))
                    .exec(rows)
                    .await
            }
        };
        assert_eq!(removed.unwrap().rows_affected, 1);
    }

    /// A page: its keys, and where it stands.
    async fn page(&self, arguments: Value) -> (Vec<Uuid>, Value) {
        const PAGE: &str = "(first: $first, after: $after, last: $last, before: $before) {
            edges { node { id } } pageInfo { hasPreviousPage hasNextPage startCursor endCursor } }";
        let (field, path) = match self.list {
            List::Plants => (format!("viewer {{ plants{PAGE} }}"), "/viewer/plants"),
            List::Requests => (format!("careRequests{PAGE}"), "/careRequests"),
            List::Offers => (
                format!("careRequest(id: $id) {{ offers{PAGE} }}"),
                "/careRequest/offers",
            ),
            List::Comments => (
                format!("careRequest(id: $id) {{ comments{PAGE} }}"),
                "/careRequest/comments",
            ),
        };
        // A variable that is not used would be refused.
        let id = if field.contains("$id") { "$id: ID!, " } else { "" };
        let query =
            format!("query({id}$first: Int, $after: String, $last: Int, $before: String) {{ {field} }}");
        let mut variables = arguments;
        variables["id"] = json!(global_id(self.request));
        let mut data = self.app.run(&self.owner, &query, variables).await;
        let mut page = data.pointer_mut(path).unwrap().take();
        let keys = page["edges"].as_array().unwrap().iter().map(|edge| {
            let id = text(&edge["node"]["id"]);
            marked(&id.into()).unwrap().1
        });
        (keys.collect(), page["pageInfo"].take())
    }
}

fn global_id(request: Uuid) -> String {
    use plant_care::graphql::scalars::GlobalId as _;
    plant_care::entity::CareRequestId(request).to_id().to_string()
}

/// Pages through a list of which every other row comes and goes.
async fn page_through(list: List, backward: bool, luck: u64) {
    let app = TestApp::start().await;
    let reader = Reader::new(&app, list).await;
    let keys = app.keys(ROWS);
    reader.add(&keys).await;
    let mut dice = Dice(luck);
    let mut present: BTreeMap<Uuid, bool> = keys.iter().skip(1).step_by(2).map(|key| (*key, true)).collect();
    let restless: Vec<_> = present.keys().copied().collect();
    let steady: BTreeSet<Uuid> = keys.iter().step_by(2).copied().collect();

    let mut seen: Vec<Uuid> = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let size = 1 + dice.roll(100);
        let arguments = if backward {
            json!({ "last": size, "before": cursor })
        } else {
            json!({ "first": size, "after": cursor })
        };
        let (page, info) = reader.page(arguments).await;
        assert!(page.len() <= size);
        let more = if backward {
            seen.splice(0..0, page);
            cursor = info["startCursor"].clone();
            &info["hasPreviousPage"]
        } else {
            seen.extend(page);
            cursor = info["endCursor"].clone();
            &info["hasNextPage"]
        };
        if *more == false {
            break;
        }
        for _ in 0..CHANGES {
            let key = restless[dice.roll(restless.len())];
            let was_there = present[&key];
            if was_there {
                reader.remove(key).await;
            } else {
                reader.add(&[key]).await;
            }
            present.insert(key, !was_there);
        }
        // And one at the end, which is new.
        let newest = app.keys(1);
        reader.add(&newest).await;
    }

    if list == List::Requests {
        // The newest first.
        seen.reverse();
    }
    assert!(
        seen.windows(2).all(|pair| pair[0] < pair[1]),
        "in order, and none twice"
    );
    let stayed: Vec<_> = seen.iter().copied().filter(|key| steady.contains(key)).collect();
    assert_eq!(
        stayed,
        steady.into_iter().collect::<Vec<_>>(),
        "each row that stayed"
    );
    assert!(seen.len() > ROWS / 2, "and others besides");
}

macro_rules! pages {
    ($($name:ident: $list:ident;)*) => {$(
        #[tokio::test]
        async fn $name() {
            page_through(List::$list, false, 1).await;
            page_through(List::$list, true, 2).await;
        }
    )*};
}

pages! {
    paging_through_plants_that_change_skips_and_repeats_none: Plants;
    paging_through_requests_that_change_skips_and_repeats_none: Requests;
    paging_through_offers_that_change_skips_and_repeats_none: Offers;
    paging_through_comments_that_change_skips_and_repeats_none: Comments;
}
