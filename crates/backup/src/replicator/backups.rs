//! What a master knows of the backups: sessions (P3), calls in flight, load.

use super::{Candidate, Domain};
use rekindle_env::Time;
use rekindle_types::{ServerId, SessionNumber};
use std::collections::BTreeMap;

/// One backup that is up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Backup {
    pub(super) domain: Domain,
    pub(super) session: SessionNumber,
    pub(super) calls: u32,
    pub(super) copy_calls: u32,
    pub(super) avoid_until: Option<Time>,
    pub(super) primaries: u32,
    pub(super) read_rate: u64,
}

/// The backups that are up. A server that left is never up again (F6), so nothing of it is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct BackupSet {
    up: BTreeMap<ServerId, Backup>,
}

impl BackupSet {
    /// Takes the members; returns those that are gone now.
    pub(super) fn update(&mut self, members: &[Candidate]) -> Vec<ServerId> {
        let gone: Vec<ServerId> =
            self.up.keys().filter(|s| !members.iter().any(|m| m.server == **s)).copied().collect();
        for server in &gone {
            self.up.remove(server);
        }
        for member in members {
            self.up.entry(member.server).or_insert(Backup {
                domain: member.domain,
                session: SessionNumber(1),
                calls: 0,
                copy_calls: 0,
                avoid_until: None,
                primaries: 0,
                read_rate: 0,
            });
        }
        gone
    }

    pub(super) fn len(&self) -> usize {
        self.up.len()
    }

    pub(super) fn calls(&self) -> usize {
        self.up.values().map(|b| b.calls as usize).sum()
    }

    pub(super) fn get(&self, server: ServerId) -> Option<&Backup> {
        self.up.get(&server)
    }

    pub(super) fn get_mut(&mut self, server: ServerId) -> Option<&mut Backup> {
        self.up.get_mut(&server)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ServerId, &Backup)> {
        self.up.iter().map(|(server, backup)| (*server, backup))
    }

    /// Starts a call when the backup has a free slot: the session to name in it.
    pub(super) fn begin_call(
        &mut self,
        server: ServerId,
        is_copy: bool,
        calls_max: u32,
    ) -> Option<SessionNumber> {
        let backup = self.up.get_mut(&server)?;
        // Copies of lost replicas leave room for heads.
        if backup.calls >= calls_max || (is_copy && backup.copy_calls >= calls_max / 2) {
            return None;
        }
        backup.calls += 1;
        backup.copy_calls += u32::from(is_copy);
        Some(backup.session)
    }

    /// A call was answered or is awaited no more.
    pub(super) fn end_call(&mut self, server: ServerId, is_copy: bool) {
        if let Some(backup) = self.up.get_mut(&server) {
            backup.calls -= 1;
            backup.copy_calls -= u32::from(is_copy);
        }
    }

    /// P3: a call of `session` got no answer, which ends that session.
    pub(super) fn end_session(&mut self, server: ServerId, session: SessionNumber) {
        if let Some(backup) = self.up.get_mut(&server)
            && backup.session == session
        {
            backup.session = session.next();
        }
    }

    pub(super) fn avoid(&mut self, server: ServerId, until: Time) {
        if let Some(backup) = self.up.get_mut(&server) {
            backup.avoid_until = backup.avoid_until.max(Some(until));
        }
    }

    pub(super) fn add_primary(&mut self, server: ServerId) {
        if let Some(backup) = self.up.get_mut(&server) {
            backup.primaries += 1;
        }
    }

    pub(super) fn remove_primary(&mut self, server: ServerId) {
        if let Some(backup) = self.up.get_mut(&server) {
            backup.primaries -= 1;
        }
    }

    /// Forgets avoidances that are over.
    pub(super) fn tick(&mut self, ran: Time) {
        for backup in self.up.values_mut() {
            backup.avoid_until = backup.avoid_until.filter(|until| *until > ran);
        }
    }
}
