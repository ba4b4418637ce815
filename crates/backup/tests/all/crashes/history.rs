//! Calls of masters, and what a store must hold after them.

use rekindle_backup::store::conformance::{Image, MASTER, OTHER, replica, write};
use rekindle_backup::{BackupStore, Fill, ReplicaFree, ReplicaInfo, ReplicaState, ReplicaWrite};
use rekindle_env::Rng;
use rekindle_types::{LogId, SessionNumber};
use std::{collections::BTreeMap, sync::Arc};

/// Which segment.
pub type Segment = (LogId, u64);

/// What is there of a segment, when all calls so far have been carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    Nothing,
    /// Bytes of so many objects, valid up to those of so many.
    Open {
        creation: u64,
        objects: usize,
        valid: Option<usize>,
    },
    Closed {
        creation: u64,
        objects: usize,
    },
}

/// One call, or two that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Open { creation: u64, is_certified: bool },
    Append { objects: usize, is_certified: bool },
    Close,
    OpenAndClose { creation: u64, objects: usize },
    Recreate { creation: u64, objects: usize, in_one: bool },
    Free,
}

/// A prefix of the segment that one creation writes.
pub fn image(segment: Segment, creation: u64, objects: usize) -> Image {
    let head = Image::head(segment.0, segment.1, &[]);
    (0..objects).fold(head, |image, at| {
        let value = format!("{creation}").repeat(400 + 300 * at);
        image.object(1, &format!("key-{at}"), &value, at as u64 + 1)
    })
}

impl Held {
    fn creation(self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Open { creation, .. } | Self::Closed { creation, .. } => creation,
        }
    }

    /// What is there after a call.
    pub fn after(self, op: Op) -> Self {
        match (op, self) {
            (Op::Open { creation, is_certified }, _) => {
                Self::Open { creation, objects: 0, valid: is_certified.then_some(0) }
            }
            (Op::Append { objects, is_certified }, Self::Open { creation, valid, .. }) => {
                Self::Open { creation, objects, valid: if is_certified { Some(objects) } else { valid } }
            }
            (Op::Close, Self::Open { creation, objects, .. }) => Self::Closed { creation, objects },
            (Op::OpenAndClose { creation, objects } | Op::Recreate { creation, objects, .. }, _) => {
                Self::Closed { creation, objects }
            }
            (Op::Free, _) => Self::Nothing,
            (Op::Append { .. } | Op::Close, held) => panic!("{op:?} of {held:?}"),
        }
    }

    /// What a store lists that was started anew.
    pub fn listed(self, is_persistent: bool) -> Option<(u64, ReplicaState, usize)> {
        match self {
            Self::Open { creation, valid, .. } if is_persistent => {
                valid.map(|objects| (creation, ReplicaState::Open, objects))
            }
            Self::Open { .. } | Self::Nothing => None,
            Self::Closed { creation, objects } => Some((creation, ReplicaState::Closed, objects)),
        }
    }

    /// A call that a master may make now.
    fn next(self, creation: u64, rng: &dyn Rng) -> Op {
        let objects = 1 + rng.below(3) as usize;
        let in_one = rng.below(2) == 0;
        match (self, rng.below(10)) {
            (Self::Open { objects, .. }, 0..=3) => {
                Op::Append { objects: objects + 1, is_certified: rng.below(4) != 0 }
            }
            (Self::Open { .. }, 4 | 5) => Op::Close,
            (Self::Open { .. } | Self::Closed { .. }, 6 | 7) => Op::Free,
            (Self::Closed { objects, .. }, 0..=3) => Op::Recreate { creation, objects, in_one },
            (_, 8) => Op::OpenAndClose { creation, objects },
            (Self::Nothing, 7) => Op::Recreate { creation, objects, in_one },
            _ => Op::Open { creation, is_certified: rng.below(4) != 0 },
        }
    }
}

/// The calls of an op on what is there.
fn calls(segment: Segment, held: Held, op: Op) -> Vec<ReplicaWrite> {
    let whole = |creation, objects, open| write(&image(segment, creation, objects), creation, open, true);
    match op {
        Op::Open { creation, is_certified } => {
            let mut call = write(&image(segment, creation, 0), creation, Some(Fill::Growing), false);
            call.certificate = call.certificate.filter(|_| is_certified);
            vec![call]
        }
        Op::Append { objects, is_certified } => {
            let Held::Open { creation, objects: before, .. } = held else { return Vec::new() };
            let from = image(segment, creation, before).bytes().len();
            let mut call = write(&image(segment, creation, objects), creation, None, false);
            (call.offset, call.bytes) = (from as u32, call.bytes.slice(from..));
            call.certificate = call.certificate.filter(|_| is_certified);
            vec![call]
        }
        Op::Close => {
            let Held::Open { creation, objects, .. } = held else { return Vec::new() };
            let mut call = whole(creation, objects, None);
            (call.offset, call.bytes) = (call.bytes.len() as u32, Default::default());
            vec![call]
        }
        Op::OpenAndClose { creation, objects } => vec![whole(creation, objects, Some(Fill::Growing))],
        Op::Recreate { creation, objects, in_one: true } => {
            vec![whole(creation, objects, Some(Fill::Atomic))]
        }
        Op::Recreate { creation, objects, in_one: false } => {
            let mut last = whole(creation, objects, None);
            let half = last.bytes.len() / 2;
            let mut first = whole(creation, objects, Some(Fill::Atomic));
            (first.bytes, first.certificate, first.close) = (first.bytes.slice(..half), None, false);
            (last.offset, last.bytes) = (half as u32, last.bytes.slice(half..));
            vec![first, last]
        }
        Op::Free => Vec::new(),
    }
}

/// What a store was told, and what of it was answered.
#[derive(Clone, Debug)]
pub struct Told {
    /// What would be there after each call, the first before any.
    states: BTreeMap<Segment, Vec<Held>>,
    answered: BTreeMap<Segment, usize>,
}

impl Told {
    pub fn new() -> Self {
        let segments = || (1..=3).flat_map(|id| [(MASTER, id), (OTHER, id)]);
        Self {
            states: segments().map(|s| (s, vec![Held::Nothing])).collect(),
            answered: segments().map(|s| (s, 0)).collect(),
        }
    }

    /// Some calls to make at the same time, each of another segment.
    pub fn draw(&self, round: u64, at_once: u64, rng: &dyn Rng) -> Vec<(Segment, Op)> {
        let mut segments: Vec<Segment> = self.states.keys().copied().collect();
        let count = 1 + rng.below(at_once);
        let drawn = (0..count).map(|at| {
            let segment = segments.swap_remove(rng.below(segments.len() as u64) as usize);
            let held = *self.states[&segment].last().expect("never empty");
            (segment, held.next(1 + 10 * round + at, rng))
        });
        drawn.collect()
    }

    /// Notes that a call is made; gives what was there before.
    pub fn begin(&mut self, segment: Segment, op: Op) -> Held {
        let states = self.states.get_mut(&segment).expect("known");
        let before = *states.last().expect("never empty");
        states.push(before.after(op));
        before
    }

    /// Notes that it was answered.
    pub fn end(&mut self, segment: Segment) {
        self.answered.insert(segment, self.states[&segment].len() - 1);
    }

    /// Whether a store that was started anew may show this of a segment.
    pub fn allows(&self, segment: Segment, found: Option<&ReplicaInfo>, is_persistent: bool) -> bool {
        let (states, answered) = (&self.states[&segment], self.answered[&segment]);
        let mut allowed: Vec<Held> = states[answered..].to_vec();
        // A closed replica may survive its own free: it is what it was, and no digest names it.
        if states[answered] == Held::Nothing && answered > 0 {
            allowed.extend(matches!(states[answered - 1], Held::Closed { .. }).then(|| states[answered - 1]));
        }
        allowed.iter().any(|held| match (held.listed(is_persistent), found) {
            (None, None) => true,
            (Some((creation, state, objects)), Some(info)) => {
                let certificate = image(segment, creation, objects).certificate();
                (info.replica.creation.0, info.state, info.certificate) == (creation, state, certificate)
            }
            _ => false,
        })
    }

    pub fn segments(&self) -> impl Iterator<Item = Segment> {
        self.states.keys().copied()
    }

    pub fn of(&self, segment: Segment) -> String {
        format!("{:?}, answered {}", self.states[&segment], self.answered[&segment])
    }
}

/// Makes the calls of an op; all must be taken.
pub async fn make(store: Arc<dyn BackupStore>, segment: Segment, held: Held, op: Op) {
    if op == Op::Free {
        let replica = replica(segment.0, segment.1, held.creation());
        store.free(ReplicaFree { replica, session: SessionNumber(1) }).await.expect("frees are taken");
    }
    for call in calls(segment, held, op) {
        store.write(call).await.unwrap_or_else(|error| panic!("{op:?} of {held:?}: {error}"));
    }
}
