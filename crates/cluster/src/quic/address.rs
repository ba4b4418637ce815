//! Where a process listens: "host:port/heartbeatport".

use crate::wire::Track;
use std::net::SocketAddr;

/// An address in its parts. Without a heartbeat port heartbeats go to the same port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address<'a> {
    host: &'a str,
    port: u16,
    heartbeat_port: Option<u16>,
}

impl<'a> Address<'a> {
    pub(super) fn parse(address: &'a str) -> Option<Self> {
        let (main, heartbeat_port) = match address.split_once('/') {
            Some((main, port)) => (main, Some(port.parse().ok()?)),
            None => (address, None),
        };
        let (host, port) = main.rsplit_once(':')?;
        if host.is_empty() {
            return None;
        }
        Some(Self { host, port: port.parse().ok()?, heartbeat_port })
    }

    /// Host and port for this track.
    pub(super) fn for_track(&self, track: Track) -> String {
        let port = match track {
            Track::Main => self.port,
            Track::Urgent => self.heartbeat_port.unwrap_or(self.port),
        };
        format!("{}:{port}", self.host)
    }
}

/// Looks a host up; literal addresses need no look-up.
pub(super) async fn resolve(host_and_port: &str) -> std::io::Result<SocketAddr> {
    if let Ok(address) = host_and_port.parse() {
        return Ok(address);
    }
    let mut found = tokio::net::lookup_host(host_and_port).await?;
    found.next().ok_or_else(|| std::io::Error::other("the name has no address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_or_two_ports() {
        let both = Address::parse("10.0.0.1:4000/4001").unwrap();
        assert_eq!(both.for_track(Track::Main), "10.0.0.1:4000");
        assert_eq!(both.for_track(Track::Urgent), "10.0.0.1:4001");
        let one = Address::parse("[::1]:4000").unwrap();
        assert_eq!(one.for_track(Track::Urgent), "[::1]:4000");
        for bad in ["", "host", ":1", "host:x", "host:1/", "host:1/x", "host:70000"] {
            assert_eq!(Address::parse(bad), None, "{bad}");
        }
    }
}
