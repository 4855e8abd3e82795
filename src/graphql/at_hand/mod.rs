//! What was loaded before it is asked for, written straight into the answer.
//!
//! Resolving an object takes a future on the heap for each of its fields, a map for the object and the writing of that
//! map, which together are most of what a page costs. None of it is needed where nothing waits. A page whose related
//! rows were [loaded ahead](super::care_request::preload) therefore begins to write: its entries, and whatever below
//! them is [`AtHand`], call the same resolvers, one after another, and put what they give into one JSON text. If a
//! resolver waits or fails after all, the text is thrown away and the page is resolved as any other, so that an answer
//! is the same either way.

pub mod leaves;
mod writer;

use std::borrow::Cow;

use async_graphql::parser::types::Field;
use async_graphql::registry::Registry;
use async_graphql::{ContainerType, ContextSelectionSet, OutputType, Positioned, ServerResult, Value};

use self::writer::Text;
use super::error::ApiError;
use super::scope::Scope;
use super::slices::give_way;

/// After how many bytes of a page it is asked whether it is another's turn.
const GIVES_WAY_AFTER: usize = 16 * 1024;

/// Something that can be written where its rows are at hand.
pub trait Write: OutputType {
    /// Writes it. What does not say how cannot be written.
    fn write(&self, _context: &ContextSelectionSet<'_>) {
        writer::stop();
    }

    /// How many entries it has, if it is a list.
    fn entries(&self) -> Option<usize> {
        None
    }

    /// Writes one of its entries.
    fn write_entry(&self, _context: &ContextSelectionSet<'_>, _index: usize) {
        writer::stop();
    }
}

/// A field's value that is written if its page is, and otherwise resolved.
pub struct AtHand<T> {
    value: T,
    begins: bool,
}

impl<T> AtHand<T> {
    /// A value below a page.
    pub fn new(value: T) -> Self {
        Self { value, begins: false }
    }

    /// The entries of a page, whose selection was loaded ahead or was not.
    pub fn page(value: T, was_loaded: bool) -> Self {
        Self {
            value,
            begins: was_loaded,
        }
    }
}

impl<T: Write> OutputType for AtHand<T> {
    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn qualified_type_name() -> String {
        T::qualified_type_name()
    }

    fn introspection_type_name(&self) -> Cow<'static, str> {
        self.value.introspection_type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    async fn resolve(
        &self,
        context: &ContextSelectionSet<'_>,
        field: &Positioned<Field>,
    ) -> ServerResult<Value> {
        if writer::is_expected(context) {
            self.value.write(context);
            return Ok(Value::Null);
        }
        if self.begins
            // On the heap: what is below a page would carry all of this for nothing.
            && let Some(written) = Box::pin(write_page(&self.value, context)).await?
        {
            return Ok(written);
        }
        self.value.resolve(context, field).await
    }
}

impl<T: Write> Write for Option<T> {
    fn write(&self, context: &ContextSelectionSet<'_>) {
        match self {
            Some(value) => value.write(context),
            None => writer::push(b"null"),
        }
    }
}

impl<T: Write + ?Sized> Write for &T {
    fn write(&self, context: &ContextSelectionSet<'_>) {
        T::write(self, context);
    }
}

impl<T: Write> Write for Vec<T> {
    fn write(&self, context: &ContextSelectionSet<'_>) {
        write_list(self, context);
    }
}

impl<T: Write> Write for &[T] {
    fn write(&self, context: &ContextSelectionSet<'_>) {
        write_list(self, context);
    }

    fn entries(&self) -> Option<usize> {
        Some(self.len())
    }

    fn write_entry(&self, context: &ContextSelectionSet<'_>, index: usize) {
        match self.get(index) {
            Some(value) => value.write(&context.with_index(index)),
            None => writer::stop(),
        }
    }
}

/// Writes the entries of a page, unless one of them waits or fails. Between them others have their turn, and what becomes
/// too large is not written to its end.
async fn write_page<T: Write>(page: &T, context: &ContextSelectionSet<'_>) -> ServerResult<Option<Value>> {
    let Scope { notes, meter, .. } = scope_of(context);
    let Some(entries) = page.entries() else {
        return Ok(None);
    };
    let mut text = Text::new(notes.closely);
    let mut given_way_at = 0;
    for index in 0..entries {
        let before: &[u8] = if index == 0 { b"[" } else { b"," };
        let written = text.part(|| {
            writer::push(before);
            page.write_entry(context, index);
        });
        let Some(length) = written else { return Ok(None) };
        meter.has_room_for(length).map_err(ApiError::into_server_error)?;
        if length - given_way_at >= GIVES_WAY_AFTER {
            given_way_at = length;
            give_way().await;
        }
    }
    let end: &[u8] = if entries == 0 { b"[]" } else { b"]" };
    let Some(length) = text.part(|| writer::push(end)) else {
        return Ok(None);
    };
    meter.add(length).map_err(ApiError::into_server_error)?;
    Ok(text.end().map(|written| {
        notes.called(written.called);
        written.value
    }))
}

fn write_list<T: Write>(values: &[T], context: &ContextSelectionSet<'_>) {
    writer::push(b"[");
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            writer::push(b",");
        }
        value.write(&context.with_index(index));
    }
    writer::push(b"]");
}

/// Writes an object: what [`Write`] is for all types that have fields.
pub fn write_object<T: ContainerType>(object: &T, context: &ContextSelectionSet<'_>) {
    writer::object(object, context);
}

/// Says of a type with fields that it can be written.
macro_rules! can_be_written {
    ($object:ty) => {
        impl $crate::graphql::at_hand::Write for $object {
            fn write(&self, context: &async_graphql::ContextSelectionSet<'_>) {
                $crate::graphql::at_hand::write_object(self, context);
            }
        }
    };
}
pub(crate) use can_be_written;

fn scope_of<'a>(context: &ContextSelectionSet<'a>) -> &'a Scope {
    context.data_unchecked::<Scope>()
}
