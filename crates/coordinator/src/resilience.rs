//! What the cluster can bear now (L1). Pure.

use crate::{ClusterState, room::Rooms};
use rekindle_types::ServerId;
use std::fmt;

/// How many deaths a cluster recovers from by itself, and what an operator can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resilience {
    /// Servers up.
    pub servers: u32,
    /// Of these so many whose backups take no replicas, by what they told last: no free frame, or a disk that failed.
    pub refusing: u32,
    /// Servers whose first head is recorded: tablets may be there (T7).
    pub masters: u32,
    /// Replicas of every segment, R.
    pub replicas: u32,
    /// Servers without which no table can be made, until they were once up together.
    pub servers_awaited: Option<u32>,
    /// Recoveries under way: until they have ended less can be borne.
    pub recoveries: u32,
}

impl Resilience {
    /// As things are recorded, and as servers told.
    #[must_use]
    pub fn of(state: &ClusterState, rooms: &Rooms) -> Self {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let shape = state.shape();
        // Who has told nothing yet in this reign is given credit.
        let refuses = |server: ServerId| rooms.get(&server).is_some_and(|room| room.frames_free == 0);
        Self {
            refusing: count(state.servers().up().filter(|entry| refuses(entry.id)).count()),
            servers: count(state.servers().up().count()),
            masters: count(state.placeable().count()),
            replicas: shape.map_or(0, |shape| shape.replicas),
            servers_awaited: shape.filter(|s| !s.is_formed).map(|shape| shape.servers_min),
            recoveries: count(state.servers().iter().count() - state.servers().up().count()),
        }
    }

    /// Servers up whose backups take replicas.
    #[must_use]
    pub fn backups(&self) -> u32 {
        self.servers.saturating_sub(self.refusing)
    }

    /// L1: deaths, one after another, from which the cluster recovers by itself: it needs R + 1 + f servers for f.
    #[must_use]
    pub fn failures(&self) -> u32 {
        if self.replicas == 0 { 0 } else { self.backups().saturating_sub(self.servers_for(0)) }
    }

    /// Servers that may die at once without a loss: of R copies and the one in memory one is left.
    #[must_use]
    pub fn failures_at_once(&self) -> u32 {
        self.failures().min(self.replicas)
    }

    /// Servers that recover from so many deaths by themselves.
    #[must_use]
    pub fn servers_for(&self, failures: u32) -> u32 {
        self.replicas.saturating_add(1).saturating_add(failures)
    }

    /// Whether writes wait for backups.
    #[must_use]
    pub fn has_too_few_backups(&self) -> bool {
        self.backups() < self.servers_for(0)
    }
}

impl fmt::Display for Resilience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { servers, replicas, recoveries, .. } = *self;
        write!(
            f,
            "{}, {}",
            counted(servers, "server is up", "servers are up"),
            counted(replicas, "replica", "replicas")
        )?;
        if self.refusing > 0 {
            let backups = counted(self.refusing, "backup takes", "backups take");
            write!(f, ", {backups} none (no free frame, or its disk failed)")?;
        }
        if recoveries > 0 {
            write!(f, ", {}", counted(recoveries, "recovery under way", "recoveries under way"))?;
        }
        if let Some(awaited) = self.servers_awaited {
            return write!(f, ": tables can be made once {awaited} servers are up");
        }
        let missing = self.servers_for(1).saturating_sub(self.backups());
        let start = || counted(missing, "more server", "more servers");
        match self.failures() {
            _ if replicas == 0 => f.write_str(": warning: a death loses what the server holds"),
            _ if self.has_too_few_backups() => {
                let missing = self.servers_for(0) - self.backups();
                let start = counted(missing, "more server", "more servers");
                write!(f, ": writes wait for {}; start {start}", counted(missing, "backup", "backups"))
            }
            0 => write!(f, ": a death is recovered only when another server joins; start {}", start()),
            failures => write!(f, ": recovers by itself from {}", counted(failures, "death", "deaths")),
        }
    }
}

fn counted(count: u32, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(servers: u32, replicas: u32) -> Resilience {
        Resilience { servers, refusing: 0, masters: servers, replicas, servers_awaited: None, recoveries: 0 }
    }

    #[test]
    fn r_plus_one_plus_f_servers_bear_f_deaths() {
        for replicas in 1..5 {
            for failures in 0..5 {
                let cluster = cluster(replicas + 1 + failures, replicas);
                assert_eq!(cluster.failures(), failures);
                assert_eq!(cluster.servers_for(failures), cluster.servers);
                assert_eq!(cluster.failures_at_once(), failures.min(replicas));
                assert!(!cluster.has_too_few_backups());
            }
            assert_eq!(cluster(replicas, replicas).failures(), 0);
            assert!(cluster(replicas, replicas).has_too_few_backups());
        }
        assert_eq!(cluster(5, 0).failures(), 0, "without replicas any death is a loss");
        assert!(!cluster(1, 0).has_too_few_backups());
    }

    #[test]
    fn it_says_what_to_do() {
        let said = |cluster: Resilience| cluster.to_string();
        assert_eq!(said(cluster(5, 3)), "5 servers are up, 3 replicas: recovers by itself from 1 death");
        assert_eq!(said(cluster(8, 2)), "8 servers are up, 2 replicas: recovers by itself from 5 deaths");
        assert_eq!(
            said(cluster(2, 1)),
            "2 servers are up, 1 replica: a death is recovered only when another server joins; start 1 more server"
        );
        assert_eq!(
            said(Resilience { recoveries: 2, ..cluster(2, 3) }),
            "2 servers are up, 3 replicas, 2 recoveries under way: writes wait for 2 backups; start 2 more servers"
        );
        assert_eq!(
            said(Resilience { refusing: 1, ..cluster(5, 3) }),
            "5 servers are up, 3 replicas, 1 backup takes none (no free frame, or its disk failed): a death is recovered only \
             when another server joins; start 1 more server"
        );
        assert_eq!(
            said(cluster(1, 0)),
            "1 server is up, 0 replicas: warning: a death loses what the server holds"
        );
        assert_eq!(
            said(Resilience { servers_awaited: Some(5), ..cluster(2, 3) }),
            "2 servers are up, 3 replicas: tables can be made once 5 servers are up"
        );
    }
}
