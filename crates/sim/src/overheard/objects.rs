//! Calls on objects, and what covers their answers.

use super::{Process, lane::Ear};
use crate::check::{Answer, check_lease_end};
use parking_lot::Mutex;
use rekindle_client::{ObjectOp, ObjectRequest};
use rekindle_cluster::wire::{Frame, FrameKind, codec};
use rekindle_types::{KeyHash, TableId, key_hash};
use std::{collections::BTreeMap, sync::Arc};

/// On a lane of somebody who calls objects.
pub(super) struct Objects {
    process: Arc<Process>,
    /// Requests without an answer: what an answer to each of their calls would be.
    open: Mutex<BTreeMap<u64, Vec<Answer>>>,
}

impl Objects {
    pub(super) fn new(process: Arc<Process>) -> Self {
        Self { process, open: Mutex::default() }
    }
}

impl Ear for Objects {
    /// F2: the server decides when it takes the request off the wire, and does not wait in between.
    fn gets(&self, frame: &Frame) {
        if frame.kind != FrameKind::OBJECT {
            return;
        }
        let Ok(ObjectRequest { calls, .. }) = codec::decode_object_request(&frame.body, 0) else { return };
        let decided = self.process.now();
        let (master, covered_until) = self.process.lease.lock().granted.unwrap_or_default();
        let answer = |table, hash| {
            let owner = (self.process.overheard.owner_of)(table, hash);
            Answer { master, table, hash, decided, covered_until, owner }
        };
        let answers = calls.iter().map(|call| answer(call.table, hash_of(call.table, &call.op)));
        self.open.lock().insert(frame.request, answers.collect());
    }

    fn sends(&self, frame: &Frame) {
        let Some(answers) = self.open.lock().remove(&frame.request) else { return };
        if frame.kind != FrameKind::OBJECT.reply() {
            return;
        }
        let Ok(reply) = codec::decode_object_reply(&frame.body) else { return };
        let given = answers.into_iter().zip(reply.results).filter(|(_, result)| result.is_ok());
        given.for_each(|(answer, _)| self.process.overheard.answered(check_lease_end(&answer)));
    }
}

fn hash_of(table: TableId, op: &ObjectOp) -> KeyHash {
    match op {
        ObjectOp::Get { key } | ObjectOp::Put { key, .. } | ObjectOp::Delete { key, .. } => {
            key_hash(table, key)
        }
        ObjectOp::Scan { from, .. } => *from,
    }
}
