//! F8: a backup that enlists during a recovery may add replicas of segments in the digest, never change the head.

use crate::lists::{LOG, backup, certificate, closed, head, long};
use rekindle_recovery::discover;
use rekindle_types::{SegmentId, ServerId};

#[test]
fn late_inventories_add_replicas_only() {
    let mut map = discover(LOG, &[backup(2, [head(5, &[4]), closed(4)])], SegmentId(3)).unwrap();
    let digest: Vec<_> = map.segments.iter().map(|s| s.segment).collect();

    map.add(ServerId(3), &[head(3, &[]), closed(4), closed(7), long(900, head(5, &[4]))]);
    assert_eq!(map.head, SegmentId(5));
    assert_eq!(map.segments.iter().map(|s| s.segment).collect::<Vec<_>>(), digest);
    assert_eq!(map.segments[0].replicas.iter().map(|r| r.server.0).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(map.segments[1].replicas[1].certificate, certificate(900));
}

#[test]
fn a_late_replica_of_other_bytes_is_not_added() {
    let mut map = discover(LOG, &[backup(2, [head(5, &[4]), closed(4)])], SegmentId(3)).unwrap();
    map.add(ServerId(3), &[long(900, closed(4))]);
    assert_eq!(map.segments[0].replicas.len(), 1);
}
