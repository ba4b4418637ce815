//! Something changed: wakes all who wait for that, in the order in which they began to.
//!
//! Not tokio's `watch`: with tokio's feature `rt`, which any crate of a build may turn on, that wakes in an order drawn
//! at random, and one seed would not give one run any more.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tokio::sync::Notify;

/// Counts changes.
#[derive(Default)]
pub(super) struct Changes {
    /// Written before the waiters are woken; they look after they have begun to wait.
    count: AtomicU64,
    notify: Notify,
}

impl Changes {
    /// One more.
    pub(super) fn note(&self) {
        self.count.fetch_add(1, Ordering::AcqRel);
        self.notify.notify_waiters();
    }

    /// To wait for those from now on.
    pub(super) fn watch(self: &Arc<Self>) -> ChangesSeen {
        ChangesSeen { seen: self.count.load(Ordering::Acquire), changes: Arc::clone(self) }
    }
}

/// How far somebody has seen them.
pub(super) struct ChangesSeen {
    seen: u64,
    changes: Arc<Changes>,
}

impl ChangesSeen {
    /// Waits until there are some that were not seen; at once when there are. A dropped future misses none.
    pub(super) async fn changed(&mut self) {
        loop {
            // Made before the look: what comes meanwhile wakes it.
            let woken = self.changes.notify.notified();
            let count = self.changes.count.load(Ordering::Acquire);
            if count != self.seen {
                self.seen = count;
                return;
            }
            woken.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn every_watcher_sees_a_change_once_and_a_dropped_wait_misses_none() {
        let changes = Arc::new(Changes::default());
        let (mut one, mut two) = (changes.watch(), changes.watch());
        assert!(one.changed().now_or_never().is_none());
        changes.note();
        changes.note();
        let mut late = changes.watch();
        assert!(one.changed().now_or_never().is_some());
        assert!(one.changed().now_or_never().is_none());
        assert!(two.changed().now_or_never().is_some());
        assert!(late.changed().now_or_never().is_none());
        changes.note();
        assert!(late.changed().now_or_never().is_some());
    }
}
