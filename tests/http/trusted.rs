//! Trusted documents: operations that were agreed on beforehand, sent by their ids.

use std::path::PathBuf;

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{PRODUCTION, answer, get, post, refusal};
use crate::support::{TestApp, data, error_code};

pub(super) const WHO: &str = "query Who { viewer { id } }";
const ADD: &str = "mutation Add($name: String!) { createPlant(input: { name: $name }) { plant { name } } }";
const FOLLOW: &str = "subscription Follow { myFeed { __typename } }";
const COSTLY: &str =
    "query Costly { openCareRequests(first: 100) { edges { node { plants { owner { plants(first: 100) {
    totalCount } } } } } } }";
const UNTRUSTED: &str = "query Who { viewer { displayName } }";

/// A manifest as Apollo's tools write it.
pub(super) struct Manifest(PathBuf);

impl Manifest {
    pub(super) fn write() -> Self {
        Self::of(&[
            ("who", "Who", "query", WHO),
            ("add", "Add", "mutation", ADD),
            ("follow", "Follow", "subscription", FOLLOW),
            ("costly", "Costly", "query", COSTLY),
        ])
    }

    /// One of some operations: their ids, names, types and bodies.
    pub(super) fn of(operations: &[(&str, &str, &str, &str)]) -> Self {
        let name = u64::from_ne_bytes(plant_care::crypto::random());
        let path = std::env::temp_dir().join(format!("plant_care_manifest_{name:x}.json"));
        let operations = operations
            .iter()
            .map(|(id, name, kind, body)| json!({ "id": id, "name": name, "type": kind, "body": body }));
        let manifest = json!({
            "format": "apollo-persisted-query-manifest",
            "version": 1,
            "operations": operations.collect::<Vec<_>>(),
        });
        std::fs::write(&path, manifest.to_string()).unwrap();
        Self(path)
    }

    /// A server that has it.
    pub(super) async fn serve(&self, settings: &[(&str, &str)]) -> TestApp {
        let path = self.0.to_str().unwrap();
        let settings: Vec<_> = settings
            .iter()
            .copied()
            .chain([("TRUSTED_DOCUMENTS", path)])
            .collect();
        TestApp::start_with(&settings).await
    }
}

impl Drop for Manifest {
    fn drop(&mut self) {
        let _removed = std::fs::remove_file(&self.0);
    }
}

/// The extensions that name a document.
pub(super) fn hash(id: &str) -> Value {
    json!({ "persistedQuery": { "version": 1, "sha256Hash": id } })
}

async fn code(request: RequestBuilder) -> String {
    refusal(request).await.1
}

#[tokio::test]
async fn a_document_is_run_by_its_id_in_either_way() {
    let manifest = Manifest::write();
    let app = manifest.serve(&[]).await;
    let olga = app.member("Olga").await;
    let ask = async |request: Value| {
        let sent = post(&app).bearer_auth(&olga.token).json(&request);
        data(answer(sent).await.1)
    };
    let viewer = json!({ "viewer": { "id": olga.id } });
    assert_eq!(ask(json!({ "documentId": "who" })).await, viewer);
    assert_eq!(ask(json!({ "extensions": hash("who") })).await, viewer);
    assert_eq!(
        ask(json!({ "documentId": "who", "extensions": hash("who"), "query": WHO })).await,
        viewer
    );
    let added =
        ask(json!({ "documentId": "add", "operationName": "Add", "variables": { "name": "Fern" } })).await;
    assert_eq!(added["createPlant"]["plant"]["name"], "Fern");

    let extensions = hash("who").to_string();
    for asked in [("documentId", "who"), ("extensions", extensions.as_str())] {
        let got = get(&app, &[asked]).bearer_auth(&olga.token);
        assert_eq!(data(answer(got).await.1), viewer, "{asked:?}");
    }
    let changing = get(
        &app,
        &[("documentId", "add"), ("variables", "{\"name\":\"Ivy\"}")],
    );
    assert_eq!(refusal(changing.bearer_auth(&olga.token)).await.0, 405);
}

#[tokio::test]
async fn development_runs_other_documents_too_and_refuses_ids_that_are_none() {
    let manifest = Manifest::write();
    let app = manifest.serve(&[]).await;
    let (_, other) = answer(post(&app).json(&json!({ "query": UNTRUSTED }))).await;
    assert_eq!(other, json!({ "data": { "viewer": null } }));
    for wrong in [
        json!({ "documentId": "nothing" }),
        json!({ "documentId": "who", "extensions": hash("add") }),
        json!({ "documentId": "who", "query": UNTRUSTED }),
        json!({ "documentId": "" }),
    ] {
        assert_eq!(code(post(&app).json(&wrong)).await, "BAD_REQUEST", "{wrong}");
    }
    let (_, unknown) = answer(post(&app).json(&json!({ "documentId": "nothing" }))).await;
    assert_eq!(
        unknown["errors"][0]["message"],
        "There is no trusted document of this id here."
    );
    // The limits hold for trusted documents as well.
    assert_eq!(
        code(post(&app).json(&json!({ "documentId": "costly" }))).await,
        "LIMIT_EXCEEDED"
    );

    let plain = TestApp::start().await;
    assert_eq!(
        code(post(&plain).json(&json!({ "documentId": "who" }))).await,
        "BAD_REQUEST",
        "without a manifest there are no ids"
    );
}

#[tokio::test]
async fn production_runs_nothing_else_over_any_transport() {
    let manifest = Manifest::write();
    let app = manifest.serve(&PRODUCTION).await;
    let nobody = json!({ "data": { "viewer": null } });
    for trusted in [
        json!({ "documentId": "who" }),
        json!({ "query": WHO }),
        json!({ "query": WHO, "extensions": hash("other") }),
    ] {
        assert_eq!(answer(post(&app).json(&trusted)).await.1, nobody, "{trusted}");
    }
    let register = "mutation { register(input: { email: \"eve@example.org\", password: \"correct horse\",
        displayName: \"Eve\" }) { session { accessToken } } }";
    for untrusted in [UNTRUSTED, "{ __typename }", &format!("{WHO} "), register] {
        let request = json!({ "query": untrusted, "extensions": hash("other") });
        assert_eq!(
            code(post(&app).json(&request)).await,
            "BAD_REQUEST",
            "{untrusted}"
        );
        if untrusted != register {
            assert_eq!(code(get(&app, &[("query", untrusted)])).await, "BAD_REQUEST");
        }
    }
    let mut socket = crate::support::Socket::open(&app.url, None).await;
    for (id, query) in [("1", UNTRUSTED), ("2", "subscription { myFeed { __typename } }")] {
        socket.subscribe(id, query, json!({})).await;
        let refusal = socket.refusal().await;
        let message = refusal["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("trusted"), "{refusal}");
    }
    socket.subscribe("3", FOLLOW, json!({})).await;
    assert_eq!(
        error_code(&socket.refusal().await),
        "UNAUTHENTICATED",
        "it was run"
    );
    let payload = json!({ "extensions": hash("who") });
    socket
        .send(json!({ "id": "4", "type": "subscribe", "payload": payload }))
        .await;
    assert_eq!(socket.message().await["payload"], nobody);
}
