//! Counting itself: over an answer and the plan of what it was asked for.

use std::collections::HashMap;

use async_graphql::{Name, PathSegment, Response, Value};
use indexmap::IndexMap;

use super::{Called, Calls, Item, Plan, TYPE_KEY};
use crate::telemetry::metrics::Graphql;

type Object = IndexMap<Name, Value>;

impl Calls {
    /// Counts what was called for an answer, and takes out of it what the client did not ask for.
    pub fn count(&self, plan: &Plan, response: &mut Response) {
        if let Value::Object(data) = &response.data {
            self.count_in(&plan.items, plan.root, &[data]);
        }
        for error in &response.errors {
            self.count_error(plan, &error.path);
        }
        if plan.asks
            && let Value::Object(data) = &mut response.data
        {
            take_types_out(&plan.items, data);
        }
    }

    /// Counts what was called for parts of an answer that do not show it.
    pub fn count_called(&self, called: &[Called], metrics: &Graphql) {
        for called in called {
            let fields: Vec<_> = called
                .fields
                .iter()
                .map(|field| self.field(&called.of_type, field))
                .collect();
            for field in fields.iter().flatten() {
                field.metrics.calls.inc_by(called.objects);
            }
            for (place, took) in &called.took {
                if let Some(Some(field)) = fields.get(*place)
                    && field.works
                {
                    metrics.resolved(&field.metrics, *took, None);
                }
            }
        }
    }

    fn count_in(&self, items: &[Item], of_type: usize, objects: &[&Object]) {
        let Some(first) = objects.first() else { return };
        for item in items {
            match item {
                Item::Field { key, name, inner } => {
                    // What was written as text does not show it, for all of them or for none.
                    if !first.contains_key(key) {
                        continue;
                    }
                    if let Some(field) = self.types[of_type].fields.get(name.as_str()) {
                        field.metrics.calls.inc_by(objects.len() as u64);
                    }
                    if let Some((returns, items)) = inner {
                        let mut children = Vec::new();
                        for value in objects.iter().filter_map(|object| object.get(key)) {
                            collect(value, &mut children);
                        }
                        self.count_of(items, *returns, children);
                    }
                }
                Item::On(on, items) => {
                    if on.is_none_or(|on| on == of_type) {
                        self.count_in(items, of_type, objects);
                    }
                }
            }
        }
    }

    fn count_of(&self, items: &[Item], of_type: usize, objects: Vec<&Object>) {
        if self.types[of_type].is_object {
            return self.count_in(items, of_type, &objects);
        }
        let mut by_type: HashMap<usize, Vec<&Object>> = HashMap::new();
        for object in objects {
            if let Some(Value::String(name)) = object.get(TYPE_KEY)
                && let Some(of_type) = self.by_name.get(name.as_str())
            {
                by_type.entry(*of_type).or_default().push(object);
            }
        }
        for (of_type, objects) in by_type {
            self.count_in(items, of_type, &objects);
        }
    }

    fn count_error(&self, plan: &Plan, path: &[PathSegment]) {
        let mut keys = path.iter().filter_map(|segment| match segment {
            PathSegment::Field(key) => Some(key.as_str()),
            PathSegment::Index(_) => None,
        });
        let Some(key) = keys.next() else { return };
        let mut place = find(&plan.items, plan.root, key);
        for key in keys {
            let Some((_, _, Some((returns, items)))) = place else {
                return;
            };
            place = find(items, *returns, key);
        }
        let Some((of_type, name, _)) = place else { return };
        let of_type = &self.types[of_type];
        if of_type.is_object
            && let Some(field) = of_type.fields.get(name)
        {
            field.metrics.errors.inc();
        }
    }
}

type Place<'p> = (usize, &'p str, Option<&'p (usize, Vec<Item>)>);

/// The field that an answer knows by `key`, and whose it is.
fn find<'p>(items: &'p [Item], of_type: usize, key: &str) -> Option<Place<'p>> {
    items.iter().find_map(|item| match item {
        Item::Field {
            key: own,
            name,
            inner,
        } => (own == key).then_some((of_type, name.as_str(), inner.as_ref())),
        Item::On(on, items) => find(items, on.unwrap_or(of_type), key),
    })
}

fn collect<'v>(value: &'v Value, objects: &mut Vec<&'v Object>) {
    match value {
        Value::Object(object) => objects.push(object),
        Value::List(values) => {
            for value in values {
                collect(value, objects);
            }
        }
        _ => {}
    }
}

fn take_types_out(items: &[Item], object: &mut Object) {
    object.shift_remove(TYPE_KEY);
    for item in items {
        match item {
            Item::Field {
                key,
                inner: Some((_, items)),
                ..
            } => {
                if let Some(value) = object.get_mut(key) {
                    take_types_out_of(items, value);
                }
            }
            Item::Field { .. } => {}
            Item::On(_, items) => take_types_out(items, object),
        }
    }
}

fn take_types_out_of(items: &[Item], value: &mut Value) {
    match value {
        Value::Object(object) => take_types_out(items, object),
        Value::List(values) => {
            for value in values {
                take_types_out_of(items, value);
            }
        }
        _ => {}
    }
}
