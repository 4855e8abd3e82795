//! What is in the database, where no client can see it.

use std::collections::BTreeMap;

use plant_care::database::reader::Reader;
use plant_care::entity::{event, stream, stream_entry};
use plant_care::graphql::scalars::GlobalId;
use sea_orm::{EntityTrait as _, QueryOrder as _};

use super::TestApp;

impl TestApp {
    /// The database as its readers see it.
    pub(crate) fn rows(&self) -> &Reader {
        self.app.database.reader()
    }

    /// Checks that nothing was half written: each stream's entries are numbered from 1 to its head without a
    /// hole, and each event is in a stream.
    pub(crate) async fn assert_whole_log(&self) {
        let entries = stream_entry::Entity::find()
            .order_by_asc(stream_entry::Column::Seq)
            .all(self.rows())
            .await
            .unwrap();
        let mut numbers: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for entry in &entries {
            numbers.entry(entry.stream.clone()).or_default().push(entry.seq);
        }
        let heads = stream::Entity::find().all(self.rows()).await.unwrap();
        assert_eq!(heads.len(), numbers.len(), "streams and streams with entries");
        for head in heads {
            let dense: Vec<_> = (1..=head.last_seq).collect();
            assert_eq!(numbers[&head.name], dense, "{}", head.name);
        }
        for event in event::Entity::find().all(self.rows()).await.unwrap() {
            assert!(
                entries.iter().any(|entry| entry.event_id == event.id),
                "an event that is told to nobody: {event:?}"
            );
        }
    }
}

/// The key behind an id that a client was told.
pub(crate) fn key<K: GlobalId>(id: &str) -> K {
    K::from_id(&id.into()).unwrap()
}
