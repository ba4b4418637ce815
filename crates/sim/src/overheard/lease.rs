//! What a server is told on the lanes that it has dialled to the coordinator.

use super::{Process, lane::Ear};
use rekindle_cluster::{
    memory::REPEATED,
    wire::{Frame, FrameKind, codec},
};
use rekindle_env::Time;
use rekindle_types::{Reply, Request, ServerId};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

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
    fn asked(&mut self, lane: u64, request: u64, server: ServerId, now: Time) {
        if self.sent.len() == RENEWALS_MAX {
            self.sent.pop_first();
        }
        self.sent.insert((lane, request), (server, now));
    }

    /// A renewal was answered; what it is worth.
    fn answered(&mut self, lane: u64, frame: &Frame, lease_ms: u32) -> Option<(ServerId, Time)> {
        let (server, sent) = self.sent.remove(&(lane, frame.request))?;
        let until = sent + worth(Duration::from_millis(lease_ms.into()));
        let known = self.granted.filter(|(known, _)| *known == server).map_or(Time(0), |(_, until)| until);
        self.granted = Some((server, until.max(known)));
        self.granted
    }
}

/// The longest that a lease may last by another clock: the drift bound of docs/protocols.md.
fn worth(lease: Duration) -> Duration {
    lease + lease / 100 + Duration::from_millis(5)
}

/// Of all servers, by their number.
#[derive(Default)]
pub(crate) struct Leases {
    granted: BTreeMap<u32, (ServerId, Time)>,
    /// They have given theirs back.
    left: BTreeSet<u32>,
}

impl Leases {
    fn grant(&mut self, server: u32, granted: (ServerId, Time)) {
        if !self.left.contains(&server) {
            self.granted.insert(server, granted);
        }
    }

    /// F9: it gives its lease back: nobody need wait for its end.
    fn prove(&mut self, server: u32) {
        self.left.insert(server);
        self.granted.remove(&server);
    }

    /// F9: another process of it starts, which may prove the former one's death.
    pub(super) fn start(&mut self, server: u32) {
        self.left.remove(&server);
        self.granted.remove(&server);
    }

    /// Until when it may be covered, unless its death may be proven.
    pub(crate) fn of(&self, id: ServerId) -> Option<Time> {
        self.granted.values().find(|(server, _)| *server == id).map(|(_, until)| *until)
    }
}

/// On a lane to the coordinator, by its number.
pub(super) struct ToCoordinator {
    pub(super) number: u64,
    pub(super) process: Arc<Process>,
}

impl Ear for ToCoordinator {
    fn sends(&self, frame: &Frame) {
        if frame.kind != FrameKind::COORDINATOR {
            return;
        }
        match codec::decode_postcard(&frame.body) {
            Ok(Request::Renew { server, .. }) => {
                self.process.lease.lock().asked(self.number, frame.request, server, self.process.now());
            }
            Ok(Request::Leave { .. }) => self.process.overheard.leases.lock().prove(self.process.server),
            _ => {}
        }
    }

    fn gets(&self, frame: &Frame) {
        // The answer to a call that came again is nobody's.
        if frame.kind != FrameKind::COORDINATOR.reply() || frame.request & REPEATED != 0 {
            return;
        }
        match codec::decode_postcard(&frame.body) {
            Ok(Reply::Renewed { lease_ms, update, .. }) => {
                let granted = self.process.lease.lock().answered(self.number, frame, lease_ms);
                granted.inspect(|granted| {
                    self.process.overheard.leases.lock().grant(self.process.server, *granted)
                });
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
