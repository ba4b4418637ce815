//! Writes to one backup, and what they promise.

use crate::check::Acknowledged;
use rekindle_backup::{Durability, Fill, ReplicaWrite};
use rekindle_types::{CreationNumber, LogId, ReplicaId, SegmentId};
use std::collections::BTreeMap;

/// Replicas that were opened, and how far they were acknowledged.
#[derive(Debug, Default)]
pub(super) struct Writes(BTreeMap<(LogId, SegmentId), BTreeMap<CreationNumber, Written>>);

#[derive(Clone, Copy, Debug)]
struct Written {
    fill: Fill,
    /// What a certificate covers that was acknowledged.
    length: u32,
    is_closed: bool,
}

impl Writes {
    /// A write has come: it may have taken effect from now on.
    pub(super) fn begin(&mut self, write: &ReplicaWrite) {
        let ReplicaId { log, segment, creation } = write.replica;
        let Some(fill) = write.open else { return };
        let segment = self.0.entry((log, segment)).or_default();
        if segment.keys().any(|known| *known >= creation) {
            return;
        }
        // P2: one that is made again leaves what is there until it is complete. P3: any other drops it.
        if fill != Fill::Atomic {
            segment.clear();
        }
        segment.insert(creation, Written { fill, length: 0, is_closed: false });
    }

    /// It was acknowledged.
    pub(super) fn end(&mut self, write: &ReplicaWrite) {
        let ReplicaId { log, segment, creation } = write.replica;
        let Some(segment) = self.0.get_mut(&(log, segment)) else { return };
        let Some(written) = segment.get_mut(&creation) else { return };
        let certified = write.certificate.map_or(0, |certificate| certificate.length);
        written.length = written.length.max(certified);
        written.is_closed |= write.close;
        if written.is_closed {
            segment.retain(|other, _| *other >= creation);
        }
    }

    /// A replica and the older ones of its segment may be gone from now on.
    pub(super) fn free(&mut self, replica: ReplicaId) {
        let key = (replica.log, replica.segment);
        let Some(segment) = self.0.get_mut(&key) else { return };
        segment.retain(|creation, _| *creation > replica.creation);
        if segment.is_empty() {
            self.0.remove(&key);
        }
    }

    /// Forgets the others.
    pub(super) fn retain(&mut self, is_kept: impl Fn(LogId) -> bool) {
        self.0.retain(|(log, _), _| is_kept(*log));
    }

    /// What a store of this kind has promised to keep (J1, J5, H6): each close; with a journal also appends, but to
    /// side segments, and to none that is made again.
    pub(super) fn acknowledged(&self, durability: Durability) -> Vec<Acknowledged> {
        let is_promised = |written: &Written| {
            let is_journaled = durability == Durability::Persistent && written.fill == Fill::Growing;
            written.is_closed || is_journaled && written.length > 0
        };
        let all = self.0.iter().flat_map(|((log, segment), creations)| {
            creations.iter().map(|(creation, written)| {
                (ReplicaId { log: *log, segment: *segment, creation: *creation }, *written)
            })
        });
        let promised = all.filter(|(_, written)| is_promised(written));
        let of = |(replica, written): (ReplicaId, Written)| Acknowledged {
            replica,
            length: written.length,
            is_closed: written.is_closed,
        };
        promised.map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use rekindle_log::Certificate;
    use rekindle_types::{ServerId, SessionNumber};

    fn id(creation: u64) -> ReplicaId {
        let log = LogId::of(ServerId(1));
        ReplicaId { log, segment: SegmentId(3), creation: CreationNumber(creation) }
    }

    fn write(creation: u64, open: Option<Fill>, length: u32, close: bool) -> ReplicaWrite {
        ReplicaWrite {
            replica: id(creation),
            session: SessionNumber(1),
            open,
            capacity: 1000,
            offset: 0,
            bytes: Bytes::new(),
            certificate: (length > 0).then_some(Certificate { length, checksum: 0 }),
            close,
            primary: false,
        }
    }

    fn done(writes: &mut Writes, write: &ReplicaWrite) {
        writes.begin(write);
        writes.end(write);
    }

    fn promised(writes: &Writes, durability: Durability) -> Vec<(u64, u32, bool)> {
        let of = |one: Acknowledged| (one.replica.creation.0, one.length, one.is_closed);
        writes.acknowledged(durability).into_iter().map(of).collect()
    }

    const JOURNALED: Durability = Durability::Persistent;

    #[test]
    fn what_was_asked_and_not_answered_is_not_promised() {
        let mut writes = Writes::default();
        writes.begin(&write(1, Some(Fill::Growing), 40, false));
        assert_eq!(promised(&writes, JOURNALED), []);
        writes.end(&write(1, Some(Fill::Growing), 40, false));
        writes.begin(&write(1, None, 60, false));
        assert_eq!(promised(&writes, JOURNALED), [(1, 40, false)]);
        // Late, and shorter.
        done(&mut writes, &write(1, None, 20, false));
        done(&mut writes, &write(1, None, 80, true));
        assert_eq!(promised(&writes, JOURNALED), [(1, 80, true)]);
    }

    #[test]
    fn only_a_journal_keeps_what_grows_and_no_side_segment_is_in_it() {
        for (fill, durability, is_kept) in [
            (Fill::Growing, JOURNALED, true),
            (Fill::Growing, Durability::Buffered, false),
            (Fill::Side, JOURNALED, false),
        ] {
            let mut writes = Writes::default();
            done(&mut writes, &write(1, Some(fill), 40, false));
            let open = if is_kept { vec![(1, 40, false)] } else { Vec::new() };
            assert_eq!(promised(&writes, durability), open);
            done(&mut writes, &write(1, None, 0, true));
            assert_eq!(promised(&writes, durability), [(1, 40, true)]);
        }
    }

    #[test]
    fn a_higher_creation_replaces_at_once_or_when_it_is_complete() {
        let mut writes = Writes::default();
        done(&mut writes, &write(4, Some(Fill::Growing), 40, true));
        // One that comes late is stale.
        writes.begin(&write(3, Some(Fill::Growing), 40, false));
        done(&mut writes, &write(5, Some(Fill::Atomic), 0, false));
        assert_eq!(promised(&writes, JOURNALED), [(4, 40, true)]);
        done(&mut writes, &write(5, None, 40, true));
        assert_eq!(promised(&writes, JOURNALED), [(5, 40, true)]);
        writes.begin(&write(6, Some(Fill::Growing), 0, false));
        assert_eq!(promised(&writes, JOURNALED), []);
    }

    #[test]
    fn what_is_being_freed_is_not_promised() {
        let mut writes = Writes::default();
        done(&mut writes, &write(4, Some(Fill::Growing), 40, true));
        writes.free(id(3));
        assert_eq!(promised(&writes, JOURNALED), [(4, 40, true)]);
        writes.free(id(4));
        assert_eq!(promised(&writes, JOURNALED), []);
        done(&mut writes, &write(5, Some(Fill::Growing), 40, true));
        writes.retain(|log| log.server != ServerId(1));
        assert_eq!(promised(&writes, JOURNALED), []);
    }
}
