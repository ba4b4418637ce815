//! A file of the meta log is believed, cut where nothing had been promised, or refused with the place of the damage:
//! whichever bit is wrong, wherever it ends. And version 2 stays what it is, and version 1 readable.

use bytes::Bytes;
use rekindle_coordinator::meta::{
    Batch, Damage, EntityId, FileMetaLog, FileMetaLogConfig, MetaFile, MetaLog, MetaOpenError, Record,
    StoredEntity,
};
use rekindle_env::{Env, memory::World};
use rekindle_types::Lsn;

/// Bytes of a frame: that of a mark, too.
const FRAME: usize = 64;
const HEADER: usize = 64;
const RECORD: usize = 44;

const FIRST_FILE: &str = "meta-0000000000000001-0000000000000000.log";
const SECOND_FILE: &str = "meta-0000000000000002-0000000000000000.log";

/// The file of the second reign of a small log, as the tests keep it for ever.
const GOLDEN: &[u8] = include_bytes!("../golden/meta-log-2.bin");

/// The same, as version 1 had it.
const GOLDEN_1: &[u8] = include_bytes!("../golden/meta-log-1.bin");

fn log(env: &Env) -> FileMetaLog {
    FileMetaLog::new(env, FileMetaLogConfig::new(0x0123_4567_89ab_cdef_0011_2233_4455_6677))
}

fn put(n: u64, state: &'static str) -> Record {
    let entity = EntityId { kind: n as u8, first: n, second: n << 40 };
    Record { entity, state: Some(Bytes::from_static(state.as_bytes())) }
}

/// Batches of the two reigns.
fn batches() -> [Vec<Vec<Record>>; 2] {
    let gone = Record { state: None, ..put(2, "") };
    [
        vec![vec![put(1, "one"), put(2, "two")], vec![put(3, ""), put(1, "one again")]],
        vec![
            vec![put(4, "four")],
            vec![gone, put(4, "more than four")],
            vec![],
            vec![put(5, "five"), put(6, "six")],
        ],
    ]
}

/// Plays both reigns; the batches of the second come one after another.
async fn write(env: &Env) {
    for reign in batches() {
        let log = log(env);
        let term = log.open().await.unwrap().term;
        for records in reign {
            log.append(term, Batch { expected: vec![], records }).await.unwrap();
        }
        log.settled().await;
    }
}

/// What there is after so many batches.
fn entities_after(last: u64) -> Vec<StoredEntity> {
    let mut state = std::collections::BTreeMap::new();
    let all: Vec<_> = batches().into_iter().flatten().collect();
    for (lsn, records) in (1..=last).zip(all) {
        for Record { entity, state: new } in records {
            state.remove(&entity);
            new.map(|new| state.insert(entity, StoredEntity { entity, version: Lsn(lsn), state: new }));
        }
    }
    state.into_values().collect()
}

fn assert_holds(file: &MetaFile, last: u64) {
    assert_eq!((file.last(), file.entities()), (Lsn(last), entities_after(last)));
}

/// Where the batches of the second reign begin and end; a mark follows each.
fn places() -> Vec<std::ops::Range<usize>> {
    let length = |records: &[Record]| {
        let states = records.iter().filter_map(|r| r.state.as_ref()).map(Bytes::len).sum::<usize>();
        records.len() * RECORD + states
    };
    let snapshot: usize = entities_after(2).iter().map(|e| RECORD + e.state.len()).sum();
    let mut at = HEADER + snapshot;
    let place = |records: Vec<Record>| {
        let start = at;
        at += FRAME + length(&records) + FRAME;
        start..at - FRAME
    };
    let [_, second] = batches();
    second.into_iter().map(place).collect()
}

#[test]
fn version_2_is_written_and_read_as_ever() {
    let world = World::new(1);
    let written = world.block_on(async {
        let env = world.node("c").env();
        let dir = &env.dir;
        write(&env).await;
        assert_eq!(dir.list().await.unwrap(), [SECOND_FILE], "and nothing else is left");
        dir.read(SECOND_FILE).await.unwrap()
    });
    assert_eq!(&written[..], GOLDEN, "the bytes of version 2 are frozen");
    let file = MetaFile::decode(GOLDEN).unwrap();
    assert_holds(&file, 6);
    assert_eq!(
        (file.cluster, file.term.0, file.torn_bytes),
        (0x0123_4567_89ab_cdef_0011_2233_4455_6677, 2, 0)
    );
    assert_eq!(places().last().unwrap().end + FRAME, GOLDEN.len());
}

#[test]
fn version_1_is_read_as_ever_and_the_next_reign_writes_version_2() {
    let file = MetaFile::decode(GOLDEN_1).unwrap();
    assert_holds(&file, 6);
    let world = World::new(1);
    let node = world.node("c");
    world.block_on(async {
        let (env, dir) = (node.env(), node.env().dir);
        dir.append(SECOND_FILE, Bytes::from_static(GOLDEN_1)).await.unwrap();
        let opened = log(&env).open().await.unwrap();
        assert_eq!((opened.term.0, opened.last, opened.entities), (3, Lsn(6), entities_after(6)));
        let name = dir.list().await.unwrap().pop().unwrap();
        assert_eq!(dir.read(&name).await.unwrap()[8], 2);
    });
    // What is torn in it is torn, what is damaged is damaged.
    let torn = MetaFile::decode(&GOLDEN_1[..GOLDEN_1.len() - 57]).unwrap();
    assert_holds(&torn, 5);
    let mut bytes = GOLDEN_1.to_vec();
    bytes[GOLDEN_1.len() - 57] ^= 1;
    assert!(matches!(MetaFile::decode(&bytes), Err(Damage::At { .. })));
}

#[test]
fn every_bit_that_is_wrong_is_noticed() {
    for at in 0..GOLDEN.len() {
        for bit in 0..8 {
            let mut bytes = GOLDEN.to_vec();
            bytes[at] ^= 1 << bit;
            match MetaFile::decode(&bytes) {
                // The last mark vouches for nothing that is not there.
                Ok(file) => {
                    assert!(at >= GOLDEN.len() - FRAME, "bit {bit} of byte {at} is believed");
                    assert_holds(&file, 6);
                    assert_eq!(file.torn_bytes, FRAME as u64);
                }
                Err(Damage::At { at: found, .. }) => assert!(found <= at as u64, "byte {at}, not {found}"),
                Err(other) => panic!("bit {bit} of byte {at}: {other}"),
            }
        }
    }
}

#[test]
fn a_damaged_batch_that_nobody_vouches_for_is_a_torn_tail() {
    let last = places().pop().unwrap();
    for at in last.clone() {
        let mut bytes = GOLDEN[..last.end].to_vec();
        bytes[at] ^= 0x10;
        let file = MetaFile::decode(&bytes).unwrap();
        assert_holds(&file, 5);
        assert_eq!(file.torn_bytes, last.len() as u64);
    }
    // The one before it was durable before the last was written.
    let mut bytes = GOLDEN[..last.end].to_vec();
    let before = &places()[1];
    bytes[before.start + FRAME] ^= 0x10;
    let at = (before.start + FRAME) as u64;
    assert!(matches!(MetaFile::decode(&bytes), Err(Damage::At { at: found, .. }) if found == at));
}

#[test]
fn wherever_it_ends_what_is_whole_is_there() {
    let places = places();
    for length in 0..=GOLDEN.len() {
        match MetaFile::decode(&GOLDEN[..length]) {
            Ok(file) => {
                assert!(length >= places[0].start, "half a snapshot of {length} bytes is believed");
                let whole = places.iter().filter(|place| place.end <= length).count();
                assert_holds(&file, 2 + whole as u64);
            }
            Err(Damage::At { .. }) => assert!(length < places[0].start, "a tail cut at {length} is refused"),
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn whatever_follows_the_last_batch_is_left_out() {
    let tail = places().pop().unwrap();
    for garbage in [vec![0; 4096], vec![0xff; 100], GOLDEN[tail.clone()].to_vec(), GOLDEN[..64].to_vec()] {
        let file = MetaFile::decode(&[GOLDEN, &garbage].concat()).unwrap();
        assert_holds(&file, 6);
        assert_eq!(file.torn_bytes, garbage.len() as u64);
    }
}

#[test]
fn damage_is_reported_with_its_place_and_changes_nothing() {
    let world = World::new(1);
    let node = world.node("c");
    world.block_on(async {
        let (env, dir) = (node.env(), node.env().dir);
        write(&env).await;
        let at = places()[1].start as u64;
        node.disk().flip(SECOND_FILE, at + 3, 1).unwrap();
        let error = log(&env).open().await.unwrap_err();
        assert!(matches!(&error, MetaOpenError::Damaged { file, at: found, .. } if file == SECOND_FILE && *found == at));
        let text = error.to_string();
        assert!(text.contains(SECOND_FILE) && text.contains(&at.to_string()), "{text}");
        assert_eq!(dir.list().await.unwrap(), [SECOND_FILE]);
        node.disk().flip(SECOND_FILE, at + 3, 1).unwrap();
        let opened = log(&env).open().await.unwrap();
        assert_eq!((opened.term.0, opened.last, opened.entities), (3, Lsn(6), entities_after(6)));
    });
}

#[test]
fn an_older_file_never_stands_in_for_a_damaged_one() {
    let world = World::new(1);
    let node = world.node("c");
    world.block_on(async {
        let (env, dir) = (node.env(), node.env().dir);
        let first = log(&env);
        first.open().await.unwrap();
        drop(first);
        let old = dir.read(FIRST_FILE).await.unwrap();
        write(&env).await;
        // As after a crash that lost the removal.
        dir.append(FIRST_FILE, old).await.unwrap();
        let newest = dir.list().await.unwrap().pop().unwrap();
        node.disk().flip(&newest, 20, 1).unwrap();
        assert!(matches!(log(&env).open().await, Err(MetaOpenError::Damaged { file, .. }) if file == newest));
    });
}

#[test]
fn directories_that_are_none_of_ours_are_refused_with_advice() {
    let world = World::new(1);
    let node = world.node("c");
    world.block_on(async {
        let env = node.env();
        write(&env).await;
        let other = FileMetaLog::new(&env, FileMetaLogConfig::new(9));
        let foreign = other.open().await.unwrap_err();
        assert!(matches!(foreign, MetaOpenError::Foreign { expected: 9, .. }), "{foreign}");
        assert!(foreign.to_string().contains("00000000000000000000000000000009"), "{foreign}");

        let holder = log(&env);
        let term = holder.open().await.unwrap().term;
        let locked = log(&env).open().await.unwrap_err();
        assert_eq!(locked, MetaOpenError::Locked { file: ".lock-meta.lock".into() });
        assert!(holder.append(term, Batch::default()).await.is_ok(), "who holds it goes on");
        drop(holder);

        node.disk().set_capacity(Some(node.disk().used_bytes()));
        let full = log(&env);
        let error = full.open().await.unwrap_err();
        assert!(matches!(&error, MetaOpenError::Failed(_)) && error.to_string().contains("full"), "{error}");
        drop(full);
        node.disk().set_capacity(None);
        let opened = log(&env).open().await.unwrap();
        assert_eq!((opened.last, opened.entities), (Lsn(7), entities_after(6)));
    });
}

#[test]
fn another_version_is_named() {
    let mut bytes = GOLDEN.to_vec();
    bytes[8] = 3;
    let crc = rekindle_log::crc32c(&bytes[4..HEADER]);
    bytes[..4].copy_from_slice(&crc.to_le_bytes());
    assert_eq!(MetaFile::decode(&bytes), Err(Damage::Version(3)));
}
