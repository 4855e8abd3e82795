//! Whether all servers do the same: before anything is timed, their answers and what they write are compared.

use plant_care_prove::database::Database;
use plant_care_prove::failure::{Failure, Result, ensure, fail};
use serde_json::Value;

use crate::neutral;
use crate::operations::Operation;
use crate::pgbench::Mode;
use crate::rounds::{Contender, Drive};

/// Answers that are compared, where requests differ.
const ANSWERS: usize = 20;

/// Fails with the first place at which a contender's answer, or what it wrote, differs from the first contender's.
pub async fn same(operation: Operation, contenders: &[Contender], database: &Database) -> Result<()> {
    let mut first: Option<(&str, Done)> = None;
    for contender in contenders {
        let done = done(operation, contender, database)
            .await
            .map_err(|reason| Failure::new(format!("{}: {reason}", contender.name)))?;
        match &first {
            None => first = Some((&contender.name, done)),
            Some((name, expected)) => {
                if let Some(difference) = expected.differs_from(&done) {
                    let (operation, other) = (operation.name(), &contender.name);
                    return fail(format!(
                        "{operation}: {name} and {other} do not do the same: {difference}"
                    ));
                }
            }
        }
    }
    Ok(())
}

/// What a contender answered and wrote.
#[derive(Debug)]
struct Done {
    /// Neutral; none of pgbench, which has no answers.
    answers: Vec<Value>,
    written: Written,
}

/// Rows that were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Written {
    comments: i64,
    events: i64,
    entries: i64,
}

impl Done {
    fn differs_from(&self, other: &Self) -> Option<String> {
        let answers = self.answers.iter().zip(&other.answers).enumerate();
        let answer = answers.into_iter().find_map(|(index, (left, right))| {
            let difference = neutral::first_difference(left, right)?;
            Some(format!("in answer {}, {difference}", index + 1))
        });
        answer.or_else(|| {
            (self.written != other.written)
                .then(|| format!("they wrote {:?} and {:?}", self.written, other.written))
        })
    }
}

async fn done(operation: Operation, contender: &Contender, database: &Database) -> Result<Done> {
    let before = Written::count(database).await?;
    let answers = match &contender.drive {
        Drive::Http { asks, .. } => {
            let count = if operation.writes() { 1 } else { ANSWERS };
            let shape = neutral::shape(operation);
            let answers = asks.answers(count).await?;
            let neutral = answers.iter().map(|answer| neutral::answer(shape, answer));
            neutral.collect::<Result<Vec<_>>>()?
        }
        Drive::Pgbench(pgbench) => {
            let served = pgbench.run(1, Mode::Once).await?;
            ensure(served.requests == 1, || {
                format!("{} transactions instead of one", served.requests)
            })?;
            Vec::new()
        }
    };
    let after = Written::count(database).await?;
    let written = Written {
        comments: after.comments - before.comments,
        events: after.events - before.events,
        entries: after.entries - before.entries,
    };
    Ok(Done { answers, written })
}

impl Written {
    async fn count(database: &Database) -> Result<Self> {
        let count = async |table| database.number(&format!("SELECT count(*) FROM {table}")).await;
        Ok(Self {
            comments: count("comments").await?,
            events: count("events").await?,
            entries: count("stream_entries").await?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn done(answers: Vec<Value>, entries: i64) -> Done {
        Done {
            answers,
            written: Written {
                comments: 1,
                events: 1,
                entries,
            },
        }
    }

    #[test]
    fn another_answer_is_told_with_its_place() {
        let ours = done(vec![json!({ "a": 1 }), json!({ "a": 2 })], 2);
        let theirs = done(vec![json!({ "a": 1 }), json!({ "a": 3 })], 2);
        assert_eq!(
            ours.differs_from(&theirs).unwrap(),
            "in answer 2, data.a is 2 and 3"
        );
        assert_eq!(ours.differs_from(&ours), None);
    }

    #[test]
    fn less_work_is_told_also_of_those_that_do_not_answer() {
        let ours = done(vec![json!({ "a": 1 })], 2);
        assert!(
            ours.differs_from(&done(vec![], 1))
                .unwrap()
                .contains("entries: 1")
        );
        assert_eq!(ours.differs_from(&done(vec![], 2)), None);
    }
}
