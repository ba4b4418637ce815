//! Rule F6 and authorisation: a lane is for one process, from one that its certificate backs, and each peer may only
//! call what its role is for.

use crate::support::*;
use rekindle_backup::{BackupError, BackupStore, LoadRequest};
use rekindle_client::{Master, ObjectRequest};
use rekindle_cluster::wire::{
    CallError, ClusterId, FrameKind, FrameWriter, Identity, LaneKind, NoStamps, Party, Peer, Peers,
    PeersConfig, RemoteBackup, RemoteControl, RemoteCoordinator, RemoteMaster, Role, codec,
};
use rekindle_coordinator::{ControlError, Order, OrderKind, ServerControl};
use rekindle_types::{
    CoordinatorApi, ListVersion, LogId, RemoteError, Request, ServerId, ServerRoom, TabletVersion, Term,
};
use std::{sync::Arc, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

fn is_unauthorised<T: std::fmt::Debug>(result: Result<T, impl Into<RemoteError>>) -> bool {
    matches!(result.map_err(Into::into), Err(RemoteError::Unauthorised(_)))
}

fn remote(error: BackupError) -> RemoteError {
    match error {
        BackupError::Remote(error) => error,
        other => panic!("{other}"),
    }
}

fn order(kind: OrderKind) -> Order {
    Order { term: Term(1), kind }
}

#[test]
fn a_lane_for_a_former_incarnation_is_refused() {
    let net = Net::calm();
    let (fake, _serve) = net.serve("s", server(2));
    let peers = net.peers("c", Party::Coordinator);
    let control = RemoteControl::new(peers.clone(), peer(server(1), "s"), SECOND, SECOND);
    let error = net.world.block_on(control.call(order(OrderKind::Probe)));
    assert_eq!(error, Err(ControlError::WrongServer(ServerId(1))));
    let deadline = peers.now() + SECOND;
    let call = || codec::encode_order(&order(OrderKind::Probe));
    let wrong = peer(Party::Server(ServerId(3)), "s");
    let error = net.world.block_on(peers.call(&wrong, LaneKind::Control, call(), deadline));
    assert_eq!(error, Err(CallError::WrongServer(Some(ServerId(2)))), "it says who it is");
    assert!(fake.seen.lock().is_empty());
}

#[test]
fn another_cluster_is_refused() {
    let net = Net::calm();
    let fake = Arc::new(Fake::default());
    let _serve = net.serve_with("s", server(2), ClusterId(8), Default::default(), fake.clone());
    let master = RemoteMaster::new(net.peers("client", Party::Client), peer(server(2), "s"));
    let error = net.world.block_on(master.call(ObjectRequest { calls: vec![], time_left_ms: 100 }));
    assert!(matches!(error, Err(RemoteError::NotDone(why)) if why.contains("cluster")));
    assert!(fake.seen.lock().is_empty());
}

#[test]
fn a_client_calls_objects_and_nothing_else() {
    let net = Net::calm();
    let (fake, _serve) = net.serve("s", server(2));
    let client = net.peers("client", Party::Client);
    let target = || peer(server(2), "s");
    let backup = RemoteBackup::new(client.clone(), target(), SECOND, SECOND);
    let control = RemoteControl::new(client.clone(), target(), SECOND, SECOND);
    net.world.block_on(async {
        assert!(is_unauthorised(backup.write(write(1)).await.map_err(remote)));
        assert!(is_unauthorised(
            backup.inventory(LogId::of(ServerId(1)), ListVersion(1)).await.map_err(remote)
        ));
        assert!(is_unauthorised(backup.load(replica(1), LoadRequest::Whole).await.map_err(remote)));
        for kind in [OrderKind::Probe, OrderKind::FreeLog(LogId::of(ServerId(1)))] {
            let Err(ControlError::Remote(error)) = control.call(order(kind)).await else { panic!() };
            assert!(is_unauthorised::<()>(Err(error)));
        }
    });
    assert!(fake.seen.lock().is_empty());
}

#[test]
fn a_server_speaks_for_itself_only() {
    let net = Net::calm();
    let _tasks = [net.serve("s", server(2)).1, net.serve("c", Party::Coordinator).1];
    let one = net.peers("one", server(1));
    let backup = RemoteBackup::new(one.clone(), peer(server(2), "s"), SECOND, SECOND);
    let control = RemoteControl::new(one.clone(), peer(server(2), "s"), SECOND, SECOND);
    let coordinator = RemoteCoordinator::new(one, ["c".into()], SECOND, SECOND);
    net.world.block_on(async {
        assert!(is_unauthorised(backup.write(write(3)).await.map_err(remote)), "another's log");
        let renew = |server| Request::Renew {
            server: ServerId(server),
            list: ListVersion(1),
            room: ServerRoom::default(),
            reports: vec![],
            replaying: vec![],
        };
        assert!(coordinator.call(renew(1)).await.is_ok());
        assert!(is_unauthorised(coordinator.call(renew(2)).await));
        let leave = |server| Request::Leave { server: ServerId(server) };
        assert!(coordinator.call(leave(1)).await.is_ok());
        assert!(is_unauthorised(coordinator.call(leave(2)).await));
        assert!(is_unauthorised(coordinator.call(Request::ReportExit { server: ServerId(1) }).await));
        assert!(is_unauthorised(coordinator.call(Request::Status).await));
        assert!(control.call(order(OrderKind::Probe)).await.is_ok(), "servers probe each other");
        assert!(control.call(order(OrderKind::FreeLog(LogId::of(ServerId(1))))).await.is_err());
    });
}

#[test]
fn a_certificate_of_another_name_or_role_does_not_open() {
    let net = Net::calm();
    let _tasks = [net.serve("s", server(2)).1, net.serve("c", Party::Coordinator).1];
    let liar = |at: &str, party, name: &str, role| {
        let transport = net.network.endpoint(at, Identity { name: name.into(), role });
        let env = net.world.node(at).env();
        Peers::new(PeersConfig::new(CLUSTER, party), env, transport, Arc::new(NoStamps))
    };
    let request = || ObjectRequest { calls: vec![], time_left_ms: 100 };
    net.world.block_on(async {
        for (party, name, role) in [
            (server(1), "server-3", Role::Server),
            (server(1), "server-1", Role::Client),
            (Party::Coordinator, "server-1", Role::Server),
        ] {
            let master = RemoteMaster::new(liar("liar", party, name, role), peer(server(2), "s"));
            assert!(master.call(request()).await.is_err(), "{name} as {party}");
        }
        // The dialler checks too: a name that the list does not bind to the id.
        let expected = Peer { name: Some("server-9".into()), ..peer(server(2), "s") };
        let master = RemoteMaster::new(net.peers("client", Party::Client), expected);
        assert!(master.call(request()).await.is_err());
    });
}

#[test]
fn an_operator_does_what_clients_do_and_reports_exits() {
    let net = Net::calm();
    let (fake, _serve) = net.serve("s", server(2));
    let _coordinator = net.serve("c", Party::Coordinator).1;
    let as_admin = |party| {
        let identity = Identity { name: "op".into(), role: Role::Admin };
        let transport = net.network.endpoint("op", identity);
        Peers::new(
            PeersConfig::new(CLUSTER, party),
            net.world.node("op").env(),
            transport,
            Arc::new(NoStamps),
        )
    };
    let request = || ObjectRequest { calls: vec![], time_left_ms: 100 };
    net.world.block_on(async {
        let master = RemoteMaster::new(as_admin(Party::Client), peer(server(2), "s"));
        assert!(master.call(request()).await.is_ok());
        // F9: it ends the wait for a lease.
        let exit = || Request::ReportExit { server: ServerId(1) };
        let as_client = net.peers("client", Party::Client);
        for (peers, is_allowed) in [(as_admin(Party::Client), true), (as_client, false)] {
            let coordinator = RemoteCoordinator::new(peers, ["c".into()], SECOND, SECOND);
            let reported = coordinator.call(exit()).await;
            assert!(if is_allowed { reported.is_ok() } else { is_unauthorised(reported) });
            let told = coordinator.call(Request::Status).await;
            assert!(if is_allowed { told.is_ok() } else { is_unauthorised(told) });
        }
        for other in [server(1), Party::Coordinator, Party::Newcomer] {
            let master = RemoteMaster::new(as_admin(other), peer(server(2), "s"));
            assert!(is_unauthorised(master.call(request()).await), "an operator as {other}");
        }
    });
    assert_eq!(fake.seen.lock().len(), 1);
}

#[test]
fn a_newcomer_enlists_and_nothing_else() {
    let net = Net::calm();
    let (_fake, _serve) = net.serve("c", Party::Coordinator);
    let coordinator = RemoteCoordinator::new(net.peers("n", Party::Newcomer), ["c".into()], SECOND, SECOND);
    let enlist = |name: &str| Request::Enlist {
        name: name.into(),
        address: "n".into(),
        domain: "d".into(),
        incarnation: 1,
        former: None,
    };
    net.world.block_on(async {
        assert!(coordinator.call(enlist("server-new")).await.is_ok());
        assert!(is_unauthorised(coordinator.call(enlist("server-1")).await), "under its own name");
        let renew = Request::Renew {
            server: ServerId(1),
            list: ListVersion(1),
            room: ServerRoom::default(),
            reports: vec![],
            replaying: vec![],
        };
        assert!(is_unauthorised(coordinator.call(renew).await));
    });
}

#[test]
fn calls_on_the_wrong_lane_and_unknown_calls_are_answered() {
    let net = Net::calm();
    let (fake, _serve) = net.serve("s", server(2));
    let peers = net.peers("c", Party::Coordinator);
    let target = peer(server(2), "s");
    let deadline = peers.now() + SECOND;
    net.world.block_on(async {
        for (lane, call) in [
            (LaneKind::Object, FrameWriter::new(FrameKind::STATS)),
            (LaneKind::Control, FrameWriter::new(FrameKind(0x7f))),
            (LaneKind::Heartbeat, codec::encode_order(&order(OrderKind::FreeLog(LogId::of(ServerId(1)))))),
            (
                LaneKind::Control,
                codec::encode_postcard(
                    FrameKind::COORDINATOR,
                    &Request::TabletMap { newer_than: TabletVersion(0) },
                ),
            ),
            (LaneKind::Control, FrameWriter::new(FrameKind::ORDER)),
        ] {
            let answer = peers.call(&target, lane, call, deadline).await;
            let is_unknown = matches!(answer, Err(CallError::Remote(RemoteError::Unknown(_))));
            assert!(answer.is_err() && !is_unknown, "{answer:?}");
        }
        let stats = FrameWriter::new(FrameKind::STATS);
        assert!(peers.call(&target, LaneKind::Recovery, stats, deadline).await.is_ok());
    });
    assert_eq!(*fake.seen.lock(), ["stats"]);
}
