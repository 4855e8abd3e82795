//! What the schema does not say of itself: how long its lists without pages may be, and what is dear.

use crate::domain::care_request::PLANTS_MAXIMUM;

/// The reasons for which one mutation refuses its input at once, at most: several for each of its fields.
const USER_ERRORS: usize = 20;

/// The names in the path of an input field.
const PATH: usize = 5;

/// The longest that a list without pages may be, by its field. A list that is not here stops the tests: what it costs
/// could not be told.
const LISTS: [(&str, usize); 2] = [("CareRequest.plants", PLANTS_MAXIMUM), ("UserError.field", PATH)];

/// The mutations that hash a password, which takes tens of milliseconds and 19 MiB.
pub(super) const HASH_A_PASSWORD: [&str; 2] = ["login", "register"];

/// Mutations that hash a password in one document.
pub const PASSWORDS: usize = 1;

/// The longest that the list of a field may be.
pub(super) fn of_list(of_type: &str, field: &str) -> Option<usize> {
    if field == "userErrors" && of_type.ends_with("Payload") {
        return Some(USER_ERRORS);
    }
    let is_of = |coordinate: &str| coordinate.split_once('.') == Some((of_type, field));
    LISTS
        .iter()
        .find(|(coordinate, _)| is_of(coordinate))
        .map(|(_, maximum)| *maximum)
}
