//! Listens in on storage servers' lanes: which calls they answer, and make, and whether they may.
//!
//! It believes nobody: what covers an answer is counted from the renewals that were seen to leave and to be answered,
//! on the world's clock; whose a key is, the coordinator's record says; who a server is, the answer to its enlistment.

mod greeting;
mod lane;
mod lease;
mod objects;
mod process;

use crate::check::End;
use async_trait::async_trait;
use greeting::Greeted;
use lane::{Ear, listened};
use lease::ToCoordinator;
use objects::Objects;
use parking_lot::Mutex;
use process::Process;
use rekindle_cluster::{
    memory::MemoryTransport,
    wire::{Accepted, Lane, LaneKind, Party, Peer, Track, Transport},
};
use rekindle_env::Clock;
use rekindle_types::{KeyHash, RemoteError, ServerId, TableId};
use std::{error::Error, sync::Arc};

/// Says whose a key is by the record.
pub(crate) type OwnerOf = Box<dyn Fn(TableId, KeyHash) -> Option<ServerId> + Send + Sync>;

/// What is heard of all servers.
pub(crate) struct Overheard {
    /// The world's.
    clock: Arc<dyn Clock>,
    owner_of: OwnerOf,
    heard: Mutex<Heard>,
}

#[derive(Default)]
struct Heard {
    answers: u64,
    /// The first call or answer that should not have been, and why.
    wrong: Option<String>,
}

impl Overheard {
    pub(crate) fn new(clock: Arc<dyn Clock>, owner_of: OwnerOf) -> Arc<Self> {
        Arc::new(Self { clock, owner_of, heard: Mutex::default() })
    }

    /// How many answers there were so far to calls on objects.
    pub(crate) fn answers(&self) -> u64 {
        self.heard.lock().answers
    }

    /// The first call or answer that should not have been.
    pub(crate) fn wrong(&self) -> Option<String> {
        self.heard.lock().wrong.clone()
    }

    /// What a process sends and gets through `transport`, listened to.
    pub(crate) fn on(self: &Arc<Self>, transport: Arc<MemoryTransport>) -> Arc<dyn Transport> {
        Arc::new(Overhearing { transport, process: Arc::new(Process::new(self.clone())) })
    }

    /// A call on an object was answered.
    fn answered(&self, checked: Result<(), impl Error>) {
        self.heard.lock().answers += 1;
        self.judge(checked);
    }

    fn judge(&self, checked: Result<(), impl Error>) {
        if let Err(wrong) = checked {
            self.heard.lock().wrong.get_or_insert_with(|| wrong.to_string());
        }
    }
}

/// A process's transport.
struct Overhearing {
    transport: Arc<MemoryTransport>,
    process: Arc<Process>,
}

impl Overhearing {
    fn greeted(&self, lane: Lane, kind: LaneKind, end: End, ear: impl Ear + 'static) -> Lane {
        listened(lane, Greeted::new(self.process.clone(), kind, end, ear))
    }
}

#[async_trait]
impl Transport for Overhearing {
    async fn dial(&self, peer: &Peer, kind: LaneKind) -> Result<Lane, RemoteError> {
        let lane = self.transport.dial(peer, kind).await?;
        let (process, number) = (self.process.clone(), self.process.next_lane());
        Ok(match (kind, peer.party) {
            (LaneKind::Heartbeat | LaneKind::Control, Party::Coordinator) => {
                self.greeted(lane, kind, End::Calls, ToCoordinator { number, process })
            }
            _ => self.greeted(lane, kind, End::Calls, ()),
        })
    }

    async fn accept(&self, track: Track) -> Option<Accepted> {
        let accepted = self.transport.accept(track).await?;
        let (lane, kind, process) = (accepted.lane, accepted.kind, self.process.clone());
        let lane = match kind {
            LaneKind::Object => self.greeted(lane, kind, End::Answers, Objects::new(process)),
            _ => self.greeted(lane, kind, End::Answers, ()),
        };
        Some(Accepted { lane, ..accepted })
    }
}
