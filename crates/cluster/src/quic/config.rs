//! What a transport is told.

use super::{Credentials, settings};
use std::{net::SocketAddr, time::Duration};
use tokio::runtime::Handle;

/// The two threads of a process: each runs one current-thread runtime.
#[derive(Clone, Debug)]
pub struct Threads {
    /// For everything but heartbeats.
    pub main: Handle,
    /// For heartbeats (F7). The same as `main` where nobody's life depends on them: in clients.
    pub urgent: Handle,
}

/// How a process listens.
#[derive(Clone, Debug)]
pub struct QuicConfig {
    /// Where everything but heartbeats arrives; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where heartbeats arrive; port 0 takes a free one.
    pub heartbeat_listen: SocketAddr,
    /// The host under which others reach this process; needed only when it listens at all addresses.
    pub host: Option<String>,
    /// Who it is.
    pub credentials: Credentials,
    /// What others may use.
    pub limits: QuicLimits,
}

impl QuicConfig {
    /// Listens at two free ports of `listen`'s host, or at its port and a free one.
    #[must_use]
    pub fn new(listen: SocketAddr, credentials: Credentials) -> Self {
        let heartbeat_listen = SocketAddr::new(listen.ip(), 0);
        Self { listen, heartbeat_listen, host: None, credentials, limits: QuicLimits::default() }
    }
}

/// What others may use of an endpoint, and how long things may take.
#[derive(Clone, Copy, Debug)]
pub struct QuicLimits {
    /// Most connections from others.
    pub connections_max: usize,
    /// Most of these for clients, so that members always find room.
    pub client_connections_max: usize,
    /// Most connections under one name: a certificate shared by many processes is fine, one that takes all is not.
    pub connections_per_name_max: usize,
    /// Most handshakes at once; from a quarter of them on, diallers first have to prove their address.
    pub handshakes_max: usize,
    /// Most lanes that wait to be accepted; further ones are refused.
    pub backlog_max: usize,
    /// Longest time for a handshake, on either side.
    pub handshake_timeout: Duration,
    /// Longest time for the first byte of a lane, and for a lane that waits for others to close.
    pub lane_timeout: Duration,
    /// Longest time for what is queued on a closed lane to leave.
    pub linger: Duration,
    /// A dialled connection without lanes is closed after so long.
    pub unused: Duration,
    /// A connection that hears nothing for so long breaks; heartbeats' after 2 s at the latest.
    pub idle_timeout: Duration,
    /// Largest datagram that is sent or taken: see [`settings`].
    pub datagram_bytes_max: u16,
}

impl Default for QuicLimits {
    /// 8,192 connections, half of them for clients, 512 under one name; 256 handshakes, 2 s
    /// for each; 1 s for each other step, 10 s until
    /// an unused connection is closed.
    fn default() -> Self {
        Self {
            connections_max: 8192,
            client_connections_max: 4096,
            connections_per_name_max: 512,
            handshakes_max: 256,
            backlog_max: 1024,
            handshake_timeout: Duration::from_secs(2),
            lane_timeout: Duration::from_secs(1),
            linger: Duration::from_secs(1),
            unused: Duration::from_secs(10),
            idle_timeout: settings::IDLE_TIMEOUT,
            datagram_bytes_max: settings::DATAGRAM_BYTES_MAX,
        }
    }
}
