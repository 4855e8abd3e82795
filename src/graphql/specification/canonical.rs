//! Operations as they run: one field for each response key, in the order in which the specification collects them (section
//! 6.3.2).
//!
//! Fragments are where they are used, `@skip` and `@include` are decided, and what is selected again is merged with what was
//! selected before. On what may be of several types stand the fields that all of them have first, and then, for each type
//! that has more, a fragment with the rest. So whoever runs an operation, measures it or counts what it calls has no
//! fragments to follow and no field to resolve twice.

use std::collections::HashSet;

use apollo_compiler::ast::{self, Argument, OperationType};
use apollo_compiler::collections::IndexMap;
use apollo_compiler::executable::{DirectiveList, Field, Operation, Selection, SelectionSet};
use apollo_compiler::schema::{FieldDefinition, InputValueDefinition};
use apollo_compiler::{ExecutableDocument, Name, Node};
use async_graphql::parser::types as run;
use async_graphql::{Name as RunName, Pos, Positioned, Variables};
use async_graphql_value::{ConstValue, Value};

use super::parser::Places;
use super::{Specification, literals};

/// It has more fields than are allowed, once what may be of several types is looked at for each of them.
#[derive(Debug, PartialEq, Eq)]
pub struct TooLarge {
    /// How much of it was looked at until then.
    pub looked_at: usize,
}

/// An operation as it runs.
#[derive(Debug)]
pub struct Canonical {
    /// The operation; there are no fragments.
    pub operation: run::OperationDefinition,
    /// How many fields and fragments it has.
    pub nodes: usize,
}

/// What is collected: the fields of each response key.
type Collected<'d> = IndexMap<&'d Name, Vec<&'d Node<Field>>>;

/// Makes the canonical form of an operation for these variables, which have been coerced.
pub(super) fn of(
    specification: &Specification,
    document: &ExecutableDocument,
    operation: &Operation,
    variables: &Variables,
    most: usize,
) -> Result<Canonical, TooLarge> {
    let mut canonicalizer = Canonicalizer {
        specification,
        document,
        variables,
        places: Places::of(&document.sources),
        nodes: 0,
        looked_at: 0,
        most,
    };
    let root = &operation.selection_set;
    let selection_set = canonicalizer.selections(&[root], &root.ty)?;
    let definitions = operation
        .variables
        .iter()
        .filter_map(|definition| canonicalizer.variable(definition));
    Ok(Canonical {
        operation: run::OperationDefinition {
            ty: kind(operation.operation_type),
            variable_definitions: definitions.collect(),
            directives: Vec::new(),
            selection_set: Positioned::new(selection_set, Pos::default()),
        },
        nodes: canonicalizer.nodes,
    })
}

/// The kind of an operation, as it is run.
pub fn kind(operation: OperationType) -> run::OperationType {
    match operation {
        OperationType::Query => run::OperationType::Query,
        OperationType::Mutation => run::OperationType::Mutation,
        OperationType::Subscription => run::OperationType::Subscription,
    }
}

struct Canonicalizer<'d> {
    specification: &'d Specification,
    document: &'d ExecutableDocument,
    variables: &'d Variables,
    places: Places<'d>,
    nodes: usize,
    looked_at: usize,
    most: usize,
}

impl<'d> Canonicalizer<'d> {
    /// Counts what is looked at, before it is.
    fn look(&mut self) -> Result<(), TooLarge> {
        self.looked_at += 1;
        if self.looked_at > self.most {
            return Err(TooLarge {
                looked_at: self.looked_at,
            });
        }
        Ok(())
    }

    /// Counts what is made, before it is.
    fn make(&mut self) -> Result<(), TooLarge> {
        self.nodes += 1;
        self.look()
    }

    fn variable(
        &self,
        definition: &Node<ast::VariableDefinition>,
    ) -> Option<Positioned<run::VariableDefinition>> {
        let at = self.position(definition);
        Some(Positioned::new(
            run::VariableDefinition {
                name: Positioned::new(RunName::new(&definition.name), at),
                var_type: Positioned::new(run::Type::new(&definition.ty.to_string())?, at),
                directives: Vec::new(),
                // Defaults are among the variables.
                default_value: None,
            },
            at,
        ))
    }

    /// What is selected on a type, by one field or by several of one response key.
    fn selections(
        &mut self,
        sets: &[&'d SelectionSet],
        parent: &Name,
    ) -> Result<run::SelectionSet, TooLarge> {
        let specification = self.specification;
        let possible = specification.possible(parent);
        let Some(any) = possible.first() else {
            return Ok(run::SelectionSet::default());
        };
        let mut conditions = Vec::new();
        if possible.len() > 1 {
            for set in sets {
                self.note_conditions(set, possible, &mut HashSet::new(), &mut conditions)?;
            }
        }
        // Types to which the same fragments apply have the same fields.
        let mut kinds: Vec<(Vec<bool>, Collected<'d>)> = Vec::new();
        let mut kind_of = Vec::with_capacity(possible.len());
        if conditions.is_empty() {
            kinds.push((Vec::new(), self.collect(sets, any)?));
            kind_of.resize(possible.len(), 0);
        } else {
            for object in possible {
                let each = conditions.iter();
                let applied: Vec<_> = each.map(|of| specification.is_of(object, of)).collect();
                let known = kinds.iter().position(|(other, _)| *other == applied);
                if known.is_none() {
                    let collected = self.collect(sets, object)?;
                    kinds.push((applied, collected));
                }
                kind_of.push(known.unwrap_or(kinds.len() - 1));
            }
        }
        let shared = self.shared(&kinds, parent);
        let (_, first) = &kinds[0];
        let mut items = Vec::with_capacity(first.len());
        self.fields(first.values().take(shared), parent, &mut items)?;
        for (object, kind) in possible.iter().zip(kind_of) {
            let (_, collected) = &kinds[kind];
            if collected.len() > shared {
                self.make()?;
                let mut inner = Vec::with_capacity(collected.len() - shared);
                self.fields(collected.values().skip(shared), object, &mut inner)?;
                items.push(on(object, inner));
            }
        }
        Ok(run::SelectionSet { items })
    }

    /// Notes the types that fragments are for and that not all of the possible ones are of.
    fn note_conditions(
        &mut self,
        set: &'d SelectionSet,
        possible: &[Name],
        seen: &mut HashSet<&'d Name>,
        conditions: &mut Vec<&'d Name>,
    ) -> Result<(), TooLarge> {
        for selection in &set.selections {
            let (condition, inner) = match selection {
                Selection::Field(_) => continue,
                Selection::InlineFragment(fragment) => {
                    (fragment.type_condition.as_ref(), &fragment.selection_set)
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.fragment_name;
                    let Some(fragment) = self.document.fragments.get(name).filter(|_| seen.insert(name))
                    else {
                        continue;
                    };
                    (Some(fragment.type_condition()), &fragment.selection_set)
                }
            };
            self.look()?;
            if let Some(condition) = condition
                && !conditions.contains(&condition)
                && !possible
                    .iter()
                    .all(|object| self.specification.is_of(object, condition))
            {
                conditions.push(condition);
            }
            self.note_conditions(inner, possible, seen, conditions)?;
        }
        Ok(())
    }

    /// How many fields all of them begin with, and the type itself has.
    fn shared(&self, kinds: &[(Vec<bool>, Collected<'d>)], parent: &Name) -> usize {
        let (_, first) = &kinds[0];
        let is_shared = |place: usize, key: &Name, fields: &[&Node<Field>]| {
            let name = &fields[0].name;
            self.specification.schema.type_field(parent, name).is_ok()
                && kinds[1..].iter().all(|(_, other)| {
                    let other = other.get_index(place);
                    other.is_some_and(|(other, others)| *other == key && is_same(fields, others))
                })
        };
        let fields = first.iter().enumerate();
        fields
            .take_while(|(place, (key, fields))| is_shared(*place, key, fields))
            .count()
    }

    /// The fields that are selected on an object of a type.
    fn collect(&mut self, sets: &[&'d SelectionSet], object: &Name) -> Result<Collected<'d>, TooLarge> {
        let mut collected = Collected::default();
        let mut seen = HashSet::new();
        for set in sets {
            self.collect_from(set, object, &mut seen, &mut collected)?;
        }
        Ok(collected)
    }

    fn collect_from(
        &mut self,
        set: &'d SelectionSet,
        object: &Name,
        seen: &mut HashSet<&'d Name>,
        collected: &mut Collected<'d>,
    ) -> Result<(), TooLarge> {
        for selection in &set.selections {
            self.look()?;
            if !self.is_included(selection.directives()) {
                continue;
            }
            match selection {
                Selection::Field(field) => collected.entry(field.response_key()).or_default().push(field),
                Selection::InlineFragment(fragment) => {
                    let condition = fragment.type_condition.as_ref();
                    if condition.is_none_or(|condition| self.specification.is_of(object, condition)) {
                        self.collect_from(&fragment.selection_set, object, seen, collected)?;
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let name = &spread.fragment_name;
                    if let Some(fragment) = self.document.fragments.get(name)
                        && seen.insert(name)
                        && self.specification.is_of(object, fragment.type_condition())
                    {
                        self.collect_from(&fragment.selection_set, object, seen, collected)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether `@skip` and `@include` leave it in. A variable that is null decides as one that is false does.
    fn is_included(&self, directives: &DirectiveList) -> bool {
        let is_true = |name| {
            let directive = directives.get(name)?;
            let condition = directive.specified_argument_by_name("if")?;
            Some(match &**condition {
                ast::Value::Boolean(value) => *value,
                ast::Value::Variable(name) => {
                    self.variables.get(name.as_str()) == Some(&ConstValue::Boolean(true))
                }
                _ => false,
            })
        };
        is_true("skip") != Some(true) && is_true("include") != Some(false)
    }

    fn fields<'c>(
        &mut self,
        collected: impl Iterator<Item = &'c Vec<&'d Node<Field>>>,
        parent: &Name,
        items: &mut Vec<Positioned<run::Selection>>,
    ) -> Result<(), TooLarge>
    where
        'd: 'c,
    {
        for fields in collected {
            self.make()?;
            let field = self.field(fields, parent)?;
            let at = field.pos;
            items.push(Positioned::new(run::Selection::Field(field), at));
        }
        Ok(())
    }

    /// One field: validation saw to it that those of one response key differ in their selections alone.
    fn field(
        &mut self,
        fields: &[&'d Node<Field>],
        parent: &Name,
    ) -> Result<Positioned<run::Field>, TooLarge> {
        let field = fields[0];
        // That of the object is more exact than that of its interface, if there are both.
        let definition = self.specification.schema.type_field(parent, &field.name);
        let definition: &FieldDefinition = definition.map_or(&field.definition, |definition| definition);
        let at = self.position(field);
        let arguments = field.arguments.iter();
        let arguments = arguments.filter_map(|argument| self.argument(argument, definition));
        let arguments = arguments.collect();
        let selection_set = if field.selection_set.selections.is_empty() {
            run::SelectionSet::default()
        } else {
            let sets: Vec<_> = fields.iter().map(|field| &field.selection_set).collect();
            self.selections(&sets, definition.ty.inner_named_type())?
        };
        let alias = field.alias.as_ref().filter(|alias| **alias != field.name);
        Ok(Positioned::new(
            run::Field {
                alias: alias.map(|alias| Positioned::new(RunName::new(alias), at)),
                name: Positioned::new(RunName::new(&field.name), at),
                arguments,
                directives: Vec::new(),
                selection_set: Positioned::new(selection_set, at),
            },
            at,
        ))
    }

    /// An argument; none if it is a variable without a value where there is a default (section 6.4.1).
    fn argument(
        &self,
        argument: &Node<Argument>,
        definition: &FieldDefinition,
    ) -> Option<(Positioned<RunName>, Positioned<Value>)> {
        let defined = definition.argument_by_name(&argument.name)?;
        if let ast::Value::Variable(name) = &*argument.value
            && is_defaulted(defined)
            && !self.variables.contains_key(name.as_str())
        {
            return None;
        }
        let value = literals::value(&self.specification.schema, &defined.ty, &argument.value)?;
        Some((
            Positioned::new(RunName::new(&argument.name), self.position(argument)),
            Positioned::new(value, self.position(&argument.value)),
        ))
    }

    fn position<T>(&self, node: &Node<T>) -> Pos {
        node.location()
            .map_or_else(Pos::default, |at| self.places.position(at))
    }
}

/// Whether what is selected under a response key on one type is what is selected on another.
fn is_same(one: &[&Node<Field>], other: &[&Node<Field>]) -> bool {
    let (first, others) = (one[0], other[0]);
    let is_leaf = |field: &Node<Field>| field.selection_set.selections.is_empty();
    if is_leaf(first) && is_leaf(others) {
        // However often.
        return first.name == others.name && first.arguments == others.arguments;
    }
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.ptr_eq(other))
}

/// Whether an argument has a value where it is given none.
pub(super) fn is_defaulted(argument: &InputValueDefinition) -> bool {
    argument.default_value.is_some()
}

fn on(object: &Name, items: Vec<Positioned<run::Selection>>) -> Positioned<run::Selection> {
    let nowhere = Pos::default();
    let fragment = run::InlineFragment {
        type_condition: Some(Positioned::new(
            run::TypeCondition {
                on: Positioned::new(RunName::new(object), nowhere),
            },
            nowhere,
        )),
        directives: Vec::new(),
        selection_set: Positioned::new(run::SelectionSet { items }, nowhere),
    };
    Positioned::new(
        run::Selection::InlineFragment(Positioned::new(fragment, nowhere)),
        nowhere,
    )
}
