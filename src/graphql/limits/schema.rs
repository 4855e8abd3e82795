//! The schema, as far as cost goes.

use std::collections::HashMap;

use apollo_compiler::Schema;
use apollo_compiler::schema::ExtendedType;
use async_graphql::parser::types::OperationType;

use super::maxima::of_list;
use crate::schema::{composite_types, fields_of};

/// What the schema says of types and their fields.
pub struct Costs {
    pub(super) types: Vec<TypeCosts>,
    pub(super) by_name: HashMap<String, usize>,
}

/// A type with fields, or one that may be several of them.
pub(super) struct TypeCosts {
    pub(super) fields: HashMap<String, FieldCost>,
}

/// A field.
#[derive(Clone, Copy, Debug)]
pub(super) struct FieldCost {
    /// Its number in its type, from 1: 0 is `__typename`.
    pub(super) number: usize,
    /// The type that it returns, if that has fields.
    pub(super) returns: Option<usize>,
    pub(super) shape: Shape,
}

/// How much a field may return.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// One, or a list of at most so many, without pages.
    UpTo(usize),
    /// A page.
    Connection,
    /// The entries of a page, which is counted as a whole.
    Edges,
    /// What a page or an entry has one of, and is counted with it.
    PartOfPage,
}

impl Costs {
    /// Reads what matters of a schema.
    pub fn of_schema(schema: &Schema) -> Self {
        let (types, by_name) = composite_types(schema);
        let types = types.into_iter().map(|of_type| TypeCosts {
            fields: costs(of_type, &by_name),
        });
        Self {
            types: types.collect(),
            by_name,
        }
    }

    /// The type of an operation's root.
    pub(super) fn root(&self, kind: OperationType) -> Option<usize> {
        let name = match kind {
            OperationType::Query => "Query",
            OperationType::Mutation => "Mutation",
            OperationType::Subscription => "Subscription",
        };
        self.by_name.get(name).copied()
    }
}

fn costs(of_type: &ExtendedType, by_name: &HashMap<String, usize>) -> HashMap<String, FieldCost> {
    let fields = fields_of(of_type).into_iter().flat_map(|fields| fields.values());
    let costs = fields.zip(1..).map(|(field, number)| {
        let returned = field.ty.inner_named_type().as_str();
        let cost = FieldCost {
            number,
            returns: by_name.get(returned).copied(),
            shape: shape(of_type.name(), &field.name, returned, field.ty.is_list()),
        };
        (field.name.to_string(), cost)
    });
    costs.collect()
}

fn shape(of_type: &str, field: &str, returned: &str, is_list: bool) -> Shape {
    if is_list && of_type.ends_with("Connection") && returned.ends_with("Edge") {
        Shape::Edges
    } else if is_list {
        // Without a maximum it would be anything: dear, and a test that finds it.
        Shape::UpTo(of_list(of_type, field).unwrap_or(usize::MAX))
    } else if returned.ends_with("Connection") {
        Shape::Connection
    } else if returned == "PageInfo" || (of_type.ends_with("Edge") && field == "node") {
        Shape::PartOfPage
    } else {
        Shape::UpTo(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::sdl;
    use crate::graphql::specification::Specification;

    #[test]
    fn every_list_without_pages_has_a_maximum() {
        let specification = Specification::of_sdl(&sdl(), false).unwrap();
        let costs = Costs::of_schema(specification.schema());
        let mut lists = 0;
        for (name, number) in &costs.by_name {
            for (field, cost) in &costs.types[*number].fields {
                if let Shape::UpTo(maximum) = cost.shape {
                    assert!(
                        maximum < 1_000,
                        "say in graphql/limits/maxima.rs how long {name}.{field} may be"
                    );
                    lists += usize::from(maximum > 1);
                }
            }
        }
        assert!(lists > 10);
    }
}
