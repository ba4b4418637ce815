//! A lane is kept for the next call, but not to a server that can't come back: ids are never reused (F6).

use crate::calls_reach_the_right_service::get;
use crate::support::{Net, server};
use rekindle_client::{Masters, ObjectRequest};
use rekindle_cluster::wire::{Party, RemoteMasters};
use rekindle_types::{ListVersion, ServerEntry, ServerId, ServerList, ServerStatus};

fn entry(id: u64, status: ServerStatus) -> ServerEntry {
    ServerEntry { status, ..ServerEntry::up(ServerId(id), format!("server-{id}")) }
}

#[test]
fn a_clients_lanes_follow_the_server_list() {
    let net = Net::calm();
    let _servers: Vec<_> = (1..=3).map(|id| net.serve(&format!("server-{id}"), server(id))).collect();
    let peers = net.peers("client", Party::Client);
    let masters = RemoteMasters::new(peers.clone());
    net.world.block_on(async {
        for id in 1..=3 {
            let request = ObjectRequest { calls: vec![get()], time_left_ms: 200 };
            masters.master(&entry(id, ServerStatus::Up)).call(request).await.unwrap();
        }
    });
    assert_eq!(peers.lanes(), 3);

    let list = |version, servers: &[(u64, ServerStatus)]| {
        let entries = servers.iter().map(|(id, status)| entry(*id, *status));
        ServerList::new(ListVersion(version), ServerId(4), entries)
    };
    masters.update_servers(&list(4, &[(1, ServerStatus::Up), (2, ServerStatus::Up), (3, ServerStatus::Up)]));
    assert_eq!(peers.lanes(), 3, "who is up is called again");
    masters
        .update_servers(&list(5, &[(1, ServerStatus::Dead), (2, ServerStatus::Up), (3, ServerStatus::Up)]));
    assert_eq!(peers.lanes(), 2, "the dead one is not");
    masters.update_servers(&list(7, &[(2, ServerStatus::Up)]));
    assert_eq!(peers.lanes(), 1, "nor is one that was recovered and removed");
}
