//! What the answers to the documents of `bench/queries` are made of.

use super::Shape::{self, Day, Edges, Id, List, Maybe, Moment, Object, Text};
use crate::operations::Operation;

const PERSON: Shape = Object(&[("displayName", Text)]);
const PLANT: Shape = Object(&[("name", Text), ("speciesText", Maybe(&Text))]);
const COMMENT: Shape = Object(&[("body", Text), ("createdAt", Moment), ("author", PERSON)]);

const FEED: Shape = Object(&[(
    "careRequests",
    Edges(&Object(&[
        ("id", Id),
        ("title", Text),
        ("status", Text),
        ("startsOn", Day),
        ("endsOn", Day),
        ("plants", List(&PLANT)),
        ("caretaker", Maybe(&PERSON)),
        ("comments", Edges(&COMMENT)),
    ])),
)]);

const BOARD: Shape = Object(&[(
    "openCareRequests",
    Edges(&Object(&[
        ("id", Id),
        ("title", Text),
        ("startsOn", Day),
        ("endsOn", Day),
        ("approxCell", Maybe(&Text)),
        ("plants", List(&PLANT)),
    ])),
)]);

const ONE: Shape = Object(&[(
    "careRequest",
    Object(&[
        ("id", Id),
        ("title", Text),
        ("status", Text),
        ("startsOn", Day),
        ("endsOn", Day),
    ]),
)]);

const WRITE: Shape = Object(&[(
    "addComment",
    Object(&[("comment", Object(&[("body", Text), ("author", PERSON)]))]),
)]);

/// What the answer to an operation is made of.
pub fn shape(operation: Operation) -> &'static Shape {
    match operation {
        Operation::Feed => &FEED,
        Operation::Board => &BOARD,
        Operation::One => &ONE,
        Operation::Write | Operation::OneStream => &WRITE,
    }
}
