//! Pushing the server list: increments in order, the full list to newcomers, repeated until confirmed.

use super::{core::Core, orders::Ordered};
use crate::OrderKind;
use futures_util::{FutureExt, StreamExt, future::BoxFuture, select_biased, stream::FuturesUnordered};
use rekindle_types::{ListUpdate, ListVersion, ServerId};
use std::collections::BTreeSet;

impl Core {
    /// Keeps every server's list up to date: one push per server at a time.
    pub async fn push_lists(&self) {
        let mut pushes: FuturesUnordered<BoxFuture<'_, ServerId>> = FuturesUnordered::new();
        let mut busy = BTreeSet::new();
        let mut changes = self.changes();
        loop {
            for (server, update, to) in self.pushes_due(&busy) {
                busy.insert(server);
                pushes.push(self.push(server, update, to).boxed());
            }
            select_biased! {
                server = pushes.select_next_some() => drop(busy.remove(&server)),
                _ = changes.changed().boxed().fuse() => {}
            }
        }
    }

    fn pushes_due(&self, busy: &BTreeSet<ServerId>) -> Vec<(ServerId, ListUpdate, ListVersion)> {
        let inner = self.inner.lock();
        let to = inner.state.servers().version();
        let up = inner.state.servers().up().map(|s| s.id).filter(|s| !busy.contains(s));
        up.filter_map(|server| {
            let have = inner.lists.get(&server).copied().unwrap_or_default();
            Some((server, inner.state.list_since(have)?, to))
        })
        .collect()
    }

    async fn push(&self, server: ServerId, update: ListUpdate, to: ListVersion) -> ServerId {
        let pushed = self.order(server, OrderKind::List(update), self.config.times.dead_after).await;
        match pushed {
            Ordered::Done(_) => {
                let mut inner = self.inner.lock();
                let have = inner.lists.entry(server).or_default();
                *have = (*have).max(to);
            }
            // The increment does not fit: the full list next time.
            Ordered::Refused(_) => drop(self.inner.lock().lists.remove(&server)),
            _ => {}
        }
        if !matches!(pushed, Ordered::Done(_)) {
            self.clock.sleep(self.config.times.heartbeat).await;
        }
        server
    }
}
