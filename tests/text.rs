//! Text that comes in, wherever the schema takes some: one normal form, nothing that cannot be seen where it makes a
//! name, and nothing that a database could not store.

#[cfg(test)]
mod before;
#[cfg(test)]
mod fields;

use serde_json::{Value, json};

use self::fields::{Field, Taker};
use crate::support::{Dice, Story, TestApp, error_code, text};

/// Characters of every class, and whether prose and names take them.
const CLASSES: [(&str, &[char], bool, bool); 9] = [
    ("letters", &['a', 'é', 'ß', 'ж', '水', 'ة', '😀', '1'], true, true),
    ("spaces within", &[' ', '\u{a0}', '\u{3000}'], true, true),
    ("lines", &['\n'], true, false),
    ("tab", &['\t'], true, false),
    (
        "controls",
        &[
            '\u{1}', '\u{7}', '\u{8}', '\u{b}', '\u{c}', '\r', '\u{1b}', '\u{7f}', '\u{80}', '\u{85}',
            '\u{9f}',
        ],
        false,
        false,
    ),
    ("line separators", &['\u{2028}', '\u{2029}'], true, false),
    (
        "directions",
        &[
            '\u{61c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}',
        ],
        true,
        false,
    ),
    (
        "no width",
        &['\u{200b}', '\u{2060}', '\u{feff}', '\u{ad}'],
        true,
        false,
    ),
    ("tags", &['\u{e0001}', '\u{e0041}', '\u{e007f}'], true, false),
];

#[tokio::test]
async fn every_text_of_the_schema_takes_what_it_should_and_tells_what_it_does_not() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    let mut dice = Dice::new(11);
    for field in fields::of_schema() {
        let Taker::Text { is_name, .. } = fields::decided(&field) else {
            continue;
        };
        for (class, characters, prose, name) in CLASSES {
            for c in characters {
                // Before, between and behind letters, at a place that is drawn.
                let letters: Vec<char> = "Fern".chars().collect();
                let at = 1 + dice.below(letters.len() - 1);
                let sample: String = letters[..at].iter().chain([c]).chain(&letters[at..]).collect();
                let kept = fields::keep(&story, &field, &sample).await;
                let taken = if is_name { name } else { prose };
                match kept {
                    Ok(kept) => assert!(
                        taken && kept == sample,
                        "{field}: {class} {c:?} was kept as {kept:?}"
                    ),
                    Err(refusal) => {
                        assert!(!taken, "{field}: {class} {c:?} was refused: {refusal}");
                        assert_eq!(refusal["code"], "VALIDATION", "{field}: {c:?}");
                        assert_eq!(refusal["field"], json!([field.name]), "{c:?}");
                    }
                }
            }
        }
        let composed = fields::keep(
            &story,
            &field,
            "  cafe\u{301} A\u{30a}\u{327} \u{1112}\u{1161}\u{11ab} ",
        )
        .await;
        assert_eq!(composed, Ok("café Å\u{327} 한".to_owned()), "{field}");
        let joined = "👩\u{200d}🌾 می\u{200c}خواهم ❤\u{fe0f}";
        assert_eq!(
            fields::keep(&story, &field, joined).await,
            Ok(joined.to_owned()),
            "{field}"
        );
        if !is_name {
            let lines = fields::keep(&story, &field, "a\r\nb\r\n\r\nc").await;
            assert_eq!(lines, Ok("a\nb\n\nc".to_owned()), "{field}");
        }
    }
}

#[tokio::test]
async fn the_character_nul_is_told_as_what_it_is_wherever_it_comes() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    for field in fields::of_schema() {
        for sample in ["a\0b", "\0", "abcdefgh\0"] {
            let answer = fields::send(&story, &field, sample).await;
            match fields::decided(&field) {
                Taker::Text { .. } | Taker::Token | Taker::Address | Taker::Password => {
                    let refusal = fields::refusal(&answer, &field);
                    assert_eq!(refusal["code"], "VALIDATION", "{field}: {answer}");
                    let message = "This holds the character NUL (U+0000), which no text can have.";
                    assert_eq!(refusal["message"], message, "{field}: {answer}");
                }
                // There is no payload to put a refusal into.
                Taker::Code if field.of == "NearInput" => assert_eq!(error_code(&answer), "BAD_REQUEST"),
                Taker::Code => {
                    assert_eq!(
                        fields::refusal(&answer, &field)["code"],
                        "VALIDATION",
                        "{field}: {answer}"
                    );
                }
                Taker::Secret => {
                    let code = &fields::refusal(&answer, &field)["code"];
                    assert_eq!(code, "INVALID_CREDENTIALS", "{field}: {answer}");
                }
                Taker::Id => assert_eq!(error_code(&answer), "INVALID_ID", "{field}: {answer}"),
                Taker::Cursor => assert_eq!(error_code(&answer), "INVALID_CURSOR", "{field}: {answer}"),
            }
        }
    }
    let mut french = fields::send_in(&story, &Field::of("RegisterInput", "displayName"), "a\0", "fr").await;
    let message = french["data"]["register"]["userErrors"][0]["message"].take();
    assert_eq!(
        message,
        "Le caractère NUL (U+0000) ne peut figurer dans aucun texte."
    );
}

#[tokio::test]
async fn a_name_of_nothing_that_is_seen_is_none() {
    let app = TestApp::start().await;
    let story = Story::in_progress(&app).await;
    for field in fields::of_schema() {
        let Taker::Text { required, .. } = fields::decided(&field) else {
            continue;
        };
        for blank in [
            "\u{200b}",
            "\u{3164}\u{3164}",
            " \u{feff} ",
            "\u{2800}",
            "\u{202e}\u{2060}",
        ] {
            let refusal = fields::keep(&story, &field, blank).await.unwrap_err();
            assert_eq!(
                refusal["message"], "This must not be empty.",
                "{field}: {blank:?}"
            );
        }
        let empty = fields::keep(&story, &field, " \n\t ").await;
        assert_eq!(empty.is_err(), required, "{field}");
    }
}

#[tokio::test]
async fn a_request_is_for_a_year_at_most_and_is_told_until_when() {
    let app = TestApp::start().await;
    let story = Story::open(&app).await;
    let asked = async |first: &str, last: &str| -> Value {
        let plant = app.plant(&story.owner, "Fern").await;
        let mut input = crate::support::story::request_input(&[plant]);
        (input["startsOn"], input["endsOn"]) = (json!(first), json!(last));
        let payload = app.mutate(&story.owner, "createCareRequest", input, "").await;
        payload["userErrors"][0].clone()
    };
    assert_eq!(asked("2027-06-01", "2028-06-01").await, Value::Null);
    let refusal = asked("2026-06-01", "2027-06-02").await;
    assert_eq!(
        (&refusal["code"], &refusal["field"]),
        (&json!("VALIDATION"), &json!(["endsOn"]))
    );
    let told = "At most a year is allowed: the last day can be 2027-06-01 at the latest.";
    assert_eq!(text(&refusal["message"]), told);
}
