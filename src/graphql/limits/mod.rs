//! What a document asks for, measured before anything of it runs: [what it says](written) as soon as it is parsed, and what
//! its operation runs in its canonical form. What is [resolved](cost) costs by the most that it may return; what is told of
//! the schema, what it does return, which is counted as it is told.

mod cost;
pub mod maxima;
mod schema;
pub mod written;

use async_graphql::Variables;
use async_graphql::parser::types::{Field, OperationDefinition, OperationType, Selection};

use self::cost::Counting;
pub(super) use self::cost::is_sized;
pub use self::schema::Costs;
use super::error::Exceeded;
use super::specification::is_introspection;
use crate::config::Limits;

/// What an operation runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// What is resolved, by the most that it may return.
    pub cost: usize,
    /// Whether the schema is asked for.
    pub introspects: bool,
    root_fields: usize,
    passwords: usize,
    is_subscription: bool,
}

impl Costs {
    /// Measures an operation in its canonical form.
    pub fn measure(&self, operation: &OperationDefinition, variables: &Variables) -> Measured {
        let root = &operation.selection_set.node.items;
        let fields = root.iter().filter_map(|item| match &item.node {
            Selection::Field(field) => Some(&field.node),
            _ => None,
        });
        let hashes = |field: &&Field| {
            let name = field.name.node.as_str();
            operation.ty == OperationType::Mutation && maxima::HASH_A_PASSWORD.contains(&name)
        };
        Measured {
            cost: Counting::new(self, variables).operation(operation),
            introspects: fields.clone().any(is_introspection),
            root_fields: root.len(),
            passwords: fields.filter(hashes).count(),
            is_subscription: operation.ty == OperationType::Subscription,
        }
    }
}

impl Measured {
    /// The first limit that the operation exceeds.
    pub fn exceeded(&self, limits: &Limits) -> Option<Exceeded> {
        let cost = if self.is_subscription {
            ("EVENT_COST", self.cost, limits.event_cost)
        } else {
            ("COST", self.cost, limits.cost)
        };
        Exceeded::first([
            ("ROOT_FIELDS", self.root_fields, limits.root_fields),
            ("PASSWORDS", self.passwords, maxima::PASSWORDS),
            cost,
        ])
    }
}

#[cfg(test)]
mod tests;
