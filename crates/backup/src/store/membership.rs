//! Who may write to a backup (F1).

use super::{BackupError, ReplicaState, replica::Replica};
use rekindle_types::{ListVersion, LogId, Rule, Rules, ServerId, ServerList};
use std::collections::BTreeMap;

/// What a backup knows of the cluster: the newest server list that it saw, and the logs that it was asked the
/// inventory of.
#[derive(Debug)]
pub(crate) struct Membership {
    own: ServerId,
    list: ServerList,
    /// Fenced by an inventory ahead of the list; dropped when the list says the same.
    fenced: BTreeMap<LogId, ListVersion>,
    rules: Rules,
}

impl Membership {
    pub(crate) fn new(own: ServerId, rules: Rules) -> Self {
        Self { own, list: ServerList::default(), fenced: BTreeMap::new(), rules }
    }

    /// The id that this backup has from here on.
    pub(crate) fn adopt(&mut self, own: ServerId) {
        self.own = own;
    }

    /// Takes a list; an older one changes nothing.
    pub(crate) fn set_servers(&mut self, list: &ServerList) -> bool {
        if list.version() <= self.list.version() {
            return false;
        }
        self.list = list.clone();
        self.fenced.retain(|log, _| !list.is_gone(log.server));
        true
    }

    /// F1: refuses every replica call of `log` from now on, whatever the list says. An inventory fences before it
    /// lists, so that what is acknowledged later is in no inventory's way; a backup that was declared dead itself
    /// gives none.
    pub(crate) fn fence(&mut self, log: LogId, at: ListVersion) -> Result<(), BackupError> {
        if self.is_expelled() {
            return Err(BackupError::Removed);
        }
        if !self.list.is_gone(log.server) {
            self.fenced.entry(log).or_insert(at);
        }
        Ok(())
    }

    /// Whether nothing of this log changes here any more.
    fn is_fenced(&self, log: LogId) -> bool {
        self.fenced.contains_key(&log) || self.list.is_gone(log.server)
    }

    /// Refuses when something of this log may change yet.
    pub(crate) fn check_fenced(&self, log: LogId) -> Result<(), BackupError> {
        if self.is_fenced(log) {
            return Ok(());
        }
        Err(BackupError::NotReady(format!("{log} is not fenced: its master is not known to be dead")))
    }

    /// Refuses when this replica may change yet.
    pub(crate) fn check_fixed(&self, replica: &Replica) -> Result<(), BackupError> {
        let id = replica.id;
        if replica.state() == ReplicaState::Open && !self.is_fenced(id.log) {
            return Err(BackupError::NotReady(format!("{id} is open and its log not fenced")));
        }
        Ok(())
    }

    /// Whether the server was recovered, and left the list.
    pub(crate) fn is_removed(&self, server: ServerId) -> bool {
        self.list.is_gone(server) && self.list.entry(server).is_none()
    }

    /// Whether this backup was declared dead itself.
    fn is_expelled(&self) -> bool {
        self.list.is_gone(self.own)
    }

    /// F1: no replica call of a master that is dead, or whose log is being recovered; none before this backup
    /// can know who is dead; none once it is dead itself.
    pub(crate) fn admit(&self, log: LogId) -> Result<(), BackupError> {
        if !self.rules.on(Rule::F1) {
            return Ok(());
        }
        if self.list.next_id() <= self.own {
            return Err(BackupError::NotReady("no server list with this backup in it yet".into()));
        }
        if self.is_expelled() {
            return Err(BackupError::Removed);
        }
        if let Some(since) = self.fenced.get(&log) {
            return Err(BackupError::Fenced { log, since: *since });
        }
        if self.list.is_gone(log.server) {
            return Err(BackupError::Fenced { log, since: self.list.version() });
        }
        if self.list.next_id() <= log.server {
            let version = self.list.version();
            return Err(BackupError::NotReady(format!("{} is not in list {version} yet", log.server)));
        }
        Ok(())
    }
}
