//! What a master asks of backups (P3).

use super::{Process, lane::Ear, replicas::called};
use crate::check::{SentCall, check_sent};
use rekindle_cluster::wire::Frame;
use rekindle_types::{ReplicaId, ServerId, SessionNumber};
use std::{collections::BTreeMap, sync::Arc};

/// Calls of replicas that have no answer, by whom they were sent to.
#[derive(Default)]
pub(super) struct Unanswered {
    /// By lane and request.
    calls: BTreeMap<(u64, u64), (ServerId, ReplicaId)>,
    sessions: BTreeMap<(ServerId, ReplicaId), BTreeMap<(u64, u64), SessionNumber>>,
}

impl Unanswered {
    /// A call leaves: what is to be said of it.
    fn add(&mut self, backup: ServerId, at: (u64, u64), frame: &Frame) -> Option<SentCall> {
        let (replica, session) = called(frame)?;
        let sessions = self.sessions.entry((backup, replica)).or_default();
        let unanswered = sessions.values().max().copied();
        sessions.insert(at, session);
        self.calls.insert(at, (backup, replica));
        Some(SentCall { backup, replica, session, unanswered })
    }

    fn answered(&mut self, at: (u64, u64)) {
        let Some(about) = self.calls.remove(&at) else { return };
        let Some(sessions) = self.sessions.get_mut(&about) else { return };
        sessions.remove(&at);
        if sessions.is_empty() {
            self.sessions.remove(&about);
        }
    }
}

/// On a lane to a backup, by its number.
pub(super) struct ToBackup {
    pub(super) number: u64,
    pub(super) backup: ServerId,
    pub(super) process: Arc<Process>,
}

impl Ear for ToBackup {
    /// What could not be sent was surely not done.
    fn sent(&self, frame: &Frame) {
        let sent = self.process.unanswered.lock().add(self.backup, (self.number, frame.request), frame);
        sent.inspect(|sent| self.process.overheard.judge(check_sent(sent)));
    }

    fn gets(&self, frame: &Frame) {
        self.process.unanswered.lock().answered((self.number, frame.request));
    }
}
