//! Masters by the server list.

use super::RemoteMaster;
use crate::wire::{Peer, Peers};
use rekindle_client::{Master, Masters};
use rekindle_types::{ServerEntry, ServerList};
use std::sync::Arc;

/// Finds masters at the addresses that the server list names.
pub struct RemoteMasters {
    peers: Arc<Peers>,
}

impl RemoteMasters {
    /// Lanes are kept by `peers`.
    #[must_use]
    pub fn new(peers: Arc<Peers>) -> Self {
        Self { peers }
    }
}

impl Masters for RemoteMasters {
    fn master(&self, server: &ServerEntry) -> Arc<dyn Master> {
        Arc::new(RemoteMaster::new(self.peers.clone(), Peer::of(server)))
    }

    fn update_servers(&self, list: &ServerList) {
        self.peers.forget_gone(list);
    }
}
