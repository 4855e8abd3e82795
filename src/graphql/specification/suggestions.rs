//! Names that were meant, perhaps, where one is not known.

use apollo_compiler::{Name, Schema};

use crate::schema::fields_of;

/// How alike a name has to be to be suggested, from 0 to 1.
const ALIKE: f64 = 0.8;

/// What is said after a message of the library that names a field or an argument that there is not.
pub(super) fn of(schema: &Schema, message: &str) -> Option<String> {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let (first, second) = (quoted.next()?, quoted.next()?);
    let meant = if message.contains("does not have a field") {
        closest(second, fields(schema, first)?)
    } else if message.contains("is not supported by") {
        let (of_type, field) = second.split_once('.')?;
        let field = schema.type_field(of_type, field).ok()?;
        closest(
            first,
            field.arguments.iter().map(|argument| argument.name.as_str()),
        )
    } else {
        None
    };
    meant.map(|name| format!(". Did you mean `{name}`?"))
}

fn fields<'s>(schema: &'s Schema, of_type: &str) -> Option<impl Iterator<Item = &'s str>> {
    let fields = fields_of(schema.types.get(of_type)?)?;
    Some(fields.keys().map(Name::as_str))
}

fn closest<'s>(written: &str, names: impl Iterator<Item = &'s str>) -> Option<&'s str> {
    names
        .map(|name| (strsim::jaro_winkler(written, name), name))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| name)
}
