//! Dialling: from an address to a connection whose other end is known, and has taken this process.

use super::{address::resolve, codes, identity::identity_of, refusal::refusal};
use crate::wire::{CallRefusal, Identity};
use quinn::{ClientConfig, Connection, Endpoint};
use rustls::pki_types::CertificateDer;

/// What the accepting side says on a stream of its own once it has taken a connection, before anything else: in TLS 1.3
/// the dialler's handshake can be over before its certificate is judged. The protocol's version.
pub(super) const GREETING: [u8; 1] = [1];

/// Connects, and waits until both sides have judged each other's certificates. `expected` is the DNS name that the
/// other's has to be valid for, exactly.
pub(super) async fn connect(
    endpoint: &Endpoint,
    config: ClientConfig,
    address: &str,
    expected: &str,
) -> Result<Connection, CallRefusal> {
    let not_done =
        |what: &str, e: &dyn std::fmt::Display| CallRefusal::NotDone(format!("{address}: {what}: {e}"));
    let refused = |e: &_| refusal(e, address, expected);
    let to = resolve(address).await.map_err(|e| not_done("the host has no address", &e))?;
    let connecting =
        endpoint.connect_with(config, to, expected).map_err(|e| not_done("can't be dialled", &e))?;
    let connection = connecting.await.map_err(|e| refused(&e))?;
    // TLS has checked the name. A wildcard, or a second name, would pass there.
    let identity = peer_of(&connection).filter(|identity| answers_to(identity, expected));
    if identity.is_none() {
        connection.close(codes::UNAUTHORISED, b"not who was expected");
        return Err(CallRefusal::Unauthorised(format!("{address} does not prove to be {expected}")));
    }
    let mut greeting = connection.accept_uni().await.map_err(|e| refused(&e))?;
    match greeting.read_to_end(GREETING.len()).await {
        Ok(bytes) if bytes == GREETING => Ok(connection),
        Ok(_) => {
            connection.close(codes::CLOSED, b"no known greeting");
            Err(CallRefusal::NotDone(format!("{address} speaks another version of the protocol")))
        }
        Err(e) => Err(match connection.close_reason() {
            Some(reason) => refused(&reason),
            None => not_done("no greeting", &e),
        }),
    }
}

fn answers_to(identity: &Identity, expected: &str) -> bool {
    super::dns_names(&identity.name, identity.role).is_ok_and(|names| names.iter().any(|n| n == expected))
}

/// Who is at the other end of a connection whose handshake is over.
pub(super) fn peer_of(connection: &Connection) -> Option<Identity> {
    let chain = connection.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    identity_of(chain.first()?)
}
