//! What has no fields: written where it stands, without being made into a value first.

use async_graphql::ContextSelectionSet;
use async_graphql::resolver_utils::EnumType;

use super::{Write, writer};
use crate::graphql::json;
use crate::graphql::scalars::{Date, DateTime};

impl Write for str {
    fn write(&self, _context: &ContextSelectionSet<'_>) {
        writer::json(|text| json::write_plain(text, self));
    }
}

impl Write for DateTime {
    fn write(&self, _context: &ContextSelectionSet<'_>) {
        writer::json(|text| quoted(text, |text| self.append_to(text)));
    }
}

impl Write for Date {
    fn write(&self, _context: &ContextSelectionSet<'_>) {
        writer::json(|text| quoted(text, |text| self.append_to(text)));
    }
}

/// Writes between quotes what has nothing that JSON would escape.
fn quoted(text: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    text.push(b'"');
    write(text);
    text.push(b'"');
}

/// Writes the name of an enum's value.
pub fn write_name<T: EnumType>(value: T) {
    let item = T::items().iter().find(|item| item.value == value);
    writer::json(|text| {
        quoted(text, |text| {
            text.extend_from_slice(item.map_or("", |item| item.name).as_bytes());
        });
    });
}

/// Says of enums that they can be written.
macro_rules! names_can_be_written {
    ($($name:ident),*) => {$(
        impl $crate::graphql::at_hand::Write for $name {
            fn write(&self, _context: &async_graphql::ContextSelectionSet<'_>) {
                $crate::graphql::at_hand::leaves::write_name(*self);
            }
        }
    )*};
}
pub(crate) use names_can_be_written;
