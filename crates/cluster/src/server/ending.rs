//! How a storage server comes to its end.

use parking_lot::Mutex;
use rekindle_backup::{AdoptError, OpenError};
use rekindle_types::{Refusal, ServerId};
use tokio::sync::Notify;

/// Why a storage server is of no use any more. Its process should say so and end; whoever starts processes starts
/// another in its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StorageEnd {
    /// It never took part: do what the message says and start it again.
    #[error("the data directory can't be opened: {0}")]
    Store(#[from] OpenError),
    /// Its data could not be made its own: do what the message says and start it again.
    #[error(transparent)]
    Adopt(#[from] AdoptError),
    /// The coordinator turned it away for good: correct its settings.
    #[error("the coordinator refused this server: {0}")]
    Refused(Refusal),
    /// It was declared dead, which is final: it serves nothing. Start it again: it gets a new id.
    #[error("{0} was declared dead: start the server again, as another")]
    Removed(ServerId),
    /// Its log can't become durable any more: it serves nothing. Start it again: its tablets are recovered.
    #[error("the log has failed: {0}")]
    LogFailed(String),
}

/// The first reason that was given, and who waits for it.
#[derive(Default)]
pub(super) struct Ending {
    reason: Mutex<Option<StorageEnd>>,
    given: Notify,
}

impl Ending {
    /// Only the first counts: the others follow from it.
    pub(super) fn give(&self, end: StorageEnd) {
        self.reason.lock().get_or_insert(end);
        self.given.notify_waiters();
    }

    pub(super) fn reason(&self) -> Option<StorageEnd> {
        self.reason.lock().clone()
    }

    /// Waits for a reason.
    pub(super) async fn wait(&self) -> StorageEnd {
        loop {
            let given = self.given.notified();
            if let Some(reason) = self.reason() {
                return reason;
            }
            given.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn the_first_reason_stays_and_wakes_who_waits() {
        let ending = Ending::default();
        let mut early = Box::pin(ending.wait());
        assert_eq!((&mut early).now_or_never(), None);
        ending.give(StorageEnd::Removed(ServerId(3)));
        ending.give(StorageEnd::LogFailed("fenced".into()));
        assert_eq!(early.now_or_never(), Some(StorageEnd::Removed(ServerId(3))));
        assert_eq!(ending.wait().now_or_never(), Some(StorageEnd::Removed(ServerId(3))));
    }
}
