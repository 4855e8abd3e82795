//! Which keys a database was written with, so that another one is noticed before it does harm.
//!
//! With another `ENCRYPTION_KEY` nobody could log in, and an address that is taken could be registered once more: the
//! process does not start. Another `SECRET_KEY` ends sessions and stream tickets, and of replicas that have different ones
//! none knows what another has handed out: that is told, since a key may be exchanged.

use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbBackend, DbErr, EntityTrait as _, IntoActiveModel as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _,
};
use uuid::Uuid;

use crate::clock::Clock;
use crate::crypto::Keys;
use crate::database::{Database, HasDatabaseError};
use crate::entity::key_fingerprint::{Column, Entity, KeyName, Model};
use crate::entity::user;
use crate::telemetry::outage::Outage;

/// How many members' data keys are tried where no fingerprint is known: a single one may be damaged.
const TRIED: u64 = 20;

/// Why the keys cannot be used with a database.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The members' data was sealed with another key.
    #[error(
        "ENCRYPTION_KEY is not the key that this database was written with (fingerprint {own}, and not {}): \
         nothing in it could be read. Set the key that it had",
        .recorded.join(" or ")
    )]
    OtherEncryptionKey {
        /// The fingerprint of the key that is set.
        own: String,
        /// Those of the keys that the database knows; of a database of before there were any, none.
        recorded: Vec<String>,
    },
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] DbErr),
}

impl HasDatabaseError for KeysError {
    fn database_error(&self) -> Option<&DbErr> {
        match self {
            Self::Database(error) => Some(error),
            Self::OtherEncryptionKey { .. } => None,
        }
    }
}

/// Refuses an `ENCRYPTION_KEY` that is not the database's, and writes nothing. Otherwise, whether it is known by its
/// fingerprint already, and not just by what it opens.
pub async fn check(database: &impl ConnectionTrait, keys: &Keys) -> Result<bool, KeysError> {
    let recorded = recorded(database, KeyName::Encryption).await?;
    let own = &keys.fingerprints().encryption_key;
    if recorded.iter().any(|row| row.fingerprint == *own) {
        return Ok(true);
    }
    if recorded.is_empty() && opens_members(database, keys).await? {
        return Ok(false);
    }
    Err(KeysError::OtherEncryptionKey {
        own: own.clone(),
        recorded: recorded.into_iter().map(|row| row.fingerprint).collect(),
    })
}

/// Of a process that begins: [checks](check) `ENCRYPTION_KEY` and keeps its fingerprint; tells of a `SECRET_KEY` that is
/// not the one of the process that began before.
pub async fn settle(database: &Database, keys: &Keys, clock: &Clock) -> Result<(), KeysError> {
    let is_known = check(database.reader(), keys).await?;
    let before = recorded(database.reader(), KeyName::Secret).await?;
    let other = before
        .iter()
        .find(|row| row.fingerprint != keys.fingerprints().secret_key);
    if is_known && !before.is_empty() && other.is_none() {
        return Ok(());
    }
    if let Some(other) = other {
        tracing::warn!(
            since = %other.recorded_at,
            "SECRET_KEY is another one than before: sessions and stream tickets of before have ended, and every replica must \
             have the new one"
        );
    }
    let begun = Begun {
        keys: keys.clone(),
        ids: [clock.new_id(), clock.new_id()],
        now: clock.now(),
    };
    database
        .write_transaction("key fingerprints", begun, |transaction, begun| {
            Box::pin(async move {
                // Of two that begin at once with different keys, the second finds what the first has kept.
                if transaction.get_database_backend() == DbBackend::Postgres {
                    transaction
                        .execute_unprepared("LOCK TABLE key_fingerprints IN EXCLUSIVE MODE")
                        .await?;
                }
                let is_known = check(transaction, &begun.keys).await?;
                Ok(keep(transaction, begun, is_known).await?)
            })
        })
        .await
}

/// A process that begins.
struct Begun {
    keys: Keys,
    ids: [Uuid; 2],
    now: DateTime<Utc>,
}

async fn keep(transaction: &impl ConnectionTrait, begun: &Begun, is_known: bool) -> Result<(), DbErr> {
    let own = begun.keys.fingerprints();
    let row = |id, key_name, fingerprint: &str| Model {
        id,
        key_name,
        fingerprint: fingerprint.to_owned(),
        recorded_at: begun.now,
    };
    let [encryption, secret] = begun.ids;
    let mut rows = Vec::new();
    if !is_known {
        rows.push(row(encryption, KeyName::Encryption, &own.encryption_key));
    }
    Entity::delete_many()
        .filter(Column::KeyName.eq(KeyName::Secret))
        .exec(transaction)
        .await?;
    rows.push(row(secret, KeyName::Secret, &own.secret_key));
    Entity::insert_many(rows.into_iter().map(Model::into_active_model))
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

async fn recorded(database: &impl ConnectionTrait, key_name: KeyName) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::KeyName.eq(key_name))
        .order_by_asc(Column::RecordedAt)
        .all(database)
        .await
}

/// Whether a member's data key opens, of those that were made first; where there is no member, any key is right.
async fn opens_members(database: &impl ConnectionTrait, keys: &Keys) -> Result<bool, DbErr> {
    let wrapped: Vec<Vec<u8>> = user::Entity::find()
        .select_only()
        .column(user::Column::DataKeyWrapped)
        .filter(user::Column::DataKeyWrapped.ne(Vec::<u8>::new()))
        .order_by_asc(user::Column::Id)
        .limit(TRIED)
        .into_tuple()
        .all(database)
        .await?;
    Ok(wrapped.is_empty() || wrapped.iter().any(|key| keys.unwrap_data_key(key).is_ok()))
}

/// What a process knows of the other replicas' `SECRET_KEY`.
#[derive(Debug)]
pub struct Shared(Mutex<Outage>);

impl Default for Shared {
    fn default() -> Self {
        Self(Mutex::new(Outage::of(
            "SECRET_KEY, which all replicas must share,",
        )))
    }
}

impl Shared {
    /// Whether no process that began later has another `SECRET_KEY`.
    pub async fn ask(&self, database: &Database, keys: &Keys) -> Result<bool, DbErr> {
        let recorded = recorded(database.reader(), KeyName::Secret).await?;
        let own = &keys.fingerprints().secret_key;
        let is_shared = recorded.iter().all(|row| row.fingerprint == *own);
        let told = if is_shared {
            Ok(())
        } else {
            Err("another process began with another one")
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).note(&told);
        Ok(is_shared)
    }
}
