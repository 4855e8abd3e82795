//! What an operation costs: what is resolved for it, by the most that it may return.
//!
//! An object costs 1, a scalar nothing, a page its size, a list without pages the longest that it may be, and each of
//! their entries what is selected on it. What is selected under several names is resolved for each: a scalar then costs 1,
//! too. Where an object may be of several types, it costs what the dearest of them does. A list that is sent costs its length.

use std::collections::HashMap;

use async_graphql::Variables;
use async_graphql::parser::types::{Field, OperationDefinition, Selection, SelectionSet};
use async_graphql_value::{ConstValue, Value};

use super::schema::{Costs, FieldCost, Shape};
use crate::graphql::page::DEFAULT_PAGE;
use crate::telemetry::calls::TYPE_KEY;

/// The fields of an object that were selected before.
#[derive(Clone, Default)]
struct Seen([u64; 4]);

impl Seen {
    /// Whether this is not the first time. Of a type with more fields than this has room for, some share a place.
    fn again(&mut self, number: usize) -> bool {
        let (word, bit) = (number / 64 % self.0.len(), 1 << (number % 64));
        let seen = self.0[word] & bit != 0;
        self.0[word] |= bit;
        seen
    }
}

/// Counts what an operation costs in its canonical form, with variables that have been coerced.
pub(super) struct Counting<'d> {
    costs: &'d Costs,
    variables: &'d Variables,
    /// How many entries the lists of each variable have, and whether a field takes it.
    lists: HashMap<&'d str, (usize, bool)>,
}

/// What a selection is made on.
#[derive(Clone, Copy)]
struct On {
    of_type: usize,
    /// How long the page is that it is made on.
    page: usize,
}

impl<'d> Counting<'d> {
    pub(super) fn new(costs: &'d Costs, variables: &'d Variables) -> Self {
        let lists = variables.iter().filter_map(|(name, value)| match entries(value) {
            0 => None,
            entries => Some((name.as_str(), (entries, false))),
        });
        Self {
            costs,
            variables,
            lists: lists.collect(),
        }
    }

    /// What the operation costs.
    pub(super) fn operation(mut self, operation: &'d OperationDefinition) -> usize {
        let Some(of_type) = self.costs.root(operation.ty) else {
            return 0;
        };
        let cost = self.selection(&operation.selection_set.node, On { of_type, page: 0 });
        // What no field takes was sent all the same.
        let unused = self.lists.values().filter(|(_, is_used)| !is_used);
        unused.fold(cost, |cost, (entries, _)| cost.saturating_add(*entries))
    }

    /// What a selection costs on the dearest of the objects that it may be made on.
    fn selection(&mut self, set: &'d SelectionSet, on: On) -> usize {
        self.items(set, on, Seen::default())
    }

    fn items(&mut self, set: &'d SelectionSet, on: On, mut seen: Seen) -> usize {
        let (mut of_all, mut of_dearest) = (0_usize, 0);
        for item in &set.items {
            match &item.node {
                Selection::Field(field) => {
                    of_all = of_all.saturating_add(self.field(&field.node, on, &mut seen));
                }
                // Fragments come after all fields, and each is for another type.
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    let of_type = condition.and_then(|condition| {
                        let name = condition.node.on.node.as_str();
                        self.costs.by_name.get(name).copied()
                    });
                    let of_type = of_type.unwrap_or(on.of_type);
                    let inner = &fragment.node.selection_set.node;
                    let cost = self.items(inner, On { of_type, ..on }, seen.clone());
                    of_dearest = cost.max(of_dearest);
                }
                Selection::FragmentSpread(_) => {}
            }
        }
        of_all.saturating_add(of_dearest)
    }

    fn field(&mut self, field: &'d Field, on: On, seen: &mut Seen) -> usize {
        let name = field.name.node.as_str();
        let known = self.costs.types[on.of_type].fields.get(name);
        // Introspection has a cost of its own.
        let Some(FieldCost {
            number,
            returns,
            shape,
        }) = known.copied()
        else {
            // What is asked for beside what the client asks for is not hers to pay.
            let is_hers = name == "__typename" && field.response_key().node != TYPE_KEY;
            return usize::from(is_hers && seen.again(0));
        };
        let again = usize::from(seen.again(number));
        let sent = self.sent(field);
        let inner = &field.selection_set.node;
        let Some(of_type) = returns else {
            let Shape::UpTo(maximum) = shape else { return sent };
            return sent.saturating_add(again.saturating_mul(maximum));
        };
        // How often the inner selection is resolved, and what each of those costs by itself.
        let (times, each, page) = match shape {
            Shape::UpTo(maximum) => (maximum, 1, 0),
            Shape::Connection => {
                let page = self.page(field);
                let parts = self.selection(inner, On { of_type, page });
                return sent.saturating_add(page.saturating_add(parts));
            }
            Shape::Edges => (on.page, again, 0),
            Shape::PartOfPage => (1, again, 0),
        };
        let inner = self.selection(inner, On { of_type, page });
        times
            .saturating_mul(inner.saturating_add(each))
            .saturating_add(sent)
    }

    /// The entries of the lists that a field is sent.
    fn sent(&mut self, field: &'d Field) -> usize {
        let mut entries = 0_usize;
        for (_, value) in &field.arguments {
            entries = entries.saturating_add(self.entries(&value.node));
        }
        entries
    }

    fn entries(&mut self, value: &'d Value) -> usize {
        match value {
            Value::Variable(name) => match self.lists.get_mut(name.as_str()) {
                Some((entries, is_used)) => {
                    *is_used = true;
                    *entries
                }
                None => 0,
            },
            Value::List(values) => values
                .iter()
                .fold(values.len(), |sum, value| sum.saturating_add(self.entries(value))),
            Value::Object(fields) => fields
                .values()
                .fold(0, |sum, value| sum.saturating_add(self.entries(value))),
            _ => 0,
        }
    }

    /// How many entries a connection is asked for.
    fn page(&self, field: &Field) -> usize {
        let asked = |name| {
            field
                .get_argument(name)
                .and_then(|value| self.number(&value.node))
        };
        asked("first").or_else(|| asked("last")).unwrap_or(DEFAULT_PAGE)
    }

    fn number(&self, value: &Value) -> Option<usize> {
        let number = match value {
            Value::Number(number) => number.as_u64(),
            Value::Variable(name) => match self.variables.get(name) {
                Some(ConstValue::Number(number)) => number.as_u64(),
                _ => None,
            },
            _ => None,
        };
        number.and_then(|number| usize::try_from(number).ok())
    }
}

/// Whether what an operation costs depends on its variables: by a number there may be entries in a page, and lists have
/// entries themselves.
pub(in crate::graphql) fn is_sized(variables: &Variables) -> bool {
    variables
        .values()
        .any(|value| matches!(value, ConstValue::Number(_)) || entries(value) > 0)
}

/// The entries of all lists in a value.
fn entries(value: &ConstValue) -> usize {
    match value {
        ConstValue::List(values) => values.len() + values.iter().map(entries).sum::<usize>(),
        ConstValue::Object(fields) => fields.values().map(entries).sum(),
        _ => 0,
    }
}
