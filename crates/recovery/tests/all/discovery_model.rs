//! Discovery on what a log leaves behind, whatever is lost or delivered twice: never less than was acknowledged.

use crate::lists::{Inventory, LOG, backup, closed, closed_head, head, long, shown};
use proptest::prelude::*;
use rekindle_backup::ReplicaInfo;
use rekindle_recovery::{Incomplete, discover};
use rekindle_types::SegmentId;

/// R = 2 on backups 2, 3 and 4. Where the switch from head 20 to head 21 stood when the master died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Switch {
    /// 20 is the head; maybe 21 is open somewhere.
    Opening,
    /// 21 is open on both; 20 is closed on none, one or both.
    Closing,
    /// Complete: 21 took data.
    Complete,
}

/// What the backups hold, and the head that must be found with everything reachable.
fn world(switch: Switch, some: bool, hurt: bool) -> ([Vec<ReplicaInfo>; 3], SegmentId, u64) {
    let old = |info: ReplicaInfo| long(800, info);
    let (open, done) = (old(head(20, &[10, 11])), old(closed_head(20, &[10, 11])));
    let next = || head(21, &[10, 11, 20]);
    let (mut a, mut b, mut c) = (vec![closed(10)], vec![closed(10), closed(11)], vec![closed(11)]);
    match switch {
        Switch::Opening => {
            a.push(open.clone());
            b.push(open);
            if some {
                c.push(next());
            }
            ([a, b, c], SegmentId(20), 0)
        }
        Switch::Closing => {
            a.push(done);
            b.push(if some { old(closed_head(20, &[10, 11])) } else { open });
            b.push(next());
            c.push(next());
            ([a, b, c], SegmentId(if some { 21 } else { 20 }), 0)
        }
        Switch::Complete => {
            // Hurt: backup 4 lost its open replica of 20 to a pause and still has it; 3 has the re-creation.
            if hurt {
                c.push(long(300, head(20, &[10, 11])));
            }
            a.push(done.clone());
            b.push(done);
            a.push(long(5000, next()));
            b.push(long(5000, next()));
            ([a, b, c], SegmentId(21), if hurt { 21 } else { 0 })
        }
    }
}

/// Inventories, also such as no run leaves behind.
fn anything() -> impl Strategy<Value = Vec<Inventory>> {
    let ids = prop::collection::vec(0..6_u64, 0..4);
    let replica = (0..6_u64, any::<bool>(), any::<bool>(), 0..2_u32, 0..2_u32, ids);
    let replica = replica.prop_map(|(segment, is_open, has_digest, length, checksum, ids)| {
        let mut info = if is_open { head(segment, &ids) } else { closed_head(segment, &ids) };
        info.digest = info.digest.filter(|_| has_digest);
        info.certificate = rekindle_log::Certificate { length, checksum };
        info
    });
    prop::collection::vec((2..5_u64, prop::collection::vec(replica, 0..6)), 0..5)
        .prop_map(|lists| lists.into_iter().map(|(server, infos)| backup(server, infos)).collect())
}

proptest! {
    /// Also of what no run leaves behind: neither the map nor the reason why there is none depends on what backups
    /// leave out.
    #[test]
    fn the_digests_that_backups_show_are_all_that_it_needs(lists in anything(), floor in 0..6_u64) {
        let of_shown: Vec<_> = lists.iter().cloned().map(shown).collect();
        prop_assert_eq!(discover(LOG, &of_shown, SegmentId(floor)), discover(LOG, &lists, SegmentId(floor)));
    }

    #[test]
    fn one_lost_backup_never_hides_acknowledged_entries(
        switch in prop::sample::select(vec![Switch::Opening, Switch::Closing, Switch::Complete]),
        some in any::<bool>(), hurt in any::<bool>(), lost in 0..4_usize, turn in 0..3_usize,
    ) {
        let (backups, expected, floor) = world(switch, some, hurt);
        let mut lists: Vec<_> = backups.into_iter().zip(2..).enumerate()
            .filter(|(at, _)| *at != lost)
            .map(|(_, (infos, server))| backup(server, infos))
            .collect();
        let count = lists.len();
        lists.rotate_left(turn % count);
        let map = discover(LOG, &lists, SegmentId(floor));
        let map = map.map_err(|e| TestCaseError::fail(e.to_string()))?;
        // All that was acknowledged in 20 is in every choice; data in 21 makes 21 the only right head.
        prop_assert!(map.head == expected || (switch == Switch::Closing && map.head == SegmentId(21)));
        let of_20 = map.segments.iter().find(|s| s.segment == SegmentId(20)).expect("in every digest");
        prop_assert_eq!(of_20.replicas[0].certificate.length, 800);
        if switch == Switch::Complete {
            prop_assert_eq!(map.segments.last().expect("the head").replicas[0].certificate.length, 5000);
        }
    }

    /// Two lost backups may make it incomplete, with R = 2; what is found is then still all or nothing.
    #[test]
    fn more_losses_never_give_half_a_log(
        switch in prop::sample::select(vec![Switch::Opening, Switch::Closing, Switch::Complete]),
        some in any::<bool>(), hurt in any::<bool>(), kept in 0..3_usize,
    ) {
        let (backups, _, floor) = world(switch, some, hurt);
        let lists = [backup(2, backups[kept].clone())];
        match discover(LOG, &lists, SegmentId(floor)) {
            Ok(map) => prop_assert!(map.segments.iter().all(|s| !s.replicas.is_empty())),
            Err(Incomplete::Missing { segments, .. }) => prop_assert!(!segments.is_empty()),
            Err(Incomplete::NoHead { .. }) => {}
            Err(other) => prop_assert!(false, "no contradiction here: {}", other),
        }
    }

    #[test]
    fn no_inventory_makes_it_panic(lists in anything(), floor in 0..6_u64) {
        if let Ok(map) = discover(LOG, &lists, SegmentId(floor)) {
            prop_assert!(map.head >= SegmentId(floor));
            prop_assert!(map.segments.iter().any(|s| s.segment == map.head));
            prop_assert!(map.segments.iter().all(|s| !s.replicas.is_empty()));
        }
    }
}
