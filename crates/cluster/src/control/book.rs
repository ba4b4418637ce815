//! What this server replays, and how far each attempt is (T3).

use rekindle_types::{
    Attempt, KeyRange, LogId, Lsn, PartitionIndex, PartitionOutcome, PartitionReplay, PartitionReport,
    SegmentId, Shortage, TableId,
};
use std::{collections::BTreeMap, mem};

/// Names a partition of a dead master's log.
pub type PartitionKey = (LogId, PartitionIndex);

/// How far an attempt is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Its task is at work.
    Running,
    /// The switch that commits its side log is complete; reported until told serve or discard.
    Committed {
        /// The creation position (T2).
        created: SegmentId,
        /// The head that the switch made current.
        head: SegmentId,
        /// Bytes replayed.
        bytes: u64,
        /// Objects alive.
        objects: u64,
    },
    /// Could not be done here; reported until told discard.
    Failed {
        /// What an operator needs to know.
        reason: String,
        /// Memory was short (L2).
        shortage: Option<Shortage>,
    },
    /// Told to forget it.
    Discarded,
}

/// One partition's newest attempt here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which try.
    pub attempt: Attempt,
    /// The order that started it.
    pub cause: Lsn,
    /// What it fills.
    pub ranges: Vec<(TableId, KeyRange)>,
    /// Bytes that its task has put into the store so far.
    pub bytes: u64,
    /// How far it is.
    pub progress: Progress,
    /// Told to serve: nothing to report any more.
    pub is_served: bool,
}

/// What to do about an order to replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begin {
    /// Start it; the former attempt, if any, is to be stopped, and what it left purged.
    Start(Option<Entry>),
    /// This attempt is under way, or was: nothing to do.
    Known,
    /// A later attempt is here: the order was overtaken.
    Obsolete(Attempt),
}

/// The newest attempt of every partition that this server was told to replay. Pure: tasks are elsewhere.
#[derive(Clone, Debug, Default)]
pub struct ReplayBook {
    entries: BTreeMap<PartitionKey, Entry>,
}

impl ReplayBook {
    /// An order to replay came.
    pub fn begin(
        &mut self,
        key: PartitionKey,
        attempt: Attempt,
        cause: Lsn,
        ranges: Vec<(TableId, KeyRange)>,
    ) -> Begin {
        match self.entries.get(&key) {
            Some(entry) if entry.attempt > attempt => return Begin::Obsolete(entry.attempt),
            Some(entry) if entry.attempt == attempt => return Begin::Known,
            _ => {}
        }
        let entry = Entry { attempt, cause, ranges, bytes: 0, progress: Progress::Running, is_served: false };
        Begin::Start(self.entries.insert(key, entry))
    }

    /// The task of an attempt has put more bytes into the store.
    pub fn add(&mut self, key: PartitionKey, attempt: Attempt, bytes: u64) {
        if let Some(entry) = self.entries.get_mut(&key)
            && entry.attempt == attempt
        {
            entry.bytes += bytes;
        }
    }

    /// The task of an attempt has ended. Ignored (and `false`) when another attempt has taken its place, or it
    /// was discarded meanwhile.
    pub fn finish(&mut self, key: PartitionKey, attempt: Attempt, progress: Progress) -> bool {
        match self.entries.get_mut(&key) {
            Some(entry) if entry.attempt == attempt && entry.progress == Progress::Running => {
                entry.progress = progress;
                true
            }
            _ => false,
        }
    }

    /// The newest attempt of a partition.
    #[must_use]
    pub fn entry(&self, key: PartitionKey) -> Option<&Entry> {
        self.entries.get(&key)
    }

    /// It is told to serve: the report has arrived.
    pub fn serve(&mut self, key: PartitionKey, attempt: Attempt) {
        if let Some(entry) = self.entries.get_mut(&key)
            && entry.attempt == attempt
        {
            entry.is_served = true;
        }
    }

    /// It is told to forget this attempt and all before it. Returns what it was, unless that is served, or gone
    /// already. A replay of such an attempt that comes late finds that it is known.
    pub fn discard(&mut self, key: PartitionKey, attempt: Attempt) -> Option<Entry> {
        let discarded = Entry {
            attempt,
            cause: Lsn(0),
            ranges: Vec::new(),
            bytes: 0,
            progress: Progress::Discarded,
            is_served: false,
        };
        let Some(entry) = self.entries.get_mut(&key) else {
            self.entries.insert(key, discarded);
            return None;
        };
        if entry.attempt > attempt || entry.is_served {
            return None;
        }
        let former = mem::replace(entry, discarded);
        (former.progress != Progress::Discarded).then_some(former)
    }

    /// The dead master's recovery has ended: nothing of it is heard again but late copies. What fills a range here, or
    /// has failed to, stays until that is given up.
    pub fn forget(&mut self, crashed: LogId) {
        self.entries.retain(|(log, _), entry| {
            let is_over = entry.is_served || entry.progress == Progress::Discarded;
            *log != crashed || !is_over
        });
    }

    /// What the coordinator has to hear with every renewal.
    #[must_use]
    pub fn pending(&self) -> Vec<PartitionReport> {
        let report = |(key, entry): (&PartitionKey, &Entry)| {
            let outcome = match &entry.progress {
                _ if entry.is_served => return None,
                Progress::Committed { created, bytes, objects, .. } => {
                    PartitionOutcome::Committed { created: *created, bytes: *bytes, objects: *objects }
                }
                Progress::Failed { reason, shortage } => {
                    PartitionOutcome::Failed { reason: reason.clone(), shortage: shortage.clone() }
                }
                Progress::Running | Progress::Discarded => return None,
            };
            Some(PartitionReport { crashed: key.0, partition: key.1, attempt: entry.attempt, outcome })
        };
        self.entries.iter().filter_map(report).collect()
    }

    /// How far the tasks are that are at work.
    #[must_use]
    pub fn under_way(&self) -> Vec<PartitionReplay> {
        let running = self.entries.iter().filter(|(_, entry)| entry.progress == Progress::Running);
        let replay = |(&(crashed, partition), entry): (&PartitionKey, &Entry)| {
            let Entry { attempt, bytes, .. } = *entry;
            PartitionReplay { crashed, partition, attempt, bytes }
        };
        running.map(replay).collect()
    }

    /// Attempts of other partitions that are not served and fill part of these ranges: their dead master's
    /// partition went elsewhere, and came from there with another dead master's.
    #[must_use]
    pub fn overlapping(
        &self,
        key: PartitionKey,
        ranges: &[(TableId, KeyRange)],
    ) -> Vec<(PartitionKey, Attempt)> {
        let overlaps = |(table, range): &(TableId, KeyRange)| {
            ranges.iter().any(|(t, r)| t == table && r.intersection(*range).is_some())
        };
        let open = self.entries.iter().filter(|(k, entry)| **k != key && !entry.is_served);
        open.filter(|(_, entry)| entry.ranges.iter().any(overlaps)).map(|(k, e)| (*k, e.attempt)).collect()
    }

    /// Every partition, for status.
    pub fn iter(&self) -> impl Iterator<Item = (PartitionKey, &Entry)> {
        self.entries.iter().map(|(key, entry)| (*key, entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle_types::ServerId;

    const KEY: PartitionKey = (LogId::of(ServerId(9)), PartitionIndex(2));

    fn ranges() -> Vec<(TableId, KeyRange)> {
        vec![(TableId(1), KeyRange::FULL)]
    }

    fn committed() -> Progress {
        Progress::Committed { created: SegmentId(4), head: SegmentId(9), bytes: 10, objects: 1 }
    }

    #[test]
    fn a_result_is_reported_until_told_serve() {
        let mut book = ReplayBook::default();
        assert_eq!(book.begin(KEY, Attempt(1), Lsn(5), ranges()), Begin::Start(None));
        assert_eq!(book.begin(KEY, Attempt(1), Lsn(5), ranges()), Begin::Known);
        assert!(book.pending().is_empty());
        assert!(book.finish(KEY, Attempt(1), committed()));
        assert_eq!(book.pending().len(), 1);
        assert_eq!(book.pending()[0].attempt, Attempt(1));
        book.serve(KEY, Attempt(1));
        assert!(book.pending().is_empty());
        assert_eq!(book.discard(KEY, Attempt(1)), None, "what is served stays");
    }

    #[test]
    fn bytes_are_told_while_the_attempt_is_at_work() {
        let mut book = ReplayBook::default();
        book.begin(KEY, Attempt(1), Lsn(5), ranges());
        book.add(KEY, Attempt(1), 3);
        book.begin(KEY, Attempt(2), Lsn(6), ranges());
        book.add(KEY, Attempt(1), 100);
        book.add(KEY, Attempt(2), 4);
        book.add(KEY, Attempt(2), 5);
        let replay = PartitionReplay { crashed: KEY.0, partition: KEY.1, attempt: Attempt(2), bytes: 9 };
        assert_eq!(book.under_way(), [replay], "those of the present attempt");
        book.finish(KEY, Attempt(2), committed());
        assert_eq!(book.under_way(), []);
    }

    #[test]
    fn a_higher_attempt_takes_the_place_of_a_lower_one() {
        let mut book = ReplayBook::default();
        book.begin(KEY, Attempt(1), Lsn(5), ranges());
        let Begin::Start(Some(former)) = book.begin(KEY, Attempt(2), Lsn(6), ranges()) else {
            panic!("not started")
        };
        assert_eq!(former.attempt, Attempt(1));
        assert!(!book.finish(KEY, Attempt(1), committed()), "its result counts no more");
        assert!(book.pending().is_empty());
        assert_eq!(book.begin(KEY, Attempt(1), Lsn(5), ranges()), Begin::Obsolete(Attempt(2)));
        assert_eq!(book.discard(KEY, Attempt(1)), None, "the later attempt stays");
        let failed = Progress::Failed { reason: "no room".into(), shortage: Some(Shortage::default()) };
        assert!(book.finish(KEY, Attempt(2), failed));
        assert_eq!(book.pending().len(), 1);
    }

    #[test]
    fn what_failed_is_forgotten_only_when_its_ranges_are_given_up() {
        let mut book = ReplayBook::default();
        book.begin(KEY, Attempt(1), Lsn(5), ranges());
        assert!(book.finish(KEY, Attempt(1), Progress::Failed { reason: "no room".into(), shortage: None }));
        book.forget(KEY.0);
        let former = book.discard(KEY, Attempt(1)).expect("its ranges are taken");
        assert_eq!((former.cause, former.ranges), (Lsn(5), ranges()));
        book.forget(KEY.0);
        assert_eq!(book.entry(KEY), None);
    }

    #[test]
    fn a_discarded_attempt_is_not_started_by_a_late_order() {
        let mut book = ReplayBook::default();
        assert_eq!(book.discard(KEY, Attempt(3)), None);
        assert_eq!(book.begin(KEY, Attempt(3), Lsn(7), ranges()), Begin::Known);
        assert_eq!(book.begin(KEY, Attempt(2), Lsn(6), ranges()), Begin::Obsolete(Attempt(3)));
        assert!(matches!(book.begin(KEY, Attempt(4), Lsn(8), ranges()), Begin::Start(_)));
        let former = book.discard(KEY, Attempt(4)).unwrap();
        assert_eq!(former.progress, Progress::Running);
        assert!(!book.finish(KEY, Attempt(4), committed()));
        assert!(book.pending().is_empty());
    }
}
