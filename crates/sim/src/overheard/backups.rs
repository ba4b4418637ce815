//! Calls to a backup, as it takes them off the wire and does them.

use super::{Process, lane::Ear, replicas::Taken};
use parking_lot::Mutex;
use rekindle_backup::{ReplicaFree, ReplicaWrite};
use rekindle_cluster::wire::{Frame, FrameKind, codec};
use rekindle_types::{LogId, ReplicaId, SessionNumber};
use std::{collections::BTreeMap, sync::Arc};

/// A call to a backup.
#[derive(Clone, Debug)]
pub(crate) enum BackupCall {
    /// Opens, appends, closes.
    Write(ReplicaWrite),
    /// Drops.
    Free(ReplicaFree),
    /// Lists what there is of a log, which is fenced from then on.
    Inventory(LogId),
    /// Begins to read for a recovery.
    StartRecovery(LogId),
    /// Reads.
    Load(ReplicaId),
}

impl BackupCall {
    pub(super) fn decode(frame: &Frame) -> Option<Self> {
        let body = &frame.body;
        match frame.kind {
            FrameKind::REPLICA_WRITE => codec::decode_write(body).ok().map(Self::Write),
            FrameKind::REPLICA_FREE => codec::decode_free(body).ok().map(Self::Free),
            FrameKind::INVENTORY => {
                codec::decode_inventory_call(body).ok().map(|(log, _)| Self::Inventory(log))
            }
            FrameKind::START_RECOVERY => {
                codec::decode_start_recovery(body).ok().map(|(log, _)| Self::StartRecovery(log))
            }
            FrameKind::LOAD => codec::decode_load(body).ok().map(|(replica, _)| Self::Load(replica)),
            _ => None,
        }
    }

    /// The replica that a master changes, and the session of that.
    pub(super) fn changed(&self) -> Option<(ReplicaId, SessionNumber)> {
        match self {
            Self::Write(write) => Some((write.replica, write.session)),
            Self::Free(free) => Some((free.replica, free.session)),
            _ => None,
        }
    }

    fn kind(&self) -> FrameKind {
        match self {
            Self::Write(_) => FrameKind::REPLICA_WRITE,
            Self::Free(_) => FrameKind::REPLICA_FREE,
            Self::Inventory(_) => FrameKind::INVENTORY,
            Self::StartRecovery(_) => FrameKind::START_RECOVERY,
            Self::Load(_) => FrameKind::LOAD,
        }
    }

    /// Whether its answer says that it was done.
    fn is_done(&self, answer: &Frame) -> bool {
        let body = &answer.body;
        answer.kind == self.kind().reply()
            && match self {
                Self::Write(_) | Self::Free(_) => matches!(codec::decode_outcome(body), Ok(Ok(()))),
                Self::Inventory(_) => matches!(codec::decode_inventory(body), Ok(Ok(_))),
                Self::Load(_) => matches!(codec::decode_loaded(body), Ok(Ok(_))),
                Self::StartRecovery(_) => true,
            }
    }
}

/// On a lane of somebody who calls a backup: whether it may do what it does, what it acknowledges, and what it gives to
/// recoveries.
pub(super) struct AtBackup {
    process: Arc<Process>,
    /// Calls without an answer.
    open: Mutex<BTreeMap<u64, (BackupCall, Option<Taken>)>>,
}

impl AtBackup {
    pub(super) fn new(process: Arc<Process>) -> Self {
        Self { process, open: Mutex::default() }
    }
}

impl Ear for AtBackup {
    fn gets(&self, frame: &Frame) {
        let Some(call) = BackupCall::decode(frame) else { return };
        let taken = self.process.takes(&call);
        let Process { server, overheard, loads, .. } = &*self.process;
        overheard.ledger.called(*server, &call);
        loads.called(&call, |log| (overheard.broken)(*server, log));
        self.open.lock().insert(frame.request, (call, taken));
    }

    fn sends(&self, frame: &Frame) {
        let Some((call, taken)) = self.open.lock().remove(&frame.request) else { return };
        if !call.is_done(frame) {
            return;
        }
        taken.inspect(|taken| self.process.has_done(taken));
        let Process { server, overheard, loads, .. } = &*self.process;
        match call {
            BackupCall::Write(write) => overheard.ledger.done(*server, &write),
            BackupCall::Inventory(log) => self.process.fences(log),
            BackupCall::Load(replica) => overheard.judge(loads.done(replica)),
            BackupCall::Free(_) | BackupCall::StartRecovery(_) => {}
        }
    }
}
