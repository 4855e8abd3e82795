//! Canonical operations as text, by which two are the same whatever their authors wrote.

use std::fmt::Write as _;

use async_graphql::parser::types::{OperationDefinition, Selection, SelectionSet};

/// The text of an operation, but for what it calls itself and its variables' types.
pub fn print(operation: &OperationDefinition) -> String {
    let mut text = operation.ty.to_string();
    selections(&operation.selection_set.node, &mut text);
    text
}

fn selections(set: &SelectionSet, text: &mut String) {
    if set.items.is_empty() {
        return;
    }
    text.push('{');
    for (number, item) in set.items.iter().enumerate() {
        if number > 0 {
            text.push(' ');
        }
        match &item.node {
            Selection::Field(field) => {
                let field = &field.node;
                if let Some(alias) = &field.alias {
                    text.extend([alias.node.as_str(), ":"]);
                }
                text.push_str(&field.name.node);
                for (number, (name, value)) in field.arguments.iter().enumerate() {
                    let before = if number == 0 { '(' } else { ' ' };
                    // Writing to a string cannot fail.
                    let _ = write!(text, "{before}{}:{}", name.node, value.node);
                }
                if !field.arguments.is_empty() {
                    text.push(')');
                }
                selections(&field.selection_set.node, text);
            }
            Selection::InlineFragment(fragment) => {
                text.push_str("...");
                if let Some(condition) = &fragment.node.type_condition {
                    text.extend(["on ", &condition.node.on.node]);
                }
                selections(&fragment.node.selection_set.node, text);
            }
            Selection::FragmentSpread(spread) => {
                text.extend(["...", &spread.node.fragment_name.node]);
            }
        }
    }
    text.push('}');
}
