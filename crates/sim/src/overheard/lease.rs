//! What a server is told on the lanes that it has dialled to the coordinator.

use super::{Process, lane::Ear};
use rekindle_cluster::wire::{Frame, FrameKind, codec};
use rekindle_env::Time;
use rekindle_types::{Reply, Request, ServerId};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// What its renewals are worth.
#[derive(Default)]
pub(super) struct Lease {
    /// Renewals without an answer, by lane and request: when they were sent.
    sent: BTreeMap<(u64, u64), (ServerId, Time)>,
    /// Whose it is, and until when it surely is over.
    pub(super) granted: Option<(ServerId, Time)>,
}

/// Renewals without an answer of which one remembers when they were sent: more than are ever outstanding.
const RENEWALS_MAX: usize = 256;

impl Lease {
    fn asked(&mut self, lane: u64, frame: &Frame, now: Time) {
        let Ok(Request::Renew { server, .. }) = codec::decode_postcard(&frame.body) else { return };
        if self.sent.len() == RENEWALS_MAX {
            self.sent.pop_first();
        }
        self.sent.insert((lane, frame.request), (server, now));
    }

    fn answered(&mut self, lane: u64, frame: &Frame, lease_ms: u32) {
        let Some((server, sent)) = self.sent.remove(&(lane, frame.request)) else { return };
        let until = sent + worth(Duration::from_millis(lease_ms.into()));
        let known = self.granted.filter(|(known, _)| *known == server).map_or(Time(0), |(_, until)| until);
        self.granted = Some((server, until.max(known)));
    }
}

/// The longest that a lease may last by another clock: the drift bound of docs/protocols.md.
fn worth(lease: Duration) -> Duration {
    lease + lease / 100 + Duration::from_millis(5)
}

/// On a lane to the coordinator, by its number.
pub(super) struct ToCoordinator {
    pub(super) number: u64,
    pub(super) process: Arc<Process>,
}

impl Ear for ToCoordinator {
    fn sends(&self, frame: &Frame) {
        if frame.kind == FrameKind::COORDINATOR {
            self.process.lease.lock().asked(self.number, frame, self.process.now());
        }
    }

    fn gets(&self, frame: &Frame) {
        if frame.kind != FrameKind::COORDINATOR.reply() {
            return;
        }
        match codec::decode_postcard(&frame.body) {
            Ok(Reply::Renewed { lease_ms, update, .. }) => {
                self.process.lease.lock().answered(self.number, frame, lease_ms);
                update.inspect(|update| self.process.overheard.hears_of(update));
            }
            Ok(Reply::Enlisted(enlisted)) => self.process.enlists(enlisted.server, &enlisted.list),
            Ok(Reply::ServerList(Some(list))) => {
                self.process.overheard.hears_of(&rekindle_types::ListUpdate::Full(list));
            }
            _ => {}
        }
    }
}
