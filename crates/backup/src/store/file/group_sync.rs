//! One sync for all that ask.

use parking_lot::Mutex;
use rekindle_env::DiskError;
use tokio::sync::Notify;

/// Group commit: while one sync runs, all who ask wait for the next, and that one covers them all.
///
/// A failed sync stays failed: nothing that was written since the last good one can be vouched for.
#[derive(Debug, Default)]
pub(super) struct GroupSync {
    counts: Mutex<Counts>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Counts {
    started: u64,
    finished: u64,
    is_running: bool,
    failed: Option<DiskError>,
}

/// A point in time before a sync: covered when a sync that began after it has succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SyncPoint(u64);

impl GroupSync {
    /// Now: everything written before is covered by any sync that begins from here on.
    pub(super) fn point(&self) -> SyncPoint {
        SyncPoint(self.counts.lock().started + 1)
    }

    /// Whether everything from before the point is durable.
    pub(super) fn is_covered(&self, point: SyncPoint) -> bool {
        self.counts.lock().finished >= point.0
    }

    /// Returns when everything from before the point is durable, by this caller's sync or by another's. All
    /// callers must be dropped together: one that is dropped while it syncs holds up the others.
    pub(super) async fn cover<F>(&self, point: SyncPoint, sync: impl Fn() -> F) -> Result<(), DiskError>
    where
        F: Future<Output = Result<(), DiskError>>,
    {
        loop {
            let changed = self.changed.notified();
            let number = {
                let mut counts = self.counts.lock();
                if counts.finished >= point.0 {
                    return Ok(());
                }
                if let Some(failed) = &counts.failed {
                    return Err(failed.clone());
                }
                if counts.is_running {
                    None
                } else {
                    counts.is_running = true;
                    counts.started += 1;
                    Some(counts.started)
                }
            };
            match number {
                None => changed.await,
                Some(number) => {
                    let result = sync().await;
                    let mut counts = self.counts.lock();
                    counts.is_running = false;
                    match result {
                        Ok(()) => counts.finished = number,
                        Err(error) => counts.failed = Some(error),
                    }
                    self.changed.notify_waiters();
                }
            }
        }
    }
}
