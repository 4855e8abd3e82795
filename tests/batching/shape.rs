//! What of the schema is a relation, read from its text: so that a new field is tested without being named.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use async_graphql::parser::types::{BaseType, Type, TypeKind, TypeSystemDefinition};
use plant_care::graphql::sdl;

use crate::support::definitions;

/// The arguments of every connection.
const OF_A_PAGE: [&str; 4] = ["first", "after", "last", "before"];

/// How many an object has of what a field gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One, or none.
    Single,
    /// All of them.
    List,
    /// A page.
    Connection,
}

/// A field that gives objects.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    /// Whose field it is.
    pub(super) of: String,
    /// Its name.
    pub(super) name: String,
    /// What its objects are.
    pub(super) to: String,
    /// How many they are.
    pub(super) kind: Kind,
    /// Its arguments besides those of a page, with their types.
    filters: Vec<(String, Type)>,
}

impl Relation {
    /// Its name, with its type's.
    pub(super) fn full_name(&self) -> String {
        format!("{}.{}", self.of, self.name)
    }

    /// Whether it can be asked for without knowing anything.
    pub(super) fn is_free(&self) -> bool {
        self.filters.iter().all(|(_, of_type)| of_type.nullable)
    }

    fn is_many(&self) -> bool {
        self.kind != Kind::Single
    }
}

/// The relations of the schema, and which types are kinds of others.
pub(super) struct Shape {
    relations: Vec<Relation>,
    kinds: BTreeMap<String, Vec<String>>,
    enums: BTreeMap<String, Vec<String>>,
}

/// The types of the schema by name.
type Types<'d> = BTreeMap<String, &'d TypeKind>;

/// How to come from a type to another.
pub(super) type Path<'s> = Vec<&'s Relation>;

impl Shape {
    pub(super) fn of_schema() -> Self {
        let definitions = definitions(&sdl());
        let mut shape = Self {
            relations: Vec::new(),
            kinds: BTreeMap::new(),
            enums: BTreeMap::new(),
        };
        let types = definitions.iter().filter_map(|definition| match definition {
            TypeSystemDefinition::Type(of_type) => {
                Some((of_type.node.name.node.to_string(), &of_type.node.kind))
            }
            _ => None,
        });
        let types: Types<'_> = types.collect();
        shape.name(&types);
        let inherited = shape.inherited(&types);
        for (name, kind) in &types {
            shape.relate(&types, &inherited, name, kind);
        }
        shape
    }

    /// Takes note of the enums, and of which types are kinds of others.
    fn name(&mut self, types: &Types<'_>) {
        for (name, kind) in types {
            match kind {
                TypeKind::Enum(values) => {
                    let names = values
                        .values
                        .iter()
                        .map(|value| value.node.value.node.to_string());
                    self.enums.insert(name.clone(), names.collect());
                }
                TypeKind::Union(union) => {
                    let members = union.members.iter().map(|member| member.node.to_string());
                    self.kinds.insert(name.clone(), members.collect());
                }
                TypeKind::Object(object) => {
                    for interface in &object.implements {
                        let kinds = self.kinds.entry(interface.node.to_string()).or_default();
                        kinds.push(name.clone());
                    }
                }
                _ => {}
            }
        }
    }

    /// What an interface has, its types have, too: those fields are asked of it.
    fn inherited(&self, types: &Types<'_>) -> BTreeSet<(String, String)> {
        types
            .iter()
            .filter_map(|(name, kind)| match kind {
                TypeKind::Interface(interface) => Some((name, interface)),
                _ => None,
            })
            .flat_map(|(name, interface)| {
                let kinds = self.kinds.get(name).cloned().unwrap_or_default();
                let fields = interface
                    .fields
                    .iter()
                    .map(|field| field.node.name.node.to_string());
                fields.flat_map(move |field| kinds.clone().into_iter().map(move |kind| (kind, field.clone())))
            })
            .collect()
    }

    /// Takes note of a type's relations.
    fn relate(
        &mut self,
        types: &Types<'_>,
        inherited: &BTreeSet<(String, String)>,
        of: &str,
        kind: &TypeKind,
    ) {
        let fields = match kind {
            TypeKind::Object(object) => &object.fields,
            TypeKind::Interface(interface) => &interface.fields,
            _ => return,
        };
        if of.ends_with("Connection") || of.ends_with("Edge") || of == "Mutation" || of == "Subscription" {
            return;
        }
        for field in fields {
            let field = &field.node;
            let (base, is_list) = base(&field.ty.node);
            let is_object = matches!(
                types.get(&base),
                Some(TypeKind::Object(_) | TypeKind::Interface(_) | TypeKind::Union(_))
            );
            let field_name = field.name.node.to_string();
            if !is_object || inherited.contains(&(of.to_owned(), field_name.clone())) {
                continue;
            }
            let (to, kind) = match base.strip_suffix("Connection") {
                Some(_) => (node_of(types, &base), Kind::Connection),
                None if is_list => (base, Kind::List),
                None => (base, Kind::Single),
            };
            let arguments = field.arguments.iter();
            let arguments = arguments
                .map(|argument| (argument.node.name.node.to_string(), argument.node.ty.node.clone()));
            self.relations.push(Relation {
                of: of.to_owned(),
                name: field_name,
                to,
                kind,
                filters: arguments
                    .filter(|(name, _)| !OF_A_PAGE.contains(&name.as_str()))
                    .collect(),
            });
        }
    }

    /// The relations of a type, and of the types that are kinds of it.
    pub(super) fn of(&self, name: &str) -> impl Iterator<Item = &Relation> {
        self.relations
            .iter()
            .filter(move |relation| relation.of == name || self.is_kind(&relation.of, name))
    }

    fn is_kind(&self, name: &str, of: &str) -> bool {
        self.kinds
            .get(of)
            .is_some_and(|kinds| kinds.iter().any(|kind| kind == name))
    }

    /// How many types are of this kind.
    pub(super) fn kinds_of(&self, name: &str) -> usize {
        self.kinds.get(name).map_or(1, Vec::len)
    }

    /// The shortest ways from a type to all relations that can be reached without knowing anything, each with the
    /// relation itself.
    pub(super) fn reached_from(&self, start: &str) -> Vec<Path<'_>> {
        let mut seen = BTreeSet::from([start.to_owned()]);
        let mut waiting: VecDeque<(String, Path<'_>)> = VecDeque::from([(start.to_owned(), Vec::new())]);
        let mut paths: Vec<Path<'_>> = Vec::new();
        let mut reached = BTreeSet::new();
        while let Some((at, path)) = waiting.pop_front() {
            for relation in self.of(&at).filter(|relation| relation.is_free()) {
                let mut further = path.clone();
                further.push(relation);
                if seen.insert(relation.to.clone()) {
                    waiting.push_back((relation.to.clone(), further.clone()));
                }
                if reached.insert(relation.full_name()) {
                    paths.push(further);
                }
            }
        }
        paths
    }

    /// The ways from the query's root to the lists of the schema.
    pub(super) fn lists(&self) -> Vec<Path<'_>> {
        let mut paths = self.reached_from("Query");
        paths.retain(|path| path.last().is_some_and(|relation| relation.is_many()));
        paths
    }

    /// All that an object may have of others below a list.
    pub(super) fn below_lists(&self) -> BTreeSet<String> {
        let below = self
            .lists()
            .into_iter()
            .filter_map(|path| path.last().map(|list| list.to.clone()));
        let reached = below.flat_map(|node| {
            let names = self.reached_from(&node).into_iter();
            names
                .filter_map(|path| path.last().map(|relation| relation.full_name()))
                .collect::<Vec<_>>()
        });
        reached.collect()
    }

    /// What a relation can be asked with besides its page: nothing, and each filter with a few values.
    pub(super) fn filters(&self, relation: &Relation) -> Vec<String> {
        let mut all = vec![String::new()];
        for (name, of_type) in &relation.filters {
            let (base, is_list) = base(of_type);
            for example in self.examples(&base) {
                let example = if is_list { format!("[{example}]") } else { example };
                all.push(format!("{name}: {example}"));
            }
        }
        all
    }

    /// Examples of an input type. One that is new must be given some here.
    fn examples(&self, of_type: &str) -> Vec<String> {
        if let Some(values) = self.enums.get(of_type) {
            let values = [values.first(), values.last()];
            return values.into_iter().flatten().cloned().collect();
        }
        let examples: &[&str] = match of_type {
            "Date" => &["\"2026-05-01\"", "\"2026-07-01\""],
            "Boolean" => &["true", "false"],
            "NearInput" => &[
                "{ cell: \"u09tvw\", radiusKm: 5 }",
                "{ cell: \"u09tvw\", radiusKm: 500 }",
            ],
            _ => panic!("what is an example of {of_type}?"),
        };
        examples.iter().map(|example| (*example).to_owned()).collect()
    }
}

/// The named type of a type, and whether it is a list of them.
fn base(of_type: &Type) -> (String, bool) {
    match &of_type.base {
        BaseType::Named(name) => (name.to_string(), false),
        BaseType::List(inner) => (base(inner).0, true),
    }
}

/// What the edges of a connection hold.
fn node_of(types: &Types<'_>, connection: &str) -> String {
    let field = |of: &str, name: &str| {
        let Some(TypeKind::Object(object)) = types.get(of) else {
            panic!("{of} is no object");
        };
        let field = object.fields.iter().find(|field| field.node.name.node == name);
        base(&field.unwrap_or_else(|| panic!("{of}.{name}")).node.ty.node).0
    };
    field(&field(connection, "edges"), "node")
}
