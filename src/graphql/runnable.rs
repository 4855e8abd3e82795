//! Operations made ready to run: valid, in their canonical form, within the limits of what they cost.

use std::sync::{Arc, OnceLock};

use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition};
use async_graphql::{Pos, Positioned, Response, ServerError, Variables};

use super::Api;
use super::discreet::discreet;
use super::document::Document;
use super::error::{ApiError, Exceeded, with_codes};
use super::limits::is_sized;
use super::price::Price;
use super::specification::{Canonical, TooLarge, print};
use crate::crypto;
use crate::telemetry::calls::Plan;

/// How many times as many fields as a document may have it may have in its canonical form.
const EXPANSION: usize = 10;

/// An operation as it runs.
#[derive(Debug)]
pub struct Runnable {
    operation: Positioned<OperationDefinition>,
    /// What it will have called, as far as that is counted.
    pub plan: Arc<Plan>,
    /// How many fields it has.
    pub nodes: usize,
    /// What it costs, if nothing that is sent has a size.
    price: OnceLock<Price>,
    /// Its text, hashed.
    fingerprint: OnceLock<[u8; 32]>,
}

impl Runnable {
    fn new(operation: OperationDefinition, plan: Plan, nodes: usize) -> Self {
        Self {
            operation: Positioned::new(operation, Pos::default()),
            plan: Arc::new(plan),
            nodes,
            price: OnceLock::new(),
            fingerprint: OnceLock::new(),
        }
    }

    /// The operation: fields by their response keys, and fragments only where types differ.
    pub fn operation(&self) -> &OperationDefinition {
        &self.operation.node
    }

    /// The same, as it is handed to whoever runs it.
    pub fn executable(&self) -> ExecutableDocument {
        ExecutableDocument {
            operations: DocumentOperations::Single(self.operation.clone()),
            fragments: std::collections::HashMap::new(),
        }
    }

    /// What is the same for all that run the same, whatever their documents look like.
    pub fn fingerprint(&self) -> [u8; 32] {
        let hash = || crypto::sha256_of(&[print(self.operation()).as_bytes()]);
        *self.fingerprint.get_or_init(hash)
    }
}

impl Api {
    /// Refuses what is not valid or costs too much, gives the variables of the request their values, and says what runs.
    pub(super) fn ready(&self, document: &mut Document) -> Result<(Arc<Runnable>, Price), Box<Response>> {
        let runnable = self
            .runnable(document)
            .map_err(|errors| self.refusal(errors, document))?;
        let price = self
            .price(&runnable, &document.request.variables)
            .map_err(|error| Box::new(error.into_response()))?;
        Ok((runnable, price))
    }

    fn runnable(&self, document: &mut Document) -> Result<Arc<Runnable>, Vec<ServerError>> {
        let parsed = Arc::clone(&document.parsed);
        let request = &mut document.request;
        let validated = parsed.validated(|document| self.specification.validate(document))?;
        let chosen = validated
            .operation(request.operation_name.as_deref())
            .map_err(|error| vec![error])?;
        let sent = std::mem::take(&mut request.variables);
        request.variables = self.specification.coerce(chosen, sent)?;
        let decisions = chosen.decisions(&request.variables);
        if let Some(runnable) = parsed.form(chosen.place, &decisions) {
            return Ok(runnable);
        }
        let nodes = self.app.config.limits.nodes;
        let most = nodes.saturating_mul(EXPANSION);
        let Canonical { mut operation, nodes } = self
            .specification
            .canonical(chosen, &request.variables, most)
            .map_err(|TooLarge { looked_at }| {
                let exceeded = Exceeded {
                    limit: "NODES",
                    value: looked_at,
                    maximum: most,
                };
                vec![ApiError::LimitExceeded(exceeded).into_server_error()]
            })?;
        let mut plan = Plan::default();
        if self.app.telemetry.is_on {
            self.calls.ask_for_types(&mut operation);
            plan = self.calls.plan(&operation);
        }
        let runnable = Arc::new(Runnable::new(operation, plan, nodes));
        self.known
            .keep_form(&parsed, chosen.place, decisions, Arc::clone(&runnable));
        Ok(runnable)
    }

    fn refusal(&self, errors: Vec<ServerError>, document: &Document) -> Box<Response> {
        let written = self.kept_for_discretion(document);
        let refusal = discreet(Response::from_errors(errors), written.as_deref());
        Box::new(with_codes(refusal))
    }

    /// What an operation costs, if it may cost that.
    fn price(&self, runnable: &Runnable, variables: &Variables) -> Result<Price, ApiError> {
        if is_sized(variables) {
            return self.measure(runnable.operation(), variables);
        }
        if let Some(price) = runnable.price.get() {
            return Ok(*price);
        }
        let price = self.measure(runnable.operation(), variables)?;
        Ok(*runnable.price.get_or_init(|| price))
    }
}

#[cfg(test)]
impl Runnable {
    /// One of which nothing is counted.
    pub(super) fn uncounted(canonical: Canonical) -> Self {
        Self::new(canonical.operation, Plan::default(), canonical.nodes)
    }

    /// One that does nothing and is as large as this.
    pub(super) fn of_size(nodes: usize) -> Self {
        let nothing = OperationDefinition {
            ty: async_graphql::parser::types::OperationType::Query,
            variable_definitions: Vec::new(),
            directives: Vec::new(),
            selection_set: Positioned::default(),
        };
        Self::new(nothing, Plan::default(), nodes)
    }
}
