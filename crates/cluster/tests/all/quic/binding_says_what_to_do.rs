//! A process that can't listen says why, and what to do.

use super::host::{ANY_PORT, Host, Town};
use crate::support::*;
use rekindle_cluster::{
    quic::{BindError, QuicConfig, QuicTransport, Threads},
    wire::Track,
};
use rekindle_env::real::Runtimes;
use std::net::SocketAddr;

fn bind(town: &Town, change: impl FnOnce(&mut QuicConfig)) -> Result<String, BindError> {
    let runtimes = Runtimes::start().unwrap();
    let threads = Threads { main: runtimes.main(), urgent: runtimes.urgent() };
    let mut config = QuicConfig::new(ANY_PORT, town.credentials(&identity(server(1))));
    change(&mut config);
    QuicTransport::bind(config, &threads).map(|transport| transport.address())
}

fn listening(host: &Host, track: Track) -> SocketAddr {
    super::raw::socket_address(host, track)
}

#[test]
fn a_port_in_use() {
    let town = Town::new();
    let first = town.host(server(2));
    let (main, urgent) = (listening(&first, Track::Main), listening(&first, Track::Urgent));
    let errors = [
        (main, bind(&town, |config| config.listen = main)),
        (urgent, bind(&town, |config| config.heartbeat_listen = urgent)),
    ];
    for (at, error) in errors {
        let error = error.unwrap_err();
        assert!(matches!(error, BindError::InUse { address } if address == at), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(&at.to_string()) && text.contains("choose another port"), "{text}");
    }
}

#[test]
fn addresses_that_are_none() {
    let town = Town::new();
    let elsewhere: SocketAddr = "192.0.2.1:0".parse().unwrap();
    let error = bind(&town, |config| (config.listen, config.heartbeat_listen) = (elsewhere, elsewhere));
    assert!(matches!(error, Err(BindError::NotHere { .. })), "{error:?}");
    let error = bind(&town, |config| config.listen = elsewhere);
    assert!(matches!(error, Err(BindError::TwoHosts { .. })), "{error:?}");
    let everywhere: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let all = |config: &mut QuicConfig| (config.listen, config.heartbeat_listen) = (everywhere, everywhere);
    assert!(matches!(bind(&town, all), Err(BindError::NoHost { .. })));
    let named = bind(&town, |config| {
        all(config);
        config.host = Some("storage-1.example".into());
    });
    assert!(named.unwrap().starts_with("storage-1.example:"));
}
