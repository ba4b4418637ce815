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
    /// A timer was due, and woke who waited for it.
    Timer {
        /// Its place among all timers that were ever set.
        number: u64,
    },
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
    /// None of a node's tasks is polled from here on.
    Pause {
        /// Its name.
        node: &'a str,
    },
    /// They are polled again.
    Resume {
        /// Its name.
        node: &'a str,
    },
    /// A simulated network did something with a frame, as it told through a [`super::Tracer`].
    Message {
        /// What became of it.
        what: &'static str,
        /// Who sent it.
        from: &'a str,
        /// To whom.
        to: &'a str,
        /// On which kind of lane.
        lane: &'static str,
        /// Tells lanes, and their directions, apart. Zero for a dial, which has none yet.
        stream: u64,
        /// Its place in that direction.
        place: u64,
        /// When it is there.
        due: Time,
        /// The whole frame; empty for a dial. The running hash has its length and its first bytes, where headers are.
        frame: &'a [u8],
    },
    /// [`super::World::note`].
    Note(&'a str),
}

/// Bytes of a frame that go into the running hash: enough to tell calls apart. All of them would cost as much as the rest of the
/// trace.
const HEAD_BYTES: usize = 24;

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
            Event::Timer { number } => mix(mix(hash, 9), number),
            Event::Pause { node } => fold_str(mix(hash, 10), node),
            Event::Resume { node } => fold_str(mix(hash, 11), node),
            Event::Message { what, from, to, lane, stream: 0, place, due, frame } => {
                let hash = fold_str(fold_str(fold_str(mix(hash, 12), lane), from), to);
                fold_frame(fold_str(hash, what), place, due, frame)
            }
            // The direction of a lane stands for its kind and both ends.
            Event::Message { what, stream, place, due, frame, .. } => {
                fold_frame(fold_str(mix(mix(hash, 13), stream), what), place, due, frame)
            }
        }
    }
}

fn fold_str(hash: u64, text: &str) -> u64 {
    fold(mix(hash, text.len() as u64), text.as_bytes())
}

fn fold_frame(hash: u64, place: u64, due: Time, frame: &[u8]) -> u64 {
    let hash = mix(mix(mix(hash, place), due.0), frame.len() as u64);
    fold(hash, &frame[..frame.len().min(HEAD_BYTES)])
}

fn fold(hash: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let hash = words.iter().fold(hash, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let last = rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    if rest.is_empty() { hash } else { mix(hash, last) }
}

type Hook = Box<dyn FnMut(Time, Event<'_>) + Send>;

/// The running hash and the hook. The lock is a leaf; the hook is called outside it.
#[derive(Default)]
pub(super) struct Trace(Mutex<State>);

#[derive(Default)]
struct State {
    hash: u64,
    hook: Option<Hook>,
}

impl Trace {
    pub(super) fn record(&self, now: Time, event: Event<'_>) {
        let taken = {
            let mut state = self.0.lock();
            state.hash = event.fold(mix(state.hash, now.0));
            state.hook.take()
        };
        if let Some(mut hook) = taken {
            hook(now, event);
            self.0.lock().hook.get_or_insert(hook);
        }
    }

    pub(super) fn hash(&self) -> u64 {
        self.0.lock().hash
    }

    pub(super) fn hook(&self, hook: Option<Hook>) {
        let former = std::mem::replace(&mut self.0.lock().hook, hook);
        drop(former);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(stream: u64, place: u64, due: u64, frame: &[u8]) -> Event<'_> {
        let (what, from, to, lane) = ("sent", "a", "b", "control");
        Event::Message { what, from, to, lane, stream, place, due: Time(due), frame }
    }

    fn dialled<'a>(what: &'static str, from: &'a str, to: &'a str, lane: &'static str) -> Event<'a> {
        Event::Message { what, from, to, lane, stream: 0, place: 0, due: Time(3), frame: &[] }
    }

    #[test]
    fn events_that_differ_in_anything_have_other_hashes() {
        let events = [
            Event::Advance,
            Event::Timer { number: 1 },
            Event::Timer { number: 2 },
            Event::Poll { task: 1 },
            Event::Pause { node: "a" },
            Event::Resume { node: "a" },
            Event::Note("seven b"),
            Event::Note("seven b\0"),
            Event::Note("seven bytes and more"),
            Event::Note("seven bytes and mora"),
            sent(1, 2, 3, b"frame"),
            sent(1, 2, 3, b"frami"),
            sent(1, 2, 3, &[7; HEAD_BYTES]),
            sent(1, 2, 3, &[7; HEAD_BYTES + 1]),
            sent(2, 2, 3, b"frame"),
            sent(1, 3, 3, b"frame"),
            sent(1, 2, 4, b"frame"),
            dialled("dialled", "a", "b", "control"),
            dialled("not connected", "a", "b", "control"),
            dialled("dialled", "c", "b", "control"),
            dialled("dialled", "a", "c", "control"),
            dialled("dialled", "a", "b", "object"),
        ];
        let hashes: std::collections::BTreeSet<u64> = events.iter().map(|event| event.fold(1)).collect();
        assert_eq!(hashes.len(), events.len());
    }
}
