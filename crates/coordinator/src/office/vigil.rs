//! Watching over the servers: the detector's hands.

use super::{core::Core, orders::Ordered, scribe::Decision, scribe::NotRecorded};
use crate::{DetectorAction, Event, OrderKind, Report, change};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, select_biased, stream::FuturesUnordered};
use rekindle_types::ServerId;
use std::collections::BTreeSet;

impl Core {
    /// Ticks, probes, declares.
    pub async fn keep_watch(&self) {
        let mut tasks: FuturesUnordered<BoxFuture<'_, Option<ServerId>>> = FuturesUnordered::new();
        // One declaration at a time per server; probes are bounded by the detector: one round per server.
        let mut declaring: BTreeSet<ServerId> = BTreeSet::new();
        let every = self.inner.lock().detector.tick_every();
        let mut changes = self.changes();
        let mut next = self.clock.sleep(every).fuse();
        loop {
            let is_tick = select_biased! {
                done = tasks.select_next_some() => {
                    declaring.retain(|s| Some(*s) != done);
                    false
                }
                () = next => true,
                () = changes.changed().boxed().fuse() => false,
            };
            let now = self.now();
            let mut actions = std::mem::take(&mut self.inner.lock().probes);
            if is_tick {
                next = self.clock.sleep(every).fuse();
                actions.extend(self.inner.lock().detector.tick(now));
            }
            for action in actions {
                match action {
                    DetectorAction::Probe { suspect, round, through } => {
                        self.observe(&Event::Suspected(suspect));
                        tasks.push(self.probe(suspect, suspect, round).boxed());
                        tasks.extend(through.into_iter().map(|via| self.probe(suspect, via, round).boxed()));
                    }
                    DetectorAction::Declare(server) => {
                        if declaring.insert(server) {
                            if !self.inner.lock().detector.is_proven(server) {
                                self.observe(&Event::Detected(server));
                            }
                            tasks.push(self.declare(server).map(move |_| Some(server)).boxed());
                        }
                    }
                }
            }
        }
    }

    /// Probes the suspect, itself or through another server.
    async fn probe(&self, suspect: ServerId, via: ServerId, round: u64) -> Option<ServerId> {
        let kind = if via == suspect { OrderKind::Probe } else { OrderKind::ProbeFor { suspect } };
        let answer = self.order(via, kind, self.config.times.probe_timeout).await;
        let is_alive = match answer {
            Ordered::Done(Report::Probed { is_alive }) => is_alive,
            Ordered::Done(Report::Done) => via == suspect,
            _ => false,
        };
        if is_alive {
            let now = self.now();
            self.inner.lock().detector.answered(suspect, round, now);
        }
        None
    }

    /// Records a death. The detector repeats the declaration when that fails.
    pub async fn declare(&self, server: ServerId) -> Result<(), NotRecorded> {
        let decide = |state: &crate::ClusterState| match change::declare_dead(state, server) {
            Some(batch) => Decision::Record(batch, ()),
            None => Decision::Settled(()),
        };
        self.record(decide).await
    }
}
