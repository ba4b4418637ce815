//! Why a stop was not clean.

use futures_util::{
    FutureExt,
    future::{Either, select},
};
use rekindle_backup::{BackupError, BackupStats, store::LocalStore};
use rekindle_env::Clock;
use std::{pin::pin, time::Duration};

/// A server has stopped, and its backup may not hold on its disk what it held in memory. The cluster bears that like a
/// crash: what is missing has other replicas.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShutdownError {
    /// Look at the disk before the server is started again.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// The disk is too slow, or stalled: look at it, or allow more time.
    #[error(
        "the backup was not closed within {within:?}: of {} replicas that it holds, {} were open; look at its disk, or \
         allow more time to drain",
        held.frames_used, held.open
    )]
    Late {
        /// What it was given.
        within: Duration,
        /// What the backup held then, as far as it says.
        held: BackupStats,
    },
}

/// Closes a backup, or gives it up.
pub(super) async fn close(
    backup: &dyn LocalStore,
    clock: &dyn Clock,
    within: Duration,
) -> Result<(), ShutdownError> {
    let closed = bounded(backup.close(), clock, within).await;
    closed.unwrap_or_else(|| {
        let held = backup.stats().now_or_never().unwrap_or_default();
        Err(ShutdownError::Late { within, held })
    })
}

async fn bounded(
    close: impl Future<Output = Result<(), BackupError>>,
    clock: &dyn Clock,
    within: Duration,
) -> Option<Result<(), ShutdownError>> {
    match select(pin!(close), clock.sleep(within)).await {
        Either::Left((closed, _)) => Some(closed.map_err(Into::into)),
        Either::Right(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle_env::memory::World;
    use std::future::{pending, ready};

    const WITHIN: Duration = Duration::from_secs(5);

    #[test]
    fn a_stalled_close_is_given_up_in_time() {
        let world = World::new(1);
        let clock = world.node("a").env().clock;
        let begun = clock.now();
        assert!(world.block_on(bounded(pending(), &*clock, WITHIN)).is_none());
        assert_eq!(clock.now(), begun + WITHIN);
        let removed = world.block_on(bounded(ready(Err(BackupError::Removed)), &*clock, WITHIN));
        assert!(matches!(removed, Some(Err(ShutdownError::Backup(BackupError::Removed)))));
    }

    #[test]
    fn what_was_left_is_told() {
        let held = BackupStats { frames_used: 7, open: 3, ..BackupStats::default() };
        let told = ShutdownError::Late { within: WITHIN, held }.to_string();
        assert!(told.contains("of 7 replicas that it holds, 3 were open"), "{told}");
    }
}
