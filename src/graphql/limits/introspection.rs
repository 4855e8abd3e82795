//! What introspection costs: exactly what it would return, found by walking the schema itself.

use std::collections::HashMap;

use async_graphql::parser::types::{Field, OperationDefinition, Selection, SelectionSet};
use async_graphql::{Name, Variables};
use async_graphql_value::{ConstValue, Value};

/// Asks for all of the schema that has a size.
pub(in crate::graphql) const WHOLE_SCHEMA: &str = "{
  __schema {
    types {
      name
      fields(includeDeprecated: true) { isDeprecated args(includeDeprecated: true) { ...input } type { ...type } }
      interfaces { name }
      possibleTypes { name }
      enumValues(includeDeprecated: true) { isDeprecated }
      inputFields(includeDeprecated: true) { ...input }
    }
    queryType { name }
    mutationType { name }
    subscriptionType { name }
    directives { args(includeDeprecated: true) { ...input } }
  }
}
fragment input on __InputValue { isDeprecated type { ...type } }
fragment type on __Type { name ofType { name ofType { name ofType { name ofType { name ofType { name } } } } } }";

/// The directives' locations that there are: the one list of scalars.
const LOCATIONS: usize = 19;

/// The fields that return objects, or lists of them.
const COMPOSITE: [&str; 13] = [
    "types",
    "queryType",
    "mutationType",
    "subscriptionType",
    "directives",
    "fields",
    "interfaces",
    "possibleTypes",
    "enumValues",
    "inputFields",
    "ofType",
    "args",
    "type",
];

/// The schema as introspection tells of it.
#[derive(Debug)]
pub(in crate::graphql) struct Model {
    things: Vec<Thing>,
    schema: usize,
    /// Types by name, wrapped ones such as `[ID!]!` too.
    types: HashMap<String, usize>,
}

/// What introspection tells of one thing, as far as it has a size.
#[derive(Debug, Default)]
struct Thing {
    is_deprecated: bool,
    fields: HashMap<String, Vec<usize>>,
}

impl Model {
    /// Reads the answer to [`WHOLE_SCHEMA`].
    pub(in crate::graphql) fn new(answer: &ConstValue) -> Option<Self> {
        let schema = get(answer, "__schema")?;
        let mut model = Self {
            things: Vec::new(),
            schema: 0,
            types: HashMap::new(),
        };
        // All named types before what refers to them.
        for of_type in list(schema, "types") {
            let number = model.add(Thing::default());
            model.types.insert(text(of_type, "name")?.to_owned(), number);
        }
        for of_type in list(schema, "types") {
            let number = *model.types.get(text(of_type, "name")?)?;
            for (name, value) in object(of_type) {
                let things = match value {
                    ConstValue::List(values) => values.iter().map(|value| model.thing(value)).collect(),
                    _ => continue,
                };
                model.things[number].fields.insert(name.to_string(), things);
            }
        }
        let whole = model.thing(schema);
        model.schema = whole;
        Some(model)
    }

    fn add(&mut self, thing: Thing) -> usize {
        self.things.push(thing);
        self.things.len() - 1
    }

    /// A type, a field, an argument, or whatever else.
    fn thing(&mut self, told: &ConstValue) -> usize {
        if get(told, "ofType").is_some() {
            return self.wrapped(told);
        }
        if let Some(number) = text(told, "name").and_then(|name| self.types.get(name)) {
            return *number;
        }
        let mut thing = Thing {
            is_deprecated: get(told, "isDeprecated") == Some(&ConstValue::Boolean(true)),
            ..Thing::default()
        };
        for (name, value) in object(told) {
            let things = match value {
                ConstValue::List(values) => values.iter().map(|value| self.thing(value)).collect(),
                ConstValue::Object(_) => vec![self.thing(value)],
                _ => continue,
            };
            thing.fields.insert(name.to_string(), things);
        }
        self.add(thing)
    }

    /// A type in a list or that is not null; or a named one.
    fn wrapped(&mut self, told: &ConstValue) -> usize {
        if let Some(number) = text(told, "name").and_then(|name| self.types.get(name)) {
            return *number;
        }
        let inner = match get(told, "ofType") {
            Some(inner @ ConstValue::Object(_)) => vec![self.wrapped(inner)],
            _ => Vec::new(),
        };
        self.add(Thing {
            is_deprecated: false,
            fields: HashMap::from([("ofType".to_owned(), inner)]),
        })
    }

    /// What an operation's introspection costs in its canonical form, counted until it is more than `maximum`.
    pub(in crate::graphql) fn cost(
        &self,
        operation: &OperationDefinition,
        variables: &Variables,
        maximum: usize,
    ) -> usize {
        let mut walk = Walk {
            model: self,
            variables,
            maximum,
            cost: 0,
        };
        walk.root(&operation.selection_set.node);
        walk.cost
    }
}

struct Walk<'d> {
    model: &'d Model,
    variables: &'d Variables,
    maximum: usize,
    cost: usize,
}

/// The fields of a selection: introspection has no type that may be several, so that there are no fragments.
fn fields(set: &SelectionSet) -> impl Iterator<Item = &Field> {
    set.items.iter().filter_map(|item| match &item.node {
        Selection::Field(field) => Some(&field.node),
        _ => None,
    })
}

impl Walk<'_> {
    fn root(&mut self, set: &SelectionSet) {
        for field in fields(set) {
            let thing = match field.name.node.as_str() {
                "__schema" => Some(self.model.schema),
                "__type" => match self.argument(field, "name") {
                    Some(ConstValue::String(name)) => self.model.types.get(&name).copied(),
                    _ => None,
                },
                _ => continue,
            };
            self.cost += 1;
            if let Some(thing) = thing {
                self.thing(thing, &field.selection_set.node);
            }
        }
    }

    /// What is selected on one thing, which itself is counted already.
    fn thing(&mut self, thing: usize, set: &SelectionSet) {
        let mut seen: Vec<&str> = Vec::with_capacity(set.items.len().min(16));
        for field in fields(set) {
            let name = field.name.node.as_str();
            if seen.contains(&name) {
                // Under another name. Also what turns out to be null is resolved again.
                self.cost += if name == "locations" { LOCATIONS } else { 1 };
            } else {
                seen.push(name);
            }
            if !COMPOSITE.contains(&name) {
                continue;
            }
            let model = self.model;
            let Some(things) = model.things[thing].fields.get(name) else {
                continue;
            };
            let shows_deprecated =
                self.argument(field, "includeDeprecated") == Some(ConstValue::Boolean(true));
            for thing in things {
                if self.cost > self.maximum {
                    return;
                }
                if shows_deprecated || !model.things[*thing].is_deprecated {
                    self.cost += 1;
                    self.thing(*thing, &field.selection_set.node);
                }
            }
        }
    }

    fn argument(&self, field: &Field, name: &str) -> Option<ConstValue> {
        let value = &field.get_argument(name)?.node;
        match value {
            Value::Variable(variable) => self.variables.get(variable).cloned(),
            value => value.clone().into_const(),
        }
    }
}

fn object(value: &ConstValue) -> impl Iterator<Item = (&Name, &ConstValue)> {
    let fields = match value {
        ConstValue::Object(fields) => Some(fields.iter()),
        _ => None,
    };
    fields.into_iter().flatten()
}

fn get<'v>(value: &'v ConstValue, name: &str) -> Option<&'v ConstValue> {
    match value {
        ConstValue::Object(fields) => fields.get(name),
        _ => None,
    }
}

fn list<'v>(value: &'v ConstValue, name: &str) -> &'v [ConstValue] {
    match get(value, name) {
        Some(ConstValue::List(values)) => values,
        _ => &[],
    }
}

fn text<'v>(value: &'v ConstValue, name: &str) -> Option<&'v str> {
    match get(value, name) {
        Some(ConstValue::String(text)) => Some(text),
        _ => None,
    }
}
