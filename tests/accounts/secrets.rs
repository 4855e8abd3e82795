//! What is kept of a member's secrets: nothing that could be read.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use plant_care::crypto;
use plant_care::entity::{UserId, session};
use sea_orm::{ConnectionTrait as _, DbBackend, EntityTrait as _, Statement};

use super::row;
use crate::support::{Member, PASSWORD, TestApp, key};

fn holds(bytes: &[u8], secret: &[u8]) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret)
}

#[tokio::test]
async fn tokens_say_nothing_about_the_member() {
    let app = TestApp::start().await;
    let member = app.member("Ada").await;
    let id = key::<UserId>(&member.id).0;
    for token in [&member.token, &member.refresh_token] {
        let bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
        for personal in [
            member.email.as_bytes(),
            b"Ada",
            id.as_bytes(),
            member.id.as_bytes(),
        ] {
            assert!(!holds(&bytes, personal) && !holds(token.as_bytes(), personal));
        }
    }
    // Nor do two of hers look alike.
    let again = app.login(&member).await;
    let common = again
        .token
        .bytes()
        .zip(member.token.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    assert!(common < 8, "{common} characters in common");
}

#[tokio::test]
async fn no_row_holds_an_email_address_a_password_or_a_token() {
    let app = TestApp::start().await;
    let (ada, eva) = (app.member("Ada").await, app.member("Eva").await);
    let (user, other) = (row(&app, &ada.id).await, row(&app, &eva.id).await);
    let columns = [&user.email_index, &user.email_sealed, &user.data_key_wrapped];
    for column in columns {
        assert!(!column.is_empty());
        for part in [ada.email.as_bytes(), b"example.org", PASSWORD.as_bytes()] {
            assert!(!holds(column, part));
        }
    }
    // Not a hash that could be guessed: it takes the key.
    assert_ne!(user.email_index, crypto::sha256(ada.email.as_bytes()));
    assert!(user.password_hash.starts_with("$argon2id$"));
    // The same password, another salt.
    assert_ne!(user.password_hash, other.password_hash);

    for session in session::Entity::find().all(app.rows()).await.unwrap() {
        for token in [&ada.refresh_token, &eva.refresh_token] {
            let bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
            assert!(!holds(&session.refresh_token_hash, &bytes));
            assert!(!holds(&session.refresh_token_hash, token.as_bytes()));
        }
    }
}

#[tokio::test]
async fn one_members_sealed_address_is_no_others() {
    let app = TestApp::start().await;
    let (ada, eva) = (app.member("Ada").await, app.member("Eva").await);
    let (ada_row, eva_row) = (row(&app, &ada.id).await, row(&app, &eva.id).await);
    let keys = &app.app.keys;
    let adas_key = keys.unwrap_data_key(&ada_row.data_key_wrapped).unwrap();
    let evas_key = keys.unwrap_data_key(&eva_row.data_key_wrapped).unwrap();
    assert_eq!(adas_key.open("email", &ada_row.email_sealed).unwrap(), ada.email);
    assert!(evas_key.open("email", &ada_row.email_sealed).is_err());
    assert!(adas_key.open("phone", &ada_row.email_sealed).is_err());
}

#[tokio::test]
async fn the_whole_database_holds_no_secret() {
    let app = TestApp::start().await;
    let member: Member = app.member("Ada").await;
    let member = app.login(&member).await;
    app.plant(&member, "A fern that can be found").await;
    let bytes = everything(&app).await;
    let found = |secret: &str| {
        let hex: Vec<_> = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        holds(&bytes, secret.as_bytes()) || holds(&bytes, hex.concat().as_bytes())
    };
    assert!(found("A fern that can be found"));
    for secret in [
        member.email.as_str(),
        "ada.0@",
        PASSWORD,
        &member.token,
        &member.refresh_token,
    ] {
        assert!(!found(secret), "{secret}");
    }
}

/// All that is stored: SQLite's files, or the text of every row on Postgres, with bytes in hexadecimal.
async fn everything(app: &TestApp) -> Vec<u8> {
    if let Some(file) = app.app.config.sqlite_file() {
        let mut bytes = std::fs::read(&file).unwrap();
        bytes.extend(std::fs::read(format!("{}-wal", file.display())).unwrap());
        return bytes;
    }
    let text = async |sql: String| -> Vec<String> {
        let rows = app
            .rows()
            .query_all_raw(Statement::from_string(DbBackend::Postgres, sql));
        let rows = rows.await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    };
    let mut bytes = Vec::new();
    let tables = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'";
    for table in text(tables.to_owned()).await {
        for row in text(format!("SELECT t::text FROM {table} t")).await {
            bytes.extend(row.into_bytes());
        }
    }
    bytes
}
