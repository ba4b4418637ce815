//! Watching over the servers: the detector's hands.

use super::{core::Core, orders::Ordered, scribe::Decision, scribe::NotRecorded};
use crate::{DetectorAction, Event, OrderKind, Report, change};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, select_biased, stream::FuturesUnordered};
use rekindle_types::ServerId;
use std::{collections::BTreeSet, mem};

impl Core {
    /// Ticks, probes, condemns, until the reign ends. F7: where the heartbeats are heard, so that nothing else holds
    /// it up.
    pub async fn keep_watch(&self) {
        // Bounded by the detector: one round per server.
        let mut probes: FuturesUnordered<BoxFuture<'_, ()>> = FuturesUnordered::new();
        let every = self.inner.lock().detector.tick_every();
        let mut next = self.clock.sleep(every).fuse();
        while !self.is_stopped() {
            let is_tick = select_biased! {
                () = probes.select_next_some() => false,
                () = next => true,
                () = self.hinted.notified().fuse() => false,
            };
            let mut actions = mem::take(&mut self.inner.lock().probes);
            if is_tick {
                next = self.clock.sleep(every).fuse();
                actions.extend(self.tick());
            }
            for action in actions {
                let DetectorAction::Probe { suspect, round, through } = action else { continue };
                self.observe(&Event::Suspected(suspect));
                probes.push(self.probe(suspect, suspect, round).boxed());
                probes.extend(through.into_iter().map(|via| self.probe(suspect, via, round).boxed()));
            }
        }
    }

    /// Condemns whom the detector declares; what else it wants is left to do.
    fn tick(&self) -> Vec<DetectorAction> {
        let now = self.now();
        let mut inner = self.inner.lock();
        let mut actions = inner.detector.tick(now);
        // F8: whom it declares now, and nobody whom it would spare by now.
        let mut condemned = BTreeSet::new();
        actions.retain(|action| match action {
            DetectorAction::Declare(server) => !condemned.insert(*server),
            DetectorAction::Probe { .. } => true,
        });
        let has_news = !condemned.is_subset(&inner.condemned);
        inner.condemned = condemned;
        drop(inner);
        if has_news {
            self.notify();
        }
        actions
    }

    /// Declares the condemned: with everything else that is recorded.
    pub async fn declare_condemned(&self) {
        let mut tasks: FuturesUnordered<BoxFuture<'_, ServerId>> = FuturesUnordered::new();
        // One declaration at a time per server.
        let mut declaring: BTreeSet<ServerId> = BTreeSet::new();
        let mut changes = self.changes();
        loop {
            for (server, is_proven) in self.take_condemned() {
                if declaring.insert(server) {
                    if !is_proven {
                        self.observe(&Event::Detected(server));
                    }
                    tasks.push(self.declare(server).map(move |_| server).boxed());
                }
            }
            select_biased! {
                done = tasks.select_next_some() => drop(declaring.remove(&done)),
                () = changes.changed().boxed().fuse() => {}
            }
        }
    }

    /// Who is to be declared, and whether its death is proven.
    fn take_condemned(&self) -> Vec<(ServerId, bool)> {
        let mut inner = self.inner.lock();
        let condemned = mem::take(&mut inner.condemned);
        condemned.into_iter().map(|server| (server, inner.detector.is_proven(server))).collect()
    }

    /// Probes the suspect, itself or through another server.
    async fn probe(&self, suspect: ServerId, via: ServerId, round: u64) {
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
