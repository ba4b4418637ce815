//! A meta log in memory: for tests and for single-process clusters. Outlives coordinators as a shared handle.

use super::{AppendError, Batch, Leadership, MetaLog, MetaOpenError, Opened, StoredEntity, image::Image};
use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use rekindle_types::{Lsn, Rule, Rules, Term};
use std::sync::Arc;

/// Keeps all entities in memory. Clones share them.
#[derive(Clone, Default)]
pub struct MemoryMetaLog {
    shared: Arc<Mutex<Shared>>,
    rules: Rules,
}

#[derive(Default)]
struct Shared {
    term: Term,
    image: Image,
    crash: Option<(u64, Recorded)>,
    /// The reign that was cut off by a crash: its handle is dead.
    dead: Option<Term>,
}

/// Whether the append at which the coordinator crashes is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is: the coordinator never learned it.
    Yes,
    /// It is not.
    No,
}

impl MemoryMetaLog {
    /// Bytes of the entity states in one batch.
    pub const BATCH_BYTES_MAX: usize = 64 << 20;

    /// An empty log.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self { shared: Arc::default(), rules }
    }

    /// Test only: at the `n`th append from now (zero is the next), the coordinator crashes: its handle is dead
    /// from then on, until the log is opened again.
    pub fn crash_after(&self, n: u64, recorded: Recorded) {
        self.shared.lock().crash = Some((n, recorded));
    }

    /// Whether the crash that was asked for has happened; the log was perhaps opened again since.
    #[must_use]
    pub fn has_crashed(&self) -> bool {
        let shared = self.shared.lock();
        shared.dead.is_some() && shared.crash.is_none()
    }

    /// The last batch recorded.
    #[must_use]
    pub fn last(&self) -> Lsn {
        self.shared.lock().image.last()
    }

    /// The entities as they stand: what a new coordinator would read.
    #[must_use]
    pub fn entities(&self) -> Vec<StoredEntity> {
        self.shared.lock().image.stored()
    }
}

#[async_trait]
impl MetaLog for MemoryMetaLog {
    async fn open(&self) -> Result<Opened, MetaOpenError> {
        let mut shared = self.shared.lock();
        shared.term = shared.term.next();
        Ok(Opened { term: shared.term, last: shared.image.last(), entities: shared.image.stored() })
    }

    async fn append(&self, term: Term, batch: Batch) -> Result<Lsn, AppendError> {
        let bytes = batch.records.iter().filter_map(|r| r.state.as_ref()).map(Bytes::len).sum();
        if bytes > Self::BATCH_BYTES_MAX {
            return Err(AppendError::TooLarge { bytes, limit: Self::BATCH_BYTES_MAX });
        }
        let mut shared = self.shared.lock();
        shared.check_reign(term)?;
        // T4: checked in the one serial order of appends.
        if self.rules.on(Rule::T4) {
            shared.image.check(&batch.expected)?;
        }
        let crashes = shared.crash_now();
        if crashes != Some(Recorded::No) {
            shared.image.record(batch.records);
        }
        if crashes.is_some() {
            shared.dead = Some(term);
            return Err(AppendError::Failed("cut off".into()));
        }
        Ok(shared.image.last())
    }

    fn leadership(&self, term: Term) -> Leadership {
        // F4: over as soon as anybody has opened it again.
        let newest = self.shared.lock().term;
        if term == newest { Leadership::Valid } else { Leadership::Over { newest } }
    }
}

impl Shared {
    fn check_reign(&self, term: Term) -> Result<(), AppendError> {
        if term != self.term {
            return Err(AppendError::Deposed { term, newest: self.term });
        }
        if self.dead == Some(term) {
            return Err(AppendError::Failed("cut off".into()));
        }
        Ok(())
    }

    fn crash_now(&mut self) -> Option<Recorded> {
        let (left, recorded) = self.crash?;
        self.crash = left.checked_sub(1).map(|left| (left, recorded));
        self.crash.is_none().then_some(recorded)
    }
}
