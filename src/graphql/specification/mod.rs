//! What the [GraphQL specification] says of a request before anything of it runs: whether its document is valid (section
//! 5), which values its variables have (section 6.1.2), and which fields are executed (section 6.3.2).
//!
//! | here | in place of async-graphql's own | because that |
//! |---|---|---|
//! | `parser`, `grammar` | parser | knows neither `\u{1F331}` nor surrogate pairs, and draws errors over several lines |
//! | `validator` | strict validation | does not look into fragments for fields that cannot be merged, nor at the places in which variables stand |
//! | `scalars` | reading scalars while it runs | finds a wrong date in the second mutation when the first has run |
//! | `variables` | coercion while it runs | takes strings for enums and leaves unknown fields out of account, and only where a field is resolved |
//! | `introspection` | introspection | tells no schema's own description, lists types that nothing refers to, and takes a future for each field |
//! | `canonical` | collecting fields while it runs | resolves a field as often as it is selected, also one of a mutation, and merges the answers |
//!
//! It may go as soon as async-graphql does the same: then `ValidationMode::Strict` does for it. It knows nothing of this
//! program but its scalars; `crate::schema` and `lexical`, which it uses, know nothing of it either.
//!
//! [GraphQL specification]: https://spec.graphql.org/September2025/

mod canonical;
mod form_key;
mod grammar;
mod introspection;
mod literals;
mod parser;
mod printer;
mod scalars;
mod suggestions;
mod validator;
mod variables;

use std::collections::{HashMap, HashSet};

use apollo_compiler::ast;
use apollo_compiler::executable::Operation;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::{DiagnosticList, Valid};
use apollo_compiler::{ExecutableDocument, Name, Node, Schema};
use async_graphql::{ServerError, Variables};

pub use self::canonical::{Canonical, TooLarge, kind};
use self::form_key::FormVariables;
pub use self::introspection::{CostExceeded, Introspected, is_introspection};
pub use self::printer::print;
use crate::schema::fields_of;

/// The schema, as documents are read by it.
#[derive(Debug)]
pub struct Specification {
    schema: Valid<Schema>,
    /// The objects that each type may be which has fields.
    possible: HashMap<Name, Vec<Name>>,
    /// The types that something refers to, the operations' roots first of all.
    used: HashSet<Name>,
    /// Whether errors suggest names that are close to what was written.
    suggests: bool,
}

/// Why a schema cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// It is not valid.
    #[error("the schema is not valid: {0}")]
    Invalid(String),
    /// It has a scalar of which nothing is known here.
    #[error("nobody knows which values the scalar {0} has: src/graphql/specification/scalars.rs")]
    Scalar(String),
}

/// A document that is valid.
#[derive(Debug)]
pub struct Validated {
    document: Valid<ExecutableDocument>,
    /// Of each operation, in their order.
    form_variables: Vec<FormVariables>,
}

/// An operation of a document that is valid.
#[derive(Clone, Copy)]
pub struct Chosen<'d> {
    document: &'d Validated,
    operation: &'d Node<Operation>,
    /// Its place among the operations of the document.
    pub place: usize,
}

/// Parses a text, or says where it stops being GraphQL.
pub fn parse(text: &str) -> Result<ast::Document, ServerError> {
    parser::parse(text)
}

impl Specification {
    /// What documents are read by, from the schema's text. Names of it are suggested only where it may be asked for.
    pub fn of_sdl(sdl: &str, suggests: bool) -> Result<Self, SchemaError> {
        // Of `@oneOf` (sections 3.13.5 and 4.2.2) the library does not know, nor that there is always a reason (3.13.3).
        let sdl = format!(
            "{sdl}
            extend type __Type {{ \"Whether exactly one of an input object's fields is to be given.\" isOneOf: Boolean }}
            \"Exactly one field of the input object is to be given, and not null.\" directive @oneOf on INPUT_OBJECT
            \"Whoever uses this should stop.\" directive @deprecated(
                \"Why, and what takes its place, in Markdown.\" reason: String! = \"No longer supported\"
            ) on FIELD_DEFINITION | ARGUMENT_DEFINITION | INPUT_FIELD_DEFINITION | ENUM_VALUE"
        );
        let invalid = |errors: &DiagnosticList| SchemaError::Invalid(errors.to_string());
        let mut schema = Schema::parse(sdl, "schema.graphql").map_err(|failed| invalid(&failed.errors))?;
        introspection::correct(&mut schema);
        let schema = schema.validate().map_err(|failed| invalid(&failed.errors))?;
        if let Some(scalar) = scalars::unknown(&schema).next() {
            return Err(SchemaError::Scalar(scalar.to_owned()));
        }
        let possible = possible(&schema);
        Ok(Self {
            used: used(&schema, &possible),
            possible,
            schema,
            suggests,
        })
    }

    /// The schema.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Whether a document is valid, or what is wrong with it.
    pub fn validate(&self, document: &ast::Document) -> Result<Validated, Vec<ServerError>> {
        let document = validator::validate(self, document)?;
        let operations = document.operations.iter();
        let form_variables = operations.map(|operation| FormVariables::of(&document, operation));
        Ok(Validated {
            form_variables: form_variables.collect(),
            document,
        })
    }

    /// The values of an operation's variables, from those that were sent.
    pub fn coerce(&self, chosen: Chosen<'_>, sent: Variables) -> Result<Variables, Vec<ServerError>> {
        variables::coerce(&self.schema, &chosen.operation.variables, sent)
    }

    /// The operation as it runs with these variables, which have been coerced: of at most so many fields.
    pub fn canonical(
        &self,
        chosen: Chosen<'_>,
        variables: &Variables,
        most: usize,
    ) -> Result<Canonical, TooLarge> {
        canonical::of(self, &chosen.document.document, chosen.operation, variables, most)
    }

    /// The objects that a type may be.
    fn possible(&self, of_type: &Name) -> &[Name] {
        self.possible.get(of_type).map_or(&[], Vec::as_slice)
    }

    /// Whether something refers to a type.
    fn is_used(&self, of_type: &str) -> bool {
        self.used.contains(of_type)
    }

    /// Whether an object is of a type.
    fn is_of(&self, object: &Name, of_type: &Name) -> bool {
        object == of_type || self.possible(of_type).contains(object)
    }
}

impl Validated {
    /// The operation that a request asks for (section 6.1.1).
    pub fn operation(&self, name: Option<&str>) -> Result<Chosen<'_>, ServerError> {
        let operations = &self.document.operations;
        let mut named = operations.iter().enumerate();
        let found = match name {
            Some(name) => named.find(|(_, operation)| operation.name.as_ref().is_some_and(|own| own == name)),
            None => named.next().filter(|_| operations.len() == 1),
        };
        let (place, operation) = found.ok_or_else(|| {
            let message = match name {
                // Whatever was sent as a name may be anything.
                Some(_) => "The document has no operation of the name that was sent.",
                None => "The document has several operations: say by name which is to run.",
            };
            ServerError::new(message, None)
        })?;
        Ok(Chosen {
            document: self,
            operation,
            place,
        })
    }
}

impl Chosen<'_> {
    /// How these variables, which have been coerced, decide which form it has. Forms of the same key are equal.
    pub fn form_key(self, variables: &Variables) -> Vec<bool> {
        self.document
            .form_variables
            .get(self.place)
            .map_or_else(Vec::new, |form_variables| form_variables.key(variables))
    }
}

fn possible(schema: &Schema) -> HashMap<Name, Vec<Name>> {
    let mut possible: HashMap<Name, Vec<Name>> = HashMap::new();
    for (name, of_type) in &schema.types {
        match of_type {
            ExtendedType::Object(object) => {
                possible.entry(name.clone()).or_default().push(name.clone());
                for interface in &object.implements_interfaces {
                    let of_interface = possible.entry(interface.name.clone()).or_default();
                    of_interface.push(name.clone());
                }
            }
            ExtendedType::Union(union) => {
                let members = union.members.iter().map(|member| member.name.clone());
                possible.insert(name.clone(), members.collect());
            }
            _ => {}
        }
    }
    possible
}

/// The types that can be reached from an operation, a directive or what introspection tells.
fn used(schema: &Schema, possible: &HashMap<Name, Vec<Name>>) -> HashSet<Name> {
    let definition = &schema.schema_definition;
    let roots = [&definition.query, &definition.mutation, &definition.subscription];
    let mut next: Vec<Name> = roots
        .into_iter()
        .flatten()
        .map(|root| root.name.clone())
        .collect();
    let introspection = schema.types.keys().filter(|name| name.starts_with("__"));
    next.extend(introspection.cloned());
    let directives = schema.directive_definitions.values();
    let arguments = directives.flat_map(|directive| &directive.arguments);
    next.extend(arguments.map(|argument| argument.ty.inner_named_type().clone()));
    let mut used = HashSet::new();
    while let Some(name) = next.pop() {
        if used.contains(&name) {
            continue;
        }
        next.extend(possible.get(&name).into_iter().flatten().cloned());
        let of_type = schema.types.get(&name);
        let fields = of_type
            .and_then(fields_of)
            .into_iter()
            .flat_map(|fields| fields.values());
        next.extend(fields.flat_map(|field| referred(field)));
        match of_type {
            Some(ExtendedType::Object(object)) => {
                next.extend(object.implements_interfaces.iter().map(|one| one.name.clone()));
            }
            Some(ExtendedType::InputObject(object)) => {
                let fields = object.fields.values();
                next.extend(fields.map(|field| field.ty.inner_named_type().clone()));
            }
            _ => {}
        }
        used.insert(name);
    }
    used
}

/// The types that a field refers to.
fn referred(field: &ast::FieldDefinition) -> impl Iterator<Item = Name> {
    let arguments = field.arguments.iter();
    let arguments = arguments.map(|argument| argument.ty.inner_named_type().clone());
    std::iter::once(field.ty.inner_named_type().clone()).chain(arguments)
}

#[cfg(test)]
mod tests;
