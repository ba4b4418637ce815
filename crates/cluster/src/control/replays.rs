//! Replays of dead masters' partitions, as tasks of this server (T2, T3).

use super::{Begin, Entry, Progress, Ranges};
use crate::master::OrderTag;
use futures_util::{FutureExt, future::Shared, select_biased};
use rekindle_coordinator::{ControlError, ReplayOrder, Report};
use rekindle_log::{
    MemoryReservation, NoRoom,
    store::{Replay, Replayed},
};
use rekindle_recovery::{Filling, ReplayFailure, ReplayTask};
use rekindle_types::{Attempt, KeyRange, Rule, SegmentId, Shortage, TableId};
use std::sync::Arc;
use tokio::sync::oneshot;

/// A replay's task, as others see it. Dropping it cancels the task.
pub(super) struct Running {
    attempt: Attempt,
    ranges: Vec<(TableId, KeyRange)>,
    cancel: Option<oneshot::Sender<()>>,
    ended: End,
}

/// Resolves when a task has let go of the store.
type End = Shared<oneshot::Receiver<()>>;

impl Running {
    /// Stops the task at its next await.
    pub(super) fn cancel(&mut self) {
        self.cancel = None;
    }

    fn overlaps(&self, ranges: &[(TableId, KeyRange)]) -> bool {
        let with = |(table, range): &(TableId, KeyRange)| {
            ranges.iter().any(|(t, r)| t == table && r.intersection(*range).is_some())
        };
        self.ranges.iter().any(with)
    }
}

/// What a replay needs to know of those before it.
struct Former {
    /// Their tasks.
    ended: Vec<End>,
    /// What they took.
    entries: Vec<Entry>,
}

impl Ranges {
    /// Takes the ranges of a partition and starts to replay it (T2). The result goes with the renewals.
    pub async fn replay(self: &Arc<Self>, order: ReplayOrder) -> Result<Report, ControlError> {
        let mut running = self.turn().await;
        let ranges: Vec<(TableId, KeyRange)> =
            order.pieces.pieces.iter().map(|p| (p.table, p.range)).collect();
        if self.is_repeated(&ranges, order.cause, OrderTag::Replay)? && !ranges.is_empty() {
            return Ok(Report::Done);
        }
        let key = (order.crashed, order.partition);
        // L2: the memory first. Without it nothing has begun, and another server gets the partition.
        let reserved = self.parts.log.reserve(order.bytes);
        let mut former = Former { ended: Vec::new(), entries: Vec::new() };
        {
            let mut book = self.book.lock();
            let is_new = book.entry(key).is_none_or(|entry| entry.attempt < order.attempt);
            if let (true, Err(NoRoom { need, free })) = (is_new, &reserved) {
                return Err(ControlError::NoRoom { need: *need, free: *free });
            }
            match book.begin(key, order.attempt, order.cause, ranges.clone()) {
                Begin::Known => return Ok(Report::Done),
                Begin::Obsolete(newer) => {
                    return Err(ControlError::Refused(format!("attempt {newer} is here")));
                }
                Begin::Start(entry) => former.entries.extend(entry),
            }
            for (other, attempt) in book.overlapping(key, &ranges) {
                former.entries.extend(book.discard(other, attempt));
                if let Some(task) = running.get_mut(&other) {
                    task.cancel();
                }
            }
        }
        if let Some(task) = running.get_mut(&key) {
            task.cancel();
        }
        // Whoever discarded it: several partitions may take what one had.
        let overlapping = running.iter().filter(|(k, task)| **k == key || task.overlaps(&ranges));
        former.ended.extend(overlapping.map(|(_, task)| task.ended.clone()));
        let exclusions: Vec<_> = ranges
            .iter()
            .map(|(table, range)| self.parts.tablets.take(*table, *range, order.cause))
            .collect();
        exclusions.into_iter().for_each(crate::master::Exclusion::wait);
        let Some(tasks) = self.parts.tasks.upgrade() else {
            return Err(ControlError::Refused("this server is stopping".into()));
        };
        let (cancel, cancelled) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let reserved = reserved.expect("only a new attempt comes so far");
        let task = Running {
            attempt: order.attempt,
            ranges: ranges.clone(),
            cancel: Some(cancel),
            ended: ended.shared(),
        };
        running.insert(key, task);
        drop(running);
        let this = self.clone();
        tasks.start("replay", async move {
            let attempt = order.attempt;
            this.carry_out(order, reserved, ranges, former, cancelled).await;
            let mut running = this.turn().await;
            if running.get(&key).is_some_and(|running| running.attempt == attempt) {
                running.remove(&key);
            }
            drop(running);
            drop(end);
        });
        Ok(Report::Done)
    }

    async fn carry_out(
        &self,
        order: ReplayOrder,
        reserved: MemoryReservation,
        ranges: Vec<(TableId, KeyRange)>,
        former: Former,
        cancelled: oneshot::Receiver<()>,
    ) {
        // What an older task still puts into the store must come before the purge.
        for ended in former.ended {
            let _ = ended.await;
        }
        let key = (order.crashed, order.partition);
        let Some(replay) = self.take(&order, reserved, &ranges, &former.entries).await else { return };
        let progress = self.fill(&order, replay, cancelled).await;
        let turn = self.turn().await;
        let is_noted = self.book.lock().finish(key, order.attempt, progress);
        if !is_noted {
            let given_up = self.give_up(order.cause, &ranges);
            self.purge(turn, given_up).await;
        }
    }

    /// T2: empties the ranges and fixes the position below which this log's entries are not theirs. `None` when
    /// another order came first.
    async fn take(
        &self,
        order: &ReplayOrder,
        reserved: MemoryReservation,
        ranges: &[(TableId, KeyRange)],
        former: &[Entry],
    ) -> Option<Replay> {
        let turn = self.turn().await;
        let is_current = {
            let book = self.book.lock();
            let entry = book.entry((order.crashed, order.partition));
            entry.is_some_and(|e| e.attempt == order.attempt && e.progress == Progress::Running)
        };
        let mut given_up: Vec<_> =
            former.iter().flat_map(|entry| self.give_up(entry.cause, &entry.ranges)).collect();
        if !is_current {
            given_up.extend(self.give_up(order.cause, ranges));
            self.purge(turn, given_up).await;
            return None;
        }
        let (store, pieces) = (self.parts.store.clone(), order.pieces.clone());
        let lanes = self.parts.replay_lanes;
        let begin = move || {
            given_up.iter().for_each(|(table, range)| store.purge(*table, *range));
            let replay = store.replay_in(reserved, pieces, lanes);
            drop(turn);
            replay
        };
        self.parts.env.spawn.compute("begin a replay", begin).await
    }

    async fn fill(&self, order: &ReplayOrder, replay: Replay, cancelled: oneshot::Receiver<()>) -> Progress {
        let mut cancelled = cancelled.fuse();
        // T2: without a position this log's older entries of the range come back with the next crash.
        let created = if self.parts.rules.on(Rule::T2) { replay.created() } else { SegmentId(0) };
        let task = ReplayTask {
            index: order.partition,
            partition: order.pieces.clone(),
            segments: order.segments.clone(),
            config: self.parts.replay,
        };
        let env = &self.parts.env;
        let filling = Filling::new(replay, self.parts.replay_lanes);
        let key = (order.crashed, order.partition);
        let applied = |bytes| self.book.lock().add(key, order.attempt, bytes);
        let filled = select_biased! {
            _ = cancelled => Err(Unfinished::Cancelled),
            filled = task.fill(&filling, &*self.parts.backups, env, &applied).fuse() => {
                filled.map_err(Unfinished::Failed)
            }
        };
        // Heavy work can't be stopped: what it still puts into the store must come before this attempt's end.
        let replay = filling.end().await;
        let pieces = replay.piece_bytes();
        if let Err(unfinished) = filled {
            // It purges what it has put there.
            env.spawn.heavy("drop a replay", Box::new(move || drop(replay))).join().await;
            return unfinished.progress(pieces);
        }
        select_biased! {
            _ = cancelled => Progress::Discarded,
            committed = replay.commit().fuse() => match committed {
                Ok(Replayed { head, bytes, objects, .. }) => {
                    Progress::Committed { created, head, bytes, objects }
                }
                Err(error) => Unfinished::Failed(error.into()).progress(pieces),
            },
        }
    }
}

/// Why a replay was not brought to its end.
enum Unfinished {
    Cancelled,
    Failed(ReplayFailure),
}

impl Unfinished {
    /// What is noted of it; `pieces` are the bytes that were replayed.
    fn progress(self, pieces: Vec<u64>) -> Progress {
        match self {
            Self::Cancelled => Progress::Discarded,
            Self::Failed(failure) => {
                let shortage = matches!(failure, ReplayFailure::NoRoom(_)).then_some(Shortage { pieces });
                Progress::Failed { reason: failure.to_string(), shortage }
            }
        }
    }
}
