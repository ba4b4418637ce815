//! Every segment has one primary, and backups get about equally many, so that a recovery reads from all disks at
//! once; what is freed or lost counts no more.

use crate::rig::Rig;
use rekindle_log::SegmentKind;
use rekindle_types::ServerId;
use std::collections::BTreeMap;

/// Opens and closes side segments; where the primary of each went.
fn fill(r: &mut Rig, segments: impl IntoIterator<Item = u64>) -> BTreeMap<u64, ServerId> {
    let mut primaries = BTreeMap::new();
    for segment in segments {
        r.open_as(segment, None, SegmentKind::Side);
        let of_it: Vec<_> = r.writes_of(segment).iter().filter(|w| w.primary).map(|w| w.server).collect();
        assert_eq!(of_it.len(), 1, "one primary of {segment}");
        primaries.insert(segment, of_it[0]);
        r.close(segment).answer_all();
    }
    primaries
}

fn counts(backups: u64, primaries: &BTreeMap<u64, ServerId>) -> BTreeMap<ServerId, usize> {
    let mut counts: BTreeMap<ServerId, usize> = (1..=backups).map(|id| (ServerId(id), 0)).collect();
    primaries.values().for_each(|server| *counts.get_mut(server).unwrap() += 1);
    counts
}

#[test]
fn a_hundred_segments() {
    let mut r = Rig::with_backups(10).opened();
    let counts = counts(10, &fill(&mut r, 10..110));
    let (least, most) = (counts.values().min().unwrap(), counts.values().max().unwrap());
    assert!(most - least <= 4, "{counts:?}");
}

#[test]
fn what_is_freed_makes_room_for_others() {
    // So few that best of five meets the emptied one more often than not.
    let mut r = Rig::with_backups(5).opened();
    let mut primaries = fill(&mut r, 10..110);
    let emptied = ServerId(3);
    for segment in primaries.iter().filter(|(_, on)| **on == emptied).map(|(segment, _)| *segment) {
        r.free(segment).answer_all();
    }
    primaries.retain(|_, on| *on != emptied);
    let freed = 100 - primaries.len();
    primaries.extend(fill(&mut r, 200..200 + freed as u64));
    let counts = counts(5, &primaries);
    assert!(counts[&emptied] * 2 > freed, "{freed} were freed: {counts:?}");
}
