//! How scripted servers obey.

use super::script::{Scene, Script};
use super::server::ReplayScript;
use crate::{ControlError, Order, OrderKind, ReplayOrder, Report, ServerControl, TabletGrant};
use async_trait::async_trait;
use rekindle_env::Time;
use rekindle_types::{PartitionOutcome, PartitionReport, RemoteError, ServerId};

pub(super) struct ScriptedControl {
    pub script: Script,
    pub server: ServerId,
}

#[async_trait]
impl ServerControl for ScriptedControl {
    async fn call(&self, order: Order) -> Result<Report, ControlError> {
        let now = self.script.env.clock.now();
        if let OrderKind::ProbeFor { suspect } = order.kind {
            let scene = self.script.scene.lock();
            let answers = |s: ServerId| scene.servers.get(&s).is_some_and(super::server::Scripted::answers);
            if answers(self.server) {
                return Ok(Report::Probed { is_alive: answers(suspect) });
            }
        }
        let obeyed = self.script.scene.lock().obey(self.server, order.kind, now);
        match obeyed {
            Some(result) => result,
            // Lost on its way: a datagram to a dead process brings no refusal.
            None => {
                self.script.env.clock.sleep(self.script.times.call_deadline).await;
                Err(RemoteError::Unknown("no answer".into()).into())
            }
        }
    }
}

impl Scene {
    fn obey(&mut self, id: ServerId, kind: OrderKind, now: Time) -> Option<Result<Report, ControlError>> {
        let server = self.servers.get_mut(&id).filter(|s| s.answers())?;
        if !matches!(kind, OrderKind::Probe) {
            server.orders.push((now, kind.clone()));
        }
        match kind {
            OrderKind::List(update) => {
                if server.list.apply(&update).is_err() {
                    return Some(Err(ControlError::Refused("the increment does not fit".into())));
                }
            }
            OrderKind::Serve { cause, tablets } => {
                if let Some(newer) = tablets.iter().find_map(|grant| server.dropped_since(cause, grant)) {
                    return Some(Err(ControlError::Superseded(newer)));
                }
                tablets.into_iter().for_each(|grant| self.serve(id, grant, now))
            }
            OrderKind::Drop { table, range, .. } => {
                server.serving.retain(|g| g.table != table || g.range.intersection(range).is_none());
            }
            OrderKind::Replay(order) => match server.replay {
                ReplayScript::Commit => self.replay(id, &order),
                ReplayScript::Stall => server.stalled.push(order),
                ReplayScript::NoRoom => {
                    return Some(Err(ControlError::NoRoom { need: order.bytes, free: 0 }));
                }
                ReplayScript::Fail => {
                    let outcome =
                        PartitionOutcome::Failed { reason: "as the script says".into(), shortage: None };
                    self.report(id, &order, outcome);
                }
            },
            OrderKind::Discard { crashed, partition, attempt, .. } => {
                let at = (crashed, partition);
                server.reports.retain(|r| (r.crashed, r.partition) != at || r.attempt > attempt);
                server.stalled.retain(|o| (o.crashed, o.partition) != at || o.attempt > attempt);
            }
            OrderKind::FreeLog(log) => drop(server.replicas.remove(&log)),
            OrderKind::Probe | OrderKind::ProbeFor { .. } => {}
        }
        Some(Ok(Report::Done))
    }

    /// Commits if every segment can be read somewhere.
    pub fn replay(&mut self, id: ServerId, order: &ReplayOrder) {
        let lost = order.segments.iter().find(|segment| {
            !segment.replicas.iter().any(|source| {
                let backup = self.servers.get(&source.server).filter(|s| s.answers());
                let held = backup.and_then(|s| s.replicas.get(&order.crashed));
                held.is_some_and(|held| held.iter().any(|info| info.replica == source.replica))
            })
        });
        let shortage = self.servers.get(&id).and_then(|s| s.is_short_of(order, &self.contents));
        let outcome = match lost {
            Some(lost) => {
                PartitionOutcome::Failed { reason: format!("{} can't be read", lost.segment), shortage: None }
            }
            None if shortage.is_some() => {
                PartitionOutcome::Failed { reason: "memory is short".into(), shortage }
            }
            None => {
                let server = self.servers.get_mut(&id).expect("a server of the script");
                let created = server.next_segment;
                server.next_segment = created.next();
                PartitionOutcome::Committed { created, bytes: 1 << 10, objects: 10 }
            }
        };
        self.report(id, order, outcome);
    }

    fn report(&mut self, id: ServerId, order: &ReplayOrder, outcome: PartitionOutcome) {
        let server = self.servers.get_mut(&id).expect("a server of the script");
        let ReplayOrder { crashed, partition, attempt, .. } = *order;
        server.reports.retain(|r| (r.crashed, r.partition) != (crashed, partition));
        server.reports.push(PartitionReport { crashed, partition, attempt, outcome });
    }

    /// COO-1: while one master serves a range no other may.
    fn serve(&mut self, id: ServerId, grant: TabletGrant, now: Time) {
        let overlaps =
            |g: &TabletGrant| g.table == grant.table && g.range.intersection(grant.range).is_some();
        for other in self.servers.values().filter(|s| s.id != id && s.is_serving(now)) {
            if let Some(held) = other.serving.iter().find(|g| overlaps(g)) {
                let held = held.range;
                self.violations.push(format!("{} and {id} both serve {} {held}", other.id, grant.table));
            }
        }
        let server = self.servers.get_mut(&id).expect("a server of the script");
        server.serving.retain(|g| !overlaps(g));
        server.serving.push(grant);
        if let Some((crashed, partition, attempt)) = grant.replayed {
            server.reports.retain(|r| (r.crashed, r.partition, r.attempt) != (crashed, partition, attempt));
        }
    }
}
