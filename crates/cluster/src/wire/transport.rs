//! The seam to the network: lanes of frames between authenticated processes.

use super::{Packet, Party};
use async_trait::async_trait;
use bytes::Bytes;
use rekindle_env::{Env, Spawn};
use rekindle_types::{RemoteError, ServerEntry};
use std::{fmt, sync::Arc};

/// What a lane is for. Each kind has queues and limits of its own, so that none can hold up another (V3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum LaneKind {
    /// Renewals and probes.
    Heartbeat = 1,
    /// Coordinator calls and orders.
    Control = 2,
    /// Object calls.
    Object = 3,
    /// Replica writes and frees.
    Replication = 4,
    /// Inventories, starts of recovery, loads, statistics.
    Recovery = 5,
}

impl LaneKind {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Heartbeat, Self::Control, Self::Object, Self::Replication, Self::Recovery];

    /// Largest frame, its length field included. Checked before anything is allocated for a frame.
    #[must_use]
    pub const fn frame_bytes_max(self) -> usize {
        match self {
            Self::Heartbeat => 8 << 20,
            Self::Control | Self::Recovery => 64 << 20,
            Self::Object => 16 << 20,
            Self::Replication => (1 << 20) + 4096,
        }
    }

    /// On which of a process's two threads its lanes live.
    #[must_use]
    pub const fn track(self) -> Track {
        match self {
            Self::Heartbeat => Track::Urgent,
            _ => Track::Main,
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|k| *k as u8 == byte)
    }
}

/// Where lanes are carried: heartbeats never wait behind anything else (F7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Track {
    /// Everything but heartbeats.
    Main,
    /// Heartbeats: a thread and a connection of their own at both ends, where there are such.
    Urgent,
}

impl Track {
    /// Where the tasks of its lanes run (F7).
    pub(crate) fn spawn_of(self, env: &Env) -> &Arc<dyn Spawn> {
        match self {
            Self::Main => &env.spawn,
            Self::Urgent => &env.urgent,
        }
    }
}

/// Whom to dial.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer {
    /// Who it has to be (F6).
    pub party: Party,
    /// Where it listens.
    pub address: String,
    /// The name that its certificate has to carry; `None` accepts every name of the right role.
    pub name: Option<String>,
}

impl Peer {
    /// The server that this entry of the list means, under the name that the list binds to its id (F6).
    #[must_use]
    pub fn of(server: &ServerEntry) -> Self {
        Self {
            party: Party::Server(server.id),
            address: server.address.clone(),
            name: Some(server.name.clone()),
        }
    }
}

/// What a certificate entitles to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// A storage server.
    Server,
    /// The coordinator.
    Coordinator,
    /// An application.
    Client,
    /// An operator: may do what applications may, and what only operators may.
    Admin,
}

impl Role {
    /// Whether a certificate of this role backs a process that speaks as `party`.
    #[must_use]
    pub fn backs(self, party: Party) -> bool {
        self == party.role() || self == Self::Admin && party == Party::Client
    }
}

/// Who the other end is, as its certificate says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The certificate's name.
    pub name: String,
    /// What it entitles to.
    pub role: Role,
}

/// The network as one process sees it.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Opens a lane to a peer. An error means that nothing was sent. It may take long when the peer is silent:
    /// bound it. Dropping the future gives the lane up.
    async fn dial(&self, peer: &Peer, kind: LaneKind) -> Result<Lane, RemoteError>;

    /// The next lane of this track that somebody else opened to this process; `None` once the transport is
    /// closed. Cancel-safe: a dropped future loses no lane.
    async fn accept(&self, track: Track) -> Option<Accepted>;
}

/// A lane opened by somebody else.
pub struct Accepted {
    /// The lane.
    pub lane: Lane,
    /// What the dialler says that it is for.
    pub kind: LaneKind,
    /// Who dialled, authenticated.
    pub identity: Identity,
}

/// Both directions of a lane. Dropping the receiver tells the other end that nobody reads.
pub struct Lane {
    /// To the other end.
    pub sender: Arc<dyn FrameSender>,
    /// From the other end.
    pub receiver: Box<dyn FrameReceiver>,
}

/// The sending direction: a bounded queue. Implementations coalesce frames that wait in it.
#[async_trait]
pub trait FrameSender: Send + Sync {
    /// Queues a frame, waiting for room. Once it has returned `Ok` the frame may arrive; a dropped future or an
    /// error means that it was not queued.
    async fn send(&self, packet: Packet) -> Result<(), LaneClosed>;

    /// Breaks the lane, both directions. What is queued may still arrive.
    fn close(&self);
}

/// The receiving direction.
#[async_trait]
pub trait FrameReceiver: Send {
    /// The next frame, whole, in one piece, its length field included and not above the lane's largest.
    /// Cancel-safe: a dropped future loses no frame.
    async fn receive(&mut self) -> Result<Bytes, LaneClosed>;
}

/// The lane is broken: what was under way may have arrived or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneClosed;

impl fmt::Display for LaneClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lane is closed")
    }
}

impl std::error::Error for LaneClosed {}
