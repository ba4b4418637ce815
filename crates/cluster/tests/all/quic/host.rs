//! Processes of a cluster, all in this one, each with threads, sockets and certificates of its own.

use crate::support::{CLUSTER, Fake, Names, identity};
use rcgen::{CertificateParams, DnType, Issuer, KeyPair};
use rekindle_cluster::{
    local::{Authority, Issued},
    quic::{Credentials, QuicConfig, QuicLimits, QuicTransport, Threads},
    wire::{
        Gate, Identity, NoStamps, Party, Peer, Peers, PeersConfig, Role, ServeConfig, Services, Transport,
        serve,
    },
};
use rekindle_env::{
    Env, Task,
    real::{RealConfig, RealEnv, Runtimes},
};
use rekindle_types::Rules;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tempfile::TempDir;

pub const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// A cluster's authority.
pub struct Town {
    authority: Authority,
    /// Where the authority is kept.
    dir: TempDir,
}

impl Town {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { authority: Authority::create(dir.path()).unwrap(), dir }
    }

    pub fn issue(&self, name: &str, role: Role) -> Issued {
        self.authority.issue(name, role).unwrap()
    }

    /// A certificate of names that the authority would not sign.
    pub fn issue_names(&self, names: &[&str]) -> Issued {
        let read = |file| std::fs::read_to_string(self.dir.path().join(file)).unwrap();
        let mut authority = CertificateParams::default();
        authority.distinguished_name.push(DnType::CommonName, "rekindle authority");
        let issuer = Issuer::new(authority, KeyPair::from_pem(&read("ca.key.pem")).unwrap());
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
        Issued {
            authority_pem: read("ca.pem"),
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        }
    }

    pub fn credentials(&self, identity: &Identity) -> Credentials {
        self.issue(&identity.name, identity.role).credentials().unwrap()
    }

    /// A process that listens.
    pub fn host(&self, party: Party) -> Host {
        self.host_with(&identity(party), ANY_PORT, QuicLimits::default())
    }

    pub fn host_with(&self, identity: &Identity, listen: SocketAddr, limits: QuicLimits) -> Host {
        let config = QuicConfig { limits, ..QuicConfig::new(listen, self.credentials(identity)) };
        Host::start(|threads| QuicTransport::bind(config, threads).unwrap())
    }

    /// A process that only dials.
    pub fn caller(&self, name: &str, role: Role) -> Host {
        let credentials = self.credentials(&Identity { name: name.into(), role });
        Host::start(|threads| QuicTransport::client(&credentials, threads).unwrap())
    }
}

/// One process. The threads end last.
pub struct Host {
    pub transport: Arc<QuicTransport>,
    pub env: Env,
    runtimes: Runtimes,
    _dir: TempDir,
}

impl Host {
    pub fn start(open: impl FnOnce(&Threads) -> Arc<QuicTransport>) -> Self {
        let runtimes = Runtimes::start().unwrap();
        let threads = Threads { main: runtimes.main(), urgent: runtimes.urgent() };
        let dir = tempfile::tempdir().unwrap();
        let env =
            RealEnv::open(dir.path(), runtimes.main(), runtimes.urgent(), RealConfig::default()).unwrap();
        Self { transport: open(&threads), env, runtimes, _dir: dir }
    }

    /// A process that listens at both of these ports.
    pub fn listen(
        credentials: Credentials,
        (listen, heartbeat_listen): (SocketAddr, SocketAddr),
        idle_timeout: Duration,
    ) -> Self {
        let limits = QuicLimits { idle_timeout, ..QuicLimits::default() };
        let config = QuicConfig { heartbeat_listen, limits, ..QuicConfig::new(listen, credentials) };
        Self::start(|threads| QuicTransport::bind(config, threads).unwrap())
    }

    /// Ends the process without a word to anybody: its threads first, which would say good-bye.
    pub fn kill(self) {
        let Self { transport, env, runtimes, _dir } = self;
        drop(runtimes);
        drop((transport, env));
    }

    /// Where others dial it, as `party`.
    pub fn peer(&self, party: Party) -> Peer {
        Peer { party, address: self.transport.address(), name: None }
    }

    /// Answers as `party` with everything that a fake can do.
    pub fn serve(&self, party: Party) -> (Arc<Fake>, Task) {
        let fake = Arc::new(Fake::default());
        let gate = Arc::new(Gate::new(CLUSTER, party, Arc::new(Names), Rules::default()));
        let services = match party {
            Party::Coordinator => Services { coordinator: Some(fake.clone()), ..Services::default() },
            _ => Services {
                backup: Some(fake.clone()),
                control: Some(fake.clone()),
                master: Some(fake.clone()),
                coordinator: None,
            },
        };
        let transport: Arc<dyn Transport> = self.transport.clone();
        let run =
            serve(self.env.clone(), transport, gate, services, Arc::new(NoStamps), ServeConfig::default());
        (fake, self.env.spawn.spawn("serve", Box::pin(run)))
    }

    /// Calls others as `party`.
    pub fn peers(&self, party: Party) -> Arc<Peers> {
        let transport: Arc<dyn Transport> = self.transport.clone();
        // The machine may be busy.
        let patience = Duration::from_secs(5);
        let config = PeersConfig {
            dial_timeout: patience,
            heartbeat_dial_timeout: patience,
            ..PeersConfig::new(CLUSTER, party)
        };
        Peers::new(config, self.env.clone(), transport, Arc::new(NoStamps))
    }

    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtimes.main().block_on(future)
    }
}
