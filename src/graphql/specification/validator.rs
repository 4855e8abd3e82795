//! Whether a document is valid: by apollo-compiler, and by what it leaves to others.

use std::cell::OnceCell;
use std::collections::HashSet;

use apollo_compiler::ast::{self, Argument, Type, Value as Literal, VariableDefinition};
use apollo_compiler::diagnostic::ToCliReport as _;
use apollo_compiler::executable::{DirectiveList, Operation, Selection, SelectionSet};
use apollo_compiler::parser::{SourceMap, SourceSpan};
use apollo_compiler::schema::{ExtendedType, InputObjectType, InputValueDefinition};
use apollo_compiler::validation::{DiagnosticList, Valid};
use apollo_compiler::{ExecutableDocument, Name, Node, Schema};
use async_graphql::{Pos, ServerError};

use super::parser::Places;
use super::{Specification, scalars, suggestions};

/// What the validator says of a subscription that selects one field twice, which is one field (section 5.2.4.1).
const ONE_ROOT_FIELD: &str = "can only have one root field";
/// Errors that are told of one document: whoever has so many has to begin with the first.
const MOST_ERRORS: usize = 20;

/// What is wrong with a document, or what is valid.
pub(super) fn validate(
    specification: &Specification,
    document: &ast::Document,
) -> Result<Valid<ExecutableDocument>, Vec<ServerError>> {
    let schema = &specification.schema;
    let document = match document.to_executable_validate(schema) {
        Ok(document) => document,
        Err(failed) => {
            let errors = specification.told(&failed.errors, &failed.partial.sources);
            if !errors.is_empty() {
                return Err(errors);
            }
            // Nothing but what is looked at below.
            Valid::assume_valid(failed.partial)
        }
    };
    let mut check = Check {
        schema,
        document: &document,
        places: OnceCell::new(),
        variables: &[],
        seen: HashSet::new(),
        errors: Vec::new(),
    };
    for operation in document.operations.iter() {
        check.operation(operation);
    }
    let errors = check.errors;
    if errors.is_empty() {
        Ok(document)
    } else {
        Err(errors)
    }
}

impl Specification {
    fn told(&self, errors: &DiagnosticList, sources: &SourceMap) -> Vec<ServerError> {
        let places = OnceCell::new();
        let each = errors.iter().filter_map(|diagnostic| {
            let mut message = quoted(diagnostic.error.to_string());
            if message.ends_with(ONE_ROOT_FIELD) {
                return None;
            }
            if self.suggests {
                message.extend(suggestions::of(&self.schema, &message));
            }
            let places = places.get_or_init(|| Places::of(sources));
            let at = diagnostic.error.location();
            Some(error(&message, at.map(|at| places.position(at))))
        });
        each.take(MOST_ERRORS).collect()
    }
}

/// A message of the library in which every name is quoted: one is not, by which a schema could be read out of wrong documents
/// where it may not be asked for.
fn quoted(message: String) -> String {
    let found = message
        .strip_prefix("expected value of type ")
        .and_then(|rest| rest.split_once(','));
    match found {
        Some((of_type, rest)) => format!("expected value of type `{of_type}`,{rest}"),
        None => message,
    }
}

/// An error as it is told: one line, in which names are quoted as graphql-js quotes them.
pub(super) fn error(message: &str, at: Option<Pos>) -> ServerError {
    ServerError::new(message.replace('`', "\"").replace('\n', " "), at)
}

/// What the validator leaves to others: it takes everything for scalars of ours, a field of an input twice, variables within
/// values by their names' types alone, null as a default for what must not be null, and no field of a subscription twice; and
/// it does not know `@oneOf`.
struct Check<'d> {
    schema: &'d Schema,
    document: &'d ExecutableDocument,
    places: OnceCell<Places<'d>>,
    /// The variables of an operation.
    variables: &'d [Node<VariableDefinition>],
    /// The fragments that were looked at for it.
    seen: HashSet<&'d Name>,
    errors: Vec<ServerError>,
}

impl<'d> Check<'d> {
    fn operation(&mut self, operation: &'d Operation) {
        self.seen.clear();
        self.variables = &operation.variables;
        for variable in &operation.variables {
            if let Some(default) = &variable.default_value {
                self.value(&variable.ty, false, default);
            }
        }
        self.selections(&operation.selection_set);
        if operation.is_subscription() {
            self.root(operation);
        }
    }

    /// Whether all that is selected at the root of a subscription is one field.
    fn root(&mut self, operation: &Operation) {
        let mut fields = operation.root_fields(self.document);
        let first = fields.next().map(|field| field.response_key());
        if let Some(another) = fields.find(|field| Some(field.response_key()) != first) {
            let name = operation
                .name
                .as_ref()
                .map(|name| format!(" `{name}`"))
                .unwrap_or_default();
            self.fail(
                &format!("subscription{name} {ONE_ROOT_FIELD}"),
                another.location(),
            );
        }
    }

    fn selections(&mut self, set: &'d SelectionSet) {
        for selection in &set.selections {
            self.directives(selection.directives());
            match selection {
                Selection::Field(field) => {
                    self.arguments(&field.arguments, &field.definition.arguments);
                    self.selections(&field.selection_set);
                }
                Selection::InlineFragment(fragment) => self.selections(&fragment.selection_set),
                Selection::FragmentSpread(spread) => {
                    let fragment = self.document.fragments.get(&spread.fragment_name);
                    if let Some(fragment) = fragment.filter(|fragment| self.seen.insert(&fragment.name)) {
                        self.selections(&fragment.selection_set);
                    }
                }
            }
        }
    }

    fn directives(&mut self, directives: &DirectiveList) {
        for directive in directives {
            if let Some(definition) = self.schema.directive_definitions.get(&directive.name) {
                self.arguments(&directive.arguments, &definition.arguments);
            }
        }
    }

    fn arguments(&mut self, arguments: &[Node<Argument>], definitions: &[Node<InputValueDefinition>]) {
        for argument in arguments {
            let defined = definitions.iter().find(|defined| defined.name == argument.name);
            if let Some(defined) = defined {
                self.value(&defined.ty, defined.default_value.is_some(), &argument.value);
            }
        }
    }

    /// What is written where there is a type, and a default or none.
    fn value(&mut self, of_type: &Type, has_default: bool, value: &Node<Literal>) {
        match &**value {
            Literal::Variable(name) => {
                let defined = self.variables.iter().find(|variable| variable.name == *name);
                if defined.is_some_and(|variable| !is_allowed(variable, of_type, has_default)) {
                    let message = format!("variable `${name}` cannot be used where `{of_type}` is expected");
                    self.fail(&message, value.location());
                }
            }
            // Whether there may be a null was asked before.
            Literal::Null => {}
            Literal::List(values) if of_type.is_list() => {
                for value in values {
                    self.value(of_type.item_type(), false, value);
                }
            }
            literal => {
                let name = of_type.inner_named_type();
                let Some(definition) = self.schema.types.get(name) else {
                    return;
                };
                match (definition, literal) {
                    (ExtendedType::InputObject(object), Literal::Object(fields)) => {
                        if is_one_of(object) && !self.is_one(fields) {
                            let message = format!("`{name}` takes exactly one field, which is not null");
                            self.fail(&message, value.location());
                        }
                        for (number, (name, value)) in fields.iter().enumerate() {
                            if fields[..number].iter().any(|(before, _)| before == name) {
                                self.fail(
                                    &format!("there can be only one input field `{name}`"),
                                    value.location(),
                                );
                            }
                            if let Some(field) = object.fields.get(name) {
                                self.value(&field.ty, field.default_value.is_some(), value);
                            }
                        }
                    }
                    (scalar, literal) if scalars::is_own(scalar) && !scalars::is_literal(name, literal) => {
                        self.fail(&format!("expected value of type `{name}`"), value.location());
                    }
                    _ => {}
                }
            }
        }
    }

    /// Whether it is one field that cannot be null (sections 3.10.1 and 5.6.5).
    fn is_one(&self, fields: &[(Name, Node<Literal>)]) -> bool {
        match fields {
            [(_, value)] => match &**value {
                Literal::Null => false,
                Literal::Variable(name) => {
                    let defined = self.variables.iter().find(|variable| variable.name == *name);
                    defined.is_none_or(|variable| variable.ty.is_non_null())
                }
                _ => true,
            },
            _ => false,
        }
    }

    fn fail(&mut self, message: &str, at: Option<SourceSpan>) {
        let places = self.places.get_or_init(|| Places::of(&self.document.sources));
        let error = error(message, at.map(|at| places.position(at)));
        // A fragment that several operations use says it once.
        if self.errors.len() < MOST_ERRORS && !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }
}

/// Whether of an input object's fields exactly one is to be given.
pub(super) fn is_one_of(object: &InputObjectType) -> bool {
    object.directives.has("oneOf")
}

/// Whether a variable may be used in a place of this type, which has a default or none (section 5.8.5).
fn is_allowed(variable: &VariableDefinition, of_type: &Type, has_default: bool) -> bool {
    if of_type.is_non_null() && !variable.ty.is_non_null() {
        let is_given = variable
            .default_value
            .as_ref()
            .is_some_and(|default| !default.is_null());
        return (is_given || has_default) && variable.ty.is_assignable_to(&of_type.clone().nullable());
    }
    variable.ty.is_assignable_to(of_type)
}
