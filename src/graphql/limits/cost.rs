//! What an operation costs: what is resolved for it, by the most that it may return.
//!
//! An object costs 1, a scalar nothing, a page its size, a list without pages the longest that it may be, and each of
//! their entries what is selected on it. What is selected again is resolved again: a scalar then costs 1, too. Where an
//! object may be of several types, it costs what the dearest of them does. A list that is sent costs its length.

use std::collections::HashMap;

use async_graphql::parser::types::{Field, FragmentDefinition, OperationDefinition, Selection, SelectionSet};
use async_graphql::{Name, Positioned, Variables};
use async_graphql_value::{ConstValue, Value};

use super::schema::{Costs, FieldCost, Shape};
use crate::graphql::page::DEFAULT_PAGE;

/// The fields of an object that were selected before.
#[derive(Default)]
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

/// Counts what an operation costs. Its fragments must have been found to be of a bearable size.
pub(super) struct Counting<'d> {
    costs: &'d Costs,
    fragments: &'d HashMap<Name, Positioned<FragmentDefinition>>,
    operation: &'d OperationDefinition,
    variables: &'d Variables,
    /// How many entries the lists of each variable have, and whether a field takes it.
    lists: HashMap<&'d str, (usize, bool)>,
    /// What a selection on something that may be of several types costs.
    abstracts: HashMap<(*const SelectionSet, usize), usize>,
    /// The fragments that are being walked: one that uses itself is for validation to refuse.
    open: Vec<&'d str>,
}

/// What a selection is made on.
#[derive(Clone, Copy)]
struct On {
    of_type: usize,
    /// How long the page is that it is made on.
    page: usize,
}

impl<'d> Counting<'d> {
    pub(super) fn new(
        costs: &'d Costs,
        fragments: &'d HashMap<Name, Positioned<FragmentDefinition>>,
        operation: &'d OperationDefinition,
        variables: &'d Variables,
    ) -> Self {
        let defaults = operation.variable_definitions.iter().filter_map(|definition| {
            let definition = &definition.node;
            Some((&definition.name.node, &definition.default_value.as_ref()?.node))
        });
        let lists = defaults
            .chain(variables.iter())
            .filter_map(|(name, value)| match entries(value) {
                0 => None,
                entries => Some((name.as_str(), (entries, false))),
            })
            .collect();
        Self {
            costs,
            fragments,
            operation,
            variables,
            lists,
            abstracts: HashMap::new(),
            open: Vec::new(),
        }
    }

    /// What the operation costs.
    pub(super) fn operation(mut self) -> usize {
        let Some(root) = self.costs.root(self.operation.ty) else {
            return 0;
        };
        let set = &self.operation.selection_set.node;
        let cost = self.selection(
            set,
            On {
                of_type: root,
                page: 0,
            },
        );
        // What no field takes was sent all the same.
        let unused = self.lists.values().filter(|(_, is_used)| !is_used);
        unused.fold(cost, |cost, (entries, _)| cost.saturating_add(*entries))
    }

    /// What a selection costs on one object of a type.
    fn selection(&mut self, set: &'d SelectionSet, on: On) -> usize {
        let mut seen = Seen::default();
        self.items(set, on, &mut seen)
    }

    fn items(&mut self, set: &'d SelectionSet, on: On, seen: &mut Seen) -> usize {
        let mut cost = 0_usize;
        for item in &set.items {
            let added = match &item.node {
                Selection::Field(field) => self.field(&field.node, on, seen),
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.node.type_condition.as_ref();
                    if condition.is_none_or(|condition| self.is_of(on, condition.node.on.node.as_str())) {
                        self.items(&fragment.node.selection_set.node, on, seen)
                    } else {
                        0
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let name = spread.node.fragment_name.node.as_str();
                    match self.fragments.get(name) {
                        Some(fragment)
                            if !self.open.contains(&name)
                                && self.is_of(on, fragment.node.type_condition.node.on.node.as_str()) =>
                        {
                            self.open.push(name);
                            let cost = self.items(&fragment.node.selection_set.node, on, seen);
                            self.open.pop();
                            cost
                        }
                        _ => 0,
                    }
                }
            };
            cost = cost.saturating_add(added);
        }
        cost
    }

    /// Whether an object is of a type that a fragment is for.
    fn is_of(&self, on: On, condition: &str) -> bool {
        self.costs
            .by_name
            .get(condition)
            .is_some_and(|of| self.costs.types[*of].possible.contains(&on.of_type))
    }

    fn field(&mut self, field: &'d Field, on: On, seen: &mut Seen) -> usize {
        let name = field.name.node.as_str();
        // What the schema does not have is for validation to refuse, and introspection has a cost of its own.
        let known = self.costs.types[on.of_type].fields.get(name);
        let Some(FieldCost {
            number,
            returns,
            shape,
        }) = known.copied()
        else {
            return usize::from(name == "__typename" && seen.again(0));
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
                let parts = self.any_of(inner, On { of_type, page });
                return sent.saturating_add(page.saturating_add(parts));
            }
            Shape::Edges => (on.page, again, 0),
            Shape::PartOfPage => (1, again, 0),
        };
        let inner = self.any_of(inner, On { of_type, page });
        times
            .saturating_mul(inner.saturating_add(each))
            .saturating_add(sent)
    }

    /// What a selection costs on the dearest of the objects that it may be made on.
    fn any_of(&mut self, set: &'d SelectionSet, on: On) -> usize {
        let costs = self.costs;
        let possible = &costs.types[on.of_type].possible;
        if let [of_type] = possible.as_slice() {
            return self.selection(
                set,
                On {
                    of_type: *of_type,
                    ..on
                },
            );
        }
        let key = (std::ptr::from_ref(set), on.of_type);
        if let Some(cost) = self.abstracts.get(&key) {
            return *cost;
        }
        let each = possible.iter().map(|of_type| {
            self.selection(
                set,
                On {
                    of_type: *of_type,
                    ..on
                },
            )
        });
        let cost = each.max().unwrap_or_default();
        self.abstracts.insert(key, cost);
        cost
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
            Value::Variable(name) => match self.variables.get(name).or_else(|| self.default(name)) {
                Some(ConstValue::Number(number)) => number.as_u64(),
                _ => None,
            },
            _ => None,
        };
        number.and_then(|number| usize::try_from(number).ok())
    }

    fn default(&self, variable: &Name) -> Option<&ConstValue> {
        let definition = self
            .operation
            .variable_definitions
            .iter()
            .find(|definition| definition.node.name.node == *variable)?;
        definition.node.default_value.as_ref().map(|value| &value.node)
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
