//! One UDP socket, its thread, and the task that takes connections.

use super::{
    BindError, Credentials, QuicLimits, codes, inbound::Door, pool::Pool, runtime::On, settings, tasks::Tasks,
};
use crate::wire::Track;
use quinn::{Endpoint, udp::UdpSocketState};
use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// An open socket, before its endpoint.
pub(super) struct Bound {
    socket: UdpSocket,
    pub(super) address: SocketAddr,
}

impl Bound {
    pub(super) fn at(address: SocketAddr) -> Result<Self, BindError> {
        let failed = |e| BindError::new(address, e);
        let socket = UdpSocket::bind(address).map_err(failed)?;
        // The system may give less, and says nothing then.
        let state = UdpSocketState::new((&socket).into()).map_err(failed)?;
        let _ = state.set_recv_buffer_size((&socket).into(), settings::SOCKET_BUFFER_BYTES);
        let _ = state.set_send_buffer_size((&socket).into(), settings::SOCKET_BUFFER_BYTES);
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self { socket, address })
    }

    /// Any port, to both kinds of addresses if the machine has both.
    pub(super) fn anywhere() -> Result<Self, BindError> {
        let any = |ip| Self::at(SocketAddr::new(ip, 0));
        any(Ipv6Addr::UNSPECIFIED.into()).or_else(|_| any(Ipv4Addr::UNSPECIFIED.into()))
    }

    pub(super) fn open(
        self,
        track: Track,
        credentials: &Credentials,
        limits: &QuicLimits,
        is_listening: bool,
        tasks: Arc<Tasks>,
    ) -> Result<End, BindError> {
        let server = is_listening.then(|| settings::server(credentials, track, limits)).transpose()?;
        let client = settings::client(credentials, track, limits)?;
        let config = settings::endpoint(credentials, track, limits);
        let runtime = Arc::new(On(tasks.handle().clone()));
        let endpoint = Endpoint::new(config, server, self.socket, runtime)
            .map_err(|e| BindError::new(self.address, e))?;
        let pool = Pool::new(track, endpoint.clone(), client, *limits, tasks.clone());
        Ok(End { endpoint, pool, tasks })
    }
}

/// A track's end of the network.
pub(super) struct End {
    pub(super) endpoint: Endpoint,
    pub(super) pool: Arc<Pool>,
    pub(super) tasks: Arc<Tasks>,
}

impl End {
    /// Takes connections until the endpoint is closed, or its socket fails. Then the other track ends, too: whoever still
    /// sent heartbeats but answered no calls would be taken to be well.
    pub(super) fn listen(&self, door: Door, other: &Self) {
        let (endpoint, other) = (self.endpoint.clone(), other.endpoint.clone());
        self.tasks.spawn(async move {
            accept(endpoint, Arc::new(door)).await;
            other.close(codes::CLOSED, b"the other track has ended");
        });
    }
}

async fn accept(endpoint: Endpoint, door: Arc<Door>) {
    let shaking_hands = Arc::new(AtomicUsize::new(0)); // Changed by this thread's tasks alone.
    while let Some(incoming) = endpoint.accept().await {
        let limits = &door.limits;
        let under_way = shaking_hands.load(Ordering::Relaxed);
        if under_way >= limits.handshakes_max || door.guests.count() >= limits.connections_max {
            incoming.refuse();
        } else if under_way >= limits.handshakes_max / 4 && !incoming.remote_address_validated() {
            let _ = incoming.retry(); // Fails only for validated ones.
        } else if let Ok(connecting) = incoming.accept() {
            door.tasks.spawn(door.clone().run(connecting, Handshake::begin(&shaking_hands)));
        }
    }
}

/// Counts a handshake until it is dropped.
pub(super) struct Handshake(Arc<AtomicUsize>);

impl Handshake {
    fn begin(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
