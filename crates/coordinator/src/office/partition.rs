//! One recovery's partitions: replayed, committed, served, each at its own pace (T3).

use super::{core::Core, discovery::FoundLog, failure::Failure, scribe::Decision, search::Search};
use crate::change;
use crate::entity::{Committed, PartitionPhase, PartitionRecord};
use crate::{Event, OrderKind};
use futures_util::{
    FutureExt, StreamExt, future::BoxFuture, pin_mut, select_biased, stream::FuturesUnordered,
};
use rekindle_types::{LogId, PartitionIndex, PartitionOutcome, Rule, ServerId};
use std::time::Duration;

/// Longest pause before a partition whose attempt failed is placed again.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// The partitions of one dead server.
pub(super) struct Recovery<'a> {
    pub core: &'a Core,
    pub dead: ServerId,
    pub log: LogId,
    /// What was found of the log in this reign; found again by the next.
    pub found: tokio::sync::Mutex<Option<FoundLog>>,
}

impl<'a> Recovery<'a> {
    pub fn new(core: &'a Core, dead: ServerId) -> Self {
        let log = LogId::of(dead);
        let found = core.found.lock().remove(&log);
        Self { core, dead, log, found: tokio::sync::Mutex::new(found) }
    }

    /// Until every partition has ended.
    pub async fn run(&self) {
        let mut tasks: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
        let mut next = PartitionIndex(0);
        loop {
            // Those that others were cut into come behind all.
            let new = |index: &PartitionIndex| *index >= next;
            let new: Vec<_> =
                self.core.read(|s| s.partitions_of(self.log).map(|p| p.index).filter(new).collect());
            for index in new {
                tasks.push(self.bring_to_end(index).boxed());
                tasks.push(self.forget_attempts(index).boxed());
                next = index.next();
            }
            if tasks.next().await.is_none() {
                return;
            }
        }
    }

    fn record(&self, index: PartitionIndex) -> Option<PartitionRecord> {
        self.core.read(|state| state.partition(self.log, index).cloned())
    }

    async fn bring_to_end(&self, index: PartitionIndex) {
        let mut search = Search::default();
        let mut pause = self.core.config.times.heartbeat;
        while let Some(partition) = self.record(index) {
            match partition.phase {
                PartitionPhase::Ended(_) | PartitionPhase::Cut => return,
                PartitionPhase::Committed(committed) => self.serve(&partition, committed).await,
                PartitionPhase::Replay
                    if !self.core.is_up(partition.master) || search.has_failed_at(partition.attempt) =>
                {
                    self.move_on(&partition, &mut search).await;
                }
                PartitionPhase::Replay => {
                    if let Err(failure) = self.attempt(&partition, search.has_failed()).await {
                        self.report_failure(&partition, failure.reason.clone());
                        self.core.clock.sleep(pause).await;
                        pause = (pause * 2).min(PAUSE_MAX);
                        self.note_failure(&mut search, &partition, &failure);
                    }
                }
            }
        }
    }

    fn report_failure(&self, partition: &PartitionRecord, reason: String) {
        self.core.stuck.lock().insert(self.log);
        let PartitionRecord { index, attempt, master, .. } = *partition;
        self.core.observe(&Event::AttemptFailed {
            dead: self.dead,
            partition: index,
            attempt,
            master,
            reason,
        });
    }

    /// One attempt, up to its commit. `Ok` when the record has moved on, or its master died.
    async fn attempt(&self, partition: &PartitionRecord, is_repeated: bool) -> Result<(), Failure> {
        let master = partition.master;
        // It may have been told by an earlier reign, and be done.
        let report = match self.report(partition) {
            Some(report) => Some(report),
            None => {
                let told = self.tell_to_replay(partition, is_repeated).fuse();
                let reported = self.core.until(|inner| reported(inner, partition).is_some()).fuse();
                let down = self.core.until(|inner| !inner.state.servers().is_up(master)).fuse();
                pin_mut!(told, reported, down);
                loop {
                    select_biased! {
                        () = down => return Ok(()),
                        () = reported => break self.report(partition),
                        told = told => told?,
                    }
                }
            }
        };
        match report {
            Some(PartitionOutcome::Failed { reason, shortage }) => Err(Failure { reason, shortage }),
            Some(PartitionOutcome::Committed { created, bytes, objects }) => {
                let index = partition.index;
                self.core.stuck.lock().remove(&self.log);
                self.core.observe(&Event::Replayed {
                    dead: self.dead,
                    partition: index,
                    master,
                    bytes,
                    objects,
                });
                self.commit(partition, Committed { created, bytes, objects, ..Committed::default() }).await;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn report(&self, partition: &PartitionRecord) -> Option<PartitionOutcome> {
        reported(&self.core.inner.lock(), partition).cloned()
    }

    /// T3: the batch comes after the report and after the dead server's lease; checked against the master, the
    /// attempt and the tablets (T4).
    async fn commit(&self, partition: &PartitionRecord, committed: Committed) {
        // F3: until then the dead server may still answer reads.
        if self.core.config.rules.on(Rule::F3) {
            self.core.lease_over(self.dead).await;
        }
        let recorded = self.core.record(|state| {
            if state.partition(self.log, partition.index).map(|p| (p.attempt, p.phase))
                != Some((partition.attempt, PartitionPhase::Replay))
            {
                return Decision::Settled(false);
            }
            let now = state.partition(self.log, partition.index).expect("just seen");
            match change::commit(state, now, committed, self.core.config.rules) {
                Some(batch) => Decision::Record(batch, true),
                None => Decision::Settled(false),
            }
        });
        match recorded.await {
            Ok(true) => {
                let (index, master) = (partition.index, partition.master);
                self.core.observe(&Event::Committed { dead: self.dead, partition: index, master });
            }
            Ok(false) => {}
            Err(_) => self.core.clock.sleep(self.core.config.times.heartbeat).await,
        }
    }

    /// Tells masters whose attempts are obsolete to forget them, until the partition has ended and all did.
    async fn forget_attempts(&self, index: PartitionIndex) {
        let mut changes = self.core.changes();
        while let Some(partition) = self.record(index).filter(|p| !p.is_ended()) {
            if partition.obsolete.is_empty() {
                changes.changed().await;
                continue;
            }
            for old in &partition.obsolete {
                let (cause, attempt, crashed) = (old.cause, old.attempt, self.log);
                let order = OrderKind::Discard { cause, crashed, partition: index, attempt };
                self.core.insist(old.master, order).await;
            }
            let recorded = self.core.record(|state| match state.partition(self.log, index) {
                Some(now) => Decision::Record(change::forget_attempts(state, now, &partition.obsolete), ()),
                None => Decision::Settled(()),
            });
            if recorded.await.is_err() {
                self.core.clock.sleep(self.core.config.times.heartbeat).await;
            }
        }
    }
}

/// T3: what the present attempt's master says; words about other attempts don't count.
fn reported<'i>(inner: &'i super::core::Inner, partition: &PartitionRecord) -> Option<&'i PartitionOutcome> {
    let (server, attempt, outcome) = inner.reports.get(&(partition.crashed, partition.index))?;
    (*server == partition.master && *attempt == partition.attempt).then_some(outcome)
}
