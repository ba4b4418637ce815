//! Rule F5, as a pure map: for every hash the ledger remembers the highest order, whatever was cut and joined.

use proptest::prelude::*;
use rekindle_cluster::master::{OrderLedger, OrderTag, Verdict};
use rekindle_types::{KeyHash, KeyRange, Lsn, Rules, TableId};

const TABLE: TableId = TableId(3);
/// The hashes of the model lie 2^60 apart, and the last one reaches to the end.
const HASHES: u64 = 16;

fn range(first: u64, last: u64) -> KeyRange {
    let last = if last == HASHES - 1 { u64::MAX } else { ((last + 1) << 60) - 1 };
    KeyRange::new(KeyHash(first << 60), KeyHash(last)).unwrap()
}

fn orders() -> impl Strategy<Value = Vec<(u64, u64, u64, OrderTag)>> {
    let tag = prop_oneof![Just(OrderTag::Replay), Just(OrderTag::Serve), Just(OrderTag::Drop)];
    let order =
        (0..HASHES, 0..HASHES, 1..12u64, tag).prop_map(|(a, b, cause, tag)| (a.min(b), a.max(b), cause, tag));
    proptest::collection::vec(order, 1..60)
}

proptest! {
    #[test]
    fn the_ledger_judges_like_a_list_of_every_hash(orders in orders()) {
        let mut ledger = OrderLedger::new(Rules::default());
        let mut model: Vec<Option<(u64, OrderTag)>> = vec![None; HASHES as usize];
        for (first, last, cause, tag) in orders {
            let part = &mut model[first as usize..=last as usize];
            let newest = part.iter().flatten().map(|(cause, _)| *cause).max().unwrap_or(0);
            let expected = if newest > cause {
                Verdict::Superseded(Lsn(newest))
            } else if part.iter().all(|p| *p == Some((cause, tag))) {
                Verdict::Repeat
            } else {
                Verdict::Act
            };
            let range = range(first, last);
            prop_assert_eq!(ledger.judge(TABLE, range, Lsn(cause), tag), expected);
            prop_assert_eq!(ledger.judge(TableId(4), range, Lsn(cause), tag), Verdict::Act);
            if expected == Verdict::Act {
                ledger.record(TABLE, range, Lsn(cause), tag);
                part.fill(Some((cause, tag)));
            }
            let known: Vec<_> = model.clone();
            let runs = known.chunk_by(|a, b| a == b).filter(|run| run[0].is_some()).count();
            prop_assert_eq!(ledger.parts(), runs, "neighbours of one order are one part");
            for (hash, part) in model.iter().enumerate() {
                let newest = ledger.newest(TABLE, KeyHash((hash as u64) << 60));
                prop_assert_eq!(newest, Lsn(part.map_or(0, |(cause, _)| cause)));
            }
        }
    }
}

#[test]
fn an_order_about_several_ranges_is_refused_as_a_whole() {
    let mut ledger = OrderLedger::new(Rules::default());
    ledger.record(TABLE, range(0, 3), Lsn(5), OrderTag::Drop);
    let ranges = [(TABLE, range(8, 9)), (TABLE, range(2, 6))];
    assert_eq!(ledger.judge_all(ranges, Lsn(4), OrderTag::Replay), Verdict::Superseded(Lsn(5)));
    assert_eq!(
        ledger.judge_all(ranges, Lsn(5), OrderTag::Replay),
        Verdict::Act,
        "another order of the batch"
    );
    for (table, range) in ranges {
        ledger.record(table, range, Lsn(6), OrderTag::Replay);
    }
    assert_eq!(ledger.judge_all(ranges, Lsn(6), OrderTag::Replay), Verdict::Repeat);
    assert_eq!(ledger.judge_all(ranges, Lsn(6), OrderTag::Serve), Verdict::Act);
}
