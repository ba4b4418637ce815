//! RecoverServer: Discover, Replay, Release (the death record itself is the fence).

use super::{core::Core, discovery::FoundLog, engine::Step, partition::Recovery, scribe::Decision};
use crate::change::{self, Placed};
use crate::entity::{Operation, RecoverPhase};
use crate::{ClusterState, Event, OrderKind};
use futures_util::{StreamExt, future::join, stream::FuturesUnordered};
use rekindle_recovery::{EvenPlanner, LogMap, PlanInput, RecoveryPlan, RecoveryPlanner};
use rekindle_types::{LogId, ServerId};
use std::time::Duration;

/// How long a recovery waits for a change before it asks the backups again.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);

impl Core {
    /// One phase of a recovery.
    pub async fn recover(&self, operation: &Operation, dead: ServerId, phase: RecoverPhase) -> Step {
        match phase {
            RecoverPhase::Discover => self.discover_and_plan(operation, dead).await,
            RecoverPhase::Replay | RecoverPhase::Release => self.replay_and_release(operation, dead).await,
        }
    }

    async fn discover_and_plan(&self, operation: &Operation, dead: ServerId) -> Step {
        let (replicas, owned) = self.read(|state| {
            let replicas = state.shape().map_or(0, |shape| shape.replicas);
            (replicas, state.map().owned_by(dead).count())
        });
        if replicas == 0 {
            return self.give_up_tablets(operation, dead).await;
        }
        // A dead server gets no tablets any more (T4): what it has not now it never has.
        if owned == 0 {
            let release =
                |state: &ClusterState| Decision::Record(change::release(state, operation, dead), ());
            return self.record(release).await.map_or_else(Step::from, |()| Step::Next);
        }
        let mut found = match self.find_log(LogId::of(dead)).await {
            Ok(found) => found,
            Err(reason) => return Step::Park { reason, patience: PATIENCE },
        };
        let (segments, bytes) = (found.map.segments.len(), found.map.bytes());
        self.observe(&Event::Discovered { dead, segments, bytes });
        let mut waits_for = String::new();
        let step = loop {
            // F8: no plan is made during a hold.
            self.until_tick(|core| !core.inner.lock().detector.is_held()).await;
            self.until_rooms_known().await;
            match self.plan(operation, dead, &found).await {
                Ok(step) => break step,
                Err(reason) if reason == waits_for => {}
                Err(reason) => {
                    waits_for.clone_from(&reason);
                    self.observe(&Event::Waiting { dead, reason });
                }
            }
            // L2, L3: memory and frames become free without a change of what is recorded.
            self.clock.sleep(PATIENCE).await;
            self.refresh_log(&mut found, false).await;
        };
        self.found.lock().insert(LogId::of(dead), found);
        step
    }

    async fn give_up_tablets(&self, operation: &Operation, dead: ServerId) -> Step {
        let lose = |state: &ClusterState| {
            let tablets = u32::try_from(state.map().owned_by(dead).count()).unwrap_or(u32::MAX);
            Decision::Record(change::lose_tablets(state, operation, dead), tablets)
        };
        match self.record(lose).await {
            Err(error) => error.into(),
            Ok(tablets) => {
                self.observe(&Event::Lost { dead, tablets });
                Step::Done
            }
        }
    }

    /// O2: one plan after another, each against the reservations of all the others. `Err` says what is missing.
    async fn plan(&self, operation: &Operation, dead: ServerId, found: &FoundLog) -> Result<Step, String> {
        let planner = self.planner.lock().await;
        let mut no_room = String::new();
        let recorded = self
            .record(|state| match self.draw_up(&planner, state, dead, &found.map) {
                Err(reason) => {
                    no_room = reason;
                    Decision::Settled(false)
                }
                Ok(plan) => {
                    let placed = |p: &rekindle_recovery::PlannedPartition| Placed {
                        partition: p.partition.clone(),
                        bytes: p.bytes,
                        master: p.master,
                    };
                    let placed: Vec<Placed> = plan.partitions.iter().map(placed).collect();
                    let rules = self.config.rules;
                    Decision::Record(change::record_plan(state, operation, dead, &placed, rules), true)
                }
            })
            .await;
        match recorded {
            Err(error) => Ok(error.into()),
            Ok(false) => Err(no_room),
            Ok(true) => {
                let partitions = self.read(|state| state.partitions_of(LogId::of(dead)).count());
                self.observe(&Event::Planned { dead, partitions });
                Ok(Step::Next)
            }
        }
    }

    /// A plan for what the dead server owns, as things stand.
    fn draw_up(
        &self,
        planner: &EvenPlanner,
        state: &ClusterState,
        dead: ServerId,
        log: &LogMap,
    ) -> Result<RecoveryPlan, String> {
        self.frames_suffice(state, dead, log.bytes())?;
        let input = PlanInput {
            log: log.clone(),
            owned: state.map().owned_by(dead).copied().collect(),
            will: None,
            partition_bytes: self.config.partition_bytes,
            partition_bytes_min: self.config.partition_bytes_min,
            rules: self.config.rules,
        };
        planner.plan(&input, &mut self.room(state)).map_err(|error| error.to_string())
    }

    /// Brings every partition to its end; meanwhile, once all are committed, frees the replicas.
    async fn replay_and_release(&self, operation: &Operation, dead: ServerId) -> Step {
        let recovery = Recovery::new(self, dead);
        join(recovery.run(), self.release(operation, dead)).await;
        self.stuck.lock().remove(&LogId::of(dead));
        let finish = |state: &ClusterState| {
            Decision::Record(change::finish_recovery(state, operation_now(state, operation), dead), ())
        };
        match self.record(finish).await {
            Err(error) => error.into(),
            Ok(()) => {
                self.observe(&Event::Recovered(dead));
                Step::Done
            }
        }
    }

    /// Frees the dead master's replicas on all backups that are up; later ones see that it left the list.
    async fn release(&self, operation: &Operation, dead: ServerId) {
        let log = LogId::of(dead);
        self.until(|inner| may_free(&inner.state, log, self.config.rules)).await;
        let release = |state: &ClusterState| {
            Decision::Record(change::release(state, operation_now(state, operation), dead), ())
        };
        while self.record(release).await.is_err() {
            self.clock.sleep(self.config.times.heartbeat).await;
        }
        let up: Vec<ServerId> = self.read(|state| state.servers().up().map(|s| s.id).collect());
        let free = |server| self.insist(server, OrderKind::FreeLog(log));
        let mut freed: FuturesUnordered<_> = up.into_iter().map(free).collect();
        while freed.next().await.is_some() {}
    }

    /// Waits until something is so that changes with time, not with an event.
    pub async fn until_tick(&self, is_so: impl Fn(&Self) -> bool) {
        while !is_so(self) {
            self.clock.sleep(self.config.times.heartbeat).await;
        }
    }
}

fn operation_now<'a>(state: &'a ClusterState, operation: &'a Operation) -> &'a Operation {
    state.operation(operation.id).unwrap_or(operation)
}

/// T3: the replicas are freed only after every partition's batch.
fn may_free(state: &ClusterState, log: LogId, rules: rekindle_types::Rules) -> bool {
    let mut partitions = state.partitions_of(log);
    if rules.on(rekindle_types::Rule::T3) {
        partitions.all(|p| !p.is_open())
    } else {
        partitions.any(|p| p.is_committed())
    }
}
