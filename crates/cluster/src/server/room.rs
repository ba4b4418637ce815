//! What this server has left, for its renewals (L2, L3).

use parking_lot::Mutex;
use rekindle_backup::LocalStore;
use rekindle_env::Clock;
use rekindle_log::Log;
use rekindle_types::ServerRoom;
use std::time::Duration;

/// Looked at where log and backup are at home, read by the heartbeats: these wait for neither (F7).
#[derive(Debug, Default)]
pub struct RoomBoard {
    room: Mutex<ServerRoom>,
}

impl RoomBoard {
    /// What was looked at last. Nothing is left before the first look.
    #[must_use]
    pub fn room(&self) -> ServerRoom {
        *self.room.lock()
    }

    /// Looks at log and backup.
    pub async fn look(&self, log: &Log, backup: &dyn LocalStore) {
        let stats = backup.stats().await;
        let memory = log.room();
        *self.room.lock() = ServerRoom {
            segment_bytes: log.config().segment_bytes,
            memory_total_bytes: memory.total_bytes,
            memory_free_bytes: memory.free_bytes,
            frames_total: stats.frames,
            // Who no longer vouches for what it writes takes nothing, whatever room there is.
            frames_free: if stats.is_poisoned { 0 } else { stats.frames.saturating_sub(stats.frames_used) },
            read_rate: stats.read_rate,
        };
    }

    /// Looks again and again.
    pub async fn keep(&self, log: &Log, backup: &dyn LocalStore, clock: &dyn Clock, every: Duration) {
        loop {
            self.look(log, backup).await;
            clock.sleep(every).await;
        }
    }
}
