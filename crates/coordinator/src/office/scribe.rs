//! Everything of consequence is recorded first, one batch after another (O3).

use super::{coordinator::Stopped, core::Core, core::Inner};
use crate::entity::PartitionRecord;
use crate::{AppendError, Batch, ClusterState, Event};
use rekindle_types::{LogId, Lsn, PartitionIndex, ServerId};
use std::collections::BTreeSet;
use tokio::sync::{mpsc, oneshot};

/// A batch on its way to the meta log.
pub(super) struct Entry {
    batch: Batch,
    done: oneshot::Sender<Result<Lsn, AppendError>>,
}

/// Batches that wait; more callers wait before they get in.
pub(super) const ENTRIES_MAX: usize = 256;

/// Times that a step is decided again after a collision before its caller is told to retry.
const COLLISIONS_MAX: u32 = 64;

/// What a step wants.
pub(super) enum Decision<T> {
    /// Record this, then answer.
    Record(Batch, T),
    /// Answer: there is nothing to record.
    Settled(T),
}

/// Why a step was not recorded.
#[derive(Debug)]
pub(super) enum NotRecorded {
    /// It collided with others again and again.
    Collided,
    /// It does not fit into the meta log.
    TooLarge(String),
    /// This coordinator has ended.
    Stopped,
}

impl Core {
    /// Decides on the recorded state and records the decision, if the state has not changed meanwhile (T4);
    /// else decides again. When it returns, the state holds the batch.
    pub async fn record<T>(
        &self,
        mut decide: impl FnMut(&ClusterState) -> Decision<T>,
    ) -> Result<T, NotRecorded> {
        for _ in 0..COLLISIONS_MAX {
            if self.is_stopped() {
                break;
            }
            let (batch, answer) = match self.read(&mut decide) {
                Decision::Record(batch, answer) => (batch, answer),
                Decision::Settled(answer) => return Ok(answer),
            };
            let (done, recorded) = oneshot::channel();
            self.scribe.send(Entry { batch, done }).await.map_err(|_| NotRecorded::Stopped)?;
            match recorded.await {
                Ok(Ok(_)) => return Ok(answer),
                Ok(Err(AppendError::Conflict { .. })) => {}
                Ok(Err(error @ AppendError::TooLarge { .. })) => {
                    return Err(NotRecorded::TooLarge(error.to_string()));
                }
                Ok(Err(_)) | Err(_) => return Err(NotRecorded::Stopped),
            }
        }
        Err(if self.is_stopped() { NotRecorded::Stopped } else { NotRecorded::Collided })
    }

    /// Appends what is decided and takes it into the state, until the meta log refuses this reign. Whoever
    /// drops a call that has decided loses the answer, not the batch.
    pub async fn write(&self, entries: &mut mpsc::Receiver<Entry>) {
        while let Some(Entry { batch, done }) = entries.recv().await {
            let records = batch.records.clone();
            let result = self.meta.append(self.term, batch).await;
            match &result {
                Ok(lsn) => {
                    let applied = self.take(*lsn, &records);
                    if let Err(error) = applied {
                        return self.stop(Stopped::Failed(error.to_string()));
                    }
                }
                Err(AppendError::Conflict { .. } | AppendError::TooLarge { .. }) => {}
                Err(AppendError::Deposed { newest, .. }) => self.stop(Stopped::Deposed(*newest)),
                Err(error) => self.stop(Stopped::Failed(error.to_string())),
            }
            // The caller may have gone.
            let _ = done.send(result);
            if self.is_stopped() {
                return;
            }
        }
    }

    fn take(&self, lsn: Lsn, records: &[crate::meta::Record]) -> Result<(), crate::Unreadable> {
        let now = self.now();
        let mut inner = self.inner.lock();
        let before: BTreeSet<ServerId> = inner.state.servers().up().map(|s| s.id).collect();
        inner.state.apply(lsn, records)?;
        let after: BTreeSet<ServerId> = inner.state.servers().up().map(|s| s.id).collect();
        let Inner { state, detector, leases, reports, replayed, lists, condemned, .. } = &mut *inner;
        for new in after.difference(&before) {
            detector.enlisted(*new, now);
        }
        for dead in before.difference(&after) {
            detector.declared(*dead, now);
        }
        condemned.retain(|server| after.contains(server));
        lists.retain(|server, _| after.contains(server));
        self.rooms.lock().retain(|server, _| after.contains(server));
        leases.forget(now, |server| after.contains(&server));
        let is_open = |(log, index): &(LogId, PartitionIndex)| {
            state.partition(*log, *index).is_some_and(PartitionRecord::is_open)
        };
        reports.retain(|partition, _| is_open(partition));
        replayed.retain(|partition, _| is_open(partition));
        drop(inner);
        after.difference(&before).for_each(|server| self.observe(&Event::Enlisted(*server)));
        before.difference(&after).for_each(|server| self.observe(&Event::Fenced(*server)));
        self.notify();
        Ok(())
    }
}
