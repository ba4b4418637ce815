//! J2. A client gives a table a name that is a frame of the meta log, and the disk tears the append that carries it:
//! that is a torn tail, whatever the client's frame says.

use bytes::Bytes;
use rekindle_coordinator::meta::{
    Batch, Damage, EntityId, FileMetaLog, FileMetaLogConfig, MetaFile, MetaLog, Record,
};
use rekindle_env::{Env, memory::World};
use rekindle_log::crc32c;
use rekindle_types::Lsn;

const FILE: &str = "meta-0000000000000001-0000000000000000.log";
const FRAME: usize = 64;
const RECORD: usize = 44;

fn named(name: Vec<u8>) -> Batch {
    let entity = EntityId { kind: 6, first: 1, second: 0 };
    Batch { expected: vec![], records: vec![Record { entity, state: Some(name.into()) }] }
}

/// What a client can make that knows all of a file but the secret: a mark at this place, which says that very much is
/// durable.
fn forge(mark: &[u8], at: u64, secret: u64) -> Vec<u8> {
    let mut mark = mark.to_vec();
    mark[24..32].copy_from_slice(&1_000_u64.to_le_bytes());
    mark[40..48].copy_from_slice(&1_000_u64.to_le_bytes());
    mark[48..56].copy_from_slice(&at.to_le_bytes());
    mark[56..64].copy_from_slice(&secret.to_le_bytes());
    let crc = crc32c(&mark[4..]);
    mark[..4].copy_from_slice(&crc.to_le_bytes());
    // The tear is behind it.
    mark.extend([7; 100]);
    mark
}

async fn file_after_a_batch(env: &Env, log: &FileMetaLog) -> Bytes {
    let term = log.open().await.unwrap().term;
    log.append(term, named(b"calm".to_vec())).await.unwrap();
    log.settled().await;
    env.dir.read(FILE).await.unwrap()
}

/// Tears an append with that name behind one that was acknowledged.
fn tear_an_append(name: impl FnOnce(&[u8]) -> Vec<u8>) -> Result<MetaFile, Damage> {
    let world = World::new(1);
    let env = world.node("c").env();
    world.block_on(async {
        let log = FileMetaLog::new(&env, FileMetaLogConfig::new(1));
        let before = file_after_a_batch(&env, &log).await;
        let term = MetaFile::decode(&before).unwrap().term;
        log.append(term, named(name(&before))).await.unwrap();
        log.settled().await;
        let whole = env.dir.read(FILE).await.unwrap();
        assert_eq!(MetaFile::decode(&whole).unwrap().last(), Lsn(2));
        // The mark behind it, and the last byte of the name.
        MetaFile::decode(&whole[..whole.len() - FRAME - 1])
    })
}

fn forge_in(file: &[u8], secret: u64) -> Vec<u8> {
    forge(&file[file.len() - FRAME..], (file.len() + FRAME + RECORD) as u64, secret)
}

#[test]
fn a_frame_in_a_name_turns_no_torn_tail_into_damage() {
    for guess in [0, 1, u64::MAX, u64::MAX >> 16] {
        let read = tear_an_append(|file| forge_in(file, guess)).unwrap();
        assert_eq!(read.last(), Lsn(1), "guess {guess}");
    }
}

#[test]
fn one_with_the_secret_would() {
    let secret = |file: &[u8]| u64::from_le_bytes(file[8..16].try_into().unwrap()) >> 16;
    let read = tear_an_append(|file| forge_in(file, secret(file)));
    assert!(matches!(read, Err(Damage::At { .. })), "{read:?}");
}

#[test]
fn no_two_files_have_the_same_secret() {
    let world = World::new(1);
    let mut secrets = std::collections::BTreeSet::new();
    for node in ["a", "b", "c"] {
        let env = world.node(node).env();
        world.block_on(async {
            for reign in 1..=3 {
                FileMetaLog::new(&env, FileMetaLogConfig::new(1)).open().await.unwrap();
                let name = env.dir.list().await.unwrap().pop().unwrap();
                secrets.insert(env.dir.read(&name).await.unwrap().slice(10..16));
                assert!(name.contains(&format!("{reign:016x}")), "{name}");
            }
        });
    }
    assert_eq!(secrets.len(), 9);
}
