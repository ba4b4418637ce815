//! Is what counts as durable on R backups?

use crate::look::{Look, ServerLook};
use rekindle_types::{Position, ServerId};

/// More of a head counts as durable than R backups have vouched for (H5). Of a head that lost a replica nothing more may,
/// before the switch that ends it is complete: a recovery may find the lost replica alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{server} takes its log to be durable up to {durable:?}, and {certified} bytes of that head are on all backups"
)]
pub struct NotCertified {
    /// Whose log.
    pub server: ServerId,
    /// What it takes to be durable.
    pub durable: Position,
    /// What is, of that head.
    pub certified: u32,
}

/// Checks one look.
///
/// # Errors
/// The first log that says too much.
pub fn check_certified(look: &Look) -> Result<(), NotCertified> {
    look.servers.iter().find_map(not_certified).map_or(Ok(()), Err)
}

fn not_certified(server: &ServerLook) -> Option<NotCertified> {
    let ServerLook { server, durable, heads, .. } = server;
    let head = heads.iter().find(|head| head.segment == durable.segment)?;
    (durable.offset > head.certified).then_some(NotCertified {
        server: *server,
        durable: *durable,
        certified: head.certified,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle_backup::replicator::KnownHead;
    use rekindle_types::SegmentId;

    #[test]
    fn more_than_is_certified_is_found() {
        let durable = |segment, offset| {
            let heads = [(4, 100), (7, 30)].map(|(segment, certified)| KnownHead {
                segment: SegmentId(segment),
                certified,
                ..KnownHead::default()
            });
            let durable = Position { segment: SegmentId(segment), offset };
            let server = ServerLook { heads: heads.to_vec(), durable, ..ServerLook::default() };
            check_certified(&Look { servers: vec![server], ..Look::default() }).is_ok()
        };
        assert!(durable(4, 0) && durable(4, 100) && durable(7, 30));
        assert!(durable(2, 500), "a complete switch has left it");
        assert!(!durable(4, 101) && !durable(7, 31));
    }
}
