//! Calls that wait for whoever writes.

use crate::meta::{AppendError, Batch, MetaOpenError, Opened};
use rekindle_types::{Lsn, Term};
use std::collections::VecDeque;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// Calls that may wait; more wait to get in.
pub(super) const CALLS_MAX: usize = 256;

/// Batches of one group have about so many bytes; a larger one goes alone.
pub(super) const GROUP_BYTES: usize = 4 << 20;

/// One call. Whoever made it may have gone: it is carried out all the same.
pub(super) enum Call {
    Open(oneshot::Sender<Result<Opened, MetaOpenError>>),
    Append(Append),
}

pub(super) struct Append {
    pub term: Term,
    pub batch: Batch,
    pub done: oneshot::Sender<Result<Lsn, AppendError>>,
    /// Its place in the queue.
    pub place: OwnedSemaphorePermit,
}

/// In the one serial order.
#[derive(Default)]
pub(super) struct Queue(VecDeque<Call>);

impl Queue {
    pub fn push(&mut self, call: Call) {
        self.0.push_back(call);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next call.
    pub fn pop(&mut self) -> Option<Call> {
        self.0.pop_front()
    }

    /// The next call, if it is an append that fits.
    pub fn pop_append(&mut self, fits: impl FnOnce(&Batch) -> bool) -> Option<Append> {
        if !matches!(self.0.front(), Some(Call::Append(next)) if fits(&next.batch)) {
            return None;
        }
        match self.0.pop_front() {
            Some(Call::Append(append)) => Some(append),
            _ => None,
        }
    }
}
