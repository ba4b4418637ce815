//! The role of a storage server.

use super::{
    node::{Node, Rest},
    world::World,
};
use crate::{
    local::{NodeConfig, NodeReport, Ready, StorageNode, StorageReport},
    server::{FileStoreSettings, StorageConfig, StorageServer, StoreKind},
};
use std::time::Duration;

/// A storage server in this process. Dropped in this order: the threads last.
pub(super) struct Storage {
    server: StorageServer,
    world: World,
}

impl Storage {
    /// Starts it: it enlists by itself.
    pub fn open(config: &NodeConfig, node: &StorageNode) -> Result<Self, String> {
        let world = World::open(config)?;
        let settings = settings(config, node, world.transport.address());
        let server = StorageServer::start(settings, world.env.clone(), world.transport.clone())
            .map_err(|error| format!("the configuration can't work: {error}"))?;
        Ok(Self { server, world })
    }
}

fn settings(config: &NodeConfig, node: &StorageNode, address: String) -> StorageConfig {
    let (times, coordinators) = (config.times, node.coordinators.iter().cloned());
    let ms = Duration::from_millis;
    StorageConfig {
        segment_bytes: node.segment_bytes,
        memory_bytes: node.memory_bytes,
        store: StoreKind::Files(FileStoreSettings {
            durability: node.durability.into(),
            ..FileStoreSettings::default()
        }),
        backup_frames: node.frames,
        heartbeat: ms(times.heartbeat_ms),
        lease: ms(times.lease_ms),
        probe_timeout: ms(times.probe_timeout_ms),
        replica_timeout: ms(times.replica_timeout_ms),
        stuck_after: ms(times.stuck_after_ms),
        call_timeout: ms(times.call_timeout_ms),
        ..StorageConfig::new(config.cluster, config.name.as_str(), address, coordinators)
    }
}

impl Node for Storage {
    fn ready(&self) -> Option<Ready> {
        let server = self.server.id()?;
        Some(Ready { address: self.world.transport.address(), server: Some(server), term: None })
    }

    fn report(&self) -> Option<NodeReport> {
        let (status, backup, store) = (self.server.status()?, self.server.backup()?, self.server.store()?);
        let stats = self.world.main().block_on(backup.stats());
        Some(NodeReport::Storage(StorageReport::of(&status, &stats, &store)))
    }

    fn ended(&mut self) -> Option<String> {
        self.server.ended().map(|end| end.to_string())
    }

    fn stop(self: Box<Self>) -> (Result<(), String>, Rest) {
        let Self { server, world } = *self;
        let stopped = world.main().block_on(server.shutdown());
        let stopped =
            stopped.map_err(|error| format!("what the backup holds could not be made durable: {error}"));
        (stopped, Box::new(world))
    }
}
