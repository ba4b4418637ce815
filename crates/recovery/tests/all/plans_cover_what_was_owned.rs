//! T1: what the map says was owned is recovered, all of it, once; a will only says where to cut.

use crate::lists::{LOG, backup, head, long};
use proptest::prelude::*;
use rekindle_recovery::{
    ClusterRoom, EvenPlanner, LogMap, MasterRoom, PlanInput, RecoveryPlan, RecoveryPlanner, Will, WillPiece,
    discover,
};
use rekindle_types::{
    KeyHash, KeyRange, Rules, SegmentId, ServerId, TableId, Tablet, TabletState, TabletVersion,
};

/// A log of this many bytes.
pub fn log_of(bytes: u32) -> LogMap {
    discover(LOG, &[backup(2, [long(bytes, head(5, &[]))])], SegmentId(0)).unwrap()
}

/// A tablet of the dead master.
pub fn tablet(table: u64, range: KeyRange) -> Tablet {
    Tablet {
        table: TableId(table),
        range,
        owner: LOG.server,
        version: TabletVersion(table + 10),
        state: TabletState::Recovering,
        created: SegmentId(table),
    }
}

/// What a plan of it looks like with plenty of room.
fn plan(owned: Vec<Tablet>, will: Option<Will>, bytes: u32, partition_bytes: u64) -> RecoveryPlan {
    let masters =
        (10..14).map(|id| (ServerId(id), MasterRoom { free_bytes: 1 << 40, ..MasterRoom::default() }));
    let mut room = ClusterRoom { masters: masters.collect(), ..ClusterRoom::default() };
    let input = PlanInput {
        log: log_of(bytes),
        owned,
        will,
        partition_bytes,
        partition_bytes_min: 4 << 20,
        rules: Rules::default(),
    };
    EvenPlanner.plan(&input, &mut room).unwrap()
}

/// Pieces of all partitions, neighbours of one tablet joined: equal to the owned ones when nothing is left out,
/// doubled or invented.
pub fn joined(plan: &RecoveryPlan) -> Vec<Tablet> {
    let mut pieces: Vec<Tablet> =
        plan.partitions.iter().flat_map(|p| p.partition.pieces.iter().copied()).collect();
    pieces.sort_by_key(|p| (p.table, p.range.first()));
    let mut joined: Vec<Tablet> = Vec::new();
    for piece in pieces {
        match joined.last_mut() {
            Some(last)
                if last.version == piece.version
                    && last.range.last().0.checked_add(1) == Some(piece.range.first().0) =>
            {
                last.range = KeyRange::new(last.range.first(), piece.range.last()).unwrap();
            }
            _ => joined.push(piece),
        }
    }
    joined
}

fn range(first: u64, last: u64) -> KeyRange {
    KeyRange::new(KeyHash(first), KeyHash(last)).unwrap()
}

#[test]
fn without_a_will_the_hash_range_is_split_evenly_by_observed_bytes() {
    let plan = plan(vec![tablet(1, KeyRange::FULL)], None, 1000, 500);
    let pieces: Vec<_> = plan.partitions.iter().map(|p| p.partition.pieces[0].range).collect();
    assert_eq!(pieces, [range(0, (1 << 63) - 1), range(1 << 63, u64::MAX)]);
    assert_eq!(plan.partitions.iter().map(|p| p.bytes).collect::<Vec<_>>(), [500, 500]);
}

#[test]
fn small_data_is_one_partition_of_all_tablets() {
    let owned: Vec<_> = (1..=20).map(|table| tablet(table, KeyRange::FULL)).collect();
    let plan = plan(owned.clone(), None, 1000, 1000);
    assert_eq!(plan.partitions.len(), 1);
    assert_eq!(plan.partitions[0].partition.pieces, owned);
}

#[test]
fn tablets_that_fill_a_partition_each_share_none() {
    let owned: Vec<_> = (1..=20).map(|table| tablet(table, KeyRange::FULL)).collect();
    let plan = plan(owned.clone(), None, 20 * 500, 500);
    let pieces: Vec<_> = plan.partitions.iter().map(|p| p.partition.pieces.clone()).collect();
    assert_eq!(pieces, owned.iter().map(|tablet| vec![*tablet]).collect::<Vec<_>>());
    assert!(plan.partitions.iter().all(|p| p.bytes == 500));
}

#[test]
fn uneven_cuts_leave_no_hash_out_and_never_split_one() {
    let ranges = |owned, bytes| {
        let plan = plan(vec![owned], None, bytes, 100);
        plan.partitions.iter().map(|p| p.partition.pieces[0].range).collect::<Vec<_>>()
    };
    let ten = tablet(1, range(90, 99));
    assert_eq!(ranges(ten, 300), [range(90, 92), range(93, 95), range(96, 99)]);
    assert_eq!(ranges(ten, 301), [range(90, 91), range(92, 94), range(95, 96), range(97, 99)]);
    // As many as there are hashes, however many bytes they have.
    let two = tablet(1, range(u64::MAX - 1, u64::MAX));
    assert_eq!(ranges(two, 5_000), [range(u64::MAX - 1, u64::MAX - 1), range(u64::MAX, u64::MAX)]);
    assert_eq!(ranges(two, 100), [two.range]);
}

#[test]
fn pieces_keep_version_and_creation_position_of_their_tablet() {
    let plan = plan(vec![tablet(7, KeyRange::FULL)], None, 1000, 100);
    for piece in plan.partitions.iter().flat_map(|p| &p.partition.pieces) {
        assert_eq!((piece.version, piece.created), (TabletVersion(17), SegmentId(7)));
    }
}

#[test]
fn will_pieces_that_are_not_owned_are_ignored_and_gaps_are_filled() {
    let owned = vec![tablet(1, range(0, 999)), tablet(2, range(500, 599))];
    let piece = |table, range, bytes| WillPiece { ranges: vec![(TableId(table), range)], bytes };
    let will = Will {
        pieces: vec![
            piece(1, range(0, 399), 100),
            piece(1, range(300, 1999), 100), // Overlaps the first and passes the tablet's end.
            piece(3, KeyRange::FULL, 100),   // A table that is gone.
        ],
    };
    let plan = plan(owned.clone(), Some(will), 300, 100);
    assert_eq!(joined(&plan), owned);
    assert_eq!(plan.partitions[0].partition.pieces, [tablet(1, range(0, 399))]);
    assert_eq!(plan.partitions[1].partition.pieces, [tablet(1, range(400, 999))]);
    assert_eq!(plan.partitions[2].partition.pieces, [tablet(2, range(500, 599))]);
}

#[test]
fn a_master_that_owned_nothing_needs_no_partition() {
    assert!(plan(vec![], None, 1000, 100).partitions.is_empty());
}

fn tablets() -> impl Strategy<Value = Vec<Tablet>> {
    // Disjoint ranges from sorted cuts, each kept or not, over a few tables.
    let cuts = prop::collection::btree_set(any::<u64>(), 0..12);
    (cuts, prop::collection::vec(any::<bool>(), 14), 1..4_u64).prop_map(|(cuts, kept, tables)| {
        let mut owned = Vec::new();
        for table in 1..=tables {
            let mut first = 0;
            for (at, last) in cuts.iter().copied().chain([u64::MAX]).enumerate() {
                if kept[(at + table as usize) % kept.len()] && first <= last {
                    let version = TabletVersion(table * 1000 + at as u64);
                    owned.push(Tablet { version, ..tablet(table, range(first, last)) });
                }
                first = last.saturating_add(1);
            }
        }
        owned
    })
}

fn wills() -> impl Strategy<Value = Option<Will>> {
    let piece_range = (1..5_u64, any::<u64>(), any::<u64>())
        .prop_map(|(table, a, b)| (TableId(table), range(a.min(b), a.max(b))));
    let piece = (prop::collection::vec(piece_range, 0..4), 0..2000_u64)
        .prop_map(|(ranges, bytes)| WillPiece { ranges, bytes });
    prop::option::of(prop::collection::vec(piece, 0..6).prop_map(|pieces| Will { pieces }))
}

proptest! {
    #[test]
    fn every_plan_covers_exactly_what_was_owned(
        owned in tablets(), will in wills(), bytes in 1..100_000_u32, target in 1..5000_u64,
    ) {
        let plan = plan(owned.clone(), will, bytes, target);
        prop_assert_eq!(joined(&plan), owned);
        prop_assert!(plan.partitions.iter().all(|p| !p.partition.pieces.is_empty()));
        prop_assert!(plan.partitions.iter().enumerate().all(|(at, p)| p.index.0 as usize == at));
    }
}
