//! A connection that this process dialled.

use quinn::Connection;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// A lane that is given up earlier than this without a word says nothing about the connection.
const SILENCE_MIN: Duration = Duration::from_millis(100);

/// A connection, who uses it, and whether it seems dead.
pub(super) struct Link {
    pub(super) connection: Connection,
    /// Lanes. Added to by the pool, taken from by ending lanes; the keeper reads it.
    lanes: AtomicUsize,
    /// Set once by a lane that heard nothing at all: no new lane is opened on it then.
    is_suspect: AtomicBool,
    /// The last lane ended, or the link became suspect.
    changed: Notify,
}

impl Link {
    pub(super) fn new(connection: Connection) -> Arc<Self> {
        Arc::new(Self {
            connection,
            lanes: AtomicUsize::new(0),
            is_suspect: AtomicBool::new(false),
            changed: Notify::new(),
        })
    }

    /// Whether lanes may be opened on it.
    pub(super) fn is_usable(&self) -> bool {
        !self.is_suspect.load(Ordering::Acquire) && self.connection.close_reason().is_none()
    }

    /// Resolves once no lane has been open for `unused`, or at once when it is suspect and unused.
    pub(super) async fn unused(&self, unused: Duration) {
        loop {
            let patience = if self.is_usable() { unused } else { Duration::ZERO };
            if self.lanes.load(Ordering::Acquire) > 0 {
                self.changed.notified().await;
            } else if tokio::time::timeout(patience, self.changed.notified()).await.is_err()
                && self.lanes.load(Ordering::Acquire) == 0
            {
                return;
            }
        }
    }

    fn datagrams(&self) -> u64 {
        self.connection.stats().udp_rx.datagrams
    }
}

/// A lane's use of a link.
pub(super) struct Lease {
    link: Arc<Link>,
    since: Instant,
    datagrams: u64,
    has_heard: bool,
}

impl Lease {
    pub(super) fn new(link: Arc<Link>) -> Self {
        link.lanes.fetch_add(1, Ordering::AcqRel);
        let datagrams = link.datagrams();
        Self { link, since: Instant::now(), datagrams, has_heard: false }
    }

    /// Something came on the lane.
    pub(super) fn hear(&mut self) {
        self.has_heard = true;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Not even an acknowledgement: whoever was there may be gone, and the next lane had better find out.
        if !self.has_heard && self.since.elapsed() >= SILENCE_MIN && self.link.datagrams() == self.datagrams {
            self.link.is_suspect.store(true, Ordering::Release);
        }
        self.link.lanes.fetch_sub(1, Ordering::AcqRel);
        self.link.changed.notify_one();
    }
}
