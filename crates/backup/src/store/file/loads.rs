//! Reading replicas back: for inventories, for loads, and ahead of them.

use super::{
    file_store::FileStore,
    format::{BLOCK_BYTES, FrameHeader},
    frames::FrameIndex,
    image::damaged,
};
use crate::store::{
    BackupError, Loaded,
    filter::{self, Filter},
    replica::Replica,
};
use bytes::Bytes;
use rekindle_env::Time;
use rekindle_log::Certificate;
use rekindle_types::{Partition, PartitionIndex, ReplicaId, Rule, SegmentId};
use std::sync::Arc;

/// A replica to read for all partitions of its plan.
pub(super) struct Read {
    replica: ReplicaId,
    filter: Arc<Filter>,
}

/// Where the valid bytes of a replica are.
enum Place {
    Memory(Bytes),
    Frame(FrameIndex, Arc<FrameHeader>),
}

/// How a load gets its part.
enum Way {
    /// It was read ahead.
    Ready(Loaded),
    /// It is being read for all partitions.
    Wait,
    /// It is the first: it reads for all.
    All(Arc<Filter>),
    /// It reads for itself.
    Alone,
}

/// A replica that is being read for all partitions: when it is dropped, those that wait look again.
struct Reading<'a> {
    store: &'a FileStore,
    replica: ReplicaId,
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.store.state.lock().reading.remove(&self.replica);
        self.store.read.notify_waiters();
        self.store.wake.notify_one();
    }
}

impl FileStore {
    /// The next replica to read ahead, as long as there is room.
    pub(super) fn next_read(&self) -> Option<Read> {
        let state = &mut *self.state.lock();
        let reading = state.reading.len();
        let coming = reading * self.config.segment_bytes as usize;
        if reading >= self.config.reads_max || (reading > 0 && !state.read_ahead.has_room_for(coming)) {
            return None;
        }
        let (replica, filter) = state.read_ahead.next()?;
        state.reading.insert(replica);
        Some(Read { replica, filter })
    }

    /// Reads a replica ahead. Damage is told to whoever loads it.
    pub(super) async fn read_ahead(self: Arc<Self>, read: Read) {
        let _ = self.filter_all(read.replica, read.filter, None).await;
    }

    /// All of a replica, verified (T6).
    pub(super) async fn load_whole(&self, replica: ReplicaId) -> Result<Loaded, BackupError> {
        let rules = self.config.rules;
        let verify = move |bytes: &Bytes, certificate| filter::verify(replica, bytes, certificate, rules);
        let (bytes, certificate, ()) = self.read(replica, verify).await?;
        Ok(Loaded { bytes, certificate })
    }

    /// One partition of a replica.
    pub(super) async fn load_filtered(
        &self,
        replica: ReplicaId,
        index: PartitionIndex,
        partition: Partition,
    ) -> Result<Loaded, BackupError> {
        loop {
            let read = self.read.notified();
            match self.way(replica, index, &partition)? {
                Way::Ready(loaded) => {
                    self.wake.notify_one();
                    return Ok(loaded);
                }
                Way::Wait => read.await,
                Way::All(filter) => return self.filter_all(replica, filter, Some(index)).await,
                Way::Alone => {
                    let filter = Filter::new([&partition], self.config.rules);
                    let run = move |bytes: &Bytes, certificate| filter.run(replica, bytes, certificate);
                    let (_, certificate, mut parts) = self.read(replica, run).await?;
                    return Ok(Loaded { bytes: parts.remove(0), certificate });
                }
            }
        }
    }

    fn way(
        &self,
        replica: ReplicaId,
        index: PartitionIndex,
        partition: &Partition,
    ) -> Result<Way, BackupError> {
        let state = &mut *self.state.lock();
        state.check_fixed(replica)?;
        if let Some(loaded) = state.read_ahead.fetch(replica, index, partition) {
            return Ok(Way::Ready(loaded));
        }
        if state.reading.contains(&replica) {
            return Ok(Way::Wait);
        }
        let Some(filter) = state.read_ahead.begin(replica, index, partition) else { return Ok(Way::Alone) };
        state.reading.insert(replica);
        Ok(Way::All(filter))
    }

    /// Filters a replica that is noted as being read, keeps the parts, and gives the wanted one.
    async fn filter_all(
        &self,
        replica: ReplicaId,
        filter: Arc<Filter>,
        wanted: Option<PartitionIndex>,
    ) -> Result<Loaded, BackupError> {
        let _reading = Reading { store: self, replica };
        let own = Arc::clone(&filter);
        let run = move |bytes: &Bytes, certificate| own.run(replica, bytes, certificate);
        let (_, certificate, parts) = self.read(replica, run).await?;
        let mut parts: Vec<Option<Bytes>> = parts.into_iter().map(Some).collect();
        let wanted = wanted.and_then(|index| parts.get_mut(index.0 as usize)?.take());
        self.state.lock().read_ahead.keep(replica, &filter, certificate, parts);
        Ok(Loaded { bytes: wanted.unwrap_or_default(), certificate })
    }

    /// Reads a replica's valid bytes, checks every block of them (BAK-3), and looks at them, all away from the
    /// threads that answer calls.
    async fn read<T: Send + 'static>(
        &self,
        replica: ReplicaId,
        look: impl FnOnce(&Bytes, Certificate) -> Result<T, BackupError> + Send + 'static,
    ) -> Result<(Bytes, Certificate, T), BackupError> {
        let _permit = self.reads.acquire().await;
        let (place, certificate) = self.place(replica)?;
        let began = self.clock.now();
        let (bytes, header) = match place {
            Place::Memory(bytes) => (bytes, None),
            Place::Frame(frame, header) => {
                let read = self.frames.read(frame, certificate.length as usize).await;
                (read.map_err(|error| damaged(replica, 0, &error))?, Some(header))
            }
        };
        if header.is_some() {
            self.note_read(bytes.len(), began);
        }
        // T6: nothing is handed out of a replica of which something can't be read.
        let is_strict = self.config.rules.on(Rule::T6);
        let work = move || -> Result<_, BackupError> {
            if let Some(header) = header.filter(|_| is_strict) {
                header.verify(&bytes).map_err(|(at, corrupt)| damaged(replica, at, &corrupt))?;
            }
            let looked = look(&bytes, certificate)?;
            Ok((bytes, looked))
        };
        let result = self.spawn.compute("filter for recovery", work).await;
        let stopped = || BackupError::NotReady("the work on it was stopped".into());
        // Freed while it was read, its frame may hold another one by now: that is no damage.
        self.state.lock().check_fixed(replica)?;
        let (bytes, looked) = result.ok_or_else(stopped)??;
        Ok((bytes, certificate, looked))
    }

    /// Where a replica is that can't change any more.
    fn place(&self, id: ReplicaId) -> Result<(Place, Certificate), BackupError> {
        let state = &mut *self.state.lock();
        let certificate = state.check_fixed(id)?;
        if let Some(replica) = state.shelf.get_mut(id) {
            if self.config.rules.on(Rule::F1) {
                // Its log is fenced when it is open. Frozen, its bytes are shared; growing, each load would copy them.
                replica.freeze();
            }
            if let Some((bytes, certificate)) = replica.valid() {
                return Ok((Place::Memory(bytes), certificate));
            }
        }
        let (frame, header) = state.frame(id).ok_or(BackupError::NotOpen(id))?;
        Ok((Place::Frame(frame, header), certificate))
    }

    /// The ids in the digest of a listed replica, if it was written as a head and can be read.
    pub(super) async fn digest(&self, replica: ReplicaId) -> Option<Vec<SegmentId>> {
        let (frame, header) = {
            let state = self.state.lock();
            let digest = state.shelf.find(replica).ok().and_then(Replica::digest);
            if digest.is_some() {
                return digest;
            }
            state.frame(replica).filter(|(_, header)| header.digest_end > 0)?
        };
        let blocks = (header.digest_end as usize).next_multiple_of(BLOCK_BYTES);
        let length = blocks.min(header.certificate.length as usize);
        let bytes = self.frames.read(frame, length).await.ok()?;
        header.verify_start(&bytes).ok()?;
        filter::digest(replica, &bytes)
    }

    /// Keeps the measured read rate current; small reads say nothing.
    fn note_read(&self, bytes: usize, began: Time) {
        let nanos = self.clock.now().0.saturating_sub(began.0);
        if bytes < BLOCK_BYTES || nanos == 0 {
            return;
        }
        let rate = (bytes as u128 * 1_000_000_000 / u128::from(nanos)) as u64;
        let mut state = self.state.lock();
        state.read_rate = if state.read_rate == 0 { rate } else { (3 * state.read_rate + rate) / 4 };
    }
}
