//! What a process is while it plays its role.

use super::{coordinator::Reign, output::Output, storage::Storage};
use crate::local::{NodeConfig, NodeReport, NodeRole, Ready};
use std::{any::Any, sync::Arc};

/// What a stopped node stood on.
pub(super) type Rest = Box<dyn Any>;

/// A server, whatever it does.
pub(super) trait Node {
    /// Set once it answers calls.
    fn ready(&self) -> Option<Ready>;

    /// A snapshot, once it is ready.
    fn report(&self) -> Option<NodeReport>;

    /// Why it is of no use any more, if so.
    fn ended(&mut self) -> Option<String>;

    /// Stops it cleanly; an error says what that left undone. What is dropped after that waits for threads and disks.
    fn stop(self: Box<Self>) -> (Result<(), String>, Rest);
}

/// Opens the directory and starts the server.
pub(super) fn open(config: &NodeConfig, output: &Arc<Output>) -> Result<Box<dyn Node>, String> {
    Ok(match &config.role {
        NodeRole::Coordinator(node) => Box::new(Reign::open(config, node, output)?),
        NodeRole::Storage(node) => Box::new(Storage::open(config, node)?),
    })
}
