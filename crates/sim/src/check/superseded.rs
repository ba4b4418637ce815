//! Would a recovery begin with the head that its master writes to?

use crate::look::ServerLook;
use rekindle_types::{ReplicaId, SegmentId, ServerId};

/// An open replica of a head, as a backup's store lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenHead {
    /// On which.
    pub backup: ServerId,
    /// Which.
    pub replica: ReplicaId,
}

/// Were its master dead, a recovery would take this replica for the log's head (H6), and lose what came after it: it was
/// taken for closed before its close was answered (P1), or lost without a new floor (H3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is open on {}, and its log's head is {current}, with the floor at {floor:?}", open.replica, open.backup)]
pub struct Superseded {
    /// The replica.
    pub open: OpenHead,
    /// The head that the last complete switch has led to.
    pub current: SegmentId,
    /// Heads below it are no heads.
    pub floor: Option<SegmentId>,
}

/// Checks what backups list as open against what the masters that run count.
///
/// # Errors
/// The first head that should be closed, or below the floor.
pub fn check_superseded(servers: &[ServerLook], open: &[OpenHead]) -> Result<(), Superseded> {
    open.iter().try_for_each(|open| {
        let is_master = |server: &&ServerLook| server.server == open.replica.log.server && !server.is_removed;
        let Some(master) = servers.iter().find(is_master) else { return Ok(()) };
        let (current, floor, segment) = (master.current, master.floor, open.replica.segment);
        let is_below = |floor| segment < floor;
        match current.filter(|current| segment < *current) {
            Some(current) if !floor.is_some_and(is_below) => Err(Superseded { open: *open, current, floor }),
            _ => Ok(()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle_types::{CreationNumber, LogId};

    #[test]
    fn a_head_behind_the_current_one_is_closed_or_below_the_floor() {
        let (current, floor) = (Some(SegmentId(7)), Some(SegmentId(3)));
        let master = ServerLook { server: ServerId(1), current, floor, ..ServerLook::default() };
        let open = |segment| {
            let log = LogId::of(ServerId(1));
            let replica = ReplicaId { log, segment: SegmentId(segment), creation: CreationNumber(2) };
            OpenHead { backup: ServerId(4), replica }
        };
        let check = |master: &ServerLook, segment| {
            check_superseded(std::slice::from_ref(master), &[open(segment)]).map_err(|why| why.open)
        };
        assert_eq!([2, 7, 8].map(|segment| check(&master, segment)), [Ok(()); 3]);
        assert_eq!([3, 6].map(|segment| check(&master, segment)), [Err(open(3)), Err(open(6))]);
        let without = ServerLook { floor: None, ..master.clone() };
        assert_eq!(check(&without, 2), Err(open(2)));
        let (dead, other) = (
            ServerLook { is_removed: true, ..master.clone() },
            ServerLook { server: ServerId(2), ..master.clone() },
        );
        assert_eq!([dead, other].map(|server| check(&server, 3)), [Ok(()); 2], "nobody's, or of another");
        let starting = ServerLook { current: None, ..master };
        assert_eq!(check(&starting, 3), Ok(()));
    }
}
