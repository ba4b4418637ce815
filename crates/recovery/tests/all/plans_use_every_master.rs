//! A dead master's data is cut so that every master has an equal part of it, if that is worth it: a recovery takes as
//! long as its busiest master.

use crate::plans_cover_what_was_owned::{joined, log_of, tablet};
use proptest::prelude::*;
use rekindle_recovery::{ClusterRoom, EvenPlanner, MasterRoom, PlanInput, RecoveryPlan, RecoveryPlanner};
use rekindle_types::{KeyRange, Rules, ServerId, Tablet, TabletVersion};
use std::collections::BTreeMap;

const MIB: u64 = 1 << 20;
const MIN: u64 = 4 * MIB;

fn plan_for(owned: Vec<Tablet>, bytes: u64, partition_bytes: u64, free: &[u64]) -> RecoveryPlan {
    let master = |(at, free): (usize, &u64)| {
        let room = MasterRoom { free_bytes: *free, segment_bytes: 8 << 20, ..MasterRoom::default() };
        (ServerId(10 + at as u64), room)
    };
    let masters = free.iter().enumerate().map(master).collect();
    let mut room = ClusterRoom { masters, ..ClusterRoom::default() };
    let log = log_of(u32::try_from(bytes).unwrap());
    let input = PlanInput {
        log,
        owned,
        will: None,
        partition_bytes,
        partition_bytes_min: MIN,
        rules: Rules::default(),
    };
    EvenPlanner.plan(&input, &mut room).unwrap()
}

fn tablets(count: u32) -> Vec<Tablet> {
    let ranges = KeyRange::FULL.split_even(count).into_iter().zip(100..);
    ranges.map(|(range, at)| Tablet { version: TabletVersion(at), ..tablet(1, range) }).collect()
}

fn widths(plan: &RecoveryPlan) -> Vec<u128> {
    let width = |t: &Tablet| u128::from(t.range.last().0 - t.range.first().0) + 1;
    plan.partitions.iter().map(|p| p.partition.pieces.iter().map(width).sum()).collect()
}

fn per_master(plan: &RecoveryPlan) -> BTreeMap<ServerId, usize> {
    let mut count = BTreeMap::new();
    for partition in &plan.partitions {
        *count.entry(partition.master.expect("there is plenty of room")).or_default() += 1;
    }
    count
}

#[test]
fn a_fifth_of_256_mib_is_replayed_by_all_four_others() {
    let plan = plan_for(tablets(3), 54 * MIB, 500 * MIB, &[400 * MIB; 4]);
    assert_eq!(plan.partitions.len(), 4);
    assert_eq!(per_master(&plan).into_values().collect::<Vec<_>>(), [1, 1, 1, 1]);
    let widths = widths(&plan);
    assert!(widths.iter().max().unwrap() * 2 <= widths.iter().min().unwrap() * 3);
}

#[test]
fn little_data_is_not_worth_many_masters() {
    assert_eq!(plan_for(tablets(1), 3 * MIB, 500 * MIB, &[400 * MIB; 4]).partitions.len(), 1);
    assert_eq!(plan_for(tablets(1), 9 * MIB, 500 * MIB, &[400 * MIB; 4]).partitions.len(), 2);
    assert_eq!(plan_for(tablets(1), 54 * MIB, 500 * MIB, &[400 * MIB; 40]).partitions.len(), 13);
}

#[test]
fn much_data_makes_whole_rounds() {
    // Seven partitions of 500 MiB would leave one of four masters idle in the second round.
    let plan = plan_for(tablets(2), 3_400 * MIB, 500 * MIB, &[4_000 * MIB; 4]);
    assert_eq!(plan.partitions.len(), 8);
    assert_eq!(per_master(&plan).into_values().collect::<Vec<_>>(), [2, 2, 2, 2]);
}

#[test]
fn who_has_no_memory_is_not_counted_on() {
    let plan = plan_for(tablets(1), 54 * MIB, 500 * MIB, &[400 * MIB, 0, 400 * MIB, 8 * MIB, 400 * MIB]);
    assert_eq!(per_master(&plan), [10, 12, 14].map(|id| (ServerId(id), 1)).into());
    assert_eq!(plan.partitions.len(), 3);
}

proptest! {
    #[test]
    fn partitions_are_even_and_worth_a_master(
        owned in 1..20_u32, bytes in 1..4_000_u64, partition_mib in 4..800_u64, masters in 1..30_usize,
    ) {
        let (bytes, most) = (bytes * MIB, partition_mib * MIB);
        let plan = plan_for(tablets(owned), bytes, most, &vec![8_000 * MIB; masters]);
        prop_assert_eq!(joined(&plan), tablets(owned));
        let widths = widths(&plan);
        let (least, largest) = (widths.iter().min().unwrap(), widths.iter().max().unwrap());
        prop_assert!(largest * 2 <= least * 3, "none above 1.5 times the smallest");
        for partition in &plan.partitions {
            prop_assert!(partition.bytes <= most);
            prop_assert!(partition.bytes >= MIN || plan.partitions.len() as u64 == bytes.div_ceil(most));
        }
        let count = per_master(&plan);
        let fewest = if count.len() < masters { 0 } else { *count.values().min().unwrap() };
        prop_assert!(count.values().max().unwrap() - fewest <= 1, "{:?}", count);
        // Nobody is idle while others have more to do than is worth a master.
        prop_assert!(fewest > 0 || plan.partitions.len() as u64 >= (bytes / MIN).max(1));
    }
}
