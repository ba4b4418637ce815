//! The transport of a process.

use super::{
    BindError, Credentials, QuicConfig, QuicLimits, Threads, codes,
    endpoint::{Bound, End},
    guests::Guests,
    inbound::Door,
    tasks::Tasks,
};
use crate::wire::{Accepted, Identity, Lane, LaneKind, Peer, Track, Transport};
use async_trait::async_trait;
use rekindle_types::RemoteError;
use std::{net::SocketAddr, sync::Arc};
use tokio::sync::{Mutex, mpsc};

/// Lanes over QUIC: see the [module](super). Dropping it closes everything at once; [`QuicTransport::close`] lets what is
/// queued leave.
pub struct QuicTransport {
    main: End,
    urgent: End,
    identity: Identity,
    address: Option<String>,
    accepted_main: Mutex<mpsc::Receiver<Accepted>>,
    accepted_urgent: Mutex<mpsc::Receiver<Accepted>>,
}

impl QuicTransport {
    /// Listens, and dials from the same ports. Works off the given threads' runtimes, which have to run.
    pub fn bind(config: QuicConfig, threads: &Threads) -> Result<Arc<Self>, BindError> {
        let QuicConfig { listen, heartbeat_listen, host, credentials, limits } = config;
        if listen.ip() != heartbeat_listen.ip() {
            return Err(BindError::TwoHosts { address: listen, heartbeat: heartbeat_listen });
        }
        if host.is_none() && listen.ip().is_unspecified() {
            return Err(BindError::NoHost { address: listen });
        }
        let sockets = (Bound::at(listen)?, Bound::at(heartbeat_listen)?);
        let address = address(host, sockets.0.address, sockets.1.address);
        Self::open(sockets, &credentials, limits, Some(address), threads)
    }

    /// Only dials.
    pub fn client(credentials: &Credentials, threads: &Threads) -> Result<Arc<Self>, BindError> {
        let sockets = (Bound::anywhere()?, Bound::anywhere()?);
        Self::open(sockets, credentials, QuicLimits::default(), None, threads)
    }

    fn open(
        (main, urgent): (Bound, Bound),
        credentials: &Credentials,
        limits: QuicLimits,
        address: Option<String>,
        threads: &Threads,
    ) -> Result<Arc<Self>, BindError> {
        let is_listening = address.is_some();
        let open = |bound: Bound, track, handle: &tokio::runtime::Handle| {
            bound.open(track, credentials, &limits, is_listening, Arc::new(Tasks::new(handle.clone())))
        };
        let main = open(main, Track::Main, &threads.main)?;
        let urgent = open(urgent, Track::Urgent, &threads.urgent)?;
        let (to_main, accepted_main) = mpsc::channel(limits.backlog_max);
        let (to_urgent, accepted_urgent) = mpsc::channel(limits.backlog_max);
        if is_listening {
            let guests = Guests::new(limits);
            for (track, end, other) in [(Track::Main, &main, &urgent), (Track::Urgent, &urgent, &main)] {
                let (guests, tasks) = (guests.clone(), end.tasks.clone());
                let (main, urgent) = (to_main.clone(), to_urgent.clone());
                end.listen(Door { track, limits, guests, tasks, main, urgent }, other);
            }
        }
        Ok(Arc::new(Self {
            main,
            urgent,
            identity: credentials.identity().clone(),
            address,
            accepted_main: Mutex::new(accepted_main),
            accepted_urgent: Mutex::new(accepted_urgent),
        }))
    }

    /// Where others dial it: "host:port/heartbeatport". Empty for one that only dials.
    #[must_use]
    pub fn address(&self) -> String {
        self.address.clone().unwrap_or_default()
    }

    /// Who it proves to be.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Connections that are open, dialled or accepted, on both tracks.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.main.endpoint.open_connections() + self.urgent.endpoint.open_connections()
    }

    /// Closes every connection and tells the peers. Resolves when they know, or after `linger`.
    pub async fn close(&self) {
        for end in [&self.main, &self.urgent] {
            end.endpoint.close(codes::CLOSED, b"the process stops");
        }
        for end in [&self.main, &self.urgent] {
            let patience = std::pin::pin!(end.tasks.sleep(QuicLimits::default().linger));
            futures_util::future::select(std::pin::pin!(end.endpoint.wait_idle()), patience).await;
            end.tasks.stop();
        }
    }

    fn end(&self, track: Track) -> &End {
        match track {
            Track::Main => &self.main,
            Track::Urgent => &self.urgent,
        }
    }
}

impl Drop for QuicTransport {
    fn drop(&mut self) {
        for end in [&self.main, &self.urgent] {
            end.endpoint.close(codes::CLOSED, b"the process stops");
            end.tasks.stop();
        }
    }
}

#[async_trait]
impl Transport for QuicTransport {
    async fn dial(&self, peer: &Peer, kind: LaneKind) -> Result<Lane, RemoteError> {
        Ok(self.end(kind.track()).pool.open(peer, kind).await?)
    }

    async fn accept(&self, track: Track) -> Option<Accepted> {
        let accepted = match track {
            Track::Main => &self.accepted_main,
            Track::Urgent => &self.accepted_urgent,
        };
        accepted.lock().await.recv().await
    }
}

fn address(host: Option<String>, main: SocketAddr, urgent: SocketAddr) -> String {
    let host = host.unwrap_or_else(|| match main {
        SocketAddr::V4(main) => main.ip().to_string(),
        SocketAddr::V6(main) => format!("[{}]", main.ip()),
    });
    format!("{host}:{}/{}", main.port(), urgent.port())
}

#[cfg(all(test, feature = "local"))]
mod tests {
    use super::*;
    use crate::{local::Authority, wire::Role};
    use futures_util::{FutureExt, future::join, select_biased};
    use rekindle_env::real::Runtimes;
    use std::{net::Ipv4Addr, time::Duration};

    #[test]
    fn a_track_that_ends_takes_the_other_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let issued = Authority::create(dir.path()).unwrap().issue("s", Role::Server).unwrap();
        let credentials = issued.credentials().unwrap();
        for track in [Track::Main, Track::Urgent] {
            let runtimes = Runtimes::start().unwrap();
            let threads = Threads { main: runtimes.main(), urgent: runtimes.urgent() };
            let config = QuicConfig::new((Ipv4Addr::LOCALHOST, 0).into(), credentials.clone());
            let transport = QuicTransport::bind(config, &threads).unwrap();
            transport.end(track).endpoint.close(codes::CLOSED, b"as if its socket had failed");
            runtimes.main().block_on(async {
                let both = join(transport.accept(Track::Main), transport.accept(Track::Urgent));
                let (mut both, patience) =
                    (Box::pin(both.fuse()), transport.main.tasks.sleep(Duration::from_secs(10)));
                select_biased! {
                    accepted = both => assert!(accepted.0.is_none() && accepted.1.is_none()),
                    () = Box::pin(patience.fuse()) => panic!("{track:?} has ended, and the other goes on"),
                }
            });
        }
    }
}
