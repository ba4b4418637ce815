//! What a backup does for masters, and for recoveries (F1, P3).

use super::{Process, lane::Ear};
use crate::check::{ReplicaAnswer, RunCall, check_fenced, check_run};
use parking_lot::Mutex;
use rekindle_cluster::wire::{Frame, FrameKind, codec};
use rekindle_types::{CreationNumber, LogId, ReplicaId, SegmentId, ServerId, SessionNumber};
use std::{collections::BTreeMap, sync::Arc};

/// What a backup has answered as done: the newest of it.
#[derive(Default)]
pub(super) struct Done {
    sessions: BTreeMap<ServerId, SessionNumber>,
    creations: BTreeMap<(LogId, SegmentId), CreationNumber>,
}

impl Done {
    fn note(&mut self, call: &RunCall, is_write: bool) {
        let ReplicaId { log, segment, creation } = call.replica;
        let newest = self.sessions.entry(log.server).or_insert(call.session);
        *newest = call.session.max(*newest);
        if is_write {
            let newest = self.creations.entry((log, segment)).or_insert(creation);
            *newest = creation.max(*newest);
        }
    }
}

/// On a lane of a master that writes and frees replicas.
pub(super) struct Replicas {
    process: Arc<Process>,
    /// Calls without an answer: what it would be that they were done.
    open: Mutex<BTreeMap<u64, (ReplicaAnswer, RunCall)>>,
}

impl Replicas {
    pub(super) fn new(process: Arc<Process>) -> Self {
        Self { process, open: Mutex::default() }
    }
}

/// What a frame that calls a replica is about.
pub(super) fn called(frame: &Frame) -> Option<(ReplicaId, SessionNumber)> {
    match frame.kind {
        FrameKind::REPLICA_WRITE => {
            codec::decode_write(&frame.body).ok().map(|write| (write.replica, write.session))
        }
        FrameKind::REPLICA_FREE => {
            codec::decode_free(&frame.body).ok().map(|free| (free.replica, free.session))
        }
        _ => None,
    }
}

impl Ear for Replicas {
    /// The backup decides when it takes the call off the wire. Whatever it has said before holds for the call.
    fn gets(&self, frame: &Frame) {
        let Some((replica, session)) = called(frame) else { return };
        let (backup, log) = (self.process.id(), replica.log);
        let answer = ReplicaAnswer {
            backup,
            replica,
            taken: self.process.now(),
            fenced: self.process.fenced(log),
            removed: backup.and_then(|backup| self.process.knows_dead(backup)),
        };
        let done = self.process.done.lock();
        let is_write = frame.kind == FrameKind::REPLICA_WRITE;
        let newest_creation = done.creations.get(&(log, replica.segment)).filter(|_| is_write).copied();
        let newest_session = done.sessions.get(&log.server).copied();
        let run = RunCall { backup, replica, session, newest_session, newest_creation };
        drop(done);
        self.open.lock().insert(frame.request, (answer, run));
    }

    fn sends(&self, frame: &Frame) {
        let Some((answer, run)) = self.open.lock().remove(&frame.request) else { return };
        let is_write = frame.kind == FrameKind::REPLICA_WRITE.reply();
        if (is_write || frame.kind == FrameKind::REPLICA_FREE.reply())
            && let Ok(Ok(())) = codec::decode_outcome(&frame.body)
        {
            self.process.overheard.judge(check_fenced(&answer));
            self.process.overheard.judge(check_run(&run));
            self.process.done.lock().note(&run, is_write);
        }
    }
}

/// On a lane of a recovery.
pub(super) struct Inventories {
    process: Arc<Process>,
    /// Questions for inventories without an answer.
    open: Mutex<BTreeMap<u64, LogId>>,
}

impl Inventories {
    pub(super) fn new(process: Arc<Process>) -> Self {
        Self { process, open: Mutex::default() }
    }
}

impl Ear for Inventories {
    fn gets(&self, frame: &Frame) {
        if frame.kind == FrameKind::INVENTORY
            && let Ok((log, _)) = codec::decode_inventory_call(&frame.body)
        {
            self.open.lock().insert(frame.request, log);
        }
    }

    fn sends(&self, frame: &Frame) {
        let Some(log) = self.open.lock().remove(&frame.request) else { return };
        if frame.kind == FrameKind::INVENTORY.reply()
            && let Ok(Ok(_)) = codec::decode_inventory(&frame.body)
        {
            self.process.fences(log);
        }
    }
}
