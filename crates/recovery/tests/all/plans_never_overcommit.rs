//! O2, L2: a plan takes what is free and not a byte more, whatever other recoveries were planned before it.

use crate::plans_cover_what_was_owned::{joined, log_of, tablet};
use proptest::prelude::*;
use rekindle_recovery::{ClusterRoom, EvenPlanner, MasterRoom, PlanError, PlanInput, RecoveryPlanner};
use rekindle_types::{KeyRange, Rules, ServerId};
use std::collections::BTreeMap;

fn room(free: &[u64]) -> ClusterRoom {
    let masters = free.iter().enumerate().map(|(at, free)| {
        (ServerId(10 + at as u64), MasterRoom { free_bytes: *free, ..MasterRoom::default() })
    });
    ClusterRoom { masters: masters.collect(), ..ClusterRoom::default() }
}

fn input(bytes: u32, partition_bytes: u64) -> PlanInput {
    let owned = vec![tablet(1, KeyRange::FULL)];
    PlanInput {
        log: log_of(bytes),
        owned,
        will: None,
        partition_bytes,
        partition_bytes_min: 4 << 20,
        rules: Rules::default(),
    }
}

#[test]
fn partitions_spread_over_masters_before_a_second_round() {
    let mut room = room(&[1000, 1000, 1000]);
    let plan = EvenPlanner.plan(&input(500, 100), &mut room).unwrap();
    let mut rounds: BTreeMap<ServerId, Vec<u32>> = BTreeMap::new();
    for part in &plan.partitions {
        rounds.entry(part.master.unwrap()).or_default().push(part.round);
    }
    assert_eq!(rounds.into_values().collect::<Vec<_>>(), [vec![0, 1], vec![0, 1], vec![0]]);
}

#[test]
fn no_room_at_all_parks_with_the_bytes_missing_and_takes_nothing() {
    let mut some = room(&[3, 2]);
    let before = some.clone();
    let error = EvenPlanner.plan(&input(1000, 500), &mut some).unwrap_err();
    assert_eq!(error, PlanError::NoRoom { bytes_missing: 1000 });
    assert_eq!(some, before);
    assert!(EvenPlanner.plan(&input(1000, 500), &mut room(&[])).is_err());
}

#[test]
fn what_fits_is_placed_and_the_rest_waits() {
    let mut room = room(&[600]);
    let plan = EvenPlanner.plan(&input(1000, 500), &mut room).unwrap();
    assert!(plan.bytes_missing >= 400);
    assert!(plan.partitions.iter().any(|p| p.master.is_some()));
    let waiting: Vec<u64> = plan.partitions.iter().filter(|p| p.master.is_none()).map(|p| p.bytes).collect();

    room.masters.insert(ServerId(50), MasterRoom { free_bytes: 500, ..MasterRoom::default() });
    let placed = EvenPlanner.place(&waiting, &mut room);
    assert!(placed.iter().all(|m| *m == Some(ServerId(50))), "{placed:?}");
}

#[test]
fn many_small_rooms_take_what_no_large_partition_would_fit() {
    let plan = EvenPlanner.plan(&input(1000, 800), &mut room(&[260, 260, 260, 260])).unwrap();
    assert_eq!(plan.bytes_missing, 0);
}

#[test]
fn two_recoveries_are_planned_against_each_other() {
    let mut room = room(&[700, 700]);
    let first = EvenPlanner.plan(&input(700, 350), &mut room).unwrap();
    let second = EvenPlanner.plan(&input(700, 350), &mut room).unwrap();
    assert_eq!((first.bytes_missing, second.bytes_missing), (0, 0));
    assert!(EvenPlanner.plan(&input(700, 350), &mut room).is_err());
}

proptest! {
    #[test]
    fn no_master_is_overcommitted(
        free in prop::collection::vec(0..2000_u64, 0..6),
        crashes in prop::collection::vec((1..4000_u32, 1..1000_u64), 1..4),
    ) {
        let before = room(&free);
        let mut left = before.clone();
        let mut taken: BTreeMap<ServerId, u64> = BTreeMap::new();
        for (bytes, target) in crashes {
            match EvenPlanner.plan(&input(bytes, target), &mut left) {
                Ok(plan) => {
                    prop_assert_eq!(joined(&plan), vec![tablet(1, KeyRange::FULL)]);
                    let missing: u64 = plan.partitions.iter().filter(|p| p.master.is_none()).map(|p| p.bytes).sum();
                    prop_assert_eq!(plan.bytes_missing, missing);
                    prop_assert!(plan.partitions.iter().map(|p| p.bytes).sum::<u64>() >= u64::from(bytes));
                    for part in &plan.partitions {
                        let Some(master) = part.master else { continue };
                        *taken.entry(master).or_default() += part.bytes;
                    }
                }
                Err(PlanError::NoRoom { bytes_missing }) => prop_assert!(bytes_missing >= u64::from(bytes)),
                Err(other) => prop_assert!(false, "{}", other),
            }
        }
        for (master, room) in &before.masters {
            let taken = taken.get(master).copied().unwrap_or(0);
            prop_assert!(taken <= room.free_bytes);
            prop_assert_eq!(left.masters[master].free_bytes, room.free_bytes - taken);
        }
    }
}
