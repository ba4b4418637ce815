//! The order in which a segment's replicas are read: primaries by expected finish, secondaries last.

use crate::lists::{Inventory, LOG, backup, closed, head, primary};
use crate::plans_cover_what_was_owned::tablet;
use rekindle_recovery::{
    BackupRoom, ClusterRoom, EvenPlanner, MasterRoom, PlanInput, RecoveryPlan, RecoveryPlanner, discover,
    plan_reads,
};
use rekindle_types::{KeyRange, Rules, SegmentId, ServerId};

fn plan(lists: &[Inventory], rates: &[(u64, u64)]) -> RecoveryPlan {
    let backups =
        rates.iter().map(|(id, rate)| (ServerId(*id), BackupRoom { read_rate: *rate, queued_bytes: 0 }));
    let master = (ServerId(10), MasterRoom { free_bytes: 1 << 40, ..MasterRoom::default() });
    let mut room = ClusterRoom { masters: [master].into(), backups: backups.collect() };
    let log = discover(LOG, lists, SegmentId(0)).unwrap();
    let owned = vec![tablet(1, KeyRange::FULL)];
    let input = PlanInput {
        log,
        owned,
        will: None,
        partition_bytes: 1 << 30,
        partition_bytes_min: 4 << 20,
        rules: Rules::default(),
    };
    EvenPlanner.plan(&input, &mut room).unwrap()
}

fn servers(plan: &RecoveryPlan, segment: usize) -> Vec<u64> {
    plan.segments[segment].replicas.iter().map(|r| r.server.0).collect()
}

#[test]
fn secondaries_come_last_wherever_they_are_listed() {
    let lists = [
        backup(2, [head(5, &[4]), closed(4)]),
        backup(3, [primary(closed(4)), head(5, &[4])]),
        backup(4, [closed(4)]),
    ];
    assert_eq!(servers(&plan(&lists, &[(2, 200), (3, 100), (4, 300)]), 0), [3, 4, 2]);
}

#[test]
fn the_faster_backup_is_read_first() {
    let lists = [backup(2, [primary(head(5, &[]))]), backup(3, [primary(head(5, &[]))])];
    assert_eq!(servers(&plan(&lists, &[(2, 100_000_000), (3, 101_000_000)]), 0), [3, 2]);
}

#[test]
fn reads_are_spread_over_equal_backups() {
    let both = || [primary(closed(1)), primary(closed(2)), primary(closed(3)), head(5, &[1, 2, 3])];
    let plan = plan(&[backup(2, both()), backup(3, both())], &[(2, 100), (3, 100)]);
    let first: Vec<u64> = (0..4).map(|at| servers(&plan, at)[0]).collect();
    assert_eq!(first, [2, 3, 2, 3]);
    for (server, reads) in &plan.reads {
        assert_eq!(reads.replicas.len(), 2, "{server}");
        assert_eq!(reads.partitions.len(), 1);
    }
}

#[test]
fn reads_of_recorded_partitions_are_those_of_the_plan() {
    let both = || [primary(closed(1)), primary(closed(2)), closed(3), head(5, &[1, 2, 3])];
    let lists = [backup(2, both()), backup(3, both())];
    let rates = [(2, 100), (3, 90)];
    let plan = plan(&lists, &rates);
    // Recorded; then some are committed, and another reign asks where the rest is read.
    let partitions: Vec<_> = plan.partitions.iter().map(|p| p.partition.clone()).collect();
    let backups = rates.map(|(id, read_rate)| (ServerId(id), BackupRoom { read_rate, queued_bytes: 0 }));
    let mut room = ClusterRoom { backups: backups.into(), ..ClusterRoom::default() };
    let log = discover(LOG, &lists, SegmentId(0)).unwrap();
    assert_eq!(plan_reads(&log, &partitions, &mut room), (plan.segments, plan.reads));
}
