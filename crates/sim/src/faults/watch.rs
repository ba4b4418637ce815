//! Looked at again and again while everything runs. Also whoever starts processes that have ended.

use super::log_watch::check_logs;
use crate::{
    SimCluster,
    check::{
        Commit, Longest, Patience, Progress, check_apart, check_bounded, check_certified, check_closed,
        check_closing, check_heads, check_one_owner, check_superseded, check_waited,
    },
    look::{Look, Looks},
};
use rekindle_cluster::server::StorageServer;
use rekindle_coordinator::Event;
use rekindle_env::Time;
use std::time::Duration;

/// What a look needs to know of those before.
pub(super) struct Watch<'a> {
    cluster: &'a SimCluster,
    looks: Looks,
    looks_taken: usize,
    /// Those of the timeline that were seen.
    events: usize,
    former: Look,
    progress: Progress,
    /// Processes that had ended by themselves and were started again.
    pub(super) restarts: u64,
}

impl<'a> Watch<'a> {
    /// Clients' calls end within `call`.
    pub(super) fn new(cluster: &'a SimCluster, call: Duration) -> Self {
        let progress = Progress::new(Patience { step: STEP, write: WRITE, call });
        let (looks, former) = (Looks::default(), Look::default());
        Self { cluster, looks, looks_taken: 0, events: 0, former, progress, restarts: 0 }
    }

    /// One look: what is wrong, if something is. `is_hindered` by what strikes; the oldest call of a client that has not
    /// ended began at `oldest_call`.
    pub(super) fn look(&mut self, is_hindered: bool, oldest_call: Option<Time>) -> Result<(), String> {
        self.supervise();
        self.cluster.note_found();
        let is_hindered = is_hindered || !self.cluster.is_complete();
        let look = Look { is_hindered, oldest_call, ..self.looks.take(self.cluster) };
        // Most looks find what the one before has found.
        let has_owners = look.has_owners_of(&self.former);
        if !has_owners {
            check_one_owner(&look).map_err(|two| two.to_string())?;
        }
        check_apart(&look).map_err(|overlap| overlap.to_string())?;
        check_bounded(&look).map_err(|many| many.to_string())?;
        check_heads(&look).map_err(|heads| heads.to_string())?;
        check_closing(&look).map_err(|early| early.to_string())?;
        check_certified(&look).map_err(|more| more.to_string())?;
        check_closed(&look).map_err(|reopened| reopened.to_string())?;
        self.looks_taken += 1;
        if self.looks_taken.is_multiple_of(LOOKS_PER_HEADS) {
            let open = self.cluster.open_heads();
            check_superseded(&look.servers, &open).map_err(|head| head.to_string())?;
        }
        self.check_commits()?;
        check_logs(self.cluster, &self.former, &look, has_owners, self.looks_taken)?;
        self.cluster.check_returned().map_err(|kept| kept.to_string())?;
        self.cluster.wrong_answer().map_or(Ok(()), Err)?;
        let seen = self.progress.see(&look).map_err(|stuck| stuck.to_string());
        self.former = look;
        seen
    }

    /// F3: of the recoveries' commits since the last look.
    fn check_commits(&mut self) -> Result<(), String> {
        let events = self.cluster.timeline.since(self.events);
        self.events += events.len();
        events.into_iter().try_for_each(|(at, event)| {
            let Event::Committed { dead, .. } = event else { return Ok(()) };
            let Some(covered_until) = self.cluster.covered_until(dead) else { return Ok(()) };
            check_waited(Commit { dead, at, covered_until }).map_err(|early| early.to_string())
        })
    }

    /// The longest that anything stood still with nothing in its way.
    pub(super) fn longest(&self) -> Longest {
        self.progress.longest()
    }

    /// Starts again what ended by itself: a server that was declared dead, a coordinator that lost its office.
    fn supervise(&mut self) {
        self.restarts += u64::from(self.cluster.replace_crashed_coordinator());
        for server in self.cluster.running() {
            let has_ended = |s: &StorageServer| s.is_removed() || s.ended().is_some();
            let node = self.cluster.node(server);
            if self.cluster.storage(server, has_ended) == Some(true) && node.is_up() {
                self.cluster.kill_storage(server);
                self.cluster.start_storage(server);
                self.restarts += 1;
            }
        }
    }
}

/// So many looks come to one at what backups list: a head that stays open stays so for long.
const LOOKS_PER_HEADS: usize = 50;
/// A step of an operation takes no longer while nothing hinders it: a cluster that lost power holds deaths back for
/// half a minute (F8).
const STEP: Duration = Duration::from_secs(40);
/// While nothing hinders it, more of a log that is not durable up to its end becomes so within this, and a server gets its
/// lease: a call to a backup or to the coordinator may have gone to a process that is no more.
const WRITE: Duration = Duration::from_secs(10);
