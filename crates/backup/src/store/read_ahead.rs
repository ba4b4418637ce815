//! Filtered entries kept until the recovery masters fetch them.

use crate::store::{Loaded, ReadPlan, filter::Filter};
use bytes::Bytes;
use rekindle_log::Certificate;
use rekindle_types::{LogId, Partition, PartitionIndex, ReplicaId, Rules};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// What was filtered ahead of the loads, of all logs under recovery, within one limit.
///
/// A part is dropped when it was fetched. Asked for again, it is filtered again, alone. On-demand filtering
/// pushes out what is oldest; reading ahead stops at the limit.
#[derive(Debug)]
pub(crate) struct ReadAhead {
    limit_bytes: usize,
    held_bytes: usize,
    logs: BTreeMap<LogId, Reading>,
    ready: BTreeMap<ReplicaId, Parts>,
    oldest: VecDeque<ReplicaId>,
}

#[derive(Debug)]
struct Reading {
    plan: ReadPlan,
    /// The plan's replicas, for look-up.
    planned: BTreeSet<ReplicaId>,
    filter: Arc<Filter>,
    /// First replica of the plan that was not looked at ahead.
    next: usize,
    /// Filtered for all partitions once: what is asked for again is filtered alone.
    passed: BTreeSet<ReplicaId>,
}

/// A filtered replica, by partition; fetched parts are gone.
#[derive(Debug)]
struct Parts {
    certificate: Certificate,
    parts: Vec<Option<Bytes>>,
}

impl ReadAhead {
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self {
            limit_bytes,
            held_bytes: 0,
            logs: BTreeMap::new(),
            ready: BTreeMap::new(),
            oldest: VecDeque::new(),
        }
    }

    /// Takes a plan; the same one again changes nothing, another one replaces it.
    pub(crate) fn start(&mut self, log: LogId, plan: ReadPlan, rules: Rules) {
        if self.logs.get(&log).is_some_and(|reading| reading.plan == plan) {
            return;
        }
        self.forget(log);
        let filter = Arc::new(Filter::new(&plan.partitions, rules));
        let planned = plan.replicas.iter().map(|p| p.replica).filter(|r| r.log == log).collect();
        self.logs.insert(log, Reading { plan, planned, filter, next: 0, passed: BTreeSet::new() });
    }

    /// Drops all of a log.
    pub(crate) fn forget(&mut self, log: LogId) {
        self.logs.remove(&log);
        let of_log: Vec<_> = self.oldest.iter().copied().filter(|replica| replica.log == log).collect();
        of_log.into_iter().for_each(|replica| self.drop_parts(replica));
    }

    /// Hands a part out, if it is there for exactly this partition.
    pub(crate) fn fetch(
        &mut self,
        replica: ReplicaId,
        index: PartitionIndex,
        partition: &Partition,
    ) -> Option<Loaded> {
        self.reading(replica, index, partition)?;
        let ready = self.ready.get_mut(&replica)?;
        let bytes = ready.parts.get_mut(index.0 as usize)?.take()?;
        let certificate = ready.certificate;
        self.held_bytes -= bytes.len();
        if ready.parts.iter().all(Option::is_none) {
            self.drop_parts(replica);
        }
        Some(Loaded { bytes, certificate })
    }

    /// The filter of all partitions, when this load is of a plan and the first of its replica.
    pub(crate) fn begin(
        &mut self,
        replica: ReplicaId,
        index: PartitionIndex,
        partition: &Partition,
    ) -> Option<Arc<Filter>> {
        self.reading(replica, index, partition)?;
        let reading = self.logs.get_mut(&replica.log)?;
        reading.passed.insert(replica).then(|| Arc::clone(&reading.filter))
    }

    /// Whether so many bytes more may come without pushing anything out.
    pub(crate) fn has_room_for(&self, bytes: usize) -> bool {
        self.held_bytes + bytes <= self.limit_bytes
    }

    /// The next replica to filter ahead, as long as there is room.
    pub(crate) fn next(&mut self) -> Option<(ReplicaId, Arc<Filter>)> {
        if self.held_bytes >= self.limit_bytes {
            return None;
        }
        for reading in self.logs.values_mut() {
            while let Some(primary) = reading.plan.replicas.get(reading.next) {
                reading.next += 1;
                let replica = primary.replica;
                if reading.planned.contains(&replica) && reading.passed.insert(replica) {
                    return Some((replica, Arc::clone(&reading.filter)));
                }
            }
        }
        None
    }

    /// Keeps what the filter of [`ReadAhead::begin`] or [`ReadAhead::next`] gave, unless the plan was replaced
    /// meanwhile.
    pub(crate) fn keep(
        &mut self,
        replica: ReplicaId,
        filter: &Arc<Filter>,
        certificate: Certificate,
        parts: Vec<Option<Bytes>>,
    ) {
        let is_current = self.logs.get(&replica.log).is_some_and(|r| Arc::ptr_eq(&r.filter, filter));
        let bytes: usize = parts.iter().flatten().map(Bytes::len).sum();
        if !is_current || bytes > self.limit_bytes {
            return;
        }
        while self.held_bytes + bytes > self.limit_bytes {
            let Some(oldest) = self.oldest.front().copied() else { break };
            self.drop_parts(oldest);
        }
        self.held_bytes += bytes;
        self.oldest.push_back(replica);
        self.ready.insert(replica, Parts { certificate, parts });
    }

    /// The plan that knows this replica and has exactly this partition at this index.
    fn reading(&self, replica: ReplicaId, index: PartitionIndex, partition: &Partition) -> Option<&Reading> {
        let reading = self.logs.get(&replica.log)?;
        let is_planned = reading.planned.contains(&replica);
        let same_cut = reading.plan.partitions.get(index.0 as usize) == Some(partition);
        (is_planned && same_cut).then_some(reading)
    }

    fn drop_parts(&mut self, replica: ReplicaId) {
        self.oldest.retain(|r| *r != replica);
        let parts = self.ready.remove(&replica).map(|ready| ready.parts).unwrap_or_default();
        self.held_bytes -= parts.iter().flatten().map(Bytes::len).sum::<usize>();
    }
}
