//! Listens in on storage servers' lanes: which calls they answer, and make, and whether they may.
//!
//! It believes nobody: what covers an answer is counted from the renewals that were seen to leave and to be answered,
//! on the world's clock; whose a key is, the coordinator's record says; who a server is and who is dead, it knows
//! from what the coordinator was heard to tell them.

mod backups;
mod greeting;
mod lane;
mod lease;
mod loads;
mod objects;
mod process;
mod replicas;
mod sessions;

pub(crate) use backups::BackupCall;
pub(crate) use loads::Broken;

use crate::{check::End, ledger::Ledger};
use async_trait::async_trait;
use backups::AtBackup;
use greeting::Greeted;
use lane::{Ear, listened};
use lease::{Leases, ToCoordinator};
use objects::Objects;
use parking_lot::Mutex;
use process::Process;
use rekindle_cluster::{
    memory::MemoryTransport,
    wire::{Accepted, Frame, FrameKind, Lane, LaneKind, Party, Peer, Track, Transport, codec},
};
use rekindle_coordinator::{Order, OrderKind};
use rekindle_env::Clock;
use rekindle_types::{KeyHash, ListUpdate, ListVersion, RemoteError, ServerId, ServerStatus, TableId};
use sessions::ToBackup;
use std::{collections::BTreeMap, error::Error, sync::Arc};

/// Says whose a key is by the record.
pub(crate) type OwnerOf = Box<dyn Fn(TableId, KeyHash) -> Option<ServerId> + Send + Sync>;

/// What is heard of all servers.
pub(crate) struct Overheard {
    /// The world's.
    clock: Arc<dyn Clock>,
    owner_of: OwnerOf,
    broken: Broken,
    /// What backups have acknowledged.
    pub(crate) ledger: Ledger,
    /// What servers were granted.
    pub(crate) leases: Mutex<Leases>,
    heard: Mutex<Heard>,
}

#[derive(Default)]
struct Heard {
    answers: u64,
    /// The first call or answer that should not have been, and why.
    wrong: Option<String>,
    /// The oldest list version heard of in which a server is dead or gone.
    deaths: BTreeMap<ServerId, ListVersion>,
}

impl Overheard {
    pub(crate) fn new(clock: Arc<dyn Clock>, owner_of: OwnerOf, broken: Broken) -> Arc<Self> {
        let (ledger, leases, heard) = Default::default();
        Arc::new(Self { clock, owner_of, broken, ledger, leases, heard })
    }

    /// How many answers there were so far to calls on objects.
    pub(crate) fn answers(&self) -> u64 {
        self.heard.lock().answers
    }

    /// The first call or answer that should not have been.
    pub(crate) fn wrong(&self) -> Option<String> {
        self.heard.lock().wrong.clone()
    }

    /// What a server's process sends and gets through `transport`, listened to.
    pub(crate) fn on(self: &Arc<Self>, server: u32, transport: Arc<MemoryTransport>) -> Arc<dyn Transport> {
        self.leases.lock().start(server);
        Arc::new(Overhearing { transport, process: Arc::new(Process::new(self.clone(), server)) })
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

    /// Somebody is told this about the server list.
    fn hears_of(&self, update: &ListUpdate) {
        let deaths = &mut self.heard.lock().deaths;
        let mut dies = |server, version: ListVersion| {
            let known = deaths.entry(server).or_insert(version);
            *known = version.min(*known);
        };
        match update {
            ListUpdate::Full(list) => {
                let dead = list.iter().filter(|entry| entry.status == ServerStatus::Dead);
                dead.for_each(|entry| dies(entry.id, list.version()));
            }
            ListUpdate::Increment { to, changes, .. } => {
                let is_up = |status| status == ServerStatus::Up;
                let gone = changes.iter().filter(|(_, e)| !e.as_ref().is_some_and(|e| is_up(e.status)));
                gone.for_each(|(server, _)| dies(*server, *to));
            }
        }
    }

    fn dead_since(&self, server: ServerId) -> Option<ListVersion> {
        self.heard.lock().deaths.get(&server).copied()
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
            (LaneKind::Replication, Party::Server(backup)) => {
                self.greeted(lane, kind, End::Calls, ToBackup { number, backup, process })
            }
            _ => self.greeted(lane, kind, End::Calls, ()),
        })
    }

    async fn accept(&self, track: Track) -> Option<Accepted> {
        let accepted = self.transport.accept(track).await?;
        let (lane, kind, process) = (accepted.lane, accepted.kind, self.process.clone());
        let lane = match kind {
            LaneKind::Object => self.greeted(lane, kind, End::Answers, Objects::new(process)),
            LaneKind::Replication | LaneKind::Recovery => {
                self.greeted(lane, kind, End::Answers, AtBackup::new(process))
            }
            LaneKind::Control => self.greeted(lane, kind, End::Answers, Orders(process)),
            LaneKind::Heartbeat => self.greeted(lane, kind, End::Answers, ()),
        };
        Some(Accepted { lane, ..accepted })
    }
}

/// On a lane of whoever gives orders.
struct Orders(Arc<Process>);

impl Ear for Orders {
    fn gets(&self, frame: &Frame) {
        if frame.kind == FrameKind::ORDER
            && let Ok(Order { kind: OrderKind::List(update), .. }) = codec::decode_order(&frame.body)
        {
            self.0.overheard.hears_of(&update);
        }
    }
}
