//! What a document asks for, measured before anything of it runs.
//!
//! Depth, nodes, aliases, directives and cost are counted over the document as it would run: a fragment
//! counts where it is used, and its use is a node as a field is. Cost counts objects: a scalar is free, a
//! page counts as its size, a list without pages as ten, and all of it is multiplied by the lists around it.

use std::collections::HashMap;

use async_graphql::Variables;
use async_graphql::parser::types::{
    BaseType, ExecutableDocument, Field, FieldDefinition, FragmentDefinition, OperationDefinition, Selection,
    SelectionSet, ServiceDocument, Type, TypeKind, TypeSystemDefinition,
};
use async_graphql::{Name, Positioned};
use async_graphql_value::{ConstValue, Value};

use super::error::Exceeded;
use super::page::DEFAULT_PAGE;
use crate::config::Limits;

/// What a list without pages counts as.
const UNPAGED_LIST: usize = 10;

/// What the schema says of fields, as far as cost goes.
pub struct Costs {
    types: HashMap<String, HashMap<String, FieldCost>>,
    roots: [String; 3],
}

#[derive(Clone, Debug)]
struct FieldCost {
    returns: String,
    shape: Shape,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// A scalar or an enum.
    Leaf,
    /// An object.
    One,
    /// A list of objects without pages.
    List,
    /// A page.
    Connection,
    /// A part of a page, which is counted as a whole: its edges and their nodes.
    PartOfPage,
}

/// What a document asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    depth: usize,
    introspection_depth: usize,
    nodes: usize,
    aliases: usize,
    directives: usize,
    root_fields: usize,
    cost: usize,
}

impl Costs {
    /// Reads what matters of a schema.
    pub fn of_schema(schema: &ServiceDocument) -> Self {
        let mut fields: Vec<(&str, &[Positioned<FieldDefinition>])> = Vec::new();
        for definition in &schema.definitions {
            let TypeSystemDefinition::Type(definition) = definition else {
                continue;
            };
            let of_type = match &definition.node.kind {
                TypeKind::Object(object) => object.fields.as_slice(),
                TypeKind::Interface(interface) => interface.fields.as_slice(),
                TypeKind::Union(_) => &[],
                _ => continue,
            };
            fields.push((definition.node.name.node.as_str(), of_type));
        }
        let composites: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        let types = fields.into_iter().map(|(name, of_type)| {
            let costs = of_type.iter().map(|field| {
                let cost = FieldCost::new(name, &field.node.ty.node, &composites);
                (field.node.name.node.to_string(), cost)
            });
            (name.to_owned(), costs.collect())
        });
        Self {
            types: types.collect(),
            roots: ["Query", "Mutation", "Subscription"].map(str::to_owned),
        }
    }

    /// Measures the operation that would run.
    pub fn measure(
        &self,
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        variables: &Variables,
        limits: &Limits,
    ) -> Measured {
        use async_graphql::parser::types::OperationType;
        let root = match operation.ty {
            OperationType::Query => &self.roots[0],
            OperationType::Mutation => &self.roots[1],
            OperationType::Subscription => &self.roots[2],
        };
        let mut walk = Walk {
            costs: self,
            fragments: &document.fragments,
            operation,
            variables,
            limits,
            measured: Measured {
                directives: operation.directives.len(),
                ..Measured::default()
            },
            open: Vec::new(),
        };
        walk.selections(
            &operation.selection_set.node,
            Some(root),
            Place {
                depth: 1,
                times: 1,
                introspection: false,
            },
        );
        walk.measured
    }
}

impl FieldCost {
    fn new(parent: &str, ty: &Type, composites: &[&str]) -> Self {
        let (returns, list) = base(&ty.base, false);
        let part_of_page = (parent.ends_with("Connection") && returns.ends_with("Edge"))
            || parent.ends_with("Edge")
            || returns == "PageInfo";
        let shape = if !composites.contains(&returns.as_str()) {
            Shape::Leaf
        } else if part_of_page {
            Shape::PartOfPage
        } else if returns.ends_with("Connection") {
            Shape::Connection
        } else if list {
            Shape::List
        } else {
            Shape::One
        };
        Self { returns, shape }
    }
}

fn base(ty: &BaseType, list: bool) -> (String, bool) {
    match ty {
        BaseType::Named(name) => (name.to_string(), list),
        BaseType::List(ty) => base(&ty.base, true),
    }
}

#[derive(Clone, Copy)]
struct Place {
    depth: usize,
    /// How many objects this selection is resolved for.
    times: usize,
    introspection: bool,
}

struct Walk<'a> {
    costs: &'a Costs,
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    operation: &'a OperationDefinition,
    variables: &'a Variables,
    limits: &'a Limits,
    measured: Measured,
    /// The fragments that are being walked: one that uses itself is for validation to refuse.
    open: Vec<&'a str>,
}

impl<'a> Walk<'a> {
    fn selections(&mut self, set: &'a SelectionSet, parent: Option<&'a str>, place: Place) {
        for item in &set.items {
            // What is too large already need not be counted to its end.
            if self.measured.nodes > self.limits.nodes {
                return;
            }
            match &item.node {
                Selection::Field(field) => self.field(&field.node, parent, place),
                Selection::InlineFragment(fragment) => {
                    self.measured.nodes += 1;
                    self.measured.directives += fragment.node.directives.len();
                    let on = fragment
                        .node
                        .type_condition
                        .as_ref()
                        .map(|condition| condition.node.on.node.as_str());
                    self.selections(&fragment.node.selection_set.node, on.or(parent), place);
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
                        let on = fragment.node.type_condition.node.on.node.as_str();
                        self.selections(&fragment.node.selection_set.node, Some(on), place);
                        self.open.pop();
                    }
                }
            }
        }
    }

    fn field(&mut self, field: &'a Field, parent: Option<&'a str>, place: Place) {
        let name = field.name.node.as_str();
        let introspection = place.introspection || name == "__schema" || name == "__type";
        self.measured.nodes += 1;
        self.measured.aliases += usize::from(field.alias.is_some());
        self.measured.directives += field.directives.len();
        self.measured.root_fields += usize::from(place.depth == 1);
        let deepest = if introspection {
            &mut self.measured.introspection_depth
        } else {
            &mut self.measured.depth
        };
        *deepest = place.depth.max(*deepest);
        // What the schema does not have is for validation to refuse.
        let cost = parent
            .and_then(|parent| self.costs.types.get(parent))
            .and_then(|fields| fields.get(name));
        let (added, times) = match cost.map(|cost| cost.shape) {
            None | Some(Shape::Leaf | Shape::PartOfPage) => (0, place.times),
            Some(Shape::One) => (place.times, place.times),
            Some(Shape::List) => (
                place.times.saturating_mul(UNPAGED_LIST),
                place.times.saturating_mul(UNPAGED_LIST),
            ),
            Some(Shape::Connection) => {
                let page = place.times.saturating_mul(self.page(field));
                (page, page)
            }
        };
        self.measured.cost = self.measured.cost.saturating_add(added);
        let inner = Place {
            depth: place.depth + 1,
            times,
            introspection,
        };
        self.selections(
            &field.selection_set.node,
            cost.map(|cost| cost.returns.as_str()),
            inner,
        );
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

impl Measured {
    /// The objects that are asked for.
    pub fn cost(&self) -> usize {
        self.cost
    }

    /// Whether the schema is asked for.
    pub fn introspects(&self) -> bool {
        self.introspection_depth > 0
    }

    /// The first limit that the document exceeds.
    pub fn exceeded(&self, limits: &Limits) -> Option<Exceeded> {
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
            ("COST", self.cost, limits.cost),
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
mod tests {
    use async_graphql::parser::{parse_query, parse_schema};

    use super::*;

    fn measure(query: &str, variables: serde_json::Value) -> Measured {
        let costs = Costs::of_schema(&parse_schema(crate::graphql::sdl()).unwrap());
        let document = parse_query(query).unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        costs.measure(
            &document,
            &operation.node,
            &Variables::from_json(variables),
            &Limits::default(),
        )
    }

    fn cost(query: &str) -> usize {
        measure(query, serde_json::json!({})).cost
    }

    #[test]
    fn cost_counts_objects_and_multiplies_by_lists() {
        assert_eq!(cost("{ viewer { id displayName } }"), 1);
        assert_eq!(
            cost("{ careRequests(first: 50) { edges { node { id title } } pageInfo { endCursor } } }"),
            50
        );
        assert_eq!(
            cost("{ careRequests { edges { node { id } } } }"),
            20,
            "the default page"
        );
        assert_eq!(
            cost("{ careRequests(first: 50) { edges { node { plants { name } } } } }"),
            50 + 50 * 10
        );
        let nested = "{ careRequests(first: 50) { edges { node { comments(last: 5) { edges { node { author { id } } } } } } } }";
        assert_eq!(cost(nested), 50 + 50 * 5 + 50 * 5);
    }

    #[test]
    fn pages_may_be_variables_and_fragments_count_where_they_are_used() {
        let query = "query($n: Int = 7) { a: careRequests(first: $n) { ...page } b: careRequests(first: 2) { ...page } }
            fragment page on CareRequestConnection { edges { node { owner { id } } } }";
        let with_default = measure(query, serde_json::json!({}));
        assert_eq!(with_default.cost, 2 * (7 + 2));
        assert_eq!(measure(query, serde_json::json!({ "n": 1 })).cost, 2 * (1 + 2));
        assert_eq!(
            (with_default.aliases, with_default.root_fields, with_default.nodes),
            (2, 2, 12)
        );
        assert_eq!(with_default.depth, 5);
    }

    #[test]
    fn what_exceeds_is_named_with_value_and_maximum() {
        let mut deep = "id".to_owned();
        for _ in 0..7 {
            deep = format!("careRequest {{ owner {{ plants {{ edges {{ node {{ {deep} }} }} }} }} }}");
        }
        let measured = measure(&format!("{{ viewer {{ {deep} }} }}"), serde_json::json!({}));
        let exceeded = measured.exceeded(&Limits::default()).unwrap();
        assert_eq!(
            (exceeded.limit, exceeded.value, exceeded.maximum),
            ("DEPTH", 37, 12)
        );
    }

    #[test]
    fn a_fragment_that_uses_itself_ends() {
        let query = "{ viewer { ...loop } } fragment loop on User { id ...loop }";
        assert_eq!(measure(query, serde_json::json!({})).nodes, 4);
    }
}
