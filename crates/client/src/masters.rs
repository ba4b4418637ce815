//! Where masters come from.

use crate::Master;
use rekindle_types::{ServerEntry, ServerList};
use std::sync::Arc;

/// Finds masters. Implemented by the network stubs, and by anybody with masters in the same process.
pub trait Masters: Send + Sync {
    /// The master that this entry of the server list means. Cheap: called for every request. It connects when it
    /// is first called; a master that is not there answers `NotDone`.
    fn master(&self, server: &ServerEntry) -> Arc<dyn Master>;

    /// The client goes by this list from now on: what is kept for servers that it calls gone can be dropped.
    fn update_servers(&self, _list: &ServerList) {}
}
