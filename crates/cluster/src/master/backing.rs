//! Whether writes can become durable (L1).

use rekindle_backup::TooFewBackups;
use rekindle_types::{ServerId, ServerList};
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many backups are up, of those that writes need.
#[derive(Debug)]
pub struct Backing {
    own: ServerId,
    need: usize,
    /// Written with every server list, read by writes. Relaxed: late news are no worse than a late list.
    have: AtomicUsize,
}

impl Backing {
    /// Of this server's log, with so many replicas; all are there until a list says otherwise.
    #[must_use]
    pub fn new(own: ServerId, replicas: u32) -> Self {
        let need = replicas as usize;
        Self { own, need, have: AtomicUsize::new(need) }
    }

    /// Takes note of who is up. A server's own backup does not count.
    pub fn look_at_list(&self, list: &ServerList) {
        self.have.store(list.up().filter(|s| s.id != self.own).count(), Ordering::Relaxed);
    }

    /// What writes wait for, if they do.
    #[must_use]
    pub fn too_few(&self) -> Option<TooFewBackups> {
        let (have, need) = (self.have.load(Ordering::Relaxed), self.need);
        (have < need).then_some(TooFewBackups { have, need })
    }
}
