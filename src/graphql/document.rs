//! The document of a request: found, allowed, within the limits of its text, and parsed. Every operation
//! passes here, whichever transport it comes by.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, OperationDefinition, OperationType,
};
use async_graphql::{Name, Request, Response, ServerError};
use tokio::time::Instant;

use super::discreet::discreet;
use super::error::{ApiError, outcome, with_codes};
use super::known::{Parsed, only};
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
        self.operation_in(&self.parsed)
    }

    /// The same operation in the document as it is run.
    pub(super) fn operation_in<'d>(
        &self,
        document: &'d ExecutableDocument,
    ) -> Option<&'d OperationDefinition> {
        match (&document.operations, self.request.operation_name.as_deref()) {
            (_, None) => only(document),
            (DocumentOperations::Multiple(operations), Some(name)) => {
                operations.get(name).map(|operation| &operation.node)
            }
            (DocumentOperations::Single(_), Some(_)) => None,
        }
    }

    /// The name of the operation that would run, as the client has called it.
    pub fn operation_name(&self) -> Option<&str> {
        match (&self.parsed.operations, self.request.operation_name.as_deref()) {
            (_, Some(name)) => Some(name),
            (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => {
                operations.keys().next().map(Name::as_str)
            }
            _ => None,
        }
    }

    /// Whether a mutation would run.
    pub fn is_mutation(&self) -> bool {
        self.operation()
            .is_some_and(|operation| operation.ty == OperationType::Mutation)
    }

    /// Whether a subscription would run.
    pub fn is_subscription(&self) -> bool {
        self.operation()
            .is_some_and(|operation| operation.ty == OperationType::Subscription)
    }

    /// Whether there is a mutation in it.
    pub fn has_mutations(&self) -> bool {
        let mut operations = self.parsed.operations.iter();
        operations.any(|(_, operation)| operation.node.ty == OperationType::Mutation)
    }

    /// Whether there are queries in it and nothing else.
    pub fn has_only_queries(&self) -> bool {
        self.parsed
            .operations
            .iter()
            .all(|(_, operation)| operation.node.ty == OperationType::Query)
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
        match parse_query(&request.query) {
            Ok(parsed) => {
                let parsed = Arc::new(Parsed::new(parsed));
                self.known.keep(&request.query, Arc::clone(&parsed));
                Ok(Document {
                    request,
                    parsed,
                    parsed_in: began.elapsed(),
                })
            }
            Err(error) => {
                let errors = vec![ServerError::from(error)];
                Err(Box::new(with_codes(Response::from_errors(errors))))
            }
        }
    }

    /// Refuses a document that is not valid, and gives its variables their values.
    pub(super) fn validate(&self, document: &mut Document) -> Result<(), Box<Response>> {
        let refused = |errors, document: &Document| {
            let written = self.kept_for_discretion(document);
            let refusal = discreet(Response::from_errors(errors), written.as_deref());
            Box::new(with_codes(refusal))
        };
        let parsed = Arc::clone(&document.parsed);
        let validated = parsed
            .validated(|| self.specification.read(&document.request.query))
            .map_err(|errors| refused(errors, document))?;
        let sent = std::mem::take(&mut document.request.variables);
        let name = document.request.operation_name.as_deref();
        document.request.variables = self
            .specification
            .coerce(validated, name, sent)
            .map_err(|errors| refused(errors, document))?;
        Ok(())
    }
}
