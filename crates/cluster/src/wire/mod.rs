//! What travels between processes: frames on lanes, calls on frames, stubs on calls.
//!
//! From the outside in: a [`Transport`] opens lanes; [`Peers`] keeps one per peer and kind and greets on it; the
//! stubs ([`RemoteBackup`], [`RemoteControl`], [`RemoteCoordinator`], [`RemoteMaster`]) make calls through it. On
//! the other side [`serve`] admits lanes ([`Gate`], F6) and hands their calls to [`Services`].

mod call;
pub mod codec;
mod dispatch;
mod frame;
mod hello;
mod stubs;
mod transport;

pub use call::{
    CallError, Caller, Gate, LaneLimits, Members, NoStamps, Peers, PeersConfig, ServeConfig, Stamps,
    accept_hello, serve, serve_lane,
};
pub use codec::{CallRefusal, WireError};
pub use dispatch::{Origin, Services};
pub use frame::{Frame, FrameKind, FrameWriter, Packet, Stamp};
pub use hello::{ClusterId, Hello, Party};
pub use stubs::{RemoteBackup, RemoteControl, RemoteCoordinator, RemoteMaster, RemoteMasters};
pub use transport::{
    Accepted, FrameReceiver, FrameSender, Identity, Lane, LaneClosed, LaneKind, Peer, Role, Track, Transport,
};
