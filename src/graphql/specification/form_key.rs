//! Which canonical form an operation has, without making it.

use std::collections::HashSet;

use apollo_compiler::ast;
use apollo_compiler::executable::{Operation, Selection, SelectionSet};
use apollo_compiler::{ExecutableDocument, Name};
use async_graphql::Variables;
use async_graphql_value::ConstValue;

use super::canonical::is_defaulted;

/// What decides which form an operation has: variables of conditions, by whether they are true, and variables in the place of
/// arguments that have defaults, by whether they have a value.
#[derive(Debug, Default)]
pub(super) struct FormVariables {
    conditions: Vec<Name>,
    defaulted: Vec<Name>,
}

impl FormVariables {
    /// Those of an operation.
    pub(super) fn of(document: &ExecutableDocument, operation: &Operation) -> Self {
        let mut form_variables = Self::default();
        form_variables.note(&operation.selection_set, document, &mut HashSet::new());
        form_variables
    }

    /// How these variables decide.
    pub(super) fn key(&self, variables: &Variables) -> Vec<bool> {
        let conditions = self.conditions.iter();
        let conditions =
            conditions.map(|name| variables.get(name.as_str()) == Some(&ConstValue::Boolean(true)));
        let defaulted = self.defaulted.iter();
        let defaulted = defaulted.map(|name| variables.contains_key(name.as_str()));
        conditions.chain(defaulted).collect()
    }

    fn note<'d>(
        &mut self,
        set: &'d SelectionSet,
        document: &'d ExecutableDocument,
        seen: &mut HashSet<&'d Name>,
    ) {
        for selection in &set.selections {
            for directive in selection.directives() {
                for argument in &directive.arguments {
                    note_variable(&argument.value, &mut self.conditions);
                }
            }
            match selection {
                Selection::Field(field) => {
                    for argument in &field.arguments {
                        let defined = field.definition.argument_by_name(&argument.name);
                        if defined.is_some_and(|defined| is_defaulted(defined)) {
                            note_variable(&argument.value, &mut self.defaulted);
                        }
                    }
                    self.note(&field.selection_set, document, seen);
                }
                Selection::InlineFragment(fragment) => self.note(&fragment.selection_set, document, seen),
                Selection::FragmentSpread(spread) => {
                    let fragment = document.fragments.get(&spread.fragment_name);
                    if let Some(fragment) = fragment.filter(|fragment| seen.insert(&fragment.name)) {
                        self.note(&fragment.selection_set, document, seen);
                    }
                }
            }
        }
    }
}

fn note_variable(value: &ast::Value, names: &mut Vec<Name>) {
    if let ast::Value::Variable(name) = value
        && !names.contains(name)
    {
        names.push(name.clone());
    }
}
