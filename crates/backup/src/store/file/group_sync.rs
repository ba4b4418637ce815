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

impl GroupSync {
    /// Returns when everything that was written before this call is durable, by this caller's sync or by another's
    /// that began after it. All callers must be dropped together: one that is dropped while it syncs holds up the
    /// others.
    pub(super) async fn cover<F>(&self, sync: impl Fn() -> F) -> Result<(), DiskError>
    where
        F: Future<Output = Result<(), DiskError>>,
    {
        let needed = self.counts.lock().started + 1;
        loop {
            let changed = self.changed.notified();
            let number = {
                let mut counts = self.counts.lock();
                if counts.finished >= needed {
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
