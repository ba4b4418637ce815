//! Other servers, found by the list.

use super::{Hints, Membership, StorageConfig, hints::SuspectedBackup};
use crate::wire::{Party, Peer, Peers, RemoteBackup, RemoteControl};
use rekindle_backup::{BackupStore, Backups};
use rekindle_coordinator::ServerControl;
use rekindle_types::ServerId;
use std::{sync::Arc, time::Duration};

/// Stubs of other servers; the own backup is called directly.
pub struct Neighbours {
    peers: Arc<Peers>,
    membership: Arc<Membership>,
    own_backup: Arc<dyn BackupStore>,
    hints: Arc<Hints>,
    write_timeout: Duration,
    call_timeout: Duration,
    probe_timeout: Duration,
}

impl Neighbours {
    /// Calls through `peers`, to where the list says.
    #[must_use]
    pub fn new(
        peers: Arc<Peers>,
        membership: Arc<Membership>,
        own_backup: Arc<dyn BackupStore>,
        hints: Arc<Hints>,
        config: &StorageConfig,
    ) -> Self {
        Self {
            peers,
            membership,
            own_backup,
            hints,
            // The replicator counts the time itself, and only while it runs (P1): the stub's must not be shorter.
            write_timeout: config.replica_timeout * 2,
            call_timeout: config.call_timeout,
            probe_timeout: config.probe_timeout,
        }
    }

    /// Another server's control.
    #[must_use]
    pub fn control(&self, server: ServerId) -> Arc<dyn ServerControl> {
        let peer = self.peer(server);
        Arc::new(RemoteControl::new(self.peers.clone(), peer, self.call_timeout, self.probe_timeout))
    }

    /// A server that has left the list has no address: calls to it fail as not done.
    fn peer(&self, server: ServerId) -> Peer {
        let list = self.membership.list();
        let entry = list.entry(server);
        Peer {
            party: Party::Server(server),
            address: entry.map(|entry| entry.address.clone()).unwrap_or_default(),
            name: entry.map(|entry| entry.name.clone()),
        }
    }
}

impl Backups for Neighbours {
    fn store(&self, server: ServerId) -> Arc<dyn BackupStore> {
        if server == self.membership.own() {
            return self.own_backup.clone();
        }
        let peer = self.peer(server);
        let backup = RemoteBackup::new(self.peers.clone(), peer, self.write_timeout, self.call_timeout);
        Arc::new(SuspectedBackup { server, backup: Arc::new(backup), hints: self.hints.clone() })
    }
}
