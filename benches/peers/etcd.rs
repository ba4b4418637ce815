//! etcd with three members, called over gRPC as its own clients call it.

use super::{
    Server, free_ports,
    http2::Connection,
    make_dir,
    puts::{Latencies, Puts, Run},
    wait_for, wait_until,
};
use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

/// Connections to the leader; calls are streams on them.
const CONNECTIONS: usize = 4;

/// Three members.
pub struct Etcd {
    leader: u16,
    _servers: Vec<Server>,
}

impl Etcd {
    /// `None` when etcd is not installed.
    pub fn start(dir: &Path) -> Option<Self> {
        let ports = free_ports::<6>();
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let members = [(ports[0], ports[3]), (ports[1], ports[4]), (ports[2], ports[5])];
        let all: Vec<_> =
            members.iter().enumerate().map(|(n, (_, peer))| format!("m{n}={}", url(*peer))).collect();
        let mut servers = Vec::new();
        for (n, (client, peer)) in members.into_iter().enumerate() {
            let dir = dir.join(format!("etcd-{n}"));
            make_dir(&dir);
            let mut command = Command::new("etcd");
            command.args(["--name", &format!("m{n}"), "--data-dir"]).arg(dir.join("data"));
            command.args(["--listen-client-urls", &url(client), "--advertise-client-urls", &url(client)]);
            command.args(["--listen-peer-urls", &url(peer), "--initial-advertise-peer-urls", &url(peer)]);
            command.args(["--initial-cluster", &all.join(","), "--initial-cluster-state", "new"]);
            command.args(["--quota-backend-bytes", &(8u64 << 30).to_string()]);
            servers.push(Server::start(&mut command)?);
        }
        members.iter().for_each(|(client, _)| wait_for(*client));
        let leader = || members.iter().map(|(client, _)| *client).find(|client| is_leader(*client));
        wait_until("etcd", || leader().is_some());
        Some(Self { leader: leader()?, _servers: servers })
    }

    /// Puts, so many outstanding, over a few connections to the leader.
    pub fn puts(&self, value: &[u8], outstanding: usize, length: Duration) -> Puts {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let connections = CONNECTIONS.min(outstanding);
            let run = Run::new(length);
            let loops: Vec<_> = (0..connections)
                .map(|_| {
                    let stream = TcpStream::connect(("127.0.0.1", self.leader)).expect("etcd listens");
                    stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true)).expect("a socket");
                    let stream = tokio::net::TcpStream::from_std(stream).expect("a socket");
                    let connection = Connection::new(stream, "/etcdserverpb.KV/Put");
                    tokio::spawn(puts(connection, value.to_vec(), outstanding / connections, run.clone()))
                })
                .collect();
            let mut latencies = Vec::new();
            for one in loops {
                latencies.extend(one.await.expect("no panic").0);
            }
            Puts::of(latencies, run.seconds())
        })
    }
}

async fn puts(mut connection: Connection, value: Vec<u8>, outstanding: usize, run: Run) -> Latencies {
    let (mut latencies, mut begun) = (Latencies::default(), BTreeMap::new());
    while !(begun.is_empty() && run.is_over()) {
        while begun.len() < outstanding && !run.is_over() {
            let message = message(&run.key(), &value);
            if !connection.has_room(&message) {
                break;
            }
            begun.insert(connection.call(&message), Instant::now());
        }
        for stream in connection.turn().await.expect("open") {
            latencies.add(begun.remove(&stream).expect("called"), 1);
        }
    }
    latencies
}

/// A `PutRequest`.
fn message(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(key.len() + value.len() + 8);
    for (tag, bytes) in [(0x0a, key), (0x12, value)] {
        message.push(tag);
        let mut length = bytes.len();
        while length >= 0x80 {
            message.push(length as u8 | 0x80);
            length >>= 7;
        }
        message.push(length as u8);
        message.extend_from_slice(bytes);
    }
    message
}

/// Asked over the JSON gateway.
fn is_leader(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let request = "POST /v3/maintenance/status HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    let mut answer = String::new();
    let asked = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut answer));
    let body = answer.find('{').zip(answer.rfind('}')).map(|(first, last)| &answer[first..=last]);
    let Some(status) =
        body.filter(|_| asked.is_ok()).and_then(|body| serde_json::from_str::<serde_json::Value>(body).ok())
    else {
        return false;
    };
    status["leader"].is_string() && status["leader"] == status["header"]["member_id"]
}
