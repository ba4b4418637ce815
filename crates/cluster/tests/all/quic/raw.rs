//! A peer that speaks QUIC and TLS as it likes.

use super::host::Host;
use quinn::{ClientConfig, Connection, Endpoint, crypto::rustls::QuicClientConfig};
use rekindle_cluster::{local::Issued, wire::Track};
use rustls::{
    RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::{net::SocketAddr, sync::Arc};

/// Where a host listens on this track.
pub fn socket_address(host: &Host, track: Track) -> SocketAddr {
    let address = host.transport.address();
    let (main, heartbeat) = address.split_once('/').unwrap();
    let main: SocketAddr = main.parse().unwrap();
    match track {
        Track::Main => main,
        Track::Urgent => SocketAddr::new(main.ip(), heartbeat.parse().unwrap()),
    }
}

/// Trusts the authority of `trusted`, and proves itself with `own`, if at all. Connects as far as its own side is
/// concerned: in TLS 1.3 that says nothing about the other's.
pub async fn connect(
    to: SocketAddr,
    trusted: &Issued,
    own: Option<&Issued>,
) -> Result<Connection, quinn::ConnectionError> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.authority_pem.as_bytes()).unwrap()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match own {
        None => config.with_no_client_auth(),
        Some(own) => {
            let chain = vec![CertificateDer::from_pem_slice(own.certificate_pem.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(own.key_pem.as_bytes()).unwrap();
            config.with_client_auth_cert(chain, key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"rekindle/1".to_vec()];
    let config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(config).unwrap()));
    let endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    endpoint.connect_with(config, to, "server.rekindle").unwrap().await
}
