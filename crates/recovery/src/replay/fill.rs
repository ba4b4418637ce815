//! From the backups into a store.

use super::{Filling, ReplayFailure, ReplayTask};
use bytes::Bytes;
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
        self.fill(&filling, backups, env, &|_| {}).await?;
        let replay = filling.end().await;
        Ok(replay.commit().await?)
    }

    /// Fills a replay that was begun; tells how many bytes of entries each segment has brought.
    pub async fn fill(
        &self,
        filling: &Filling,
        backups: &dyn Backups,
        env: &Env,
        applied: &(dyn Fn(u64) + Sync),
    ) -> Result<(), ReplayFailure> {
        let apply = async |segment, entries: Bytes| {
            let bytes = entries.len() as u64;
            filling.apply(segment, entries, &*env.spawn).await.inspect(|()| applied(bytes))
        };
        self.pull(backups, env, apply).await
    }
}
