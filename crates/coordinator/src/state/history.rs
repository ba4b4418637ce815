//! The last changes of the server list.

use rekindle_types::{ListVersion, ServerEntry, ServerId};
use std::collections::{BTreeMap, VecDeque};

/// Remembers the last changes, so that members get increments. A restarted coordinator has none and sends the
/// full list.
#[derive(Clone, Debug, Default)]
pub(super) struct History(VecDeque<Change>);

#[derive(Clone, Debug)]
struct Change {
    from: ListVersion,
    servers: Vec<(ServerId, Option<ServerEntry>)>,
}

/// Changes remembered: a server that missed more gets the full list.
const CHANGES_MAX: usize = 256;

impl History {
    pub fn push(&mut self, from: ListVersion, servers: Vec<(ServerId, Option<ServerEntry>)>) {
        if self.0.len() == CHANGES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Change { from, servers });
    }

    /// The newest state of every server that changed after version `have`; `None` when that is too long ago,
    /// or no version of this list.
    pub fn since(&self, have: ListVersion) -> Option<Vec<(ServerId, Option<ServerEntry>)>> {
        let start = self.0.iter().position(|change| change.from == have)?;
        let changed: BTreeMap<_, _> =
            self.0.iter().skip(start).flat_map(|c| c.servers.iter().cloned()).collect();
        Some(changed.into_iter().collect())
    }
}

/// What is remembered is no part of the state: a rebuilt state remembers nothing.
impl PartialEq for History {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for History {}
