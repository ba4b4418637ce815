//! What a master asks of backups (P3).

use super::{BackupCall, Process, lane::Ear};
use crate::check::{SentCall, check_sent};
use rekindle_cluster::wire::Frame;
use rekindle_types::{ReplicaId, ServerId, SessionNumber};
use std::{collections::BTreeMap, sync::Arc};

/// By lane and request.
type Place = (u64, u64);

/// Calls of replicas that have no answer.
#[derive(Default)]
pub(super) struct Unanswered {
    calls: BTreeMap<Place, (ServerId, ReplicaId)>,
    /// The last call of a replica to a backup, unless that was answered.
    last: BTreeMap<(ServerId, ReplicaId), (Place, SessionNumber)>,
}

impl Unanswered {
    /// A call leaves: what is to be said of it.
    fn add(&mut self, backup: ServerId, at: Place, frame: &Frame) -> Option<SentCall> {
        let (replica, session) = BackupCall::decode(frame)?.changed()?;
        self.calls.insert(at, (backup, replica));
        let unanswered = self.last.insert((backup, replica), (at, session)).map(|(_, session)| session);
        Some(SentCall { backup, replica, session, unanswered })
    }

    fn answered(&mut self, at: Place) {
        if let Some(about) = self.calls.remove(&at)
            && self.last.get(&about).is_some_and(|(last, _)| *last == at)
        {
            self.last.remove(&about);
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
