//! The document of a request: found, allowed, within the limits of its text, and parsed. Every operation
//! passes here, whichever transport it comes by.

use std::sync::Arc;
use std::time::Duration;

use apollo_compiler::Name;
use apollo_compiler::ast::{OperationDefinition, OperationType};
use async_graphql::{Request, Response};
use tokio::time::Instant;

use super::error::{ApiError, outcome, with_codes};
use super::known::Parsed;
use super::limits::written;
use super::specification::parse;
use super::{Api, lexical};

/// A request whose document may be looked at.
#[derive(Debug)]
pub struct Document {
    pub(super) request: Request,
    pub(super) parsed: Arc<Parsed>,
    /// How long reading it took.
    pub(super) parsed_in: Duration,
}

impl Document {
    /// The operation that would run; none if the request does not say which.
    pub fn operation(&self) -> Option<&OperationDefinition> {
        self.parsed.operation(self.request.operation_name.as_deref())
    }

    /// The name of the operation that would run, as the client has called it.
    pub fn operation_name(&self) -> Option<&str> {
        let own = || self.operation()?.name.as_ref().map(Name::as_str);
        self.request.operation_name.as_deref().or_else(own)
    }

    /// Whether a mutation would run.
    pub fn is_mutation(&self) -> bool {
        self.would_run(OperationType::Mutation)
    }

    /// Whether a subscription would run.
    pub fn is_subscription(&self) -> bool {
        self.would_run(OperationType::Subscription)
    }

    fn would_run(&self, kind: OperationType) -> bool {
        self.operation()
            .is_some_and(|operation| operation.operation_type == kind)
    }

    /// Whether there is a mutation in it.
    pub fn has_mutations(&self) -> bool {
        let mut operations = self.parsed.operations();
        operations.any(|operation| operation.operation_type == OperationType::Mutation)
    }

    /// Whether there are queries in it and nothing else.
    pub fn has_only_queries(&self) -> bool {
        let mut operations = self.parsed.operations();
        operations.all(|operation| operation.operation_type == OperationType::Query)
    }
}

impl Api {
    /// Finds and parses the document of a request, if it may run here and its text is within the limits.
    pub fn document(&self, request: Request) -> Result<Document, Box<Response>> {
        let name = request.operation_name.clone();
        self.read(request).inspect_err(|refusal| {
            self.app().telemetry.refused(name.as_deref(), outcome(refusal));
        })
    }

    fn read(&self, mut request: Request) -> Result<Document, Box<Response>> {
        let began = Instant::now();
        let config = &self.app().config;
        self.find(&mut request)
            .map_err(|error| Box::new(error.into_response()))?;
        if let Some(parsed) = self.known.find(&request.query) {
            return Ok(Document {
                request,
                parsed,
                parsed_in: began.elapsed(),
            });
        }
        lexical::check(&request.query, &config.limits)
            .map_err(|exceeded| Box::new(ApiError::LimitExceeded(exceeded).into_response()))?;
        let parsed = parse(&request.query)
            .map_err(|error| Box::new(with_codes(Response::from_errors(vec![error]))))?;
        let parsed = Arc::new(Parsed::new(parsed));
        written::check(&parsed, &config.limits)
            .map_err(|exceeded| Box::new(ApiError::LimitExceeded(exceeded).into_response()))?;
        self.known.keep(&request.query, Arc::clone(&parsed));
        Ok(Document {
            request,
            parsed,
            parsed_in: began.elapsed(),
        })
    }
}
