//! Which call may run next: per file in the order in which they were issued, files side by side.

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    sync::Arc,
};

/// Jobs of one file taken in one go.
const BATCH_MAX: usize = 64;

/// What jobs are in order for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// A file.
    File(Arc<str>),
    /// The directory itself.
    Directory,
    /// Nothing: a number that no other job has.
    Free(u64),
}

enum Entry<J> {
    Job(J),
    /// A job of two files; it waits in this lane, and an [`Entry::Gate`] with its number waits in the other one.
    Both {
        job: J,
        with: Key,
        number: u64,
    },
    Gate {
        of: Key,
        number: u64,
    },
}

struct Lane<J> {
    entries: VecDeque<Entry<J>>,
    /// A thread runs jobs of it, or it stands in `ready`.
    is_taken: bool,
}

/// Jobs in order, with the keys they hold up until [`Lanes::finish`].
pub(super) struct Batch<J> {
    pub(super) jobs: Vec<J>,
    key: Key,
    with: Option<Key>,
}

/// The queue of all jobs. Pure: threads are its owner's matter.
pub(super) struct Lanes<J> {
    lanes: BTreeMap<Key, Lane<J>>,
    ready: VecDeque<Key>,
    numbers: u64,
}

impl<J> Default for Lanes<J> {
    fn default() -> Self {
        Self { lanes: BTreeMap::new(), ready: VecDeque::new(), numbers: 0 }
    }
}

impl<J> Lanes<J> {
    /// A key of its own.
    pub(super) fn free_key(&mut self) -> Key {
        self.numbers += 1;
        Key::Free(self.numbers)
    }

    pub(super) fn push(&mut self, key: Key, job: J) {
        self.enter(key.clone(), Entry::Job(job));
        self.settle(&key);
    }

    /// A job that comes after all earlier jobs of both keys and before all later ones.
    pub(super) fn push_both(&mut self, key: Key, with: Key, job: J) {
        if key == with {
            return self.push(key, job);
        }
        self.numbers += 1;
        let number = self.numbers;
        self.enter(key.clone(), Entry::Both { job, with: with.clone(), number });
        self.enter(with, Entry::Gate { of: key.clone(), number });
        self.settle(&key);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// How many batches could be taken now.
    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Jobs that may run now. Their keys stand still until they are given to [`Lanes::finish`].
    pub(super) fn take(&mut self) -> Option<Batch<J>> {
        let key = self.ready.pop_front()?;
        let lane = self.lanes.get_mut(&key).expect("a ready lane has jobs");
        let mut jobs = Vec::new();
        while jobs.len() < BATCH_MAX
            && let Some(Entry::Job(_)) = lane.entries.front()
            && let Some(Entry::Job(job)) = lane.entries.pop_front()
        {
            jobs.push(job);
        }
        let mut partner = None;
        if jobs.is_empty() {
            let Some(Entry::Both { job, with, .. }) = lane.entries.pop_front() else {
                unreachable!("a gate is never ready");
            };
            let other = self.lanes.get_mut(&with).expect("the gate waits there");
            let gate = other.entries.pop_front();
            debug_assert!(matches!(gate, Some(Entry::Gate { .. })), "settled before");
            jobs.push(job);
            partner = Some(with);
        }
        Some(Batch { jobs, key, with: partner })
    }

    /// The jobs of a batch have run: its keys go on.
    pub(super) fn finish(&mut self, batch: &Batch<J>) {
        for key in [Some(&batch.key), batch.with.as_ref()].into_iter().flatten() {
            let lane = self.lanes.get_mut(key).expect("a taken lane stays");
            lane.is_taken = false;
            if lane.entries.is_empty() {
                self.lanes.remove(key);
            } else {
                self.settle(key);
            }
        }
    }

    fn enter(&mut self, key: Key, entry: Entry<J>) {
        let fresh = || Lane { entries: VecDeque::new(), is_taken: false };
        self.lanes.entry(key).or_insert_with(fresh).entries.push_back(entry);
    }

    /// Makes the front of a lane ready, if it is.
    fn settle(&mut self, key: &Key) {
        let Some((front, is_taken)) = self.front(key) else { return };
        if is_taken {
            return;
        }
        match front {
            Entry::Job(_) => self.make_ready(key.clone(), None),
            Entry::Both { with, number, .. } => {
                if self.waits_at(with, *number) {
                    let with = with.clone();
                    self.make_ready(key.clone(), Some(&with));
                }
            }
            Entry::Gate { of, number } => {
                if self.waits_at(of, *number) {
                    let of = of.clone();
                    self.make_ready(of, Some(key));
                }
            }
        }
    }

    fn front(&self, key: &Key) -> Option<(&Entry<J>, bool)> {
        let lane = self.lanes.get(key)?;
        Some((lane.entries.front()?, lane.is_taken))
    }

    /// Whether the other half of a job of two files is next there.
    fn waits_at(&self, key: &Key, awaited: u64) -> bool {
        match self.front(key) {
            Some((Entry::Both { number, .. } | Entry::Gate { number, .. }, false)) => *number == awaited,
            _ => false,
        }
    }

    fn make_ready(&mut self, key: Key, with: Option<&Key>) {
        for key in [Some(&key), with].into_iter().flatten() {
            let lane = self.lanes.get_mut(key).expect("its front was looked at");
            let was_taken = mem::replace(&mut lane.is_taken, true);
            debug_assert!(!was_taken, "{key:?} is ready twice");
        }
        self.ready.push_back(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> Key {
        Key::File(name.into())
    }

    fn taken(lanes: &mut Lanes<u32>) -> Batch<u32> {
        lanes.take().expect("something is ready")
    }

    #[test]
    fn a_file_is_taken_by_one_thread_at_a_time_with_all_that_waits() {
        let mut lanes = Lanes::default();
        lanes.push(file("a"), 1);
        lanes.push(file("b"), 2);
        let a = taken(&mut lanes);
        lanes.push(file("a"), 3);
        lanes.push(file("a"), 4);
        let b = taken(&mut lanes);
        assert_eq!((&a.jobs[..], &b.jobs[..]), (&[1][..], &[2][..]));
        assert!(lanes.take().is_none());
        lanes.finish(&b);
        assert!(lanes.take().is_none());
        lanes.finish(&a);
        let rest = taken(&mut lanes);
        assert_eq!(rest.jobs, [3, 4]);
        lanes.finish(&rest);
        assert!(lanes.lanes.is_empty());
    }

    #[test]
    fn a_job_of_two_files_waits_for_both_and_holds_both_up() {
        let mut lanes = Lanes::default();
        lanes.push(file("a"), 1);
        lanes.push(file("b"), 2);
        lanes.push_both(file("a"), file("b"), 3);
        lanes.push(file("b"), 4);
        lanes.push(file("a"), 5);
        let (a, b) = (taken(&mut lanes), taken(&mut lanes));
        assert_eq!((&a.jobs[..], &b.jobs[..]), (&[1][..], &[2][..]));
        lanes.finish(&a);
        assert!(lanes.take().is_none());
        lanes.finish(&b);
        let both = taken(&mut lanes);
        assert_eq!(both.jobs, [3]);
        assert!(lanes.take().is_none());
        lanes.finish(&both);
        assert_eq!(taken(&mut lanes).jobs.len() + taken(&mut lanes).jobs.len(), 2);
    }

    #[test]
    fn opposite_jobs_of_two_files_do_not_wait_for_each_other() {
        let mut lanes = Lanes::default();
        lanes.push_both(file("a"), file("b"), 1);
        lanes.push_both(file("b"), file("a"), 2);
        lanes.push_both(file("a"), file("a"), 3);
        for expected in 1..=3 {
            let batch = taken(&mut lanes);
            assert_eq!(batch.jobs, [expected]);
            lanes.finish(&batch);
        }
        assert!(lanes.take().is_none() && lanes.lanes.is_empty());
    }

    #[test]
    fn free_jobs_wait_for_nothing() {
        let mut lanes = Lanes::default();
        for job in 0..3 {
            let key = lanes.free_key();
            lanes.push(key, job);
        }
        let batches = [0, 1, 2].map(|_| taken(&mut lanes));
        batches.iter().for_each(|batch| lanes.finish(batch));
        assert!(lanes.lanes.is_empty());
    }
}
