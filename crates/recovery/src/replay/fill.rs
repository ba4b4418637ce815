//! From the backups into a store.

use super::{ApplyError, ReplayFailure, ReplayTask};
use rekindle_backup::Backups;
use rekindle_env::Env;
use rekindle_log::store::{Replay, ReplayError, Replayed, Store};
use std::sync::Arc;

impl ReplayTask {
    /// Takes the partition's ranges (T2), fills them from the backups and makes them part of the store's log,
    /// all or nothing (H4). Dropped before its end it leaves nothing.
    pub async fn run(
        &self,
        store: &Arc<Store>,
        backups: &dyn Backups,
        env: &Env,
    ) -> Result<Replayed, ReplayFailure> {
        let replay = store.replay(self.partition.clone(), 1);
        self.fill(&replay, backups, env).await?;
        replay.commit().await.map_err(|error| ReplayFailure::Refused(error.to_string()))
    }

    /// Fills a replay that was begun.
    pub async fn fill(&self, replay: &Replay, backups: &dyn Backups, env: &Env) -> Result<(), ReplayFailure> {
        let apply = |from, entries: &[u8]| match replay.apply(from, entries) {
            Ok(_) => Ok(()),
            Err(ReplayError::Corrupt(why)) => Err(ApplyError::Damaged(why.to_string())),
            Err(error) => Err(ApplyError::Refused(error.to_string())),
        };
        self.pull(backups, env, apply).await
    }
}
