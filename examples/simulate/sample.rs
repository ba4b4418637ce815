//! A short run for tests, made by hand.

use bytes::Bytes;
use rekindle::{
    coordinator::Event,
    env::Time,
    sim::{
        faults::{FaultsConfig, FaultsReport, Kind, Profile},
        history::{Ask, Call, Moment, Told, ValueId},
        trace::{Fate, FrameHead, Happening, Incident, Message, Standing, Trace},
    },
    types::{Condition, ServerId, Term, Version},
};
use std::time::Duration;

/// So many milliseconds after the beginning.
pub fn at(ms: u64) -> Time {
    Time(ms * 1_000_000)
}

fn message(ms: u64, from: u16, to: u16, lane: &'static str, call: &'static str, fate: Fate) -> Message {
    let head = FrameHead { call, is_reply: false, request: ms };
    Message { sent: at(ms), from, to, lane, head, bytes: 100, is_repeat: false, breaks_lane: false, fate }
}

fn call(from: u64, to: Option<u64>, ask: Ask, told: Told) -> Call {
    let moment = |ms| Moment { order: ms, time: at(ms) };
    Call { client: 1, key: Bytes::from_static(b"key-1"), ask, told, from: moment(from), to: to.map(moment) }
}

/// A server is killed, and the link to the coordinator of another is cut.
pub fn trace() -> Trace {
    let standing = |node: &str, id, words: &str, numbers: &str| {
        let (words, numbers) = (words.to_owned(), numbers.to_owned());
        Standing { node: node.to_owned(), id, words, numbers }
    };
    let states = |segments| {
        let numbers = format!("{segments} segments");
        vec![
            standing("s0", Some(ServerId(1)), "member, 3 tablets served", &numbers),
            standing("coordinator", None, "nobody in office", ""),
        ]
    };
    let put = Ask::Put { value: ValueId(7), condition: Condition::IfAbsent };
    let incident = |kind, whom: &str, from, to| Incident {
        kind,
        whom: vec![whom.to_owned()],
        cut: Vec::new(),
        what: format!("{kind:?} {{ server: Pick(9) }}, 1s, at {{Quiet}}"),
        from: at(from),
        to: Some(at(to)),
    };
    let cut = vec![("s1".to_owned(), "coordinator".to_owned())];
    Trace {
        config: FaultsConfig::new(3, Profile::Storm),
        nodes: ["coordinator", "s0", "s1", "client-1"].map(str::to_owned).to_vec(),
        messages: vec![
            message(10, 3, 1, "object", "put", Fate::Received(at(11))),
            message(12, 1, 2, "replication", "replica write", Fate::Received(at(13))),
            Message {
                is_repeat: true,
                ..message(12, 1, 2, "replication", "replica write", Fate::Received(at(14)))
            },
            message(14, 1, 0, "heartbeat", "renew", Fate::Received(at(15))),
            message(120, 2, 0, "heartbeat", "renew", Fate::Lost),
            message(130, 3, 1, "object", "get", Fate::Unheard),
            message(140, 3, 1, "object", "dial", Fate::NotConnected),
            message(1_200, 2, 3, "object", "objects answered", Fate::UnderWay(at(1_201))),
        ],
        messages_left_out: 0,
        happenings: vec![
            (at(100), Happening::Killed("s0".into())),
            (at(400), Happening::Started("s0".into())),
            (at(410), Happening::DiskFailed { node: "s0".into(), call: "sync", file: "frames".into() }),
            (at(500), Happening::Paused("s1".into())),
            (at(600), Happening::Resumed("s1".into())),
            (at(1_000), Happening::State(states(4))),
            (at(2_000), Happening::State(states(5))),
        ],
        events: vec![
            (at(1), Event::TookOffice(Term(1))),
            (at(200), Event::Fenced(ServerId(1))),
            (at(300), Event::Planned { dead: ServerId(1), partitions: 2 }),
            (at(390), Event::Recovered(ServerId(1))),
        ],
        incidents: vec![
            incident(Kind::Kill, "s0", 100, 400),
            Incident { cut, ..incident(Kind::CutOneWay, "s1", 110, 150) },
        ],
        calls: vec![
            call(10, Some(16), put, Told::Wrote(Version(4))),
            call(20, Some(420), Ask::Get, Told::Saw(Some((ValueId(7), Version(4))))),
            call(130, None, Ask::Delete { condition: Condition::Always }, Told::Unknown),
        ],
        end: at(2_000),
        outcome: Ok(report()),
    }
}

fn report() -> FaultsReport {
    FaultsReport {
        settled_after: Duration::from_millis(250),
        elapsed: Duration::from_secs(2),
        ..FaultsReport::default()
    }
}
