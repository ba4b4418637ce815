//! Calls that wait to travel together.

use super::Answer;
use crate::{ObjectCall, ObjectRequest, ask::bytes_of};
use parking_lot::Mutex;
use rekindle_env::Time;
use std::{mem, time::Duration};
use tokio::sync::{Notify, oneshot};

/// Calls whose deadlines lie further apart don't travel together: all end with the first.
const DEADLINES_APART_MAX: Duration = Duration::from_millis(10);
/// Most calls that one queue has taken and not answered; further ones travel alone.
const CALLS_MAX: usize = 4 * ObjectRequest::CALLS_MAX;
/// Most calls in one request: the master works on the first of two while the client gets the second ready, and the other
/// way round with the answers.
const REQUEST_CALLS_MAX: usize = 128;
/// Reads travel together while their values are likely to stay below this: a master puts off what would make an answer
/// too large.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// A call, and who waits for its answer.
pub(super) struct Waiter {
    pub(super) call: ObjectCall,
    pub(super) deadline: Time,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// What travels together.
pub(super) struct Request {
    pub(super) calls: Vec<ObjectCall>,
    pub(super) answers: Vec<oneshot::Sender<Answer>>,
    /// The first of all deadlines.
    pub(super) deadline: Time,
}

#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<Waiting>,
    /// Calls wait.
    pub(super) changed: Notify,
}

#[derive(Default)]
struct Waiting {
    calls: Vec<Waiter>,
    /// Calls that were taken and not answered, those that wait among them.
    taken: usize,
    /// The largest value in the last answer.
    value_bytes: usize,
    is_closed: bool,
}

impl Queue {
    /// `false` when too many wait, or nobody takes them any more.
    pub(super) fn push(&self, waiter: Waiter) -> bool {
        let mut state = self.state.lock();
        if state.is_closed || state.taken >= CALLS_MAX {
            return false;
        }
        state.taken += 1;
        state.calls.push(waiter);
        let is_first = state.calls.len() == 1;
        drop(state);
        if is_first {
            self.changed.notify_one();
        }
        true
    }

    /// The next request, from the front of what waits.
    pub(super) fn take(&self, bytes_max: usize) -> Option<Request> {
        let mut state = self.state.lock();
        let first = state.calls.first()?.deadline;
        let calls_max = (ANSWER_BYTES_MAX / state.value_bytes.max(1)).clamp(1, REQUEST_CALLS_MAX);
        let count = request_len(&state.calls, calls_max, bytes_max);
        let (calls, answers) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut request = Request { calls, answers, deadline: first };
        for waiter in state.calls.drain(..count) {
            // Whose caller has given up is not done.
            if !waiter.answer.is_closed() {
                request.deadline = request.deadline.min(waiter.deadline);
                request.calls.push(waiter.call);
                request.answers.push(waiter.answer);
            }
        }
        state.taken -= count - request.calls.len();
        Some(request)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.state.lock().calls.is_empty()
    }

    /// Takes no more calls; those that wait are dropped.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.is_closed = true;
        let calls = mem::take(&mut state.calls);
        drop(state);
        drop(calls);
    }

    /// So many calls have their answers, in which the largest value had so many bytes.
    pub(super) fn answered(&self, calls: usize, value_bytes: usize) {
        let mut state = self.state.lock();
        state.taken -= calls;
        state.value_bytes = value_bytes;
    }

    /// Whether no call waits for anything.
    pub(super) fn is_idle(&self) -> bool {
        self.state.lock().taken == 0
    }
}

/// How many calls the next request carries.
fn request_len(waiting: &[Waiter], calls_max: usize, bytes_max: usize) -> usize {
    let Some(first) = waiting.first() else { return 0 };
    let mut bytes = 0;
    let fits = |waiter: &&Waiter| {
        bytes += bytes_of(&waiter.call.op);
        let (deadline, first) = (waiter.deadline, first.deadline);
        bytes <= bytes_max && deadline.since(first).max(first.since(deadline)) <= DEADLINES_APART_MAX
    };
    waiting.iter().take(calls_max).take_while(fits).count().max(1)
}
