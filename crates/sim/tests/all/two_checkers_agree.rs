//! The search against a checker that knows no state, no memory and no shortcuts: all orders of small random histories.

use bytes::Bytes;
use rekindle_env::memory::World;
use rekindle_env::{Rng, Time};
use rekindle_sim::check::{NotLinearizable, check_linearizable};
use rekindle_sim::history::{Ask, Call, Moment, Told, ValueId};
use rekindle_types::{Condition, Version};

const HISTORIES: u32 = 30_000;

/// Whether some order of some of the unknown calls and all others is what a store would do.
fn some_order_fits(calls: &[Call]) -> bool {
    let calls: Vec<&Call> = calls.iter().filter(|call| call.told != Told::NotDone).collect();
    orders(&calls, &mut Vec::new())
}

fn orders<'a>(calls: &[&'a Call], order: &mut Vec<&'a Call>) -> bool {
    let is_in = |order: &[&Call], call: &Call| order.iter().any(|other| std::ptr::eq(*other, call));
    let is_complete = calls.iter().all(|call| call.told == Told::Unknown || is_in(order, call));
    if is_complete && fits(order) {
        return true;
    }
    for call in calls {
        let comes_late =
            |other: &&Call| !is_in(order, other) && other.to.is_some_and(|to| to.order < call.from.order);
        if is_in(order, call) || calls.iter().any(comes_late) {
            continue;
        }
        order.push(call);
        let found = orders(calls, order);
        order.pop();
        if found {
            return true;
        }
    }
    false
}

/// Whether the calls, done one by one, may be told this. The versions of unknown writes are looked for in what others
/// saw; then all versions have to rise, with room for those that nobody saw.
fn fits(order: &[&Call]) -> bool {
    // Versions of all writes, as far as known; and the index of the write that is there.
    let mut versions: Vec<Option<u64>> = Vec::new();
    let mut values = Vec::new();
    let mut there: Option<usize> = None;
    for call in order {
        let (condition, value) = match call.ask {
            Ask::Get => (Condition::Always, None),
            Ask::Put { value, condition } => (condition, Some(value)),
            Ask::Delete { condition } => (condition, None),
        };
        let told_version = match call.told {
            Told::Saw(seen) => Some(seen.map(|(_, version)| version)),
            Told::Removed(version) | Told::Refused(version) => Some(version),
            _ => None,
        };
        if let Some(version) = told_version {
            match (there, version) {
                (None, None) => {}
                (Some(write), Some(version)) if versions[write].is_none_or(|known| known == version.0) => {
                    versions[write] = Some(version.0);
                }
                _ => return false,
            }
        }
        if let Told::Saw(Some((value, _))) = call.told
            && there.map(|write| values[write]) != Some(value)
        {
            return false;
        }
        if let (Condition::IfVersion(version), Some(write), None) = (condition, there, told_version) {
            if versions[write].is_some_and(|known| known != version.0) {
                return false;
            }
            versions[write] = Some(version.0);
        }
        let holds = match condition {
            Condition::Always => true,
            Condition::IfPresent => there.is_some(),
            Condition::IfAbsent => there.is_none(),
            Condition::IfVersion(version) => there.is_some_and(|write| versions[write] == Some(version.0)),
        };
        if holds == matches!(call.told, Told::Refused(_)) {
            return false;
        }
        match (call.ask, call.told) {
            (_, Told::Refused(_)) | (Ask::Get, _) => {}
            (Ask::Put { .. }, told) => {
                versions.push(if let Told::Wrote(version) = told { Some(version.0) } else { None });
                values.push(value.expect("a put has a value"));
                there = Some(versions.len() - 1);
            }
            (Ask::Delete { .. }, _) => there = None,
        }
    }
    rise(&versions)
}

fn rise(versions: &[Option<u64>]) -> bool {
    let mut last = 0;
    versions.iter().all(|version| {
        let least = last + 1;
        last = version.unwrap_or(least);
        last >= least
    })
}

/// A history of a store that works, but for one answer, now and then.
fn draw(rng: &dyn Rng, unknown_of_12: u64) -> Vec<Call> {
    let count = 2 + rng.below(5);
    let mut edges: Vec<(u64, usize, bool)> = Vec::new();
    for index in 0..count as usize {
        let from = rng.below(40);
        edges.push((from * 2, index, true));
        edges.push((from * 2 + 1 + rng.below(30), index, false));
    }
    edges.sort();
    let order_of = |index, is_from| {
        let at = edges.iter().position(|edge| (edge.1, edge.2) == (index, is_from));
        Moment { order: at.expect("two of each") as u64, time: Time(0) }
    };
    let mut calls: Vec<Call> = (0..count as usize)
        .map(|index| Call {
            client: index as u32,
            key: Bytes::from_static(b"k"),
            ask: draw_ask(rng, index as u64 + 1),
            told: Told::Unknown,
            from: order_of(index, true),
            to: Some(order_of(index, false)),
        })
        .collect();
    answer(rng, unknown_of_12, &mut calls);
    calls.sort_by_key(|call| call.from);
    calls
}

fn draw_ask(rng: &dyn Rng, value: u64) -> Ask {
    let condition = match rng.below(6) {
        0 => Condition::IfAbsent,
        1 => Condition::IfPresent,
        2 => Condition::IfVersion(Version(1 + rng.below(4))),
        _ => Condition::Always,
    };
    match rng.below(5) {
        0 | 1 => Ask::Put { value: ValueId(value), condition },
        2 => Ask::Delete { condition },
        _ => Ask::Get,
    }
}

/// Each call takes effect somewhere between its ends; then answers are forgotten or changed.
fn answer(rng: &dyn Rng, unknown_of_12: u64, calls: &mut [Call]) {
    let mut turns: Vec<usize> = (0..calls.len()).collect();
    turns.sort_by_key(|index| {
        let call = &calls[*index];
        let (from, to) = (call.from.order, call.to.expect("still there").order);
        from + rng.below(to - from)
    });
    let (mut there, mut version) = (None, 0);
    for index in turns {
        let call = &mut calls[index];
        let present = there.map(|(_, version)| version);
        call.told = match call.ask {
            Ask::Get => Told::Saw(there),
            Ask::Put { condition, .. } | Ask::Delete { condition } if !condition.holds(present) => {
                Told::Refused(present)
            }
            Ask::Put { value, .. } => {
                version += 1 + rng.below(2);
                there = Some((value, Version(version)));
                Told::Wrote(Version(version))
            }
            Ask::Delete { .. } => {
                there = None;
                Told::Removed(present)
            }
        };
    }
    for call in calls {
        let writes = !matches!(call.ask, Ask::Get);
        match rng.below(12) {
            dice if dice < unknown_of_12 && writes => (call.told, call.to) = (Told::Unknown, None),
            11 => call.told = spoiled(rng, call.told),
            _ => {}
        }
    }
}

fn spoiled(rng: &dyn Rng, told: Told) -> Told {
    let version = Version(1 + rng.below(6));
    let present = (rng.below(2) == 0).then_some(version);
    match told {
        Told::Saw(_) => Told::Saw(present.map(|version| (ValueId(1 + rng.below(6)), version))),
        Told::Wrote(_) => Told::Wrote(version),
        Told::Removed(_) => Told::Removed(present),
        Told::Refused(_) => Told::Refused(present),
        told => told,
    }
}

#[test]
fn two_checkers_agree() {
    let rng = World::new(7).rng("histories");
    let (mut good, mut bad) = (0, 0);
    for number in 0..HISTORIES {
        // Some have many of one kind that nobody saw.
        let calls = draw(&*rng, if number % 2 == 0 { 2 } else { 7 });
        let fits = some_order_fits(&calls);
        let found = match check_linearizable(&calls) {
            Ok(()) => true,
            Err(NotLinearizable::NoOrder { .. }) => false,
            Err(undecided) => panic!("{undecided}"),
        };
        assert_eq!(found, fits, "{calls:#?}");
        *if fits { &mut good } else { &mut bad } += 1;
    }
    assert!(good > HISTORIES / 4 && bad > HISTORIES / 10, "{good} good and {bad} bad ones: draw others");
}
