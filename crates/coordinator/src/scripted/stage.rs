//! A world with a coordinator and scripted servers.

use super::Script;
use crate::{CoordinatorConfig, MemoryMetaLog, MetaLog};
use parking_lot::Mutex;
use rekindle_env::Task;
use rekindle_env::memory::World;
use rekindle_types::{Refusal, Reply, Request, TableId, TabletVersion};
use std::{sync::Arc, time::Duration};

/// One thread, one paused clock, one coordinator at a time, and servers that do as they are told.
pub struct Stage<M = MemoryMetaLog> {
    /// Where all of it runs.
    pub world: World,
    /// The servers.
    pub script: Script,
    /// What the coordinators record.
    pub meta: M,
    reign: Mutex<Task>,
}

impl Stage {
    /// As long as anything here may take.
    pub const LONG: Duration = Duration::from_secs(20);

    /// A coordinator that takes office at once.
    #[must_use]
    pub fn new(config: CoordinatorConfig) -> Self {
        Self::on(MemoryMetaLog::new(config.rules), config)
    }
}

impl<M: MetaLog + Clone + 'static> Stage<M> {
    /// The same, on this meta log.
    #[must_use]
    pub fn on(meta: M, config: CoordinatorConfig) -> Self {
        Self::of(World::new(1), meta, config)
    }

    /// The same, in this world.
    #[must_use]
    pub fn of(world: World, meta: M, config: CoordinatorConfig) -> Self {
        let script = Script::new(world.node("servers").env(), config.times);
        let reign = Mutex::new(reign(&world, &script, &meta, config));
        Self { world, script, meta, reign }
    }

    /// The coordinator in office crashes; others on the same meta log, with this configuration, follow it.
    pub fn succeed(&self, config: CoordinatorConfig) {
        let successors = reign(&self.world, &self.script, &self.meta, config);
        let former = std::mem::replace(&mut *self.reign.lock(), successors);
        drop(former);
    }

    /// Creates a table, as a client would.
    pub async fn create(&self, name: &str, tablets: u32) -> Reply {
        self.script.call(Request::CreateTable { name: name.into(), tablets }).await
    }

    /// Drops the table that has this name now, as a client would: it looks once, then repeats the same call.
    pub async fn drop_table(&self, name: &str) -> Reply {
        let look = Request::TabletMap { newer_than: TabletVersion(0) };
        let Reply::TabletMap { map, .. } = self.script.call(look).await else { panic!("no tablet map") };
        match map.and_then(|map| map.table(name)) {
            Some(id) => self.drop_exactly(name, id).await,
            None => Reply::Refused(Refusal::NoSuchTable(name.into())),
        }
    }

    /// Drops the table of this name and this id.
    pub async fn drop_exactly(&self, name: &str, id: TableId) -> Reply {
        self.script.call(Request::DropTable { name: name.into(), id }).await
    }

    /// Waits until everything is recovered and served, and nothing is served twice. `Err` says what is not.
    pub async fn settles(&self) -> Result<(), String> {
        let settled = self.script.wait_for(Stage::LONG, |s| s.is_quiet() && s.is_all_served()).await;
        if let Some(violation) = self.script.violations().first() {
            return Err(violation.clone());
        }
        if settled {
            return Ok(());
        }
        let state = self.script.coordinator().map(|c| c.state());
        let unfinished: Vec<_> =
            state.iter().flat_map(|s| s.unfinished().cloned().collect::<Vec<_>>()).collect();
        let listed: Vec<_> =
            state.iter().flat_map(|s| s.servers().iter().map(|e| e.id).collect::<Vec<_>>()).collect();
        let (running, all_served) = (self.script.running(), self.script.is_all_served());
        Err(format!(
            "not settled: {listed:?} are listed, {running:?} run, all is served: {all_served}, under way: {unfinished:?}"
        ))
    }

    /// As [`Stage::settles`].
    ///
    /// # Panics
    /// When it does not settle.
    pub async fn settled(&self) {
        self.settles().await.expect("it settles");
    }
}

fn reign<M: MetaLog + Clone + 'static>(
    world: &World,
    script: &Script,
    meta: &M,
    config: CoordinatorConfig,
) -> Task {
    let reign = script.clone().reign(config, Arc::new(meta.clone()));
    world.node("coordinator").env().spawn.spawn("reign", Box::pin(reign))
}
