//! What a backup does for masters (F1, P3).

use super::{BackupCall, Process};
use crate::check::{ReplicaAnswer, RunCall, check_fenced, check_run};
use rekindle_types::{CreationNumber, LogId, ReplicaId, SegmentId, ServerId, SessionNumber};
use std::collections::BTreeMap;

/// What a backup has answered as done: the newest of it.
#[derive(Default)]
pub(super) struct Done {
    sessions: BTreeMap<ServerId, SessionNumber>,
    creations: BTreeMap<(LogId, SegmentId), CreationNumber>,
}

impl Done {
    fn note(&mut self, taken: &Taken) {
        let RunCall { replica: ReplicaId { log, segment, creation }, session, .. } = taken.run;
        let newest = self.sessions.entry(log.server).or_insert(session);
        *newest = session.max(*newest);
        if taken.is_write {
            let newest = self.creations.entry((log, segment)).or_insert(creation);
            *newest = creation.max(*newest);
        }
    }
}

/// A change of a replica that was taken off the wire: what it would be that it is done.
pub(super) struct Taken {
    answer: ReplicaAnswer,
    run: RunCall,
    is_write: bool,
}

impl Process {
    /// The backup decides when it takes the call off the wire. Whatever it has said before holds for the call.
    pub(super) fn takes(&self, call: &BackupCall) -> Option<Taken> {
        let (replica, session) = call.changed()?;
        let (backup, log) = (self.id(), replica.log);
        let answer = ReplicaAnswer {
            backup,
            replica,
            taken: self.now(),
            fenced: self.fenced(log),
            removed: backup.and_then(|backup| self.knows_dead(backup)),
        };
        let is_write = matches!(call, BackupCall::Write(_));
        let done = self.done.lock();
        let newest_creation = done.creations.get(&(log, replica.segment)).filter(|_| is_write).copied();
        let newest_session = done.sessions.get(&log.server).copied();
        let run = RunCall { backup, replica, session, newest_session, newest_creation };
        Some(Taken { answer, run, is_write })
    }

    /// It says that it has done it.
    pub(super) fn has_done(&self, taken: &Taken) {
        self.overheard.judge(check_fenced(&taken.answer));
        self.overheard.judge(check_run(&taken.run));
        self.done.lock().note(taken);
    }
}
