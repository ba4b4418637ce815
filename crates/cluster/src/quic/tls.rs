//! TLS: version 1.3 only, both sides with a certificate of the cluster's authority.

use super::{Credentials, CredentialsError};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::Resumption,
    crypto::{CryptoProvider, ring},
    server::{NoServerSessionStorage, WebPkiClientVerifier},
    version::TLS13,
};
use std::sync::Arc;

/// Names the protocol, so that nothing else is taken for it.
const ALPN: &[u8] = b"rekindle/1";

/// An explicit provider: a library installs no default one. AES-128 first: it is the cheapest on machines with AES
/// instructions; ChaCha20 serves those without.
fn provider() -> Arc<CryptoProvider> {
    use ring::cipher_suite::{TLS13_AES_128_GCM_SHA256, TLS13_CHACHA20_POLY1305_SHA256};
    Arc::new(CryptoProvider {
        cipher_suites: vec![TLS13_AES_128_GCM_SHA256, TLS13_CHACHA20_POLY1305_SHA256],
        ..ring::default_provider()
    })
}

fn tls_error(error: impl std::fmt::Display) -> CredentialsError {
    CredentialsError::Tls(error.to_string())
}

fn roots(credentials: &Credentials) -> Result<Arc<RootCertStore>, CredentialsError> {
    let mut roots = RootCertStore::empty();
    roots.add(credentials.authority.clone()).map_err(tls_error)?;
    Ok(Arc::new(roots))
}

/// Of the side that dials.
pub(super) fn client_config(credentials: &Credentials) -> Result<Arc<QuicClientConfig>, CredentialsError> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(tls_error)?
        .with_root_certificates(roots(credentials)?)
        .with_client_auth_cert(credentials.chain.clone(), credentials.key.clone_key())
        .map_err(tls_error)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    // Every connection proves itself anew; data before the proof (0-RTT) could be replayed.
    config.resumption = Resumption::disabled();
    config.enable_early_data = false;
    QuicClientConfig::try_from(config).map(Arc::new).map_err(tls_error)
}

/// Of the side that accepts.
pub(super) fn server_config(credentials: &Credentials) -> Result<Arc<QuicServerConfig>, CredentialsError> {
    let provider = provider();
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(credentials)?, provider.clone());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(tls_error)?
        .with_client_cert_verifier(verifier.build().map_err(tls_error)?)
        .with_single_cert(credentials.chain.clone(), credentials.key.clone_key())
        .map_err(tls_error)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    QuicServerConfig::try_from(config).map(Arc::new).map_err(tls_error)
}
