//! What the schema tells of itself (section 4), answered from the schema that documents are read by.
//!
//! Nothing of it waits and nothing of it fails, so that it is not resolved but written down, and what is written down is
//! counted: each object costs 1, and so does what is asked for again under another name.

use apollo_compiler::ast::{
    Directive, DirectiveDefinition, EnumValueDefinition, FieldDefinition, InputValueDefinition, Type,
};
use apollo_compiler::schema::{ComponentName, ExtendedType};
use apollo_compiler::{Name, Node, Schema};
use async_graphql::parser::types::{Field, OperationDefinition, Selection, SelectionSet};
use async_graphql::{Name as Key, Variables};
use async_graphql_value::{ConstValue, Value};
use indexmap::IndexMap;

use super::Specification;
use super::validator::is_one_of;
use crate::schema::fields_of;

/// The directives' locations that there are: the one list of scalars.
const LOCATIONS: usize = 19;

/// What a schema tells of itself at the root of an operation.
#[derive(Debug, Default)]
pub struct Introspected {
    /// By their response keys.
    pub fields: IndexMap<Key, ConstValue>,
    /// How many objects there are in it.
    pub cost: usize,
}

/// It costs more than it may: how much, when it was given up.
#[derive(Debug, PartialEq, Eq)]
pub struct CostExceeded(pub usize);

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
    ) -> Result<Introspected, CostExceeded> {
        let mut introspector = Introspector {
            specification: self,
            variables,
            maximum,
            cost: 0,
        };
        let mut told = IndexMap::new();
        for field in fields(&operation.selection_set.node).filter(|field| is_introspection(field)) {
            let element = if field.name.node == "__schema" {
                Some(Element::Schema)
            } else {
                introspector.named(field).map(Element::Type)
            };
            let value = match element {
                Some(element) => introspector.object(element, &field.selection_set.node)?,
                None => introspector.count(1).map(|()| ConstValue::Null)?,
            };
            told.insert(field.response_key().node.clone(), value);
        }
        Ok(Introspected {
            fields: told,
            cost: introspector.cost,
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

/// What a schema has to tell of.
#[derive(Clone, Copy)]
enum Element<'s> {
    Schema,
    Type(TypeRef<'s>),
    Field(&'s FieldDefinition),
    Input(&'s InputValueDefinition),
    EnumValue(&'s EnumValueDefinition),
    Directive(&'s DirectiveDefinition),
}

/// A type with a name, or one that is made of another.
#[derive(Clone, Copy)]
enum TypeRef<'s> {
    Named(&'s ExtendedType),
    /// A list of these.
    List(&'s Type),
    /// What is not null, of this name.
    NonNull(&'s Name),
    /// A list of these that is not null.
    NonNullList(&'s Type),
}

/// What a field of an element is.
enum Resolved<'s> {
    Leaf(ConstValue),
    One(Option<Element<'s>>),
    /// Elements, without those that are deprecated unless they are asked for.
    Many(Vec<Element<'s>>),
}

struct Introspector<'s> {
    specification: &'s Specification,
    variables: &'s Variables,
    maximum: usize,
    cost: usize,
}

impl<'s> Introspector<'s> {
    fn count(&mut self, cost: usize) -> Result<(), CostExceeded> {
        self.cost += cost;
        if self.cost > self.maximum {
            return Err(CostExceeded(self.cost));
        }
        Ok(())
    }

    fn object(&mut self, element: Element<'s>, set: &SelectionSet) -> Result<ConstValue, CostExceeded> {
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
            let value = match self.resolve(element, field) {
                Resolved::Leaf(value) => value,
                Resolved::One(None) => ConstValue::Null,
                Resolved::One(Some(element)) => self.object(element, inner)?,
                Resolved::Many(elements) => {
                    let shows_deprecated =
                        self.argument(field, "includeDeprecated") == Some(ConstValue::Boolean(true));
                    let elements = elements.into_iter();
                    let shown = elements.filter(|element| shows_deprecated || element.deprecated().is_none());
                    let values = shown.map(|element| self.object(element, inner));
                    ConstValue::List(values.collect::<Result<_, _>>()?)
                }
            };
            told.insert(field.response_key().node.clone(), value);
        }
        Ok(ConstValue::Object(told))
    }

    fn resolve(&self, element: Element<'s>, field: &Field) -> Resolved<'s> {
        let name = field.name.node.as_str();
        match element {
            Element::Schema => self.of_schema(name),
            Element::Type(TypeRef::Named(named)) => self.of_named(named, name),
            Element::Type(made) => self.of_made(made, name),
            Element::Field(field) => match name {
                "name" => text(&field.name),
                "description" => description(field.description.as_ref()),
                "args" => Resolved::Many(inputs(&field.arguments)),
                "type" => Resolved::One(self.typed(&field.ty).map(Element::Type)),
                _ => deprecation(element, name, "__Field"),
            },
            Element::Input(input) => match name {
                "name" => text(&input.name),
                "description" => description(input.description.as_ref()),
                "type" => Resolved::One(self.typed(&input.ty).map(Element::Type)),
                "defaultValue" => Resolved::Leaf(match &input.default_value {
                    Some(default) => ConstValue::String(default.to_string()),
                    None => ConstValue::Null,
                }),
                _ => deprecation(element, name, "__InputValue"),
            },
            Element::EnumValue(value) => match name {
                "name" => text(&value.value),
                "description" => description(value.description.as_ref()),
                _ => deprecation(element, name, "__EnumValue"),
            },
            Element::Directive(directive) => match name {
                "name" => text(&directive.name),
                "description" => description(directive.description.as_ref()),
                "isRepeatable" => Resolved::Leaf(ConstValue::Boolean(directive.repeatable)),
                "locations" => {
                    let locations = directive.locations.iter();
                    let locations = locations.map(|location| ConstValue::Enum(Key::new(location.name())));
                    Resolved::Leaf(ConstValue::List(locations.collect()))
                }
                "args" => Resolved::Many(inputs(&directive.arguments)),
                _ => type_name(name, "__Directive"),
            },
        }
    }

    fn of_schema(&self, name: &str) -> Resolved<'s> {
        let schema = &self.specification.schema;
        let definition = &schema.schema_definition;
        let root = |name: Option<&'s ComponentName>| {
            let of_type = name.and_then(|name| schema.types.get(&name.name));
            Resolved::One(of_type.map(|of_type| Element::Type(TypeRef::Named(of_type))))
        };
        match name {
            "description" => description(definition.description.as_ref()),
            "types" => {
                let types = schema.types.values();
                let used = types.filter(|of_type| self.specification.is_used(of_type.name()));
                Resolved::Many(
                    used.map(|of_type| Element::Type(TypeRef::Named(of_type)))
                        .collect(),
                )
            }
            "queryType" => root(definition.query.as_ref()),
            "mutationType" => root(definition.mutation.as_ref()),
            "subscriptionType" => root(definition.subscription.as_ref()),
            "directives" => {
                let directives = schema.directive_definitions.values();
                Resolved::Many(
                    directives
                        .map(|directive| Element::Directive(directive))
                        .collect(),
                )
            }
            _ => type_name(name, "__Schema"),
        }
    }

    fn of_named(&self, named: &'s ExtendedType, name: &str) -> Resolved<'s> {
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
            "specifiedByURL" => Resolved::Leaf(match named {
                ExtendedType::Scalar(scalar) => {
                    let specified = scalar.directives.get("specifiedBy");
                    specified.and_then(|by| string(by, "url")).unwrap_or_default()
                }
                _ => ConstValue::Null,
            }),
            "isOneOf" => Resolved::Leaf(match named {
                ExtendedType::InputObject(object) => ConstValue::Boolean(is_one_of(object)),
                _ => ConstValue::Null,
            }),
            "__typename" => type_name(name, "__Type"),
            _ => match self.elements_of(named, name) {
                Some(elements) => Resolved::Many(elements),
                None => Resolved::Leaf(ConstValue::Null),
            },
        }
    }

    /// One of the lists that a type has, if it is of a kind that has it.
    fn elements_of(&self, named: &'s ExtendedType, list: &str) -> Option<Vec<Element<'s>>> {
        let types = |names: &mut dyn Iterator<Item = &'s Name>| {
            let found = names.filter_map(|name| self.specification.schema.types.get(name));
            found
                .map(|of_type| Element::Type(TypeRef::Named(of_type)))
                .collect()
        };
        let name_of = |interface: &'s ComponentName| &interface.name;
        Some(match (list, named) {
            ("fields", named) => {
                let fields = fields_of(named)?.values();
                fields.map(|field| Element::Field(field)).collect()
            }
            ("interfaces", ExtendedType::Object(object)) => {
                types(&mut object.implements_interfaces.iter().map(name_of))
            }
            ("interfaces", ExtendedType::Interface(interface)) => {
                types(&mut interface.implements_interfaces.iter().map(name_of))
            }
            ("possibleTypes", ExtendedType::Interface(_) | ExtendedType::Union(_)) => {
                types(&mut self.specification.possible(named.name()).iter())
            }
            ("enumValues", ExtendedType::Enum(of)) => of
                .values
                .values()
                .map(|value| Element::EnumValue(value))
                .collect(),
            ("inputFields", ExtendedType::InputObject(object)) => object
                .fields
                .values()
                .map(|field| Element::Input(field))
                .collect(),
            _ => return None,
        })
    }

    /// A list, or what is not null.
    fn of_made(&self, made: TypeRef<'s>, name: &str) -> Resolved<'s> {
        match name {
            "kind" => kind(match made {
                TypeRef::List(_) => "LIST",
                _ => "NON_NULL",
            }),
            "ofType" => {
                let inner = match made {
                    TypeRef::List(of_type) => self.typed(of_type),
                    TypeRef::NonNull(name) => self.specification.schema.types.get(name).map(TypeRef::Named),
                    TypeRef::NonNullList(of_type) => Some(TypeRef::List(of_type)),
                    TypeRef::Named(_) => None,
                };
                Resolved::One(inner.map(Element::Type))
            }
            _ => type_name(name, "__Type"),
        }
    }

    fn typed(&self, of_type: &'s Type) -> Option<TypeRef<'s>> {
        Some(match of_type {
            Type::Named(name) => TypeRef::Named(self.specification.schema.types.get(name)?),
            Type::NonNullNamed(name) => TypeRef::NonNull(name),
            Type::List(of_type) => TypeRef::List(of_type),
            Type::NonNullList(of_type) => TypeRef::NonNullList(of_type),
        })
    }

    /// The type that `__type` is asked for.
    fn named(&self, field: &Field) -> Option<TypeRef<'s>> {
        let Some(ConstValue::String(name)) = self.argument(field, "name") else {
            return None;
        };
        let used = Some(name.as_str()).filter(|name| self.specification.is_used(name));
        used.and_then(|name| self.specification.schema.types.get(name))
            .map(TypeRef::Named)
    }

    fn argument(&self, field: &Field, name: &str) -> Option<ConstValue> {
        match &field.get_argument(name)?.node {
            Value::Variable(variable) => self.variables.get(variable).cloned(),
            value => value.clone().into_const(),
        }
    }
}

impl<'s> Element<'s> {
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

fn inputs(arguments: &[Node<InputValueDefinition>]) -> Vec<Element<'_>> {
    arguments
        .iter()
        .map(|argument| Element::Input(argument))
        .collect()
}

fn text<'s>(name: &Name) -> Resolved<'s> {
    Resolved::Leaf(ConstValue::String(name.to_string()))
}

fn kind<'s>(kind: &'static str) -> Resolved<'s> {
    Resolved::Leaf(ConstValue::Enum(Key::new(kind)))
}

fn description<'s>(description: Option<&Node<str>>) -> Resolved<'s> {
    let description = description.map(|description| ConstValue::String(description.as_str().to_owned()));
    Resolved::Leaf(description.unwrap_or_default())
}

/// The fields that tell whether something may be used still, and why not.
fn deprecation<'s>(element: Element<'s>, name: &str, of_type: &'static str) -> Resolved<'s> {
    /// What is told where no reason is given.
    const NO_REASON: &str = "No longer supported";
    let deprecated = element.deprecated();
    match name {
        "isDeprecated" => Resolved::Leaf(ConstValue::Boolean(deprecated.is_some())),
        "deprecationReason" => Resolved::Leaf(match deprecated {
            None => ConstValue::Null,
            Some(by) => string(by, "reason").unwrap_or_else(|| ConstValue::String(NO_REASON.to_owned())),
        }),
        _ => type_name(name, of_type),
    }
}

/// The type of what introspection tells, or nothing.
fn type_name<'s>(name: &str, of_type: &'static str) -> Resolved<'s> {
    Resolved::Leaf(if name == "__typename" {
        ConstValue::String(of_type.to_owned())
    } else {
        ConstValue::Null
    })
}

fn string(directive: &Directive, argument: &str) -> Option<ConstValue> {
    let value = directive.specified_argument_by_name(argument)?.as_str()?;
    Some(ConstValue::String(value.to_owned()))
}
