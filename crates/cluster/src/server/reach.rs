//! What the network side of a coordinator's process knows of its record.

use crate::wire::{Members, Party, Stamp, Stamps};
use rekindle_coordinator::Coordinator;
use rekindle_types::ServerId;
use std::sync::{Arc, OnceLock, Weak};

/// The coordinator, known from when it is in office. Held weakly: it knows the network.
#[derive(Default)]
pub(super) struct Reach(OnceLock<Weak<Coordinator>>);

impl Reach {
    pub(super) fn set(&self, coordinator: &Arc<Coordinator>) {
        let _ = self.0.set(Arc::downgrade(coordinator));
    }

    fn coordinator(&self) -> Option<Arc<Coordinator>> {
        self.0.get().and_then(Weak::upgrade)
    }
}

impl Stamps for Reach {
    fn stamp(&self) -> Stamp {
        self.coordinator().map_or_else(Stamp::default, |coordinator| Stamp {
            term: coordinator.term(),
            list: coordinator.look(|state| state.servers().version()),
        })
    }

    /// Nobody's list is newer than the record.
    fn seen(&self, _: Party, _: Stamp) {}
}

impl Members for Reach {
    fn name(&self, server: ServerId) -> Option<String> {
        self.coordinator()?.look(|state| state.servers().entry(server).map(|entry| entry.name.clone()))
    }

    fn has_seen(&self, server: ServerId) -> bool {
        self.coordinator()
            .is_some_and(|coordinator| coordinator.look(|state| state.servers().next_id() > server))
    }
}
