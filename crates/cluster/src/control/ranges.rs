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
    Attempt, KeyRange, LogId, Lsn, PartitionReport, Rule, Rules, SegmentId, ServerList, TableId,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

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
    /// Rules in force.
    pub rules: Rules,
}

/// Carries orders about ranges out, one at a time.
pub struct Ranges {
    pub(super) parts: RangeParts,
    /// Taken for the whole of an order: judging it, acting on it and noting it are one. Purges run under it,
    /// nothing waits under it. Taken before the tablets' locks and the book's.
    pub(super) running: Mutex<BTreeMap<PartitionKey, Running>>,
    /// A leaf lock.
    pub(super) book: Mutex<ReplayBook>,
}

impl Ranges {
    /// Nothing was ordered yet.
    #[must_use]
    pub fn new(parts: RangeParts) -> Arc<Self> {
        Arc::new(Self { parts, running: Mutex::default(), book: Mutex::default() })
    }

    /// Serves tablets: all of them or none.
    pub fn serve(&self, cause: Lsn, grants: &[TabletGrant]) -> Result<Report, ControlError> {
        let _running = self.running.lock();
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
        let book = self.book.lock();
        let Some(entry) = book.entry((crashed, partition)).filter(|entry| entry.attempt == attempt) else {
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
    pub fn drop_range(&self, cause: Lsn, table: TableId, range: KeyRange) -> Result<Report, ControlError> {
        let _running = self.running.lock();
        if self.is_repeated(&[(table, range)], cause, OrderTag::Drop)? {
            return Ok(Report::Done);
        }
        self.parts.tablets.drop_range(table, range, cause, OrderTag::Drop).wait();
        self.parts.store.purge(table, range);
        Ok(Report::Done)
    }

    /// Forgets an attempt, and all before it, unless it is served.
    pub fn discard(&self, cause: Lsn, key: PartitionKey, attempt: Attempt) -> Result<Report, ControlError> {
        let mut running = self.running.lock();
        let ranges = {
            let book = self.book.lock();
            let entry = book.entry(key).filter(|entry| entry.attempt <= attempt && !entry.is_served);
            entry.map(|entry| entry.ranges.clone()).unwrap_or_default()
        };
        // F5. A repeat finds nothing to discard.
        if let Verdict::Superseded(by) = self.parts.tablets.judge(&ranges, cause, OrderTag::Discard) {
            return Err(ControlError::Superseded(by));
        }
        if let Some(entry) = self.book.lock().discard(key, attempt) {
            self.abandon(&mut running, key, &entry);
        }
        Ok(Report::Done)
    }

    /// Ends what is left of recoveries whose dead master has left the list: each partition was served by then, so
    /// an attempt that is not served here was obsolete.
    pub fn end_recoveries(&self, list: &ServerList) {
        let mut running = self.running.lock();
        let attempts: Vec<_> = self.book.lock().iter().map(|(key, entry)| (key, entry.attempt)).collect();
        for (key, attempt) in attempts {
            let server = key.0.server;
            if !list.is_gone(server) || list.entry(server).is_some() {
                continue;
            }
            let obsolete = self.book.lock().discard(key, attempt);
            obsolete.inspect(|entry| self.abandon(&mut running, key, entry));
            self.book.lock().forget(key.0);
        }
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
    pub fn clear(&self) {
        let stopped = std::mem::take(&mut *self.running.lock());
        drop(stopped);
        self.parts.tablets.clear().wait();
    }

    /// Gives up what a discarded attempt took. One that still runs does so itself when it has let go of the
    /// store.
    pub(super) fn abandon(
        &self,
        running: &mut BTreeMap<PartitionKey, Running>,
        key: PartitionKey,
        entry: &Entry,
    ) {
        if entry.progress == Progress::Running {
            if let Some(running) = running.get_mut(&key) {
                running.cancel();
            }
        } else {
            self.give_up(entry.cause, &entry.ranges);
        }
    }

    /// Purges what an order took, where nothing newer was ordered since.
    pub(super) fn give_up(&self, cause: Lsn, ranges: &[(TableId, KeyRange)]) {
        for (table, range) in ranges {
            for part in self.parts.tablets.taken_by(*table, *range, cause) {
                self.parts.tablets.drop_range(*table, part, cause, OrderTag::Discard).wait();
                self.parts.store.purge(*table, part);
            }
        }
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
}
