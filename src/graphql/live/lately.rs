//! What was found out a moment ago, for whoever asks the same.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// For how long an answer is shared. It may hold free text, which must not be kept: what was changed or
/// hidden since is told as it is.
const SHARED_FOR: Duration = Duration::from_secs(1);
/// Answers kept at most.
const ANSWERS: usize = 64;

/// Answers, or the wait for them, by what they answer: the newest, as long as they may be shared.
pub(super) struct Lately<Q, A>(Mutex<VecDeque<Asked<Q, A>>>);

struct Asked<Q, A> {
    question: Q,
    at: Instant,
    answer: Arc<A>,
}

impl<Q, A> Default for Lately<Q, A> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<Q: PartialEq, A: Default> Lately<Q, A> {
    /// The answer to a question, if it was asked and is not too old to be shared.
    pub(super) fn find(&self, question: &Q) -> Option<Arc<A>> {
        fresh(&self.lock(), question)
    }

    /// The same, or an empty one for whoever comes first.
    pub(super) fn find_or_ask(&self, question: Q) -> Arc<A> {
        let mut asked = self.lock();
        if let Some(answer) = fresh(&asked, &question) {
            return answer;
        }
        if asked.len() == ANSWERS {
            asked.pop_front();
        }
        let answer = Arc::<A>::default();
        asked.push_back(Asked {
            question,
            at: Instant::now(),
            answer: Arc::clone(&answer),
        });
        answer
    }

    /// Lets go of the answers that are too old to be shared.
    pub(super) fn forget_old(&self) {
        let mut asked = self.lock();
        while asked
            .front()
            .is_some_and(|asked| asked.at.elapsed() >= SHARED_FOR)
        {
            asked.pop_front();
        }
        if asked.is_empty() {
            asked.shrink_to_fit();
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Asked<Q, A>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fresh<Q: PartialEq, A>(asked: &VecDeque<Asked<Q, A>>, question: &Q) -> Option<Arc<A>> {
    let mut newest_first = asked.iter().rev();
    let found = newest_first.find(|asked| asked.question == *question && asked.at.elapsed() < SHARED_FOR);
    found.map(|asked| Arc::clone(&asked.answer))
}
