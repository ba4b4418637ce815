//! redis-server with two replicas, and a client that speaks just enough RESP.

use super::{
    Server, free_ports, make_dir,
    puts::{Latencies, Puts, Run},
    wait_for, wait_until,
};
use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};
use tokio::io::Interest;

/// A primary and two replicas, each of which logs every write to a file.
pub struct Redis {
    primary: u16,
    _servers: Vec<Server>,
}

impl Redis {
    /// With this `appendfsync`; `None` when Redis is not installed.
    pub fn start(dir: &Path, appendfsync: &str) -> Option<Self> {
        let ports = free_ports::<3>();
        let [primary, ..] = ports;
        let mut servers = Vec::new();
        for (n, port) in ports.into_iter().enumerate() {
            let dir = dir.join(format!("redis-{appendfsync}-{n}"));
            make_dir(&dir);
            let mut command = Command::new("redis-server");
            command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--dir"]).arg(&dir);
            command.args(["--appendonly", "yes", "--appendfsync", appendfsync, "--save", ""]);
            // Nothing is rewritten and no snapshot is made while it is measured.
            command.args(["--auto-aof-rewrite-percentage", "0", "--maxclients", "4000"]);
            command.args(["--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0"]);
            if port != primary {
                command.args(["--replicaof", "127.0.0.1", &primary.to_string()]);
            }
            servers.push(Server::start(&mut command)?);
            wait_for(port);
        }
        wait_until("Redis", || ask(primary, "INFO replication\r\n").contains("connected_slaves:2"));
        wait_until("Redis", || ask(primary, "WAIT 2 100\r\n").starts_with(":2"));
        Some(Self { primary, _servers: servers })
    }

    /// Puts, each with `WAIT 2`: so many connections, one put outstanding on each.
    pub fn puts(&self, value: &[u8], outstanding: usize, length: Duration) -> Puts {
        self.run(value, outstanding, 1, length)
    }

    /// Puts in groups on one connection, with one `WAIT 2` for each group.
    pub fn puts_in_groups(&self, value: &[u8], group: usize, length: Duration) -> Puts {
        self.run(value, 1, group, length)
    }

    fn run(&self, value: &[u8], connections: usize, group: usize, length: Duration) -> Puts {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let streams: Vec<_> = (0..connections).map(|_| connect(self.primary)).collect();
            let run = Run::new(length);
            let loops: Vec<_> = streams
                .into_iter()
                .map(|stream| tokio::spawn(puts(stream, value.to_vec(), group, run.clone())))
                .collect();
            let mut latencies = Vec::new();
            for one in loops {
                latencies.extend(one.await.expect("no panic").0);
            }
            Puts::of(latencies, run.seconds())
        })
    }
}

fn connect(port: u16) -> tokio::net::TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("Redis listens");
    stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true)).expect("a socket");
    tokio::net::TcpStream::from_std(stream).expect("a socket")
}

async fn puts(stream: tokio::net::TcpStream, value: Vec<u8>, group: usize, run: Run) -> Latencies {
    let (mut latencies, mut commands, mut answers) = (Latencies::default(), Vec::new(), vec![0; 64 << 10]);
    // +OK for each, and the number of replicas.
    let wanted = "+OK\r\n".len() * group + ":2\r\n".len();
    while !run.is_over() {
        commands.clear();
        for _ in 0..group {
            let key = run.key();
            write!(commands, "*3\r\n$3\r\nSET\r\n${}\r\n", key.len()).expect("memory");
            commands.extend_from_slice(&key);
            write!(commands, "\r\n${}\r\n", value.len()).expect("memory");
            commands.extend_from_slice(&value);
            commands.extend_from_slice(b"\r\n");
        }
        commands.extend_from_slice(b"*3\r\n$4\r\nWAIT\r\n$1\r\n2\r\n$1\r\n0\r\n");
        let start = Instant::now();
        let mut sent = 0;
        while sent < commands.len() {
            match stream.try_write(&commands[sent..]) {
                Ok(bytes) => sent += bytes,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    stream.writable().await.expect("open");
                }
                Err(error) => panic!("Redis: {error}"),
            }
        }
        let mut have = 0;
        while have < wanted {
            stream.ready(Interest::READABLE).await.expect("open");
            match stream.try_read(&mut answers[have..]) {
                Ok(0) => panic!("Redis hung up"),
                Ok(bytes) => have += bytes,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => panic!("Redis: {error}"),
            }
        }
        let text = String::from_utf8_lossy(&answers[..have]);
        assert!(text.starts_with("+OK") && text.ends_with(":2\r\n"), "{text}");
        latencies.add(start, group);
    }
    latencies
}

/// The first piece of the answer to a command.
fn ask(port: u16, command: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("Redis listens");
    stream.write_all(command.as_bytes()).expect("open");
    let mut answer = [0; 4096];
    let bytes = stream.read(&mut answer).expect("open");
    String::from_utf8_lossy(&answer[..bytes]).into_owned()
}
