//! Fingerprints of keys.

use sea_orm::entity::prelude::*;

/// A key that this database was written with, by what tells nothing of it. Of `ENCRYPTION_KEY` there may be several, while
/// it is exchanged; of `SECRET_KEY` there is the one that started last.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "key_fingerprints")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub key_name: KeyName,
    /// Hexadecimal digits.
    pub fingerprint: String,
    pub recorded_at: DateTimeUtc,
}

/// Which of the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum KeyName {
    #[sea_orm(string_value = "ENCRYPTION_KEY")]
    Encryption,
    #[sea_orm(string_value = "SECRET_KEY")]
    Secret,
}

impl ActiveModelBehavior for ActiveModel {}
