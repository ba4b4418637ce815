//! How many connections others have open.

use super::QuicLimits;
use crate::wire::{Identity, Role};
use parking_lot::Mutex;
use std::{collections::BTreeMap, sync::Arc};

/// Counts connections: all, those of clients, those under each name.
pub(super) struct Guests {
    limits: QuicLimits,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    all: usize,
    clients: usize,
    by_name: BTreeMap<String, usize>,
}

impl Guests {
    pub(super) fn new(limits: QuicLimits) -> Arc<Self> {
        Arc::new(Self { limits, counts: Mutex::default() })
    }

    /// Counts a connection in, if there is room, until the guest is dropped.
    pub(super) fn admit(self: &Arc<Self>, identity: &Identity) -> Option<Guest> {
        let limits = &self.limits;
        let mut counts = self.counts.lock();
        let is_client = identity.role == Role::Client;
        let under_name = counts.by_name.get(&identity.name).copied().unwrap_or(0);
        let is_full = counts.all >= limits.connections_max
            || is_client && counts.clients >= limits.client_connections_max
            || under_name >= limits.connections_per_name_max;
        if is_full {
            return None;
        }
        counts.all += 1;
        counts.clients += usize::from(is_client);
        counts.by_name.insert(identity.name.clone(), under_name + 1);
        Some(Guest { guests: self.clone(), identity: identity.clone() })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.counts.lock().all
    }
}

/// One counted connection.
pub(super) struct Guest {
    guests: Arc<Guests>,
    pub(super) identity: Identity,
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut counts = self.guests.counts.lock();
        counts.all -= 1;
        counts.clients -= usize::from(self.identity.role == Role::Client);
        if let Some(count) = counts.by_name.get_mut(&self.identity.name) {
            *count -= 1;
            if *count == 0 {
                counts.by_name.remove(&self.identity.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_and_names_have_shares() {
        let limits = QuicLimits {
            connections_max: 5,
            client_connections_max: 3,
            connections_per_name_max: 2,
            ..QuicLimits::default()
        };
        let guests = Guests::new(limits);
        let admit = |name: &str, role| guests.admit(&Identity { name: name.into(), role });
        let _a = [admit("a", Role::Client).unwrap(), admit("a", Role::Client).unwrap()];
        assert!(admit("a", Role::Client).is_none(), "a name's share");
        let b = admit("b", Role::Client).unwrap();
        assert!(admit("c", Role::Client).is_none(), "the clients' share");
        let _s = [admit("s", Role::Server).unwrap(), admit("t", Role::Admin).unwrap()];
        assert!(admit("u", Role::Server).is_none(), "all");
        drop(b);
        assert!(admit("c", Role::Client).is_some());
        assert_eq!(guests.counts.lock().by_name.len(), 3, "names of nobody are forgotten");
    }
}
