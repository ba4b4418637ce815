//! A backup that holds every segment of the longest log answers for its inventory in one frame.

use crate::samples::bytes_of;
use rekindle_backup::{ReplicaInfo, ReplicaState};
use rekindle_cluster::wire::{Frame, LaneKind, codec};
use rekindle_log::Certificate;
use rekindle_types::{CreationNumber, LogId, ReplicaId, SegmentId, ServerId};

/// H7: a digest fits half a segment. With segments of 8 MiB that many ids, and a log of 4 TiB.
const SEGMENTS: u64 = (4 << 20) / 8;

/// H1: the current head, two that wait behind it, one made in an emergency.
const OPEN: u64 = 4;

#[test]
fn an_inventory_of_the_longest_log_fits_a_frame() {
    let digest: Vec<_> = (0..SEGMENTS).map(SegmentId).collect();
    let info = |segment| ReplicaInfo {
        replica: ReplicaId {
            log: LogId::of(ServerId(1)),
            segment: SegmentId(segment),
            creation: CreationNumber(segment),
        },
        state: if segment < SEGMENTS { ReplicaState::Closed } else { ReplicaState::Open },
        certificate: Certificate { length: 8 << 20, checksum: 1 },
        primary: segment % 3 == 0,
        // As the conformance suite of stores has it: what is open, and the highest of what is closed.
        digest: (segment + 1 >= SEGMENTS).then(|| digest.clone()),
    };
    let inventory: Vec<_> = (0..SEGMENTS + OPEN).map(info).collect();
    let bytes = bytes_of(codec::encode_inventory(&Ok(inventory.clone())));
    let frame = Frame::decode(&bytes, LaneKind::Recovery.frame_bytes_max()).expect("it fits");
    assert_eq!(codec::decode_inventory(&frame.body), Ok(Ok(inventory)));
}
