//! Lanes over QUIC, with mutual TLS: the network between machines.
//!
//! A process has two endpoints, each on a thread of its own: one for heartbeats, one for everything else (F7). To
//! each peer and track it dials one connection, lazily and once, and opens lanes on it: bidirectional streams whose
//! first byte names the lane's kind. Who is at the other end, its certificate says: name and role are DNS names in
//! it. Byte tables: docs/formats/quic.md. Why each setting is what it is: [`settings`] and docs/decisions/0008-quic.md.
//!
//! Not here: what frames mean, deadlines of calls, retries; those are the same on every transport.
//!
//! Limits: 64 lanes on a connection (16 on a client's), 8,192 connections to a process, half of them for clients and
//! 512 under one name; 4 MiB or 1,024 frames queued on a lane; 64 MiB in a frame.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // This is where sockets and timers are made.

mod address;
mod codes;
mod config;
mod connect;
mod credentials;
mod endpoint;
mod error;
mod guests;
mod identity;
mod inbound;
mod lane;
mod link;
mod pool;
mod refusal;
mod runtime;
pub mod settings;
mod tasks;
mod tls;
mod transport;

pub use config::{QuicConfig, QuicLimits, Threads};
pub use credentials::{Credentials, CredentialsError};
pub use error::BindError;
pub use identity::{NameError, check_name, dns_names};
pub use transport::QuicTransport;
