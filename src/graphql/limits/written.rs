//! What a document says, counted before it is looked at more closely: depth, nodes, aliases and directives, over each of its
//! operations with the fragments where they are used. The use of a fragment is a node as a field is.

use std::collections::HashMap;

use apollo_compiler::Name;
use apollo_compiler::ast::{Field, FragmentDefinition, OperationDefinition, Selection};

use crate::config::Limits;
use crate::graphql::error::Exceeded;
use crate::graphql::known::Parsed;

/// Refuses a document one of whose operations says too much, whichever is to run: all of them are validated.
pub fn check(parsed: &Parsed, limits: &Limits) -> Result<(), Exceeded> {
    let fragments = parsed.fragments();
    let mut operations = parsed.operations();
    operations.try_for_each(|operation| {
        let exceeded = Written::of(operation, &fragments, limits).exceeded(limits);
        exceeded.map_or(Ok(()), Err)
    })
}

/// What an operation says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) depth: usize,
    pub(super) introspection_depth: usize,
    pub(super) nodes: usize,
    pub(super) aliases: usize,
    pub(super) directives: usize,
}

impl Written {
    /// Counts until there are more nodes than may be.
    pub(super) fn of(
        operation: &OperationDefinition,
        fragments: &HashMap<&Name, &FragmentDefinition>,
        limits: &Limits,
    ) -> Self {
        let mut walk = Walk {
            fragments,
            limits,
            written: Self {
                directives: operation.directives.len(),
                ..Self::default()
            },
            open: Vec::new(),
        };
        let place = Place {
            depth: 1,
            introspection: false,
        };
        walk.selections(&operation.selection_set, place);
        walk.written
    }

    /// The first limit that it exceeds.
    pub(super) fn exceeded(&self, limits: &Limits) -> Option<Exceeded> {
        Exceeded::first([
            ("DEPTH", self.depth, limits.depth),
            (
                "INTROSPECTION_DEPTH",
                self.introspection_depth,
                limits.introspection_depth,
            ),
            ("NODES", self.nodes, limits.nodes),
            ("ALIASES", self.aliases, limits.aliases),
            ("DIRECTIVES", self.directives, limits.directives),
        ])
    }
}

#[derive(Clone, Copy)]
struct Place {
    depth: usize,
    introspection: bool,
}

struct Walk<'a> {
    fragments: &'a HashMap<&'a Name, &'a FragmentDefinition>,
    limits: &'a Limits,
    written: Written,
    /// The fragments that are being walked: one that uses itself is for validation to refuse.
    open: Vec<&'a Name>,
}

impl<'a> Walk<'a> {
    fn selections(&mut self, set: &'a [Selection], place: Place) {
        for selection in set {
            // What is too large already need not be counted to its end.
            if self.written.nodes > self.limits.nodes {
                return;
            }
            // The use of a fragment, too: fragments of nothing but fragments would else be walked for ever.
            self.written.nodes += 1;
            match selection {
                Selection::Field(field) => self.field(field, place),
                Selection::InlineFragment(fragment) => {
                    self.written.directives += fragment.directives.len();
                    self.selections(&fragment.selection_set, place);
                }
                Selection::FragmentSpread(spread) => {
                    self.written.directives += spread.directives.len();
                    let name = &spread.fragment_name;
                    if let Some(fragment) = self.fragments.get(name)
                        && !self.open.contains(&name)
                    {
                        self.open.push(name);
                        self.selections(&fragment.selection_set, place);
                        self.open.pop();
                    }
                }
            }
        }
    }

    fn field(&mut self, field: &'a Field, place: Place) {
        let introspection = place.introspection || field.name == "__schema" || field.name == "__type";
        self.written.aliases += usize::from(field.alias.is_some());
        self.written.directives += field.directives.len();
        let deepest = if introspection {
            &mut self.written.introspection_depth
        } else {
            &mut self.written.depth
        };
        *deepest = place.depth.max(*deepest);
        let inner = Place {
            depth: place.depth + 1,
            introspection,
        };
        self.selections(&field.selection_set, inner);
    }
}
