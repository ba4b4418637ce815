//! Nobody without a certificate of the cluster's authority gets a frame read, nobody does what its role is not for, and
//! no server's certificate speaks for another. Who is refused is told so at its first call.

use super::{
    host::{ANY_PORT, Host, Town},
    raw,
};
use crate::{calls_reach_the_right_service::get, support::*};
use quinn::ConnectionError;
use rekindle_backup::{BackupError, BackupStore};
use rekindle_client::{Master, ObjectRequest};
use rekindle_cluster::{
    quic::{Credentials, QuicLimits, QuicTransport},
    wire::{Identity, LaneKind, Party, Peer, RemoteBackup, RemoteMaster, Role, Track, Transport},
};
use rekindle_env::Task;
use rekindle_types::RemoteError;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// A server that counts the lanes that it is handed.
struct Counting {
    host: Host,
    lanes: Arc<AtomicUsize>,
    _count: Task,
}

impl Counting {
    fn start(town: &Town) -> Self {
        let host = town.host(server(2));
        let (lanes, transport) = (Arc::new(AtomicUsize::new(0)), host.transport.clone());
        let counted = lanes.clone();
        let count = host.env.spawn.spawn(
            "count",
            Box::pin(async move {
                while transport.accept(Track::Main).await.is_some() {
                    counted.fetch_add(1, Ordering::SeqCst);
                }
            }),
        );
        Self { host, lanes, _count: count }
    }

    /// Nobody was handed up so far; a lane of one who may is, so nobody was merely late.
    fn saw_nobody(&self, town: &Town) {
        assert_eq!(self.lanes.load(Ordering::SeqCst), 0);
        let app = town.caller("late", Role::Client);
        let peer = self.host.peer(server(2));
        let _lane = app.block_on(app.transport.dial(&peer, LaneKind::Object)).unwrap();
        while self.lanes.load(Ordering::SeqCst) == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(self.lanes.load(Ordering::SeqCst), 1);
    }
}

/// The first call of a process with these credentials.
fn first_call(credentials: &Credentials, peer: Peer) -> RemoteError {
    let client = Host::start(|threads| QuicTransport::client(credentials, threads).unwrap());
    let master = RemoteMaster::new(client.peers(Party::Client), peer);
    let request = ObjectRequest { calls: vec![get()], time_left_ms: 5000 };
    client.block_on(master.call(request)).unwrap_err()
}

fn app(town: &Town) -> rekindle_cluster::local::Issued {
    town.issue("app", Role::Client)
}

#[test]
fn without_a_certificate() {
    let town = Town::new();
    let target = Counting::start(&town);
    let to = raw::socket_address(&target.host, Track::Main);
    let client = town.caller("unused", Role::Client);
    let refused = client.block_on(async {
        let connection = match raw::connect(to, &app(&town), None).await {
            Ok(connection) => connection,
            Err(error) => return error,
        };
        // The handshake is over for this side: frames may be on their way before the refusal comes.
        if let Ok((mut stream, _)) = connection.open_bi().await {
            let _ = stream.write_all(&[LaneKind::Object as u8; 4000]).await;
        }
        connection.closed().await
    });
    // The alert "certificate required".
    assert!(
        matches!(&refused, ConnectionError::ConnectionClosed(close) if u64::from(close.error_code) == 0x100 + 116),
        "{refused:?}"
    );
    target.saw_nobody(&town);
}

#[test]
fn with_a_certificate_of_another_authority() {
    let (town, elsewhere) = (Town::new(), Town::new());
    let target = Counting::start(&town);
    let (ours, theirs) = (app(&town), app(&elsewhere));
    // It knows this cluster's authority, but has no certificate of it: the server refuses.
    let mixed = Credentials::from_pem(&ours.authority_pem, &theirs.certificate_pem, &theirs.key_pem).unwrap();
    let error = first_call(&mixed, target.host.peer(server(2)));
    assert!(matches!(&error, RemoteError::Unauthorised(why) if why.contains("refuses this")), "{error}");
    // It belongs to another cluster: it refuses the server.
    let error = first_call(&theirs.credentials().unwrap(), target.host.peer(server(2)));
    assert!(matches!(&error, RemoteError::Unauthorised(why) if why.contains("does not prove")), "{error}");
    target.saw_nobody(&town);
}

#[test]
fn with_a_certificate_of_two_names() {
    let town = Town::new();
    let target = Counting::start(&town);
    let to = raw::socket_address(&target.host, Track::Main);
    let client = town.caller("unused", Role::Client);
    for names in [
        &["a.server.rekindle", "server.rekindle", "b.server.rekindle"][..],
        &["*.server.rekindle", "server.rekindle"],
        &["server.rekindle"],
        &["a.server.rekindle", "client.rekindle"],
        &["a.b.client.rekindle", "client.rekindle"],
    ] {
        let odd = town.issue_names(names);
        let refused = client.block_on(async {
            let connection = raw::connect(to, &odd, Some(&odd)).await.unwrap();
            if let Ok((mut stream, _)) = connection.open_bi().await {
                let _ = stream.write_all(&[LaneKind::Object as u8; 4000]).await;
            }
            connection.closed().await
        });
        let is_refusal = matches!(&refused, ConnectionError::ApplicationClosed(close) if close.error_code.into_inner() == 1);
        assert!(is_refusal, "{names:?}: {refused:?}");
    }
    target.saw_nobody(&town);
}

#[test]
fn a_servers_certificate_does_not_speak_for_another() {
    let town = Town::new();
    let target = Counting::start(&town);
    let expected = Peer { name: Some("server-3".into()), ..target.host.peer(server(3)) };
    let error = first_call(&app(&town).credentials().unwrap(), expected);
    assert!(matches!(&error, RemoteError::Unauthorised(why) if why.contains("server-3")), "{error}");
    // Nor for the coordinator.
    let error = first_call(&app(&town).credentials().unwrap(), target.host.peer(Party::Coordinator));
    assert!(matches!(error, RemoteError::Unauthorised(_)), "{error}");
    target.saw_nobody(&town);
}

#[test]
fn a_clients_certificate_serves_nobody() {
    let town = Town::new();
    let liar = town.host_with(
        &Identity { name: "server-2".into(), role: Role::Client },
        ANY_PORT,
        QuicLimits::default(),
    );
    let error = first_call(&app(&town).credentials().unwrap(), liar.peer(server(2)));
    assert!(matches!(error, RemoteError::Unauthorised(_)), "{error}");
}

#[test]
fn a_client_calls_no_server_operation() {
    let town = Town::new();
    let target = town.host(server(2));
    let (fake, _serve) = target.serve(server(2));
    let client = town.caller("app", Role::Client);
    let second = Duration::from_secs(1);
    // As itself, and as the server that it claims to be.
    for party in [Party::Client, server(1), Party::Coordinator] {
        let backup = RemoteBackup::new(client.peers(party), target.peer(server(2)), second, second);
        let error = client.block_on(backup.write(write(1))).unwrap_err();
        assert!(matches!(error, BackupError::Remote(RemoteError::Unauthorised(_))), "{error}");
    }
    assert!(fake.seen.lock().is_empty());
}
