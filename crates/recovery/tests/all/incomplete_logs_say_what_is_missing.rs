//! Nothing is recovered from less than all of a log; the report names what an operator has to bring back.

use crate::lists::{LOG, backup, closed, closed_head, head};
use rekindle_recovery::{Incomplete, discover};
use rekindle_types::SegmentId;

#[test]
fn missing_segments_are_named() {
    let lists = [backup(2, [head(9, &[3, 5, 7]), closed(5)]), backup(3, [head(9, &[3, 5, 7])])];
    let error = discover(LOG, &lists, SegmentId(0)).unwrap_err();
    let segments = vec![SegmentId(3), SegmentId(7)];
    assert_eq!(error, Incomplete::Missing { log: LOG, head: SegmentId(9), segments });
    assert!(error.to_string().contains("g3, g7"), "{error}");
}

#[test]
fn no_open_head_at_all_names_the_highest_closed_one() {
    let lists = [backup(2, [closed_head(5, &[]), closed_head(4, &[])]), backup(3, [head(3, &[])])];
    let floor = SegmentId(4);
    let closed = Some(SegmentId(5));
    assert_eq!(discover(LOG, &lists, floor), Err(Incomplete::NoHead { log: LOG, floor, closed }));
}

#[test]
fn a_backup_that_can_not_be_asked_counts_as_empty() {
    let all = [backup(2, [head(5, &[4])]), backup(3, [closed(4)])];
    assert!(discover(LOG, &all, SegmentId(0)).is_ok());
    assert!(discover(LOG, &all[..1], SegmentId(0)).is_err());
    assert!(discover(LOG, &[], SegmentId(0)).is_err());
}
