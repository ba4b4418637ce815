//! A world with a coordinator and scripted servers.

use rekindle_coordinator::scripted::Script;
use rekindle_coordinator::{ClusterSize, CoordinatorConfig, MemoryMetaLog};
use rekindle_env::Task;
use rekindle_env::memory::World;
use rekindle_types::{Reply, Request};
use std::{sync::Arc, time::Duration};

pub struct Stage {
    pub world: World,
    pub script: Script,
    pub meta: MemoryMetaLog,
    _reign: Task,
}

pub const LONG: Duration = Duration::from_secs(20);

impl Stage {
    pub fn new(size: ClusterSize) -> Self {
        Self::with(CoordinatorConfig::new(size))
    }

    pub fn with(config: CoordinatorConfig) -> Self {
        let world = World::new(1);
        let meta = MemoryMetaLog::new(config.rules);
        Self::on(world, meta, config)
    }

    pub fn on(world: World, meta: MemoryMetaLog, config: CoordinatorConfig) -> Self {
        let script = Script::new(world.node("servers").env(), config.times);
        let reign = script.clone().reign(config, Arc::new(meta.clone()));
        let reign = world.node("coordinator").env().spawn.spawn("reign", Box::pin(reign));
        Self { world, script, meta, _reign: reign }
    }

    pub async fn create(&self, name: &str, tablets: u32) -> Reply {
        self.script.call(Request::CreateTable { name: name.into(), tablets }).await
    }

    pub async fn drop_table(&self, name: &str) -> Reply {
        self.script.call(Request::DropTable { name: name.into() }).await
    }

    /// Waits until everything is recovered and served.
    pub async fn settled(&self) {
        let settled = self.script.wait_for(LONG, |s| s.is_quiet() && s.is_all_served()).await;
        let state = self.script.coordinator().map(|c| c.state());
        assert!(settled, "not settled: {state:#?}");
        assert_eq!(self.script.violations(), Vec::<String>::new());
    }
}
