//! What a document asks for, measured before anything of it runs.
//!
//! Depth, nodes, aliases and directives are counted over the document as it would run: a fragment counts where it is
//! used, and its use is a node as a field is. What is [resolved](cost) costs by the most that it may return, and
//! [introspection] what it does return.

mod cost;
mod introspection;
pub mod maxima;
mod schema;

use std::collections::HashMap;

use async_graphql::parser::types::{
    ExecutableDocument, Field, FragmentDefinition, OperationDefinition, OperationType, Selection,
    SelectionSet,
};
use async_graphql::{Name, Positioned, Variables};

use self::cost::Counting;
pub(super) use self::cost::is_sized;
pub(super) use self::introspection::{Model, WHOLE_SCHEMA};
pub use self::schema::Costs;
use super::error::Exceeded;
use crate::config::Limits;

/// What a document asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    depth: usize,
    introspection_depth: usize,
    nodes: usize,
    aliases: usize,
    directives: usize,
    root_fields: usize,
    passwords: usize,
    cost: usize,
    is_subscription: bool,
}

impl Costs {
    /// Measures the operation that would run.
    pub fn measure(
        &self,
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        variables: &Variables,
        limits: &Limits,
    ) -> Measured {
        let mut walk = Walk {
            fragments: &document.fragments,
            is_mutation: operation.ty == OperationType::Mutation,
            limits,
            measured: Measured {
                directives: operation.directives.len(),
                is_subscription: operation.ty == OperationType::Subscription,
                ..Measured::default()
            },
            open: Vec::new(),
        };
        let place = Place {
            depth: 1,
            introspection: false,
        };
        walk.selections(&operation.selection_set.node, place);
        let mut measured = walk.measured;
        // What is larger than it may be is refused for that, and not walked type by type.
        if measured.nodes <= limits.nodes {
            measured.cost = Counting::new(self, &document.fragments, operation, variables).operation();
        }
        measured
    }
}

#[derive(Clone, Copy)]
struct Place {
    depth: usize,
    introspection: bool,
}

struct Walk<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    is_mutation: bool,
    limits: &'a Limits,
    measured: Measured,
    /// The fragments that are being walked: one that uses itself is for validation to refuse.
    open: Vec<&'a str>,
}

impl<'a> Walk<'a> {
    fn selections(&mut self, set: &'a SelectionSet, place: Place) {
        for item in &set.items {
            // What is too large already need not be counted to its end.
            if self.measured.nodes > self.limits.nodes {
                return;
            }
            match &item.node {
                Selection::Field(field) => self.field(&field.node, place),
                Selection::InlineFragment(fragment) => {
                    self.measured.nodes += 1;
                    self.measured.directives += fragment.node.directives.len();
                    self.selections(&fragment.node.selection_set.node, place);
                }
                Selection::FragmentSpread(spread) => {
                    // Counted itself too: fragments of nothing but fragments would else be walked for ever.
                    self.measured.nodes += 1;
                    self.measured.directives += spread.node.directives.len();
                    let name = spread.node.fragment_name.node.as_str();
                    if let Some(fragment) = self.fragments.get(name)
                        && !self.open.contains(&name)
                    {
                        self.open.push(name);
                        self.selections(&fragment.node.selection_set.node, place);
                        self.open.pop();
                    }
                }
            }
        }
    }

    fn field(&mut self, field: &'a Field, place: Place) {
        let name = field.name.node.as_str();
        let introspection = place.introspection || name == "__schema" || name == "__type";
        self.measured.nodes += 1;
        self.measured.aliases += usize::from(field.alias.is_some());
        self.measured.directives += field.directives.len();
        if place.depth == 1 {
            self.measured.root_fields += 1;
            let hashes = self.is_mutation && maxima::HASH_A_PASSWORD.contains(&name);
            self.measured.passwords += usize::from(hashes);
        }
        let deepest = if introspection {
            &mut self.measured.introspection_depth
        } else {
            &mut self.measured.depth
        };
        *deepest = place.depth.max(*deepest);
        let inner = Place {
            depth: place.depth + 1,
            introspection,
        };
        self.selections(&field.selection_set.node, inner);
    }
}

impl Measured {
    /// What is resolved, by the most that it may return.
    pub fn cost(&self) -> usize {
        self.cost
    }

    /// Whether the schema is asked for.
    pub fn introspects(&self) -> bool {
        self.introspection_depth > 0
    }

    /// The first limit that the document exceeds.
    pub fn exceeded(&self, limits: &Limits) -> Option<Exceeded> {
        let cost = if self.is_subscription {
            ("EVENT_COST", self.cost, limits.event_cost)
        } else {
            ("COST", self.cost, limits.cost)
        };
        [
            ("DEPTH", self.depth, limits.depth),
            (
                "INTROSPECTION_DEPTH",
                self.introspection_depth,
                limits.introspection_depth,
            ),
            ("NODES", self.nodes, limits.nodes),
            ("ALIASES", self.aliases, limits.aliases),
            ("DIRECTIVES", self.directives, limits.directives),
            ("ROOT_FIELDS", self.root_fields, limits.root_fields),
            ("PASSWORDS", self.passwords, maxima::PASSWORDS),
            cost,
        ]
        .into_iter()
        .find(|(_, value, maximum)| value > maximum)
        .map(|(limit, value, maximum)| Exceeded {
            limit,
            value,
            maximum,
        })
    }
}

#[cfg(test)]
mod tests;
