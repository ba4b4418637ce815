//! Asking the backups what they hold of a dead master's log.

use super::core::Core;
use futures_util::{StreamExt, stream::FuturesUnordered};
use rekindle_backup::ReplicaInfo;
use rekindle_recovery::{LogMap, discover};
use rekindle_types::{LogId, ServerId};
use std::collections::BTreeSet;

/// A dead master's log as this coordinator found it.
pub(super) struct FoundLog {
    /// The head is chosen once; backups that are asked later add replicas only (F8).
    pub map: LogMap,
    /// Who has answered.
    pub asked: BTreeSet<ServerId>,
}

impl Core {
    /// Asks all backups that are up. `Err` says what is missing.
    ///
    /// F1: asking fences the log there, whether or not the backup has seen the list; nobody else is waited for.
    /// A backup that does not answer is treated as empty.
    pub async fn find_log(&self, log: LogId) -> Result<FoundLog, String> {
        let (floor, up) = self.read(|state| (state.floor(log), up(state)));
        let floor = floor.ok_or_else(|| format!("no floor of {log} is recorded"))?;
        let inventories = self.inventories(log, up).await;
        let map = discover(log, &inventories, floor).map_err(|incomplete| incomplete.to_string())?;
        Ok(FoundLog { map, asked: inventories.into_iter().map(|(server, _)| server).collect() })
    }

    /// Brings what was found up to date: asks those that have not answered yet, newcomers too, and forgets
    /// those that are gone.
    pub async fn refresh_log(&self, found: &mut FoundLog) {
        let up = self.read(up);
        let new = up.iter().filter(|s| !found.asked.contains(s)).copied().collect();
        for (server, inventory) in self.inventories(found.map.log, new).await {
            found.map.add(server, &inventory);
            found.asked.insert(server);
        }
        for segment in &mut found.map.segments {
            segment.replicas.retain(|r| up.contains(&r.server));
        }
    }

    async fn inventories(&self, log: LogId, of: Vec<ServerId>) -> Vec<(ServerId, Vec<ReplicaInfo>)> {
        let version = self.read(|state| state.servers().version());
        let ask = |server| async move {
            let backup = self.backup(server)?;
            let within = self.config.times.dead_after;
            let inventory = self.bounded(server, backup.inventory(log, version), within).await?.ok()?;
            Some((server, inventory))
        };
        let answers: FuturesUnordered<_> = of.into_iter().map(ask).collect();
        let answers: Vec<Option<_>> = answers.collect().await;
        let mut answers: Vec<_> = answers.into_iter().flatten().collect();
        // In the order of ids, so that the result does not depend on who was faster.
        answers.sort_by_key(|(server, _)| *server);
        answers
    }
}

fn up(state: &crate::ClusterState) -> Vec<ServerId> {
    state.servers().up().map(|s| s.id).collect()
}
