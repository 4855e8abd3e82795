//! Operations made ready to run: valid, in their canonical form, within the limits of what they cost.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, OperationDefinition, Selection};
use async_graphql::{Pos, Positioned, Response, ServerError, Value, Variables, value};
use async_graphql_value::ConstValue;
use indexmap::IndexMap;

use super::Api;
use super::discreet::discreet;
use super::document::Document;
use super::error::{ApiError, Exceeded, with_codes};
use super::limits::{Measured, is_sized};
use super::specification::{Canonical, CostExceeded, Introspected, TooLarge, is_introspection, print};
use crate::config::Limits;
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
    /// What it runs, if nothing that is sent has a size.
    measured: OnceLock<Measured>,
    /// Its text, hashed.
    fingerprint: OnceLock<[u8; 32]>,
}

impl Runnable {
    fn new(operation: OperationDefinition, plan: Plan, nodes: usize) -> Self {
        Self {
            operation: Positioned::new(operation, Pos::default()),
            plan: Arc::new(plan),
            nodes,
            measured: OnceLock::new(),
            fingerprint: OnceLock::new(),
        }
    }

    /// The operation: fields by their response keys, and fragments only where types differ.
    pub fn operation(&self) -> &OperationDefinition {
        &self.operation.node
    }

    /// What of it is resolved, as it is handed to whoever does that.
    pub fn executable(&self) -> ExecutableDocument {
        let mut operation = self.operation.clone();
        let items = &mut operation.node.selection_set.node.items;
        items.retain(|item| !matches!(&item.node, Selection::Field(field) if is_introspection(&field.node)));
        ExecutableDocument {
            operations: DocumentOperations::Single(operation),
            fragments: HashMap::new(),
        }
    }

    /// What was resolved, with what the schema tells of itself in its place.
    pub fn with_introspected(&self, resolved: Value, mut introspected: Introspected) -> Value {
        let mut resolved = match resolved {
            Value::Object(resolved) if !introspected.fields.is_empty() => resolved,
            // A field that must not be null takes all with it.
            resolved => return resolved,
        };
        let mut data = IndexMap::with_capacity(resolved.len() + introspected.fields.len());
        for item in &self.operation().selection_set.node.items {
            if let Selection::Field(field) = &item.node {
                let key = &field.node.response_key().node;
                let value = resolved
                    .swap_remove(key)
                    .or_else(|| introspected.fields.swap_remove(key));
                data.extend(value.map(|value| (key.clone(), value)));
            }
        }
        Value::Object(data)
    }

    /// What is the same for all that run the same, whatever their documents look like.
    pub fn fingerprint(&self) -> [u8; 32] {
        let hash = || crypto::sha256_of(&[print(self.operation()).as_bytes()]);
        *self.fingerprint.get_or_init(hash)
    }
}

/// An operation within all limits.
pub(super) struct Ready {
    pub(super) runnable: Arc<Runnable>,
    /// What is resolved, by the most that it may return.
    pub(super) cost: usize,
    /// What the schema tells of itself.
    pub(super) introspected: Introspected,
}

impl Ready {
    /// What it costs, as clients are told.
    pub(super) fn price(&self, limits: &Limits) -> ConstValue {
        let (requested, maximum) = (self.cost, limits.cost);
        if self.introspected.cost == 0 {
            return value!({ "requested": requested, "maximum": maximum });
        }
        value!({
            "requested": requested,
            "maximum": maximum,
            "introspection": { "requested": (self.introspected.cost), "maximum": (limits.introspection_cost) },
        })
    }
}

impl Api {
    /// Refuses what is not valid or costs too much, gives the variables of the request their values, and says what runs.
    pub(super) fn ready(&self, document: &mut Document) -> Result<Ready, Box<Response>> {
        let runnable = self
            .runnable(document)
            .map_err(|errors| self.refusal(errors, document))?;
        let variables = &document.request.variables;
        let refused = |error: ApiError| Box::new(error.into_response());
        let measured = self.measure(&runnable, variables).map_err(refused)?;
        let introspected = if measured.introspects {
            self.introspect(&runnable, variables).map_err(refused)?
        } else {
            Introspected::default()
        };
        Ok(Ready {
            runnable,
            cost: measured.cost,
            introspected,
        })
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
        let form_key = chosen.form_key(&request.variables);
        if let Some(runnable) = parsed.form(chosen.place, &form_key) {
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
            .keep_form(&parsed, chosen.place, form_key, Arc::clone(&runnable));
        Ok(runnable)
    }

    fn refusal(&self, errors: Vec<ServerError>, document: &Document) -> Box<Response> {
        let written = self.kept_for_discretion(document);
        let refusal = discreet(Response::from_errors(errors), written.as_deref());
        Box::new(with_codes(refusal))
    }

    /// What an operation runs, if it may run that.
    fn measure(&self, runnable: &Runnable, variables: &Variables) -> Result<Measured, ApiError> {
        let measure = || self.costs.measure(runnable.operation(), variables);
        let measured = if is_sized(variables) {
            measure()
        } else {
            *runnable.measured.get_or_init(measure)
        };
        match measured.exceeded(&self.app.config.limits) {
            Some(exceeded) => Err(ApiError::LimitExceeded(exceeded)),
            None => Ok(measured),
        }
    }

    fn introspect(&self, runnable: &Runnable, variables: &Variables) -> Result<Introspected, ApiError> {
        let config = &self.app.config;
        if !config.introspection {
            let message = "The schema cannot be asked for here: introspection is switched off.";
            return Err(ApiError::BadRequest(message.to_owned()));
        }
        let maximum = config.limits.introspection_cost;
        let introspected = self
            .specification
            .introspect(runnable.operation(), variables, maximum);
        introspected.map_err(|CostExceeded(value)| {
            ApiError::LimitExceeded(Exceeded {
                limit: "INTROSPECTION_COST",
                value,
                maximum,
            })
        })
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
