//! Every setting of the transport, each with its reason. What chose them: docs/decisions/0008-quic.md.

use super::{Credentials, CredentialsError, QuicLimits, tls};
use crate::wire::{LaneKind, Role, Track};
use quinn::{
    AckFrequencyConfig, ClientConfig, ConnectionId, ConnectionIdGenerator, EndpointConfig, IdleTimeout,
    MtuDiscoveryConfig, ServerConfig, TransportConfig, VarInt, congestion::CubicConfig,
};
use ring::{
    hmac,
    rand::{SecureRandom, SystemRandom},
};
use std::{sync::Arc, time::Duration};

/// Largest datagram. MTU discovery finds what a path carries, up to this: 1,472 on plain Ethernet, all of it on
/// loopback and with jumbo frames. Larger ones are slower: a receive buffer holds 64 x 32 of them and leaves the cache.
pub const DATAGRAM_BYTES_MAX: u16 = 4000;
/// Heartbeats are small: what fits plain Ethernet keeps the receive buffer of their endpoint at 3 MiB.
const HEARTBEAT_DATAGRAM_BYTES_MAX: u16 = 1472;
/// The size before discovery, and what it falls back to: every path carries it.
const DATAGRAM_BYTES_MIN: u16 = 1200;

/// Most lanes that a member has open on one connection. It uses one of each kind; the rest is for those that close.
const MEMBER_LANES: u32 = 64;
/// Likewise a client.
const CLIENT_LANES: u32 = 16;

/// Most unread bytes on one lane: a segment and its frame fit, twice, so that one travels while one is read.
const LANE_WINDOW: u32 = 2 * (LaneKind::Replication.frame_bytes_max() as u32 + 4096);
/// Most unread bytes on one connection: eight lanes that nobody reads stop it, and there are five kinds (V3).
const MEMBER_WINDOW: u32 = 8 * LANE_WINDOW;
/// A client uses two kinds, and there are many clients.
const CLIENT_WINDOW: u32 = 3 * LANE_WINDOW;
/// Most bytes that wait to be sent or acknowledged: as many as the other end takes unread.
const SEND_WINDOW: u64 = MEMBER_WINDOW as u64;
const CLIENT_SEND_WINDOW: u64 = CLIENT_WINDOW as u64;

/// A connection that hears nothing for so long after it sent something is gone. Deaths are noticed long before, by
/// calls and heartbeats; this breaks the lanes to whoever was there, and must outlast a process that starves for a
/// moment.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(3);
/// Three in that time, each repeated until it is acknowledged. The side that dialled sends them: it is the one that
/// needs the connection.
const KEEP_ALIVE: Duration = Duration::from_millis(900);
/// A stale connection of heartbeats costs a false suspicion, a new one half a millisecond.
const HEARTBEAT_IDLE_TIMEOUT: Duration = Duration::from_secs(2);
const HEARTBEAT_KEEP_ALIVE: Duration = Duration::from_millis(600);

/// Before anything is measured: generous for a data centre, 33 times below the default. A lost first datagram is
/// repeated after three of these.
const INITIAL_RTT: Duration = Duration::from_millis(10);

/// What is sent before the first acknowledgement: fits the smallest receive buffer that Linux gives by default.
/// Must not be below one datagram, or nothing is ever sent.
const INITIAL_CONGESTION_WINDOW: u64 = 64 << 10;

/// Room for a burst while the thread is busy. Linux caps it at net.core.rmem_max and wmem_max.
pub(super) const SOCKET_BUFFER_BYTES: usize = 4 << 20;

/// Bytes that a lane queues, and below which a frame counts as so much: 1,024 small frames.
pub(super) const QUEUE_BYTES: usize = 4 << 20;
pub(super) const QUEUE_FRAME_BYTES_MIN: usize = 4 << 10;

const _: () = assert!(LANE_WINDOW as usize > LaneKind::Replication.frame_bytes_max());
const _: () = assert!(INITIAL_CONGESTION_WINDOW > DATAGRAM_BYTES_MAX as u64);

/// What a connection may use once its other end is known.
pub(super) struct Windows {
    pub(super) lanes: VarInt,
    pub(super) receive: VarInt,
    pub(super) send: u64,
}

impl Windows {
    pub(super) fn of(role: Role) -> Self {
        let (lanes, receive, send) = match role {
            Role::Server | Role::Coordinator => (MEMBER_LANES, MEMBER_WINDOW, SEND_WINDOW),
            Role::Client | Role::Admin => (CLIENT_LANES, CLIENT_WINDOW, CLIENT_SEND_WINDOW),
        };
        Self { lanes: VarInt::from_u32(lanes), receive: VarInt::from_u32(receive), send }
    }
}

fn idle(after: Duration) -> IdleTimeout {
    IdleTimeout::try_from(after).expect("seconds fit")
}

fn transport(track: Track, limits: &QuicLimits) -> TransportConfig {
    let mut config = TransportConfig::default();
    let mut discovery = MtuDiscoveryConfig::default();
    // The path may change under a long connection, and losses that look like a smaller path pass.
    discovery
        .upper_bound(datagram_bytes_max(track, limits))
        .interval(Duration::from_secs(600))
        .black_hole_cooldown(Duration::from_secs(60))
        // A few bytes more buy nothing.
        .minimum_change(20);
    let mut congestion = CubicConfig::default();
    congestion.initial_window(INITIAL_CONGESTION_WINDOW);
    let idle_timeout = match track {
        Track::Main => limits.idle_timeout,
        Track::Urgent => limits.idle_timeout.min(HEARTBEAT_IDLE_TIMEOUT),
    };
    config
        .initial_mtu(DATAGRAM_BYTES_MIN)
        .min_mtu(DATAGRAM_BYTES_MIN)
        .mtu_discovery_config(Some(discovery))
        // Small frames of many lanes are not to be padded.
        .pad_to_mtu(false)
        .congestion_controller_factory(Arc::new(congestion))
        .initial_rtt(INITIAL_RTT)
        // As RFC 9002 advises; reordering is rare in a data centre, and cheap when it is taken for loss.
        .packet_threshold(3)
        .time_threshold(9.0 / 8.0)
        .persistent_congestion_threshold(3)
        .max_idle_timeout(Some(idle(idle_timeout)))
        .stream_receive_window(VarInt::from_u32(LANE_WINDOW))
        .receive_window(VarInt::from_u32(MEMBER_WINDOW))
        .send_window(SEND_WINDOW)
        // Lanes take turns: a bulk lane must not hold up a small call on another (V3).
        .send_fairness(true)
        // A few certificates fit; nobody has a long chain.
        .crypto_buffer_size(16 << 10)
        // 4 times the bulk rate.
        .enable_segmentation_offload(true)
        // Nobody watches the path.
        .allow_spin(false)
        // No unreliable datagrams.
        .datagram_receive_buffer_size(None)
        .datagram_send_buffer_size(0)
        .ack_frequency_config(Some(acks()));
    config
}

/// Every eleventh datagram is acknowledged, not every second; out of order ones at once, the last ones soon enough for a
/// lost one to be repeated before a heartbeat is missed.
fn acks() -> AckFrequencyConfig {
    let mut acks = AckFrequencyConfig::default();
    acks.ack_eliciting_threshold(VarInt::from_u32(10))
        .max_ack_delay(Some(Duration::from_millis(5)))
        .reordering_threshold(VarInt::from_u32(2));
    acks
}

fn keep_alive(track: Track) -> Duration {
    match track {
        Track::Main => KEEP_ALIVE,
        Track::Urgent => HEARTBEAT_KEEP_ALIVE,
    }
}

fn datagram_bytes_max(track: Track, limits: &QuicLimits) -> u16 {
    match track {
        Track::Main => limits.datagram_bytes_max,
        Track::Urgent => limits.datagram_bytes_max.min(HEARTBEAT_DATAGRAM_BYTES_MAX),
    }
}

/// Of the side that dials.
pub(super) fn client(
    credentials: &Credentials,
    track: Track,
    limits: &QuicLimits,
) -> Result<ClientConfig, CredentialsError> {
    let mut transport = transport(track, limits);
    transport
        // The other end opens no lane, and one stream with its greeting.
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(1))
        .keep_alive_interval(Some(keep_alive(track)));
    let mut config = ClientConfig::new(tls::client_config(credentials)?);
    config.transport_config(Arc::new(transport));
    Ok(config)
}

/// Of the side that accepts.
pub(super) fn server(
    credentials: &Credentials,
    track: Track,
    limits: &QuicLimits,
) -> Result<ServerConfig, CredentialsError> {
    let mut transport = transport(track, limits);
    transport
        // Until the other end is known, as few as for a client; nothing is read before.
        .max_concurrent_bidi_streams(Windows::of(Role::Client).lanes)
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .keep_alive_interval(None);
    let mut config = ServerConfig::with_crypto(tls::server_config(credentials)?);
    config
        .transport_config(Arc::new(transport))
        // Processes don't move; a packet from elsewhere is none of theirs.
        .migration(false)
        .retry_token_lifetime(Duration::from_secs(5))
        .preferred_address_v4(None)
        .preferred_address_v6(None)
        // Those that wait for the accepting task; it takes them at once, so more are a flood.
        .max_incoming(limits.handshakes_max)
        // A handshake is a few datagrams; what else arrives before it is accepted is dropped.
        .incoming_buffer_size(16 << 10)
        .incoming_buffer_size_total(4 << 20);
    config.validation_token.sent(0); // Only retries prove addresses.
    Ok(config)
}

/// Of both.
pub(super) fn endpoint(credentials: &Credentials, track: Track, limits: &QuicLimits) -> EndpointConfig {
    // The key outlives the process: one that is started again tells peers of the former one that their connections
    // are gone, instead of leaving them to the idle time-out.
    let secret = hmac::Key::new(hmac::HMAC_SHA256, credentials.key.secret_der());
    // One for each endpoint: with a shared one, what the one resets would break connections of the other.
    let purpose: &[u8] = match track {
        Track::Main => b"rekindle/1 stateless reset, main",
        Track::Urgent => b"rekindle/1 stateless reset, urgent",
    };
    let key = hmac::sign(&secret, purpose);
    let mut config = EndpointConfig::new(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, key.as_ref())));
    config
        .cid_generator(|| Box::new(RandomIds(SystemRandom::new())))
        .max_udp_payload_size(datagram_bytes_max(track, limits))
        .expect("the size is checked when the transport is made")
        .supported_versions(vec![1])
        .grease_quic_bit(true)
        // Every peer of a process that was started again needs one, at about the same time.
        .min_reset_interval(Duration::from_millis(1));
    config
}

/// Connection ids: random. They are not to be told from those of the process's former life, so that these are answered
/// with a reset.
struct RandomIds(SystemRandom);

impl ConnectionIdGenerator for RandomIds {
    fn generate_cid(&mut self) -> ConnectionId {
        let mut id = [0; 8];
        self.0.fill(&mut id).expect("the system has random bytes");
        ConnectionId::new(&id)
    }

    fn cid_len(&self) -> usize {
        8
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None // Nobody is to be hidden from.
    }
}
