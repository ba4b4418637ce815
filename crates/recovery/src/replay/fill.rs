//! From the backups into a store.

use super::{Filling, ReplayFailure, ReplayTask};
use rekindle_backup::Backups;
use rekindle_env::Env;
use rekindle_log::store::{Replayed, Store};
use std::sync::Arc;

impl ReplayTask {
    /// Takes the partition's ranges (T2), fills them from the backups by up to `lanes` threads and makes them part
    /// of the store's log, all or nothing (H4). Dropped before its end it leaves nothing.
    pub async fn run(
        &self,
        store: &Arc<Store>,
        lanes: usize,
        backups: &dyn Backups,
        env: &Env,
    ) -> Result<Replayed, ReplayFailure> {
        let filling = Filling::new(store.replay(self.partition.clone(), lanes), lanes);
        self.fill(&filling, backups, env).await?;
        let replay = filling.end().await;
        Ok(replay.commit().await?)
    }

    /// Fills a replay that was begun.
    pub async fn fill(
        &self,
        filling: &Filling,
        backups: &dyn Backups,
        env: &Env,
    ) -> Result<(), ReplayFailure> {
        self.pull(backups, env, |segment, entries| filling.apply(segment, entries, &*env.spawn)).await
    }
}
