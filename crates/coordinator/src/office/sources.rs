//! Telling a recovery master to replay, and where it reads.

use super::{failure::Failure, orders::Ordered, partition::Recovery, recover::PATIENCE};
use crate::entity::{PartitionPhase, PartitionRecord};
use crate::{ClusterState, Event, OrderKind, ReplayOrder, SegmentReplicas};
use futures_util::{StreamExt, future::join, stream::FuturesUnordered};
use rekindle_backup::ReadPlan;
use rekindle_recovery::plan_reads;
use rekindle_types::{Partition, ServerId};
use std::collections::BTreeMap;

/// Where to read the log, and what each backup should read ahead.
type Sources = (Vec<SegmentReplicas>, BTreeMap<ServerId, ReadPlan>);

impl Recovery<'_> {
    /// Sends `replay`, repeated until it is confirmed: its attempt is recorded (T3).
    pub async fn tell_to_replay(
        &self,
        partition: &PartitionRecord,
        is_repeated: bool,
    ) -> Result<(), Failure> {
        let (segments, reads) = self.until_readable(is_repeated).await;
        let order = OrderKind::Replay(ReplayOrder {
            cause: partition.cause,
            crashed: self.log,
            partition: partition.index,
            attempt: partition.attempt,
            pieces: Partition { pieces: partition.pieces.clone() },
            bytes: partition.bytes,
            segments,
            list: self.core.read(|state| state.servers().version()),
        });
        join(self.start_reading(reads), self.send_replay(partition.master, order)).await.1
    }

    async fn send_replay(&self, master: ServerId, order: OrderKind) -> Result<(), Failure> {
        let within = self.core.config.times.dead_after;
        loop {
            match self.core.order(master, order.clone(), within).await {
                Ordered::Done(_) | Ordered::Down => return Ok(()),
                Ordered::Superseded => {
                    return Err(Failure::of("a later order about the range was carried out"));
                }
                Ordered::NoRoom(reason) => return Err(Failure::short_of_memory(reason)),
                Ordered::Refused(reason) => return Err(Failure::of(reason)),
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

    /// Where to read the log; waits as long as some of it can't be read anywhere.
    async fn until_readable(&self, mut is_urgent: bool) -> Sources {
        let mut changes = self.core.changes();
        loop {
            match self.sources(is_urgent).await {
                Ok(sources) => return sources,
                Err(reason) => {
                    self.core.stuck.lock().insert(self.log);
                    self.core.observe(&Event::Waiting { dead: self.dead, reason });
                    self.core.wait(&mut changes, PATIENCE).await;
                    is_urgent = true;
                }
            }
        }
    }

    /// Where to read the log as things stand: found again by each reign, newcomers are asked as they come.
    async fn sources(&self, is_urgent: bool) -> Result<Sources, String> {
        let mut found = self.found.lock().await;
        match &mut *found {
            Some(found) => self.core.refresh_log(found, is_urgent).await,
            None => *found = Some(self.core.find_log(self.log).await?),
        }
        let found = found.as_ref().expect("just found");
        if let Some(lost) = found.map.segments.iter().find(|s| s.replicas.is_empty()) {
            return Err(format!("{}: no replica of {} is left", self.log, lost.segment));
        }
        // Cut as recorded, whatever has been committed since: the masters ask for those partitions. Of those that
        // were cut again others have the pieces.
        let reads = |state: &ClusterState| {
            let partition = |p: &PartitionRecord| match p.phase {
                PartitionPhase::Cut => Partition::default(),
                _ => Partition { pieces: p.pieces.clone() },
            };
            let partitions: Vec<_> = state.partitions_of(self.log).map(partition).collect();
            plan_reads(&found.map, &partitions, &mut self.core.room(state))
        };
        Ok(self.core.read(reads))
    }
}
