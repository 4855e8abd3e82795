//! Counting the calls of resolvers in the answer that they made.
//!
//! An answer's shape says which fields were resolved how often, so that nothing has to run beside each
//! resolver: that would cost more than many of them do. Where a field may be of several types, a name that
//! no client can write asks which it was.

mod count;

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use apollo_compiler::Schema;
use apollo_compiler::schema::ExtendedType;
use async_graphql::parser::types::{
    Field, InlineFragment, OperationDefinition, OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Pos, Positioned};

use super::metrics::{FieldMetrics, Metrics};
use crate::schema::{composite_types, fields_of};

/// Under which an abstract type's name is asked for: GraphQL's grammar has no such name.
pub const TYPE_KEY: &str = "$type";

/// The schema, as far as counting goes.
#[derive(Debug)]
pub struct Calls {
    types: Vec<Type>,
    by_name: HashMap<String, usize>,
}

#[derive(Debug)]
struct Type {
    is_object: bool,
    fields: HashMap<String, FieldOfType>,
}

/// A field of the schema.
#[derive(Debug)]
pub struct FieldOfType {
    /// Its metrics.
    pub metrics: FieldMetrics,
    /// `Type.field`.
    pub coordinate: String,
    /// Whether it does more than to read what is there.
    pub works: bool,
    returns: Option<usize>,
}

/// What an operation selects.
#[derive(Debug, Default)]
pub struct Plan {
    root: usize,
    items: Vec<Item>,
    /// Whether types are asked for that the client has not asked for.
    asks: bool,
}

/// Resolvers that were called for a part of the answer that does not show it.
#[derive(Debug)]
pub struct Called {
    /// The type of the objects.
    pub of_type: Cow<'static, str>,
    /// The fields that were called on each of them.
    pub fields: Vec<Name>,
    /// How many there were.
    pub objects: u64,
    /// How long some of these calls took, by the place of the field; only where resolvers are looked at closely.
    pub took: Vec<(usize, Duration)>,
}

#[derive(Debug)]
enum Item {
    Field {
        key: Name,
        name: Name,
        inner: Option<(usize, Vec<Item>)>,
    },
    /// A fragment: on which type, and what.
    On(Option<usize>, Vec<Item>),
}

impl Calls {
    /// Reads a schema, and finds the metrics of all its fields.
    pub fn of_schema(schema: &Schema, metrics: &Metrics) -> Self {
        let (types, by_name) = composite_types(schema);
        let types = types.into_iter().map(|of_type| Type {
            is_object: of_type.is_object(),
            fields: fields(of_type, &by_name, metrics),
        });
        Self {
            types: types.collect(),
            by_name,
        }
    }

    /// A field of the schema.
    pub fn field(&self, of_type: &str, field: &str) -> Option<&FieldOfType> {
        self.types[*self.by_name.get(of_type)?].fields.get(field)
    }

    /// Has the types of all that may be of several be told, if the client does not ask for them; of an operation in its
    /// canonical form.
    pub fn ask_for_types(&self, operation: &mut OperationDefinition) {
        let root = self.by_name.get(root_name(operation.ty)).copied();
        self.ask_in(&mut operation.selection_set.node, root);
    }

    fn ask_in(&self, set: &mut SelectionSet, parent: Option<usize>) {
        for item in &mut set.items {
            match &mut item.node {
                Selection::Field(field) => {
                    let returns = parent
                        .and_then(|parent| self.types[parent].fields.get(field.node.name.node.as_str()));
                    let Some(returns) = returns.and_then(|field| field.returns) else {
                        continue;
                    };
                    let inner = &mut field.node.selection_set.node;
                    self.ask_in(inner, Some(returns));
                    if !self.types[returns].is_object {
                        inner.items.push(Positioned::new(
                            Selection::Field(Positioned::new(type_field(), Pos::default())),
                            Pos::default(),
                        ));
                    }
                }
                Selection::InlineFragment(fragment) => {
                    let on = self.on(&fragment.node).or(parent);
                    self.ask_in(&mut fragment.node.selection_set.node, on);
                }
                Selection::FragmentSpread(_) => {}
            }
        }
    }

    /// What an operation in its canonical form will have called.
    pub fn plan(&self, operation: &OperationDefinition) -> Plan {
        let Some(root) = self.by_name.get(root_name(operation.ty)).copied() else {
            return Plan::default();
        };
        let mut asks = false;
        let items = self.items(&operation.selection_set.node, Some(root), &mut asks);
        Plan { root, items, asks }
    }

    fn items(&self, set: &SelectionSet, parent: Option<usize>, asks: &mut bool) -> Vec<Item> {
        let mut items = Vec::with_capacity(set.items.len());
        for item in &set.items {
            match &item.node {
                Selection::Field(field) => {
                    let key = &field.node.response_key().node;
                    *asks |= key == TYPE_KEY;
                    if field.node.name.node.starts_with("__") {
                        continue;
                    }
                    let returns = parent
                        .and_then(|parent| self.types[parent].fields.get(field.node.name.node.as_str()));
                    let inner = returns.and_then(|field| field.returns).map(|returns| {
                        let inner = &field.node.selection_set.node;
                        (returns, self.items(inner, Some(returns), asks))
                    });
                    items.push(Item::Field {
                        key: key.clone(),
                        name: field.node.name.node.clone(),
                        inner,
                    });
                }
                Selection::InlineFragment(fragment) => {
                    let on = self.on(&fragment.node);
                    let inner = &fragment.node.selection_set.node;
                    items.push(Item::On(on, self.items(inner, on.or(parent), asks)));
                }
                Selection::FragmentSpread(_) => {}
            }
        }
        items
    }

    /// The type that a fragment is for.
    fn on(&self, fragment: &InlineFragment) -> Option<usize> {
        let condition = fragment.type_condition.as_ref()?;
        self.by_name.get(condition.node.on.node.as_str()).copied()
    }
}

fn type_field() -> Field {
    Field {
        alias: Some(Positioned::new(Name::new(TYPE_KEY), Pos::default())),
        name: Positioned::new(Name::new("__typename"), Pos::default()),
        arguments: Vec::new(),
        directives: Vec::new(),
        selection_set: Positioned::default(),
    }
}

fn root_name(kind: OperationType) -> &'static str {
    match kind {
        OperationType::Query => "Query",
        OperationType::Mutation => "Mutation",
        OperationType::Subscription => "Subscription",
    }
}

fn is_root(name: &str) -> bool {
    matches!(name, "Query" | "Mutation" | "Subscription")
}

/// What a page consists of is there with it.
fn is_part_of_page(parent: &str, returned: &str) -> bool {
    parent.ends_with("Connection")
        || parent.ends_with("Edge")
        || parent.ends_with("Payload")
        || returned == "PageInfo"
}

fn fields(
    of_type: &ExtendedType,
    by_name: &HashMap<String, usize>,
    metrics: &Metrics,
) -> HashMap<String, FieldOfType> {
    let name = of_type.name().as_str();
    let fields = fields_of(of_type).into_iter().flat_map(|fields| fields.values());
    let fields = fields.map(|field| {
        let returned = field.ty.inner_named_type().as_str();
        let returns = by_name.get(returned).copied();
        let of_field = FieldOfType {
            metrics: metrics.graphql.field(name, of_type.is_object(), &field.name),
            coordinate: format!("{name}.{}", field.name),
            works: is_root(name)
                || (!is_part_of_page(name, returned) && returns.is_some())
                || !field.arguments.is_empty(),
            returns,
        };
        (field.name.to_string(), of_field)
    });
    fields.collect()
}
