//! One recovery's partitions: replayed, committed, served, each at its own pace (T3).

use super::{core::Core, discovery::FoundLog, orders::Ordered, scribe::Decision};
use crate::change;
use crate::entity::{Committed, PartitionPhase, PartitionRecord};
use crate::{ClusterState, Event, OrderKind, ReplayOrder, TabletGrant};
use futures_util::{
    FutureExt, StreamExt, future::BoxFuture, future::join, pin_mut, select_biased, stream::FuturesUnordered,
};
use rekindle_backup::ReadPlan;
use rekindle_types::{LogId, Partition, PartitionIndex, PartitionOutcome, Rule, ServerId, Tablet};
use std::collections::BTreeMap;

/// The partitions of one dead server.
pub(super) struct Recovery<'a> {
    core: &'a Core,
    dead: ServerId,
    log: LogId,
    /// What was found of the log in this reign; found again by the next.
    found: tokio::sync::Mutex<Option<FoundLog>>,
}

/// Where to read the log, and what each backup should read ahead.
type Sources = (Vec<crate::SegmentReplicas>, BTreeMap<ServerId, ReadPlan>);

impl<'a> Recovery<'a> {
    pub fn new(core: &'a Core, dead: ServerId) -> Self {
        Self { core, dead, log: LogId::of(dead), found: tokio::sync::Mutex::new(None) }
    }

    /// Until every partition has ended.
    pub async fn run(&self) {
        let all: Vec<_> = self.core.read(|s| s.partitions_of(self.log).map(|p| p.index).collect());
        let mut tasks: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
        for index in all {
            tasks.push(self.bring_to_end(index).boxed());
            tasks.push(self.forget_attempts(index).boxed());
        }
        while tasks.next().await.is_some() {}
    }

    fn record(&self, index: PartitionIndex) -> Option<PartitionRecord> {
        self.core.read(|state| state.partition(self.log, index).cloned())
    }

    async fn bring_to_end(&self, index: PartitionIndex) {
        // Masters whose attempt failed lately, newest last: others are tried first.
        let mut failed: Vec<ServerId> = Vec::new();
        while let Some(partition) = self.record(index) {
            match partition.phase {
                PartitionPhase::Ended(_) => return,
                PartitionPhase::Committed(committed) => self.serve(&partition, committed).await,
                PartitionPhase::Replay if !self.core.is_up(partition.master) => {
                    self.place_again(&partition, &failed).await;
                }
                PartitionPhase::Replay => {
                    if let Err(reason) = self.attempt(&partition).await {
                        self.report_failure(&partition, reason);
                        failed.retain(|s| *s != partition.master);
                        failed.push(partition.master);
                        self.core.clock.sleep(self.core.config.times.heartbeat).await;
                        self.place_again(&partition, &failed).await;
                    }
                }
            }
        }
    }

    fn report_failure(&self, partition: &PartitionRecord, reason: String) {
        let PartitionRecord { index, attempt, master, .. } = *partition;
        self.core.observe(&Event::AttemptFailed {
            dead: self.dead,
            partition: index,
            attempt,
            master,
            reason,
        });
    }

    /// Gives the partition to the server with least to do; waits when there is none, or during a hold (F8).
    async fn place_again(&self, partition: &PartitionRecord, avoid: &[ServerId]) {
        self.core.until_tick(|core| !core.inner.lock().detector.is_held()).await;
        let recorded = self.core.record(|state| {
            // Somebody else may have moved it on: T4 would not see that we look at an old one.
            if state.partition(self.log, partition.index) != Some(partition) {
                return Decision::Settled(true);
            }
            match change::least_loaded(state, avoid) {
                None => Decision::Settled(false),
                Some(master) => Decision::Record(change::place_again(state, partition, master), true),
            }
        });
        if !matches!(recorded.await, Ok(true)) {
            let mut changes = self.core.changes();
            self.core.wait(&mut changes, self.core.config.times.dead_after).await;
        }
    }

    /// One attempt, up to its commit. `Ok` when the record has moved on, or its master died.
    async fn attempt(&self, partition: &PartitionRecord) -> Result<(), String> {
        let master = partition.master;
        // It may have been told by an earlier reign, and be done.
        let report = match self.report(partition) {
            Some(report) => Some(report),
            None => {
                let told = self.tell_to_replay(partition).fuse();
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
            Some(PartitionOutcome::Failed { reason }) => Err(reason),
            Some(PartitionOutcome::Committed { created, bytes, objects }) => {
                let index = partition.index;
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

    /// Sends `replay`, repeated until it is confirmed: its attempt is recorded (T3).
    async fn tell_to_replay(&self, partition: &PartitionRecord) -> Result<(), String> {
        let (segments, reads) = self.sources().await?;
        let order = OrderKind::Replay(ReplayOrder {
            cause: partition.cause,
            crashed: self.log,
            partition: partition.index,
            attempt: partition.attempt,
            pieces: Partition { pieces: partition.pieces.clone() },
            segments,
            list: self.core.read(|state| state.servers().version()),
        });
        join(self.start_reading(reads), self.send_replay(partition.master, order)).await.1
    }

    async fn send_replay(&self, master: ServerId, order: OrderKind) -> Result<(), String> {
        let within = self.core.config.times.dead_after;
        loop {
            match self.core.order(master, order.clone(), within).await {
                Ordered::Done(_) | Ordered::Down => return Ok(()),
                Ordered::Superseded => return Err("a later order about the range was carried out".into()),
                Ordered::Refused(reason) => return Err(reason),
                Ordered::Unknown => self.core.clock.sleep(self.core.config.times.heartbeat).await,
            }
        }
    }

    /// Lets the backups read ahead. One that does not hear of it reads when it is asked.
    async fn start_reading(&self, reads: BTreeMap<ServerId, ReadPlan>) {
        let start = |(server, plan)| async move {
            let backup = self.core.backup(server)?;
            let within = self.core.config.times.dead_after;
            self.core.bounded(server, backup.start_recovery(self.log, plan), within).await
        };
        let mut started: FuturesUnordered<_> = reads.into_iter().map(start).collect();
        while started.next().await.is_some() {}
    }

    /// Where to read the log as things stand: found again by each reign, newcomers asked for each attempt.
    async fn sources(&self) -> Result<Sources, String> {
        let mut found = self.found.lock().await;
        match &mut *found {
            Some(found) => self.core.refresh_log(found).await,
            None => *found = Some(self.core.find_log(self.log).await?),
        }
        let found = found.as_ref().expect("just found");
        if let Some(lost) = found.map.segments.iter().find(|s| s.replicas.is_empty()) {
            return Err(format!("{}: no replica of {} is left", self.log, lost.segment));
        }
        let planner = self.core.planner.lock().await;
        let plan = self.core.read(|state| self.core.draw_up(&planner, state, self.dead, &found.map))?;
        Ok((plan.segments, plan.reads))
    }

    async fn serve(&self, partition: &PartitionRecord, committed: Committed) {
        let (master, cause) = (partition.master, committed.granted);
        let (grants, dropped) = self.core.read(|state| grants(state, partition, committed));
        let mut served = true;
        if !grants.is_empty() {
            served = !matches!(
                self.core.insist(master, OrderKind::Serve { cause, tablets: grants }).await,
                Ordered::Down
            );
        }
        // What was replayed of tables that are gone by now (T1).
        for Tablet { table, range, .. } in dropped {
            self.core.insist(master, OrderKind::Drop { cause, table, range }).await;
        }
        let recorded = self.core.record(|state| {
            let now = state.partition(self.log, partition.index);
            match now.and_then(|now| change::served(state, now)) {
                Some(batch) => Decision::Record(batch, ()),
                None => Decision::Settled(()),
            }
        });
        if recorded.await.is_err() {
            self.core.clock.sleep(self.core.config.times.heartbeat).await;
        } else if served {
            self.core.observe(&Event::Served { dead: self.dead, partition: partition.index, master });
        }
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
                let _ = changes.changed().await;
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

/// What the partition's master shall serve, and the pieces that it shall not.
fn grants(
    state: &ClusterState,
    partition: &PartitionRecord,
    committed: Committed,
) -> (Vec<TabletGrant>, Vec<Tablet>) {
    let replayed = Some((partition.crashed, partition.index, partition.attempt));
    let (mut grants, mut dropped) = (Vec::new(), Vec::new());
    for piece in &partition.pieces {
        let entry = state.map().lookup(piece.table, piece.range.first());
        match entry.filter(|t| t.owner == partition.master && t.version.0 == committed.granted.0) {
            Some(&Tablet { table, range, version, created, .. }) => {
                grants.push(TabletGrant { table, range, version, created, replayed });
            }
            None => dropped.push(*piece),
        }
    }
    (grants, dropped)
}
