//! The writing itself: one text at a time on a thread, each entry of its page from the first resolver to the last without
//! a wait.

use std::cell::RefCell;
use std::pin::pin;
use std::task::{self, Poll, Waker};

use async_graphql::parser::types::{Field, Selection, SelectionSet};
use async_graphql::{ContainerType, ContextSelectionSet, Name, Positioned, Value};
use async_graphql_value::RAW_VALUE_TOKEN;
use indexmap::IndexMap;
use tokio::time::Instant;

use crate::graphql::json::write_value;
use crate::telemetry::calls::Called;

/// Bytes that a page begins with: more than most need.
const PAGE_BYTES: usize = 16 * 1024;

thread_local! {
    static WRITER: RefCell<Option<Box<Writer>>> = const { RefCell::new(None) };
}

/// A text that is being written.
struct Writer {
    json: Vec<u8>,
    /// What was called, by the selection.
    called: Vec<(usize, Called)>,
    /// Whether it is noted how long a call took.
    closely: bool,
    /// The selection that the field is resolved with whose value comes next. What resolves another one is inside of
    /// something that is resolved as usual.
    expected: Option<usize>,
    /// Something waits or failed: nothing of it counts.
    stopped: bool,
}

impl Writer {
    /// What was called with a selection.
    fn called_on(&mut self, selection: &SelectionSet) -> Option<&mut Called> {
        let selection = address(selection);
        let known = self.called.iter_mut().find(|(known, _)| *known == selection);
        known.map(|(_, called)| called)
    }
}

/// A text that was written.
pub(super) struct Written {
    /// The text, as a value.
    pub(super) value: Value,
    /// What was called for it.
    pub(super) called: Vec<Called>,
}

/// A text that is written part by part. Between the parts nothing of it is with the thread.
pub(super) struct Text(Option<Box<Writer>>);

impl Text {
    /// A text without anything in it.
    pub(super) fn new(closely: bool) -> Self {
        Self(Some(Box::new(Writer {
            json: Vec::with_capacity(PAGE_BYTES),
            called: Vec::new(),
            closely,
            expected: None,
            stopped: false,
        })))
    }

    /// Writes a part, if nothing waits and nothing fails, and says how long the text is then.
    pub(super) fn part(&mut self, work: impl FnOnce()) -> Option<usize> {
        let begun = WRITER.with_borrow_mut(|writer| {
            if writer.is_some() {
                return None;
            }
            *writer = self.0.take();
            Some(End)
        })?;
        work();
        self.0 = WRITER.take().filter(|writer| !writer.stopped);
        drop(begun);
        self.0.as_ref().map(|writer| writer.json.len())
    }

    /// The whole text.
    pub(super) fn end(self) -> Option<Written> {
        let Writer { json, called, .. } = *self.0?;
        let text = String::from_utf8(json).ok()?;
        let raw = IndexMap::from([(Name::new(RAW_VALUE_TOKEN), Value::String(text))]);
        Some(Written {
            value: Value::Object(raw),
            called: called.into_iter().map(|(_, called)| called).collect(),
        })
    }
}

/// The end of a writing, however it comes.
struct End;

impl Drop for End {
    fn drop(&mut self) {
        drop(WRITER.take());
    }
}

/// Whether the value of this selection comes next in a text.
pub(super) fn is_expected(context: &ContextSelectionSet<'_>) -> bool {
    WRITER.with_borrow_mut(|writer| {
        writer.as_mut().is_some_and(|writer| {
            writer
                .expected
                .take_if(|place| *place == address(&context.item.node))
                .is_some()
        })
    })
}

/// Writes bytes of JSON.
pub(super) fn push(bytes: &[u8]) {
    json(|text| text.extend_from_slice(bytes));
}

/// Writes JSON.
pub(super) fn json(write: impl FnOnce(&mut Vec<u8>)) {
    with(|writer| write(&mut writer.json));
}

fn with(work: impl FnOnce(&mut Writer)) {
    WRITER.with_borrow_mut(|writer| {
        if let Some(writer) = writer {
            work(writer);
        }
    });
}

/// It cannot be written.
pub(super) fn stop() {
    with(|writer| writer.stopped = true);
}

fn address(selection: &SelectionSet) -> usize {
    std::ptr::from_ref(selection).addr()
}

/// Writes an object. What is selected on it are fields, each of them once: where there are fragments it may be of several
/// types, and the library knows which.
pub(super) fn object<T: ContainerType>(object: &T, context: &ContextSelectionSet<'_>) {
    push(b"{");
    count::<T>(context);
    for (place, selection) in context.item.node.items.iter().enumerate() {
        let written = match &selection.node {
            Selection::Field(selected) => field(object, context, (place, selected)),
            _ => None,
        };
        if written.is_none() {
            return stop();
        }
    }
    push(b"}");
}

/// Writes a field; nothing if it cannot be written.
fn field<T: ContainerType>(
    object: &T,
    context: &ContextSelectionSet<'_>,
    (place, selected): (usize, &Positioned<Field>),
) -> Option<()> {
    let key = &selected.node.response_key().node;
    let inner = &selected.node.selection_set.node;
    let mut stopped = false;
    let mut length = 0;
    let mut began = None;
    with(|writer| {
        stopped = writer.stopped;
        if stopped {
            return;
        }
        if place > 0 {
            writer.json.push(b',');
        }
        writer.json.push(b'"');
        // A name of GraphQL has nothing that JSON would escape.
        writer.json.extend_from_slice(key.as_bytes());
        writer.json.extend_from_slice(b"\":");
        length = writer.json.len();
        writer.expected = Some(address(inner));
        began = (writer.closely && !inner.items.is_empty()).then(Instant::now);
    });
    if stopped {
        return None;
    }
    if selected.node.name.node == "__typename" {
        with(|writer| {
            write_value(
                &mut writer.json,
                &Value::String(object.introspection_type_name().into_owned()),
            );
        });
        return Some(());
    }
    let of_field = context.with_field(selected);
    let resolving = pin!(object.resolve_field(&of_field));
    let Poll::Ready(Ok(value)) = resolving.poll(&mut task::Context::from_waker(Waker::noop())) else {
        return None;
    };
    with(|writer| {
        stopped = writer.stopped;
        if writer.json.len() == length {
            write_value(&mut writer.json, &value.unwrap_or_default());
        }
        if let Some(began) = began
            && let Some(called) = writer.called_on(&context.item.node)
        {
            called.took.push((place, began.elapsed()));
        }
    });
    (!stopped).then_some(())
}

fn count<T: ContainerType>(context: &ContextSelectionSet<'_>) {
    with(|writer| {
        if let Some(called) = writer.called_on(&context.item.node) {
            called.objects += 1;
            return;
        }
        let fields = context
            .item
            .node
            .items
            .iter()
            .filter_map(|selection| match &selection.node {
                Selection::Field(field) => Some(field.node.name.node.clone()),
                _ => None,
            });
        let called = Called {
            of_type: T::type_name(),
            fields: fields.collect(),
            objects: 1,
            took: Vec::new(),
        };
        writer.called.push((address(&context.item.node), called));
    });
}
