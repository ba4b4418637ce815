//! Orders about ranges: serve, drop, discard. Replays are next door.

use super::{Entry, PartitionKey, Progress, ReplayBook, replays::Running};
use crate::{
    master::{OrderTag, Tablets, Verdict},
    server::{Reports, Tasks},
};
use parking_lot::Mutex;
use rekindle_backup::Backups;
use rekindle_coordinator::{ControlError, Report, TabletGrant};
use rekindle_env::Env;
use rekindle_log::{Log, store::Store};
use rekindle_recovery::ReplayConfig;
use rekindle_types::{
    Attempt, KeyRange, LogId, Lsn, PartitionReplay, PartitionReport, Rule, Rules, SegmentId, ServerList,
    TableId,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};
use tokio::sync::{Mutex as AsyncMutex, Notify, OwnedMutexGuard};

/// What orders about ranges work on.
pub struct RangeParts {
    /// Time and randomness for replays.
    pub env: Env,
    /// Where replays run. Held weakly: the server owns them.
    pub tasks: Weak<Tasks>,
    /// What is served and taken.
    pub tablets: Arc<Tablets>,
    /// This server's log.
    pub log: Arc<Log>,
    /// Its objects.
    pub store: Arc<Store>,
    /// Where replays read.
    pub backups: Arc<dyn Backups>,
    /// How they read.
    pub replay: ReplayConfig,
    /// How many threads fill the store in one replay.
    pub replay_lanes: usize,
    /// Rules in force.
    pub rules: Rules,
}

/// The turn of one order.
pub(super) type Turn = OwnedMutexGuard<BTreeMap<PartitionKey, Running>>;

/// Carries orders about ranges out, one at a time. An order that was begun is carried to its end, whoever stops
/// waiting for it.
pub struct Ranges {
    pub(super) parts: RangeParts,
    /// Taken for the whole of an order: judging it, acting on it and noting it are one. Purges keep it to their
    /// end, on the thread where they run. Taken before the tablets' locks and the book's.
    running: Arc<AsyncMutex<BTreeMap<PartitionKey, Running>>>,
    /// A leaf lock; renewals wait for it, so nothing is called under it.
    pub(super) book: Mutex<ReplayBook>,
    /// There is another list: recoveries may have ended.
    has_new_list: Notify,
}

impl Ranges {
    /// Nothing was ordered yet.
    #[must_use]
    pub fn new(parts: RangeParts) -> Arc<Self> {
        Arc::new(Self { parts, running: Arc::default(), book: Mutex::default(), has_new_list: Notify::new() })
    }

    /// Waits until no order is at work.
    pub(super) async fn turn(&self) -> Turn {
        self.running.clone().lock_owned().await
    }

    /// Serves tablets: all of them or none.
    pub async fn serve(&self, cause: Lsn, grants: &[TabletGrant]) -> Result<Report, ControlError> {
        let _turn = self.turn().await;
        let ranges: Vec<_> = grants.iter().map(|grant| (grant.table, grant.range)).collect();
        if self.is_repeated(&ranges, cause, OrderTag::Serve)? {
            return Ok(Report::Done);
        }
        grants.iter().try_for_each(|grant| self.check_grant(grant))?;
        for grant in grants {
            self.parts.tablets.serve(grant.table, grant.range, grant.version, grant.created, cause);
            if let Some((crashed, partition, attempt)) = grant.replayed {
                self.book.lock().serve((crashed, partition), attempt);
            }
        }
        Ok(Report::Done)
    }

    /// T2: a replayed tablet is served only once its side log is part of the log that a recovery would find,
    /// and above the position that filters this server's older entries of the range.
    fn check_grant(&self, grant: &TabletGrant) -> Result<(), ControlError> {
        let refuse =
            |why: &str| Err(ControlError::Refused(format!("{} {}: {why}", grant.table, grant.range)));
        let Some((crashed, partition, attempt)) = grant.replayed else {
            return if grant.created == SegmentId(0) {
                Ok(())
            } else {
                refuse("a position without a replay")
            };
        };
        let entry = self.book.lock().entry((crashed, partition)).cloned();
        let Some(entry) = entry.filter(|entry| entry.attempt == attempt) else {
            return refuse("that replay is unknown here");
        };
        let Progress::Committed { created, head, .. } = entry.progress else {
            return refuse("that replay is not committed");
        };
        if created != grant.created {
            return refuse("the position is not that of the replay");
        }
        if self.parts.rules.on(Rule::T2) && (head <= created || self.parts.log.current_head() < Some(head)) {
            return refuse("the head is not above the position");
        }
        if self.parts.tablets.taken_by(grant.table, grant.range, entry.cause) != [grant.range] {
            return refuse("part of it was dropped since");
        }
        Ok(())
    }

    /// T8: stops serving a range and forgets what is in it, then confirms.
    pub async fn drop_range(
        &self,
        cause: Lsn,
        table: TableId,
        range: KeyRange,
    ) -> Result<Report, ControlError> {
        let turn = self.turn().await;
        if self.is_repeated(&[(table, range)], cause, OrderTag::Drop)? {
            return Ok(Report::Done);
        }
        self.parts.tablets.drop_range(table, range, cause, OrderTag::Drop).wait();
        self.purge(turn, vec![(table, range)]).await;
        Ok(Report::Done)
    }

    /// Forgets an attempt, and all before it, unless it is served.
    pub async fn discard(
        &self,
        cause: Lsn,
        key: PartitionKey,
        attempt: Attempt,
    ) -> Result<Report, ControlError> {
        let mut turn = self.turn().await;
        let ranges = {
            let book = self.book.lock();
            let entry = book.entry(key).filter(|entry| entry.attempt <= attempt && !entry.is_served);
            entry.map(|entry| entry.ranges.clone()).unwrap_or_default()
        };
        // F5. A repeat finds nothing to discard.
        if let Verdict::Superseded(by) = self.parts.tablets.judge(&ranges, cause, OrderTag::Discard) {
            return Err(ControlError::Superseded(by));
        }
        let discarded = self.book.lock().discard(key, attempt);
        if let Some(entry) = discarded {
            let given_up = self.abandon(&mut turn, key, &entry);
            self.purge(turn, given_up).await;
        }
        Ok(Report::Done)
    }

    /// There is another list: [`Ranges::run`] looks what has ended.
    pub fn look_at_list(&self) {
        self.has_new_list.notify_one();
    }

    /// Ends recoveries that have left the list, for ever.
    pub async fn run(&self, list: impl Fn() -> Arc<ServerList>) {
        loop {
            self.has_new_list.notified().await;
            self.end_recoveries(&list()).await;
        }
    }

    /// Ends what is left of recoveries whose dead master has left the list: each partition was served by then, so
    /// an attempt that is not served here was obsolete.
    pub async fn end_recoveries(&self, list: &ServerList) {
        let mut turn = self.turn().await;
        let attempts: Vec<_> = self.book.lock().iter().map(|(key, entry)| (key, entry.attempt)).collect();
        let mut given_up = Vec::new();
        for (key, attempt) in attempts {
            let server = key.0.server;
            if !list.is_gone(server) || list.entry(server).is_some() {
                continue;
            }
            let obsolete = self.book.lock().discard(key, attempt);
            given_up.extend(obsolete.into_iter().flat_map(|entry| self.abandon(&mut turn, key, &entry)));
            self.book.lock().forget(key.0);
        }
        self.purge(turn, given_up).await;
    }

    /// The dead master's replicas may go: its results are known.
    pub fn forget(&self, crashed: LogId) {
        self.book.lock().forget(crashed);
    }

    /// Every attempt, for status.
    #[must_use]
    pub fn replays(&self) -> Vec<(PartitionKey, Entry)> {
        self.book.lock().iter().map(|(key, entry)| (key, entry.clone())).collect()
    }

    /// Stops everything: this server is no member any more.
    pub async fn clear(&self) {
        let mut turn = self.turn().await;
        let stopped = std::mem::take(&mut *turn);
        drop(stopped);
        self.parts.tablets.clear().wait();
    }

    /// Gives up what a discarded attempt took: the caller purges what this returns. An attempt that still runs does
    /// so itself when it has let go of the store.
    fn abandon(&self, turn: &mut Turn, key: PartitionKey, entry: &Entry) -> Vec<(TableId, KeyRange)> {
        if entry.progress == Progress::Running {
            if let Some(running) = turn.get_mut(&key) {
                running.cancel();
            }
            return Vec::new();
        }
        self.give_up(entry.cause, &entry.ranges)
    }

    /// Closes what an order took, where nothing newer was ordered since: the caller purges what this returns.
    pub(super) fn give_up(&self, cause: Lsn, ranges: &[(TableId, KeyRange)]) -> Vec<(TableId, KeyRange)> {
        let mut given_up = Vec::new();
        for (table, range) in ranges {
            for part in self.parts.tablets.taken_by(*table, *range, cause) {
                self.parts.tablets.drop_range(*table, part, cause, OrderTag::Discard).wait();
                given_up.push((*table, part));
            }
        }
        given_up
    }

    /// Forgets what is in these ranges, away from the threads that answer calls. The turn lasts until that is done,
    /// also when nobody waits for it any more: what a later order puts there must come after it.
    pub(super) async fn purge(&self, turn: Turn, ranges: Vec<(TableId, KeyRange)>) {
        if ranges.is_empty() {
            return;
        }
        let store = self.parts.store.clone();
        let purge = move || {
            ranges.iter().for_each(|(table, range)| store.purge(*table, *range));
            drop(turn);
        };
        self.parts.env.spawn.heavy("purge", Box::new(purge)).join().await;
    }

    /// F5: whether an order was carried out before; `Err` when a later one was.
    pub(super) fn is_repeated(
        &self,
        ranges: &[(TableId, KeyRange)],
        cause: Lsn,
        tag: OrderTag,
    ) -> Result<bool, ControlError> {
        match self.parts.tablets.judge(ranges, cause, tag) {
            Verdict::Act => Ok(false),
            Verdict::Repeat => Ok(true),
            Verdict::Superseded(by) => Err(ControlError::Superseded(by)),
        }
    }
}

impl Reports for Ranges {
    fn pending(&self) -> Vec<PartitionReport> {
        self.book.lock().pending()
    }

    fn under_way(&self) -> Vec<PartitionReplay> {
        self.book.lock().under_way()
    }
}
