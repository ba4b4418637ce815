//! Histories of a table's life made by hand, each broken in one way, and a good one beside it.

use rekindle_env::Time;
use rekindle_sim::{
    check::{WrongTable, check_tables},
    history::{Moment, TableAsk, TableCall, TableTold},
};

fn call(from: u64, to: u64, ask: TableAsk, told: TableTold) -> TableCall {
    let at = |order| Moment { order, time: Time(order) };
    let to = (told != TableTold::Unknown).then(|| at(to));
    TableCall { client: 0, name: "t".to_owned(), ask, told, from: at(from), to }
}

fn create(from: u64, to: u64) -> TableCall {
    call(from, to, TableAsk::Create, TableTold::Done)
}

fn dropped(from: u64, to: u64) -> TableCall {
    call(from, to, TableAsk::Drop, TableTold::Done)
}

fn answers(from: u64, to: u64) -> TableCall {
    call(from, to, TableAsk::Use, TableTold::Done)
}

fn absent(from: u64, to: u64) -> TableCall {
    call(from, to, TableAsk::Use, TableTold::Absent)
}

#[test]
fn a_table_answers_while_it_is_there() {
    let life = [absent(1, 2), create(3, 6), answers(4, 5), answers(7, 8), dropped(9, 12), absent(13, 14)];
    assert_eq!(check_tables(&life), Ok(()));
    // While it comes or goes both are right.
    for within in
        [absent(4, 5), answers(2, 4), answers(10, 11), absent(10, 11), answers(8, 20), absent(8, 10)]
    {
        let with = [&life[1..2], &life[4..5], &[within]].concat();
        assert_eq!(check_tables(&with), Ok(()), "{with:?}");
    }
}

#[test]
fn a_dropped_table_that_answers() {
    let life = [create(1, 2), dropped(3, 4), answers(5, 6)];
    assert!(matches!(check_tables(&life), Err(WrongTable::Returned(_))));
    let perhaps = [create(1, 2), call(3, 4, TableAsk::Drop, TableTold::Unknown), answers(5, 6)];
    assert_eq!(check_tables(&perhaps), Ok(()));
}

#[test]
fn a_table_that_is_lost() {
    assert!(matches!(check_tables(&[create(1, 2), absent(3, 4)]), Err(WrongTable::Lost(_))));
    assert!(matches!(check_tables(&[create(1, 2), absent(3, 4), dropped(5, 6)]), Err(WrongTable::Lost(_))));
    // Who drops it finds none, and nobody else has.
    let gone = call(3, 4, TableAsk::Drop, TableTold::Absent);
    assert!(matches!(check_tables(&[create(1, 2), gone]), Err(WrongTable::Lost(_))));
    let perhaps = [call(1, 2, TableAsk::Create, TableTold::Unknown), absent(3, 4), answers(5, 6)];
    assert_eq!(check_tables(&perhaps), Ok(()), "it may come to be late");
}

#[test]
fn a_table_that_nobody_made() {
    assert!(matches!(check_tables(&[answers(1, 2)]), Err(WrongTable::FromNowhere(_))));
    assert!(matches!(check_tables(&[answers(1, 2), create(3, 4)]), Err(WrongTable::FromNowhere(_))));
    let not_done = call(1, 2, TableAsk::Create, TableTold::NotDone);
    assert!(matches!(check_tables(&[not_done, answers(3, 4)]), Err(WrongTable::FromNowhere(_))));
}
