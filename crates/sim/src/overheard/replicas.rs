//! What a backup does for masters, and for recoveries (F1).

use super::{Process, lane::Ear};
use crate::check::{ReplicaAnswer, check_fenced};
use parking_lot::Mutex;
use rekindle_cluster::wire::{Frame, FrameKind, codec};
use rekindle_types::{LogId, ReplicaId};
use std::{collections::BTreeMap, sync::Arc};

/// On a lane of a master that writes and frees replicas.
pub(super) struct Replicas {
    process: Arc<Process>,
    /// Calls without an answer: what it would be that they were done.
    open: Mutex<BTreeMap<u64, ReplicaAnswer>>,
}

impl Replicas {
    pub(super) fn new(process: Arc<Process>) -> Self {
        Self { process, open: Mutex::default() }
    }
}

/// What a frame that calls a replica is about.
fn called(frame: &Frame) -> Option<ReplicaId> {
    match frame.kind {
        FrameKind::REPLICA_WRITE => codec::decode_write(&frame.body).ok().map(|write| write.replica),
        FrameKind::REPLICA_FREE => codec::decode_free(&frame.body).ok().map(|free| free.replica),
        _ => None,
    }
}

impl Ear for Replicas {
    /// The backup decides when it takes the call off the wire. Whatever it has said before holds for the call.
    fn gets(&self, frame: &Frame) {
        let Some(replica) = called(frame) else { return };
        let (backup, log) = (self.process.id(), replica.log);
        let answer = ReplicaAnswer {
            backup,
            replica,
            taken: self.process.now(),
            fenced: self.process.fenced(log),
            removed: backup.and_then(|backup| self.process.knows_dead(backup)),
        };
        self.open.lock().insert(frame.request, answer);
    }

    fn sends(&self, frame: &Frame) {
        let Some(answer) = self.open.lock().remove(&frame.request) else { return };
        if [FrameKind::REPLICA_WRITE, FrameKind::REPLICA_FREE].map(FrameKind::reply).contains(&frame.kind)
            && let Ok(Ok(())) = codec::decode_outcome(&frame.body)
        {
            self.process.overheard.judge(check_fenced(&answer));
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
