//! Do closed replicas stay until there is something as good?

use crate::look::Look;
use rekindle_types::ServerId;

/// A closed replica made way for an open one of its segment (P2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a closed replica on {0} made way for an open one")]
pub struct Reopened(pub ServerId);

/// Checks one look.
///
/// # Errors
/// The first backup where that was so.
pub fn check_closed(look: &Look) -> Result<(), Reopened> {
    let one = look.servers.iter().find(|server| server.reopened > 0);
    one.map_or(Ok(()), |server| Err(Reopened(server.server)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::ServerLook;

    #[test]
    fn one_that_made_way_is_found() {
        let server = ServerLook { server: ServerId(3), ..ServerLook::default() };
        let look =
            |reopened| Look { servers: vec![ServerLook { reopened, ..server.clone() }], ..Look::default() };
        assert_eq!(check_closed(&look(0)), Ok(()));
        assert_eq!(check_closed(&look(1)), Err(Reopened(ServerId(3))));
    }
}
