//! What happened, as a running hash, and as events for whoever wants to see them.

use super::rng::mix;
use crate::Time;
use parking_lot::Mutex;

/// Something that happened in the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A task was made.
    Spawn {
        /// Name of the node that it runs on.
        node: &'a str,
        /// Number of the task, unique in the world.
        task: u64,
        /// Name given by whoever spawned it.
        name: &'a str,
    },
    /// A task is about to be polled.
    Poll {
        /// Number of the task.
        task: u64,
    },
    /// A task has ended, was stopped or killed; its future is gone.
    End {
        /// Number of the task.
        task: u64,
    },
    /// The clock moved on to the next timer.
    Advance,
    /// A disk call took effect or was refused.
    Disk {
        /// Name of the node.
        node: &'a str,
        /// Which call.
        call: &'static str,
        /// The file or device; empty for the directory.
        file: &'a str,
        /// Offset of a device call, else the length of the file before it.
        offset: u64,
        /// Bytes moved.
        bytes: u64,
        /// Whether it succeeded.
        ok: bool,
    },
    /// A node was killed.
    Kill {
        /// Its name.
        node: &'a str,
    },
    /// A node was started again.
    Restart {
        /// Its name.
        node: &'a str,
    },
    /// [`super::World::note`].
    Note(&'a str),
}

impl Event<'_> {
    fn fold(&self, hash: u64) -> u64 {
        match *self {
            Event::Spawn { node, task, name } => fold_str(fold_str(mix(mix(hash, 1), task), node), name),
            Event::Poll { task } => mix(mix(hash, 2), task),
            Event::End { task } => mix(mix(hash, 3), task),
            Event::Advance => mix(hash, 4),
            Event::Disk { node, call, file, offset, bytes, ok } => {
                let hash = fold_str(fold_str(fold_str(mix(hash, 5), node), call), file);
                mix(mix(mix(hash, offset), bytes), u64::from(ok))
            }
            Event::Kill { node } => fold_str(mix(hash, 6), node),
            Event::Restart { node } => fold_str(mix(hash, 7), node),
            Event::Note(text) => fold_str(mix(hash, 8), text),
        }
    }
}

fn fold_str(hash: u64, text: &str) -> u64 {
    text.bytes().fold(mix(hash, text.len() as u64), |hash, byte| mix(hash, u64::from(byte)))
}

type Hook = Box<dyn FnMut(Time, Event<'_>) + Send>;

/// The running hash and the hook. Both locks are leaves; the hook is called outside them.
#[derive(Default)]
pub(super) struct Trace {
    hash: Mutex<u64>,
    hook: Mutex<Option<Hook>>,
}

impl Trace {
    pub(super) fn record(&self, now: Time, event: Event<'_>) {
        {
            let mut hash = self.hash.lock();
            *hash = event.fold(mix(*hash, now.0));
        }
        let taken = self.hook.lock().take();
        if let Some(mut hook) = taken {
            hook(now, event);
            self.hook.lock().get_or_insert(hook);
        }
    }

    pub(super) fn hash(&self) -> u64 {
        *self.hash.lock()
    }

    pub(super) fn hook(&self, hook: Option<Hook>) {
        let former = std::mem::replace(&mut *self.hook.lock(), hook);
        drop(former);
    }
}
