//! The role of a coordinator.

use super::{
    node::{Node, Rest},
    output::Output,
    world::World,
};
use crate::{
    local::{CoordinatorNode, CoordinatorReport, Line, NodeConfig, NodeReport, Observed, Ready, boot_time},
    server::{CoordinatorServer, CoordinatorServerConfig},
};
use parking_lot::Mutex;
use rekindle_coordinator::{
    CoordinatorConfig, Event, Observer,
    meta::{FileMetaLog, FileMetaLogConfig},
};
use rekindle_env::Time;
use rekindle_types::Term;
use std::sync::Arc;

/// A coordinator in this process. Dropped in this order: the threads last.
pub(super) struct Reign {
    server: CoordinatorServer,
    world: World,
}

impl Reign {
    /// Starts it: it takes office by itself.
    pub fn open(config: &NodeConfig, node: &CoordinatorNode, output: &Arc<Output>) -> Result<Self, String> {
        let world = World::open(config)?;
        let coordinator = CoordinatorConfig {
            times: config.times.times(),
            partition_bytes: node.partition_bytes,
            ..CoordinatorConfig::new(node.size.into())
        };
        let settings = CoordinatorServerConfig { cluster: config.cluster, coordinator };
        let meta = FileMetaLog::new(&world.env, FileMetaLogConfig::new(config.cluster.0));
        let witness = Arc::new(Witness { output: output.clone(), term: Mutex::default() });
        let (env, transport) = (world.env.clone(), world.transport.clone());
        let server = CoordinatorServer::start_observed(settings, env, transport, Arc::new(meta), witness)
            .map_err(|error| format!("the configuration can't work: {error}"))?;
        Ok(Self { server, world })
    }
}

impl Node for Reign {
    fn ready(&self) -> Option<Ready> {
        let term = self.server.term()?;
        Some(Ready { address: self.world.transport.address(), server: None, term: Some(term) })
    }

    fn report(&self) -> Option<NodeReport> {
        let coordinator = self.server.coordinator()?;
        Some(NodeReport::Coordinator(CoordinatorReport::of(&coordinator)))
    }

    fn ended(&mut self) -> Option<String> {
        self.server.ended()
    }

    fn stop(self: Box<Self>) -> (Result<(), String>, Rest) {
        let Self { server, world } = *self;
        world.main().block_on(server.shutdown());
        (Ok(()), Box::new(world))
    }
}

/// Tells the parent what the coordinator sees, as it happens.
struct Witness {
    output: Arc<Output>,
    /// Of this reign, once it has begun. A leaf.
    term: Mutex<Option<Term>>,
}

impl Observer for Witness {
    fn observe(&self, _: Time, event: &Event) {
        let mut term = self.term.lock();
        if let Event::TookOffice(begun) = event {
            *term = Some(*begun);
        }
        // The coordinator's own clock need not be the machine's.
        let seen = Observed { at_ns: boot_time().0, term: *term, event: event.clone() };
        self.output.say(Line::Event(seen));
    }
}
