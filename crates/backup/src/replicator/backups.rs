//! What a master knows of the backups: sessions (P3), calls in flight, load.

use super::{Candidate, Domain};
use rekindle_env::Time;
use rekindle_types::{ServerId, SessionNumber};
use std::collections::BTreeMap;

/// What a call is for. A free is repeated until answered, so without a share of their own those that a backup
/// does not answer would take all of its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallKind {
    /// To a replica that is opened and filled.
    Write,
    /// To one that is re-created.
    Copy,
    Free,
}

impl CallKind {
    pub(super) fn of_write(is_copy: bool) -> Self {
        if is_copy { Self::Copy } else { Self::Write }
    }

    /// Most calls of the kind in flight to one backup, of `calls_max` in all: copies and frees leave room for heads.
    fn most(self, calls_max: u32) -> u32 {
        match self {
            Self::Write => calls_max,
            Self::Copy => calls_max / 2,
            Self::Free => (calls_max / 4).max(1),
        }
    }
}

/// One backup that is up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Backup {
    pub(super) domain: Domain,
    pub(super) session: SessionNumber,
    /// All, and some of these by kind.
    pub(super) calls: u32,
    pub(super) copy_calls: u32,
    pub(super) free_calls: u32,
    pub(super) avoid_until: Option<Time>,
    pub(super) primaries: u32,
    pub(super) read_rate: u64,
}

impl Backup {
    /// Calls of a kind that are counted apart.
    fn calls_of(&mut self, kind: CallKind) -> Option<&mut u32> {
        match kind {
            CallKind::Write => None,
            CallKind::Copy => Some(&mut self.copy_calls),
            CallKind::Free => Some(&mut self.free_calls),
        }
    }
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
                free_calls: 0,
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
        kind: CallKind,
        calls_max: u32,
    ) -> Option<SessionNumber> {
        let backup = self.up.get_mut(&server)?;
        let is_too_many = |of_kind: &mut u32| *of_kind >= kind.most(calls_max);
        if backup.calls >= calls_max || backup.calls_of(kind).is_some_and(is_too_many) {
            return None;
        }
        backup.calls += 1;
        if let Some(of_kind) = backup.calls_of(kind) {
            *of_kind += 1;
        }
        Some(backup.session)
    }

    /// A call was answered or is awaited no more.
    pub(super) fn end_call(&mut self, server: ServerId, kind: CallKind) {
        if let Some(backup) = self.up.get_mut(&server) {
            backup.calls -= 1;
            if let Some(of_kind) = backup.calls_of(kind) {
                *of_kind -= 1;
            }
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
