//! Documents that are made, and changed, at random.

use std::fmt::{self, Write as _};

use super::dice::Dice;
use super::schema::{Field, Schema};

/// What arguments are made of.
#[derive(Clone, Debug, Default)]
pub(super) struct Ids {
    /// Global ids of whatever there is.
    pub(super) all: Vec<String>,
}

/// A document: what is selected at the root.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) kind: &'static str,
    pub(super) nodes: Vec<Node>,
    /// What the root is of.
    pub(super) root: &'static str,
}

/// A field, or an inline fragment.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The field's name; none of a fragment.
    field: Option<String>,
    alias: Option<String>,
    arguments: Vec<(String, String)>,
    /// What its own selection is made on.
    on: Option<String>,
    nodes: Vec<Node>,
}

/// A place in a document: the numbers of the nodes that lead to it.
type Path = Vec<usize>;

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind)?;
        selection(f, &self.nodes)
    }
}

fn selection(f: &mut fmt::Formatter<'_>, nodes: &[Node]) -> fmt::Result {
    f.write_char('{')?;
    for node in nodes {
        f.write_char(' ')?;
        match (&node.field, &node.on) {
            (Some(field), _) => {
                if let Some(alias) = &node.alias {
                    write!(f, "{alias}: ")?;
                }
                f.write_str(field)?;
            }
            (None, Some(on)) => write!(f, "... on {on}")?,
            (None, None) => f.write_str("...")?,
        }
        for (number, (name, value)) in node.arguments.iter().enumerate() {
            let before = if number == 0 { "(" } else { ", " };
            write!(f, "{before}{name}: {value}")?;
        }
        if !node.arguments.is_empty() {
            f.write_char(')')?;
        }
        if !node.nodes.is_empty() {
            f.write_char(' ')?;
            selection(f, &node.nodes)?;
        }
    }
    f.write_str(" }")
}

/// What makes and changes documents.
pub(super) struct Maker<'m> {
    pub(super) schema: &'m Schema,
    pub(super) ids: &'m Ids,
    pub(super) dice: Dice,
}

impl Maker<'_> {
    /// A query of some fields.
    pub(super) fn query(&mut self) -> Document {
        let count = 1 + self.dice.below(3);
        let nodes = (0..count).filter_map(|_| self.node("Query", 8)).collect();
        Document {
            kind: "query",
            nodes,
            root: "Query",
        }
    }

    /// A node for a selection on a type, with a selection of its own if it needs one.
    fn node(&mut self, on: &str, depth: usize) -> Option<Node> {
        let of_type = self.schema.of(on)?;
        let into = !of_type.possible.is_empty() && (of_type.fields.is_empty() || self.dice.once_in(2));
        if into {
            let possible = self.dice.of(&of_type.possible)?.clone();
            let nodes = self.some(&possible, depth.checked_sub(1)?);
            return (!nodes.is_empty()).then_some(Node {
                field: None,
                alias: None,
                arguments: Vec::new(),
                on: Some(possible),
                nodes,
            });
        }
        // What has a selection of its own oftener than its share.
        let mut field = self.dice.of(&of_type.fields)?.clone();
        for _ in 0..2 {
            if self.schema.of(&field.returns).is_none() && depth > 2 {
                field = self.dice.of(&of_type.fields)?.clone();
            }
        }
        self.field(&field, depth)
    }

    fn field(&mut self, field: &Field, depth: usize) -> Option<Node> {
        let on = self.schema.of(&field.returns).map(|_| field.returns.clone());
        let nodes = match &on {
            None => Vec::new(),
            Some(on) => self.some(on, depth.checked_sub(1)?),
        };
        if on.is_some() && nodes.is_empty() {
            return None;
        }
        Some(Node {
            field: Some(field.name.clone()),
            alias: None,
            arguments: self.arguments(field)?,
            on,
            nodes,
        })
    }

    /// Some nodes for a selection on a type; none if it cannot be so deep.
    fn some(&mut self, on: &str, depth: usize) -> Vec<Node> {
        if on.ends_with("Connection") {
            // Nothing of a page is worth more than its entries.
            let edges = self
                .schema
                .of(on)
                .and_then(|of| of.fields.iter().find(|field| field.name == "edges"));
            return edges
                .cloned()
                .and_then(|edges| self.field(&edges, depth))
                .into_iter()
                .collect();
        }
        if on.ends_with("Edge") {
            let node = self
                .schema
                .of(on)
                .and_then(|of| of.fields.iter().find(|field| field.name == "node"));
            return node
                .cloned()
                .and_then(|node| self.field(&node, depth))
                .into_iter()
                .collect();
        }
        let count = 1 + self.dice.below(4);
        let mut nodes: Vec<Node> = (0..count).filter_map(|_| self.node(on, depth)).collect();
        if nodes.is_empty() {
            nodes.push(typename());
        }
        nodes
    }

    fn arguments(&mut self, field: &Field) -> Option<Vec<(String, String)>> {
        let mut arguments = Vec::new();
        for (name, of_type, needed) in &field.arguments {
            let value = match (name.as_str(), of_type.as_str()) {
                ("first", _) => self.page().to_string(),
                (_, "ID") => format!("\"{}\"", self.dice.of(&self.ids.all)?),
                ("includeDeprecated", _) if self.dice.once_in(2) => "true".to_owned(),
                ("name", "String") if field.name == "__type" => "\"CareEvent\"".to_owned(),
                _ if *needed => return None,
                _ => continue,
            };
            arguments.push((name.clone(), value));
        }
        Some(arguments)
    }

    fn page(&mut self) -> usize {
        match self.dice.below(4) {
            0 => 100,
            1 => 1,
            _ => 1 + self.dice.below(100),
        }
    }

    /// The document, with something changed.
    pub(super) fn changed(&mut self, document: &Document, other: Option<&Document>) -> Document {
        let mut changed = document.clone();
        for _ in 0..=self.dice.below(3) {
            let places = places(&changed.nodes);
            let Some(path) = self.dice.of(&places).cloned() else {
                break;
            };
            self.change(&mut changed, &path, other);
        }
        changed
    }

    fn change(&mut self, document: &mut Document, path: &[usize], other: Option<&Document>) {
        let root = document.root;
        let Some((last, above)) = path.split_last() else {
            return;
        };
        let on = type_at(&document.nodes, above).unwrap_or_else(|| root.to_owned());
        let depth = 11_usize.saturating_sub(path.len());
        let choice = self.dice.below(10);
        let taken = (choice == 7)
            .then(|| other.and_then(|other| self.from(other, &on)))
            .flatten();
        let Some(nodes) = nodes_at(&mut document.nodes, above) else {
            return;
        };
        match choice {
            0 | 1 => nodes.extend(self.node(&on, depth)),
            2 => {
                if nodes.len() > 1 {
                    nodes.remove(*last);
                }
            }
            3 => {
                // Again, and again: what is the same may stand beside itself.
                if let Some(node) = nodes.get(*last).cloned() {
                    let times = 1 << self.dice.below(6);
                    nodes.extend(std::iter::repeat_n(node, times));
                }
            }
            4 => {
                let number = self.dice.below(1_000);
                if let Some(mut node) = nodes.get(*last).cloned().filter(|node| node.field.is_some()) {
                    node.alias = Some(format!("a{number}"));
                    nodes.push(node);
                }
            }
            7 => nodes.extend(taken),
            8 => {
                // All that has no selection, at once.
                let leaves = self
                    .schema
                    .of(&on)
                    .map(|of| of.fields.clone())
                    .unwrap_or_default();
                let leaves = leaves
                    .iter()
                    .filter(|field| self.schema.of(&field.returns).is_none());
                let leaves: Vec<Field> = leaves.cloned().collect();
                nodes.extend(leaves.iter().filter_map(|leaf| self.field(leaf, depth)));
            }
            _ => {
                if let Some(node) = nodes.get_mut(*last)
                    && let Some(page) = node.arguments.iter_mut().find(|(name, _)| name == "first")
                {
                    page.1 = self.page().to_string();
                    node.alias = node
                        .alias
                        .take()
                        .or_else(|| Some(format!("p{}", self.dice.below(1_000))));
                }
            }
        }
    }

    /// A part of another document, for a selection on a type.
    fn from(&mut self, other: &Document, on: &str) -> Option<Node> {
        let places = places(&other.nodes);
        let fitting: Vec<&Path> = places
            .iter()
            .filter(|path| {
                let above = &path[..path.len() - 1];
                type_at(&other.nodes, above).unwrap_or_else(|| other.root.to_owned()) == on
            })
            .collect();
        let path = self.dice.of(&fitting)?;
        let (last, above) = path.split_last()?;
        let mut nodes = other.nodes.clone();
        nodes_at(&mut nodes, above)?.get(*last).cloned()
    }

    /// The document with its pages smaller by so much, because it was refused.
    pub(super) fn smaller(document: &Document, value: u64, maximum: u64) -> Document {
        let mut smaller = document.clone();
        shrink(&mut smaller.nodes, value.max(1), maximum);
        smaller
    }
}

fn shrink(nodes: &mut [Node], value: u64, maximum: u64) {
    for node in nodes {
        for (name, page) in &mut node.arguments {
            if name == "first"
                && let Ok(size) = page.parse::<u64>()
            {
                *page = (size * maximum / value).max(1).to_string();
            }
        }
        shrink(&mut node.nodes, value, maximum);
    }
}

fn typename() -> Node {
    Node {
        field: Some("__typename".to_owned()),
        alias: None,
        arguments: Vec::new(),
        on: None,
        nodes: Vec::new(),
    }
}

/// All nodes' places.
fn places(nodes: &[Node]) -> Vec<Path> {
    let mut places = Vec::new();
    gather(nodes, &mut Vec::new(), &mut places);
    places
}

fn gather(nodes: &[Node], at: &mut Path, places: &mut Vec<Path>) {
    for (number, node) in nodes.iter().enumerate() {
        at.push(number);
        places.push(at.clone());
        gather(&node.nodes, at, places);
        at.pop();
    }
}

/// The type that a selection is made on; none at the root.
fn type_at(nodes: &[Node], path: &[usize]) -> Option<String> {
    let (first, rest) = path.split_first()?;
    let node = nodes.get(*first)?;
    if rest.is_empty() {
        node.on.clone()
    } else {
        type_at(&node.nodes, rest)
    }
}

fn nodes_at<'n>(nodes: &'n mut Vec<Node>, path: &[usize]) -> Option<&'n mut Vec<Node>> {
    match path.split_first() {
        None => Some(nodes),
        Some((first, rest)) => nodes_at(&mut nodes.get_mut(*first)?.nodes, rest),
    }
}

/// Reads a document of fields and inline fragments with literal arguments, as [`known`](super::known) has them.
pub(super) fn read(schema: &Schema, kind: &'static str, root: &'static str, text: &str) -> Option<Document> {
    let spaced = text
        .replace('{', " { ")
        .replace('}', " } ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced
        .split([' ', '\n', ','])
        .filter(|word| !word.is_empty())
        .collect();
    let mut at = 0;
    while *words.get(at)? != "{" {
        at += 1;
    }
    let nodes = read_nodes(schema, root, &words, &mut at)?;
    Some(Document { kind, nodes, root })
}

fn read_nodes(schema: &Schema, on: &str, words: &[&str], at: &mut usize) -> Option<Vec<Node>> {
    let mut nodes = Vec::new();
    *at += 1;
    while *words.get(*at)? != "}" {
        let mut node = typename();
        let mut word = *words.get(*at)?;
        if word == "..." {
            node.field = None;
            node.on = Some((*words.get(*at + 2)?).to_owned());
            *at += 3;
        } else {
            if let Some(alias) = word.strip_suffix(':') {
                node.alias = Some(alias.to_owned());
                *at += 1;
                word = words.get(*at)?;
            }
            let field = schema.of(on)?.fields.iter().find(|field| field.name == word);
            node.on = field.and_then(|field| schema.of(&field.returns).map(|_| field.returns.clone()));
            node.field = Some(word.to_owned());
            *at += 1;
            if words.get(*at) == Some(&"(") {
                *at += 1;
                while *words.get(*at)? != ")" {
                    let name = words.get(*at)?.trim_end_matches(':');
                    node.arguments
                        .push((name.to_owned(), (*words.get(*at + 1)?).to_owned()));
                    *at += 2;
                }
                *at += 1;
            }
        }
        if words.get(*at) == Some(&"{") {
            let on = node.on.clone()?;
            node.nodes = read_nodes(schema, &on, words, at)?;
        }
        nodes.push(node);
    }
    *at += 1;
    Some(nodes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schema() -> Schema {
        let id = json!({ "kind": "SCALAR", "name": "ID" });
        let user =
            json!({ "kind": "NON_NULL", "name": null, "ofType": { "kind": "OBJECT", "name": "User" } });
        let first = json!({ "name": "first", "type": { "kind": "SCALAR", "name": "Int" } });
        Schema::read(&json!({ "__schema": { "types": [
            { "kind": "OBJECT", "name": "Query", "fields": [{ "name": "viewer", "type": user, "args": [] }] },
            { "kind": "OBJECT", "name": "User", "fields": [
                { "name": "id", "type": id, "args": [] }, { "name": "friends", "type": user, "args": [first] }] },
        ] } }))
        .unwrap()
    }

    #[test]
    fn a_document_is_read_and_written() {
        let text = "query { viewer { id a: friends(first: 100) { id id } ... on User { id } } }";
        let schema = schema();
        let document = read(&schema, "query", "Query", text).unwrap();
        assert_eq!(document.to_string(), text);
        assert_eq!(
            Maker::smaller(&document, 200, 50).to_string(),
            text.replace("100", "25")
        );
    }

    #[test]
    fn changed_documents_are_whole_and_the_same_for_the_same_seed() {
        let (schema, ids) = (schema(), Ids::default());
        let made = |seed| {
            let dice = Dice::new(seed);
            let mut maker = Maker {
                schema: &schema,
                ids: &ids,
                dice,
            };
            let mut document = maker.query();
            for _ in 0..50 {
                document = maker.changed(&document, Some(&document.clone()));
                if document.to_string().len() > 10_000 {
                    document = maker.query();
                }
            }
            document.to_string()
        };
        let (one, again) = (made(7), made(7));
        assert_eq!(one, again);
        assert_ne!(one, made(8));
        assert_eq!(one.matches('{').count(), one.matches('}').count());
        assert!(!one.contains("{ }"), "{one}");
    }
}
