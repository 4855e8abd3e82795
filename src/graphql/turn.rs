//! The turns that operations take.

use apollo_compiler::ast::{OperationType, Selection};
use async_graphql::Response;

use super::Api;
use super::document::Document;
use super::error::ApiError;
use super::scope::Caller;
use crate::admission::{Key, Turn};
use crate::telemetry::operation::Outcome;

/// The mutations that hash a password: they have a queue of their own.
const HASHING: [&str; 2] = ["login", "register"];

impl Api {
    /// Waits until a request may be answered; whoever would have to wait too long is told so at once.
    pub async fn turn(&self, key: Key) -> Result<Turn, ApiError> {
        self.app.admission.request(key).await.map_err(|busy| {
            // What it would have been was not looked at.
            let outcome = Outcome::ServerError(ApiError::SERVER_BUSY);
            self.app.telemetry.refused(None, outcome);
            busy.into()
        })
    }

    /// Runs a query or mutation when it is its turn.
    pub async fn run_in_turn(&self, document: Document, caller: Caller) -> Response {
        match self.turn(caller.key()).await {
            Ok(turn) => self.run_in(turn, document, caller).await,
            Err(busy) => busy.into_response(),
        }
    }

    /// Runs a query or mutation whose turn it is. A mutation leaves its turn to others, because it may wait for one of its
    /// own, and runs to its end whether its answer is waited for or not.
    pub async fn run_in(&self, turn: Turn, document: Document, caller: Caller) -> Response {
        if !document.is_mutation() {
            let response = self.run(document, caller).await;
            drop(turn);
            return response;
        }
        drop(turn);
        let api = self.clone();
        let running = self
            .app
            .to_its_end(async move { api.run(document, caller).await });
        match running.await {
            Ok(response) => response,
            Err(interrupted) => ApiError::internal(&interrupted).into_response(),
        }
    }

    /// Waits until a mutation may begin, if it is one that waits here: what hashes a password and does nothing else waits
    /// for that.
    pub(super) async fn write_turn(
        &self,
        document: &Document,
        caller: &Caller,
    ) -> Result<Option<Turn>, ApiError> {
        let writes = document.operation().is_some_and(|operation| {
            let mut selections = operation.selection_set.iter();
            operation.operation_type == OperationType::Mutation
                && selections.any(|selection| match selection {
                    Selection::Field(field) => !HASHING.contains(&field.name.as_str()),
                    _ => true,
                })
        });
        if writes {
            Ok(Some(self.app.admission.write(caller.key()).await?))
        } else {
            Ok(None)
        }
    }
}
