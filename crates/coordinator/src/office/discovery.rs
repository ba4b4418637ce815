//! Asking the backups what they hold of a dead master's log.

use super::core::Core;
use crate::ClusterState;
use futures_util::{FutureExt, StreamExt, select_biased, stream::FuturesUnordered};
use rekindle_backup::ReplicaInfo;
use rekindle_recovery::{Incomplete, LogMap, discover};
use rekindle_types::{ListVersion, LogId, ServerId};
use std::collections::BTreeMap;

/// A dead master's log as this coordinator found it.
pub(super) struct FoundLog {
    /// The head is chosen once; backups that are asked later add replicas only (F8).
    pub map: LogMap,
    /// Who has answered.
    asked: Vec<ServerId>,
    /// The server list that was asked last.
    list: ListVersion,
}

type Inventories = BTreeMap<ServerId, Vec<ReplicaInfo>>;

impl Core {
    /// Asks all backups that are up. `Err` says what is missing.
    ///
    /// F1: asking fences the log there, whether or not the backup has seen the list. Recovery waits for no
    /// backup: once those that answer make the log complete the others have had `probe_timeout`, and count as
    /// empty.
    pub async fn find_log(&self, log: LogId) -> Result<FoundLog, String> {
        let (floor, up, list) = self.read(|state| (state.floor(log), up(state), state.servers().version()));
        let floor = floor.ok_or_else(|| format!("no floor of {log} is recorded"))?;
        let search = |inventories: &Inventories| -> Result<LogMap, Incomplete> {
            let inventories: Vec<_> = inventories.iter().map(|(s, i)| (*s, i.clone())).collect();
            discover(log, &inventories, floor)
        };
        let mut inventories = Inventories::new();
        let mut answers: FuturesUnordered<_> = up.into_iter().map(|s| self.inventory(log, s, list)).collect();
        let mut patience = self.clock.sleep(self.config.times.probe_timeout).fuse();
        let mut is_patient = true;
        while !answers.is_empty() {
            select_biased! {
                answer = answers.select_next_some() => inventories.extend(answer),
                () = patience => is_patient = false,
            }
            if !is_patient && search(&inventories).is_ok() {
                break;
            }
        }
        let map = search(&inventories).map_err(|incomplete| incomplete.to_string())?;
        Ok(FoundLog { map, asked: inventories.into_keys().collect(), list })
    }

    /// Brings what was found up to date: when the list changed, or when it `is_urgent`, those are asked that have
    /// not answered yet, newcomers too; and those that are gone are forgotten.
    pub async fn refresh_log(&self, found: &mut FoundLog, is_urgent: bool) {
        let (up, list) = self.read(|state| (up(state), state.servers().version()));
        if list == found.list && !is_urgent {
            return;
        }
        let log = found.map.log;
        let new = up.iter().filter(|s| !found.asked.contains(s));
        let answers: FuturesUnordered<_> = new.map(|s| self.inventory(log, *s, list)).collect();
        let answers: Vec<Option<_>> = answers.collect().await;
        // In the order of ids, so that the result does not depend on who was faster.
        for (server, inventory) in answers.into_iter().flatten().collect::<Inventories>() {
            found.map.add(server, &inventory);
            found.asked.push(server);
        }
        for segment in &mut found.map.segments {
            segment.replicas.retain(|r| up.contains(&r.server));
        }
        found.list = list;
    }

    async fn inventory(
        &self,
        log: LogId,
        server: ServerId,
        list: ListVersion,
    ) -> Option<(ServerId, Vec<ReplicaInfo>)> {
        let backup = self.backup(server)?;
        let within = self.config.times.dead_after;
        let inventory = self.bounded(server, backup.inventory(log, list), within).await?.ok()?;
        Some((server, inventory))
    }
}

fn up(state: &ClusterState) -> Vec<ServerId> {
    state.servers().up().map(|s| s.id).collect()
}
