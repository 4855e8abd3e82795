//! What the schema tells of itself (section 4), answered from the schema that documents are read by.
//!
//! Nothing of it waits and nothing of it fails, so that it is not resolved but written down, and what is written down is
//! counted: each object costs 1, and so does what is asked for again under another name.

use apollo_compiler::ast::{
    Directive, DirectiveDefinition, EnumValueDefinition, FieldDefinition, InputValueDefinition, Type,
};
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::{Name, Node, Schema};
use async_graphql::parser::types::{Field, OperationDefinition, Selection, SelectionSet};
use async_graphql::{Name as Key, Variables};
use async_graphql_value::{ConstValue, Value};
use indexmap::IndexMap;

use super::Specification;

/// The directives' locations that there are: the one list of scalars.
const LOCATIONS: usize = 19;

/// What a schema tells of itself at the root of an operation.
#[derive(Debug, Default)]
pub struct Told {
    /// By their response keys.
    pub fields: IndexMap<Key, ConstValue>,
    /// How many objects there are in it.
    pub cost: usize,
}

/// It costs more than it may: how much, when it was given up.
#[derive(Debug, PartialEq, Eq)]
pub struct TooDear(pub usize);

/// Whether a field of an operation's root is about the schema.
pub fn is_introspection(field: &Field) -> bool {
    matches!(field.name.node.as_str(), "__schema" | "__type")
}

impl Specification {
    /// What the schema tells of itself in an operation in its canonical form: of at most so many objects.
    pub fn introspect(
        &self,
        operation: &OperationDefinition,
        variables: &Variables,
        maximum: usize,
    ) -> Result<Told, TooDear> {
        let mut telling = Telling {
            specification: self,
            variables,
            maximum,
            cost: 0,
        };
        let mut told = IndexMap::new();
        for field in fields(&operation.selection_set.node).filter(|field| is_introspection(field)) {
            let thing = if field.name.node == "__schema" {
                Some(Thing::Schema)
            } else {
                telling.named(field).map(Thing::Type)
            };
            let value = match thing {
                Some(thing) => telling.object(thing, &field.selection_set.node)?,
                None => telling.count(1).map(|()| ConstValue::Null)?,
            };
            told.insert(field.response_key().node.clone(), value);
        }
        Ok(Told {
            fields: told,
            cost: telling.cost,
        })
    }
}

/// Makes the arguments of introspection what they are (section 4.2): `includeDeprecated` is not null. The library has them
/// as an older text of the specification had them.
pub(super) fn correct(schema: &mut Schema) {
    for (name, of_type) in &mut schema.types {
        if let ExtendedType::Object(object) = of_type
            && name.starts_with("__")
        {
            for field in object.make_mut().fields.values_mut() {
                for argument in &mut field.make_mut().arguments {
                    if argument.name == "includeDeprecated" {
                        let of_type = argument.ty.as_ref().clone().non_null();
                        argument.make_mut().ty = Node::new(of_type);
                    }
                }
            }
        }
    }
}

/// The fields of a selection: introspection has no type that may be several, so that there are no fragments.
fn fields(set: &SelectionSet) -> impl Iterator<Item = &Field> {
    set.items.iter().filter_map(|item| match &item.node {
        Selection::Field(field) => Some(&field.node),
        _ => None,
    })
}

/// What there is to tell of.
#[derive(Clone, Copy)]
enum Thing<'s> {
    Schema,
    Type(Typed<'s>),
    Field(&'s FieldDefinition),
    Input(&'s InputValueDefinition),
    EnumValue(&'s EnumValueDefinition),
    Directive(&'s DirectiveDefinition),
}

/// A type with a name, or one that is made of another.
#[derive(Clone, Copy)]
enum Typed<'s> {
    Named(&'s ExtendedType),
    /// A list of these.
    List(&'s Type),
    /// What is not null, of this name.
    NonNull(&'s Name),
    /// A list of these that is not null.
    NonNullList(&'s Type),
}

/// What a field of a thing is.
enum Part<'s> {
    Leaf(ConstValue),
    One(Option<Thing<'s>>),
    /// Things, without those that are deprecated unless they are asked for.
    Many(Vec<Thing<'s>>),
}

struct Telling<'s> {
    specification: &'s Specification,
    variables: &'s Variables,
    maximum: usize,
    cost: usize,
}

impl<'s> Telling<'s> {
    fn count(&mut self, cost: usize) -> Result<(), TooDear> {
        self.cost += cost;
        if self.cost > self.maximum {
            return Err(TooDear(self.cost));
        }
        Ok(())
    }

    fn object(&mut self, thing: Thing<'s>, set: &SelectionSet) -> Result<ConstValue, TooDear> {
        self.count(1)?;
        let mut told = IndexMap::with_capacity(set.items.len());
        let mut seen: Vec<&str> = Vec::with_capacity(set.items.len());
        for field in fields(set) {
            let name = field.name.node.as_str();
            if seen.contains(&name) {
                self.count(if name == "locations" { LOCATIONS } else { 1 })?;
            }
            seen.push(name);
            let inner = &field.selection_set.node;
            let value = match self.part(thing, field) {
                Part::Leaf(value) => value,
                Part::One(None) => ConstValue::Null,
                Part::One(Some(thing)) => self.object(thing, inner)?,
                Part::Many(things) => {
                    let shows_deprecated =
                        self.argument(field, "includeDeprecated") == Some(ConstValue::Boolean(true));
                    let things = things.into_iter();
                    let shown = things.filter(|thing| shows_deprecated || thing.deprecated().is_none());
                    let values = shown.map(|thing| self.object(thing, inner));
                    ConstValue::List(values.collect::<Result<_, _>>()?)
                }
            };
            told.insert(field.response_key().node.clone(), value);
        }
        Ok(ConstValue::Object(told))
    }

    fn part(&self, thing: Thing<'s>, field: &Field) -> Part<'s> {
        let name = field.name.node.as_str();
        match thing {
            Thing::Schema => self.of_schema(name),
            Thing::Type(Typed::Named(named)) => self.of_named(named, name),
            Thing::Type(made) => self.of_made(made, name),
            Thing::Field(field) => match name {
                "name" => text(&field.name),
                "description" => description(field.description.as_ref()),
                "args" => Part::Many(inputs(&field.arguments)),
                "type" => Part::One(self.typed(&field.ty).map(Thing::Type)),
                _ => deprecation(thing, name, "__Field"),
            },
            Thing::Input(input) => match name {
                "name" => text(&input.name),
                "description" => description(input.description.as_ref()),
                "type" => Part::One(self.typed(&input.ty).map(Thing::Type)),
                "defaultValue" => Part::Leaf(match &input.default_value {
                    Some(default) => ConstValue::String(default.to_string()),
                    None => ConstValue::Null,
                }),
                _ => deprecation(thing, name, "__InputValue"),
            },
            Thing::EnumValue(value) => match name {
                "name" => text(&value.value),
                "description" => description(value.description.as_ref()),
                _ => deprecation(thing, name, "__EnumValue"),
            },
            Thing::Directive(directive) => match name {
                "name" => text(&directive.name),
                "description" => description(directive.description.as_ref()),
                "isRepeatable" => Part::Leaf(ConstValue::Boolean(directive.repeatable)),
                "locations" => {
                    let locations = directive.locations.iter();
                    let locations = locations.map(|location| ConstValue::Enum(Key::new(location.name())));
                    Part::Leaf(ConstValue::List(locations.collect()))
                }
                "args" => Part::Many(inputs(&directive.arguments)),
                _ => type_name(name, "__Directive"),
            },
        }
    }

    fn of_schema(&self, name: &str) -> Part<'s> {
        let schema = &self.specification.schema;
        let definition = &schema.schema_definition;
        let root = |name: Option<&'s apollo_compiler::schema::ComponentName>| {
            let of_type = name.and_then(|name| schema.types.get(&name.name));
            Part::One(of_type.map(|of_type| Thing::Type(Typed::Named(of_type))))
        };
        match name {
            "description" => description(definition.description.as_ref()),
            "types" => {
                let types = schema.types.values();
                let used = types.filter(|of_type| self.specification.is_used(of_type.name()));
                Part::Many(used.map(|of_type| Thing::Type(Typed::Named(of_type))).collect())
            }
            "queryType" => root(definition.query.as_ref()),
            "mutationType" => root(definition.mutation.as_ref()),
            "subscriptionType" => root(definition.subscription.as_ref()),
            "directives" => {
                let directives = schema.directive_definitions.values();
                Part::Many(directives.map(|directive| Thing::Directive(directive)).collect())
            }
            _ => type_name(name, "__Schema"),
        }
    }

    fn of_named(&self, named: &'s ExtendedType, name: &str) -> Part<'s> {
        let types = |names: &mut dyn Iterator<Item = &'s Name>| {
            let found = names.filter_map(|name| self.specification.schema.types.get(name));
            Part::Many(found.map(|of_type| Thing::Type(Typed::Named(of_type))).collect())
        };
        let nothing = Part::Leaf(ConstValue::Null);
        match name {
            "kind" => kind(match named {
                ExtendedType::Scalar(_) => "SCALAR",
                ExtendedType::Object(_) => "OBJECT",
                ExtendedType::Interface(_) => "INTERFACE",
                ExtendedType::Union(_) => "UNION",
                ExtendedType::Enum(_) => "ENUM",
                ExtendedType::InputObject(_) => "INPUT_OBJECT",
            }),
            "name" => text(named.name()),
            "description" => description(named.description()),
            "fields" => {
                let fields = match named {
                    ExtendedType::Object(object) => &object.fields,
                    ExtendedType::Interface(interface) => &interface.fields,
                    _ => return nothing,
                };
                Part::Many(fields.values().map(|field| Thing::Field(field)).collect())
            }
            "interfaces" => match named {
                ExtendedType::Object(object) => types(
                    &mut object
                        .implements_interfaces
                        .iter()
                        .map(|interface| &interface.name),
                ),
                ExtendedType::Interface(interface) => types(
                    &mut interface
                        .implements_interfaces
                        .iter()
                        .map(|interface| &interface.name),
                ),
                _ => nothing,
            },
            "possibleTypes" => match named {
                ExtendedType::Interface(_) | ExtendedType::Union(_) => {
                    types(&mut self.specification.possible(named.name()).iter())
                }
                _ => nothing,
            },
            "enumValues" => match named {
                ExtendedType::Enum(of) => {
                    Part::Many(of.values.values().map(|value| Thing::EnumValue(value)).collect())
                }
                _ => nothing,
            },
            "inputFields" => match named {
                ExtendedType::InputObject(object) => {
                    Part::Many(object.fields.values().map(|field| Thing::Input(field)).collect())
                }
                _ => nothing,
            },
            "specifiedByURL" => match named {
                ExtendedType::Scalar(scalar) => {
                    let specified = scalar.directives.get("specifiedBy");
                    Part::Leaf(specified.and_then(|by| string(by, "url")).unwrap_or_default())
                }
                _ => nothing,
            },
            "isOneOf" => match named {
                ExtendedType::InputObject(object) => {
                    Part::Leaf(ConstValue::Boolean(object.directives.has("oneOf")))
                }
                _ => nothing,
            },
            _ => type_name(name, "__Type"),
        }
    }

    /// A list, or what is not null.
    fn of_made(&self, made: Typed<'s>, name: &str) -> Part<'s> {
        match name {
            "kind" => kind(match made {
                Typed::List(_) => "LIST",
                _ => "NON_NULL",
            }),
            "ofType" => {
                let inner = match made {
                    Typed::List(of_type) => self.typed(of_type),
                    Typed::NonNull(name) => self.specification.schema.types.get(name).map(Typed::Named),
                    Typed::NonNullList(of_type) => Some(Typed::List(of_type)),
                    Typed::Named(_) => None,
                };
                Part::One(inner.map(Thing::Type))
            }
            _ => type_name(name, "__Type"),
        }
    }

    fn typed(&self, of_type: &'s Type) -> Option<Typed<'s>> {
        Some(match of_type {
            Type::Named(name) => Typed::Named(self.specification.schema.types.get(name)?),
            Type::NonNullNamed(name) => Typed::NonNull(name),
            Type::List(of_type) => Typed::List(of_type),
            Type::NonNullList(of_type) => Typed::NonNullList(of_type),
        })
    }

    /// The type that `__type` is asked for.
    fn named(&self, field: &Field) -> Option<Typed<'s>> {
        let Some(ConstValue::String(name)) = self.argument(field, "name") else {
            return None;
        };
        let used = Some(name.as_str()).filter(|name| self.specification.is_used(name));
        used.and_then(|name| self.specification.schema.types.get(name))
            .map(Typed::Named)
    }

    fn argument(&self, field: &Field, name: &str) -> Option<ConstValue> {
        match &field.get_argument(name)?.node {
            Value::Variable(variable) => self.variables.get(variable).cloned(),
            value => value.clone().into_const(),
        }
    }
}

impl<'s> Thing<'s> {
    /// By which directive it is deprecated.
    fn deprecated(self) -> Option<&'s Node<Directive>> {
        match self {
            Self::Field(field) => field.directives.get("deprecated"),
            Self::Input(input) => input.directives.get("deprecated"),
            Self::EnumValue(value) => value.directives.get("deprecated"),
            Self::Schema | Self::Type(_) | Self::Directive(_) => None,
        }
    }
}

fn inputs(arguments: &[Node<InputValueDefinition>]) -> Vec<Thing<'_>> {
    arguments.iter().map(|argument| Thing::Input(argument)).collect()
}

fn text<'s>(name: &Name) -> Part<'s> {
    Part::Leaf(ConstValue::String(name.to_string()))
}

fn kind<'s>(kind: &'static str) -> Part<'s> {
    Part::Leaf(ConstValue::Enum(Key::new(kind)))
}

fn description<'s>(description: Option<&Node<str>>) -> Part<'s> {
    let description = description.map(|description| ConstValue::String(description.as_str().to_owned()));
    Part::Leaf(description.unwrap_or_default())
}

/// The fields that tell whether something may be used still, and why not.
fn deprecation<'s>(thing: Thing<'s>, name: &str, of_type: &'static str) -> Part<'s> {
    /// What is told where no reason is given.
    const NO_REASON: &str = "No longer supported";
    let deprecated = thing.deprecated();
    match name {
        "isDeprecated" => Part::Leaf(ConstValue::Boolean(deprecated.is_some())),
        "deprecationReason" => Part::Leaf(match deprecated {
            None => ConstValue::Null,
            Some(by) => string(by, "reason").unwrap_or_else(|| ConstValue::String(NO_REASON.to_owned())),
        }),
        _ => type_name(name, of_type),
    }
}

/// The type of what introspection tells, or nothing.
fn type_name<'s>(name: &str, of_type: &'static str) -> Part<'s> {
    Part::Leaf(if name == "__typename" {
        ConstValue::String(of_type.to_owned())
    } else {
        ConstValue::Null
    })
}

fn string(directive: &Directive, argument: &str) -> Option<ConstValue> {
    let value = directive.specified_argument_by_name(argument)?.as_str()?;
    Some(ConstValue::String(value.to_owned()))
}
