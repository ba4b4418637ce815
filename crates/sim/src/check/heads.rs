//! Are heads opened one after the other?

use crate::look::Look;
use rekindle_types::ServerId;

/// A master opens a head behind one that is not open on all yet (H1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} opens {1} heads at once")]
pub struct HeadsAtOnce(pub ServerId, pub usize);

/// Checks one look.
///
/// # Errors
/// The first master that opens several heads at once.
pub fn check_heads(look: &Look) -> Result<(), HeadsAtOnce> {
    let several = look.servers.iter().find(|server| server.opening > 1);
    several.map_or(Ok(()), |server| Err(HeadsAtOnce(server.server, server.opening)))
}
