//! What the [GraphQL specification] says of a request before anything of it runs: whether its document is valid (section
//! 5), and which values its variables have (section 6.1.2).
//!
//! | here | in place of async-graphql's own | because that |
//! |---|---|---|
//! | [`Specification::read`] | strict validation | does not look into fragments for fields that cannot be merged, nor at the places in which variables stand |
//! | `scalars` | reading scalars while it runs | finds a wrong date in the second mutation when the first has run |
//! | `variables` | coercion while it runs | takes strings for enums and leaves unknown fields out of account, and only where a field is resolved |
//!
//! It may go as soon as async-graphql does the same: then `ValidationMode::Strict` does for it.
//!
//! [GraphQL specification]: https://spec.graphql.org/September2025/

mod scalars;
mod suggestions;
mod validator;
mod variables;

use apollo_compiler::executable::Operation;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Node, Schema};
use async_graphql::{ServerError, Variables};

/// The schema, as documents are read by it.
#[derive(Debug)]
pub struct Specification {
    schema: Valid<Schema>,
    /// Whether errors suggest names that are close to what was written.
    suggests: bool,
}

/// Why a schema cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// It cannot be parsed.
    #[error("the schema cannot be parsed: {0}")]
    Syntax(#[from] async_graphql::parser::Error),
    /// It is not valid.
    #[error("the schema is not valid: {0}")]
    Invalid(String),
    /// It has a scalar of which nothing is known here.
    #[error("nobody knows which values the scalar {0} has: src/graphql/specification/scalars.rs")]
    Scalar(String),
}

/// A document that is valid.
#[derive(Debug)]
pub struct Validated(Valid<ExecutableDocument>);

impl Specification {
    /// What documents are read by, from the schema's text. Names of it are suggested only where it may be asked for.
    pub fn of_sdl(sdl: &str, suggests: bool) -> Result<Self, SchemaError> {
        // What introspection tells of `@oneOf` (section 4.2.2) is not known to the library.
        let sdl = format!("{sdl}\nextend type __Type {{ isOneOf: Boolean }}\n");
        let schema = Schema::parse_and_validate(sdl, "schema.graphql")
            .map_err(|failed| SchemaError::Invalid(failed.errors.to_string()))?;
        if let Some(scalar) = scalars::unknown(&schema).next() {
            return Err(SchemaError::Scalar(scalar.to_owned()));
        }
        Ok(Self { schema, suggests })
    }

    /// Reads a document: all that is wrong with it, or that it is valid.
    pub(super) fn read(&self, text: &str) -> Result<Validated, Vec<ServerError>> {
        validator::read(self, text).map(Validated)
    }

    /// The values of an operation's variables, from those that were sent; of a document that has no such operation none.
    pub(super) fn coerce(
        &self,
        document: &Validated,
        operation: Option<&str>,
        sent: Variables,
    ) -> Result<Variables, Vec<ServerError>> {
        let definitions = document
            .operation(operation)
            .map(|operation| &operation.variables);
        variables::coerce(&self.schema, definitions.map_or(&[], Vec::as_slice), sent)
    }
}

impl Validated {
    fn operation(&self, name: Option<&str>) -> Option<&Node<Operation>> {
        self.0.operations.get(name).ok()
    }
}
