//! Members from before there was a normal form: they log in as they always did, and are kept anew when they do.

use plant_care::crypto;
use plant_care::entity::{UserId, user};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, Set};
use serde_json::{Value, json};

use crate::support::{Member, PASSWORD, TestApp, data, key};

/// Makes a member as the program of before did, with an address and a password that it took as they were typed.
async fn member_of_before(app: &TestApp, email: &str, password: &str) -> Member {
    let member = app.member("Olga").await;
    let row = row(app, &member).await;
    let kept = email.trim().to_lowercase();
    let data_key = app.app.keys.unwrap_data_key(&row.data_key_wrapped).unwrap();
    user::Entity::update_many()
        .set(user::ActiveModel {
            email_index: Set(app.app.keys.email_index(&kept)),
            email_sealed: Set(data_key.seal("email", &kept)),
            password_hash: Set(crypto::hash_password(password).unwrap()),
            ..Default::default()
        })
        .filter(user::Column::Id.eq(row.id))
        .exec(app.rows())
        .await
        .unwrap();
    member
}

async fn row(app: &TestApp, member: &Member) -> user::Model {
    let found = user::Entity::find_by_id(key::<UserId>(&member.id)).one(app.rows());
    found.await.unwrap().unwrap()
}

/// Who is logged in, and the address that she sees.
async fn login(app: &TestApp, email: &str, password: &str) -> Option<(String, String)> {
    let query = "mutation($input: LoginInput!) { login(input: $input) {
        session { user { id email } } userErrors { code } } }";
    let input = json!({ "email": email, "password": password });
    let answer = data(app.send(None, query, json!({ "input": input })).await);
    let user = &answer["login"]["session"]["user"];
    Some((
        user["id"].as_str()?.to_owned(),
        user["email"].as_str()?.to_owned(),
    ))
}

async fn register(app: &TestApp, email: &str) -> Value {
    let query = "mutation($input: RegisterInput!) { register(input: $input) { userErrors { code } } }";
    let input = json!({ "email": email, "password": PASSWORD, "displayName": "Ida" });
    let answer = data(app.send(None, query, json!({ "input": input })).await);
    answer["register"]["userErrors"][0]["code"].clone()
}

#[tokio::test]
async fn who_registered_before_logs_in_with_what_she_typed_then() {
    let app = TestApp::start().await;
    for (email, password) in [
        // What is refused today.
        ("a@b..c", "hunter22"),
        ("ada\u{200b}@example.org", "hunter22"),
        ("\"ada\"@example.org", "hunter22"),
        ("ada@b_c.org", "hunter22"),
        (&format!("{}@example.org", "x".repeat(100)), "hunter22"),
        ("ada.1@example.org", "        "),
        ("ada.2@example.org", "tab\tand\u{7f}more"),
        // What has another form today.
        ("zoe\u{308}@example.org", "cafe\u{301} noir"),
        ("ADA@BÜCHER.example", "十\u{3000}二三四五六七"),
        ("Ada.3@example.org", "non\u{a0}breaking"),
    ] {
        let member = member_of_before(&app, email, password).await;
        // A second time, when what could be kept anew has been.
        for _ in 0..2 {
            let who = login(&app, email, password)
                .await
                .unwrap_or_else(|| panic!("{email:?}"));
            assert_eq!(who.0, member.id, "{email:?}");
        }
        assert_eq!(login(&app, email, "not her password").await, None);
    }
}

#[tokio::test]
async fn a_right_login_keeps_address_and_password_in_their_new_form() {
    let app = TestApp::start().await;
    let member = member_of_before(&app, "Zoe\u{308}@BU\u{308}CHER.example", "cafe\u{301} noir").await;
    let before = row(&app, &member).await;
    assert_eq!(
        login(&app, "Zoe\u{308}@BU\u{308}CHER.example", "wrong password").await,
        None
    );
    assert_eq!(row(&app, &member).await, before, "a wrong one changes nothing");

    // She types both as they are kept, or as they are now: another keyboard.
    let who = login(&app, "zoë@bücher.example", "cafe\u{301} noir").await;
    let kept = (member.id.clone(), "zoë@bücher.example".to_owned());
    assert_eq!(who, Some(kept.clone()));
    let after = row(&app, &member).await;
    assert_eq!(
        after.email_index,
        app.app.keys.email_index("zoë@xn--bcher-kva.example")
    );
    assert!(crypto::verify_password("café noir", &after.password_hash));
    assert_eq!(
        (after.token_epoch, after.version),
        (before.token_epoch, before.version + 1)
    );
    for email in ["zoë@xn--bcher-kva.example", "ZOE\u{308}@bücher.example"] {
        for password in ["café noir", "cafe\u{301} noir", "café\u{a0}noir"] {
            assert_eq!(
                login(&app, email, password).await,
                Some(kept.clone()),
                "{email} {password}"
            );
        }
    }
    assert_eq!(row(&app, &member).await, after, "once");
    // Her open session goes on.
    app.run(&member, "{ viewer { id } }", json!({})).await;
}

#[tokio::test]
async fn an_address_of_before_is_taken_in_its_new_form_too() {
    let app = TestApp::start().await;
    member_of_before(&app, "zoe\u{308}@example.org", PASSWORD).await;
    member_of_before(&app, "ada@bücher.example", PASSWORD).await;
    for taken in [
        "zoë@example.org",
        "ZOE\u{308}@example.org",
        "ada@bücher.example",
        "ada@xn--bcher-kva.example",
        "Ada@bu\u{308}cher.example",
    ] {
        assert_eq!(register(&app, taken).await, "CONFLICT", "{taken}");
    }
    assert_eq!(register(&app, "zoe@example.org").await, Value::Null);
}

#[tokio::test]
async fn two_members_of_before_with_one_address_today_both_log_in() {
    let app = TestApp::start().await;
    let apart = member_of_before(&app, "zoe\u{308}@example.org", "the first one").await;
    let together = member_of_before(&app, "zoë@example.org", "the second one").await;
    for _ in 0..2 {
        for typed in ["zoe\u{308}@example.org", "zoë@example.org"] {
            let who = async |password: &str| login(&app, typed, password).await.map(|(id, _)| id);
            assert_eq!(who("the first one").await, Some(apart.id.clone()));
            assert_eq!(who("the second one").await, Some(together.id.clone()));
        }
    }
}
