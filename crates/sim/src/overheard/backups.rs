//! Calls to a backup, as it takes them off the wire and does them.

use super::{Process, lane::Ear};
use parking_lot::Mutex;
use rekindle_backup::{ReplicaFree, ReplicaWrite};
use rekindle_cluster::wire::{Frame, FrameKind, codec};
use rekindle_types::{LogId, ReplicaId};
use std::{collections::BTreeMap, sync::Arc};

/// A call to a backup.
#[derive(Clone, Debug)]
pub(crate) enum BackupCall {
    /// Opens, appends, closes.
    Write(ReplicaWrite),
    /// Drops.
    Free(ReplicaFree),
    /// Begins to read for a recovery.
    StartRecovery(LogId),
    /// Reads.
    Load(ReplicaId),
}

/// A call that a backup has answered as done.
#[derive(Clone, Debug)]
enum BackupDone {
    /// With this.
    Write(ReplicaWrite),
    /// With these bytes.
    Load(ReplicaId),
}

/// On a lane of somebody who calls a backup: what it acknowledges, and what it gives to recoveries.
pub(super) struct BackupEar {
    process: Arc<Process>,
    /// Calls without an answer.
    open: Mutex<BTreeMap<u64, BackupCall>>,
}

impl BackupEar {
    pub(super) fn new(process: Arc<Process>) -> Self {
        Self { process, open: Mutex::default() }
    }
}

impl Ear for BackupEar {
    fn gets(&self, frame: &Frame) {
        let Some(call) = decode_call(frame) else { return };
        let Process { server, overheard, loads, .. } = &*self.process;
        overheard.ledger.called(*server, &call);
        loads.called(&call, |log| (overheard.broken)(*server, log));
        self.open.lock().insert(frame.request, call);
    }

    fn sends(&self, frame: &Frame) {
        let Some(call) = self.open.lock().remove(&frame.request) else { return };
        let Process { server, overheard, loads, .. } = &*self.process;
        match decode_done(call, frame) {
            Some(BackupDone::Write(write)) => overheard.ledger.done(*server, &write),
            Some(BackupDone::Load(replica)) => overheard.judge(loads.done(replica)),
            None => {}
        }
    }
}

/// Two who hear the same lane.
pub(super) struct Both<A, B>(pub(super) A, pub(super) B);

impl<A: Ear, B: Ear> Ear for Both<A, B> {
    fn sends(&self, frame: &Frame) {
        self.0.sends(frame);
        self.1.sends(frame);
    }

    fn sent(&self, frame: &Frame) {
        self.0.sent(frame);
        self.1.sent(frame);
    }

    fn gets(&self, frame: &Frame) {
        self.0.gets(frame);
        self.1.gets(frame);
    }
}

fn decode_call(frame: &Frame) -> Option<BackupCall> {
    let body = &frame.body;
    match frame.kind {
        FrameKind::REPLICA_WRITE => codec::decode_write(body).ok().map(BackupCall::Write),
        FrameKind::REPLICA_FREE => codec::decode_free(body).ok().map(BackupCall::Free),
        FrameKind::START_RECOVERY => {
            codec::decode_start_recovery(body).ok().map(|(log, _)| BackupCall::StartRecovery(log))
        }
        FrameKind::LOAD => codec::decode_load(body).ok().map(|(replica, _)| BackupCall::Load(replica)),
        _ => None,
    }
}

fn decode_done(call: BackupCall, frame: &Frame) -> Option<BackupDone> {
    match call {
        BackupCall::Write(write) if frame.kind == FrameKind::REPLICA_WRITE.reply() => {
            codec::decode_outcome(&frame.body).ok()?.ok().map(|()| BackupDone::Write(write))
        }
        BackupCall::Load(replica) if frame.kind == FrameKind::LOAD.reply() => {
            codec::decode_loaded(&frame.body).ok()?.ok().map(|_| BackupDone::Load(replica))
        }
        _ => None,
    }
}
