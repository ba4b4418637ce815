//! The same store on a real directory: it conforms, and how fast it is.

use super::file_subject::{FileSubject, config, start};
use futures_util::future::join_all;
use rekindle_backup::store::conformance::{MASTER, cases, replica, servers};
use rekindle_backup::store::file::RecordHeader;
use rekindle_backup::{
    BackupStore, Durability, FileStore, FileStoreConfig, Fill, LoadRequest, LocalStore, ReplicaWrite,
};
use rekindle_env::{
    Env,
    real::{RealConfig, RealEnv, Runtimes},
};
use rekindle_log::segment::{CertificateCheck, EntryDraft, LogTime, ObjectEntry, SegmentHeader};
use rekindle_types::{SegmentId, SessionNumber, TableId, Version};
use std::{fs::OpenOptions, os::unix::fs::FileExt, path::Path, sync::Arc, time::Instant};

fn env(path: &Path, runtimes: &Runtimes) -> Env {
    RealEnv::open(path, runtimes.main(), runtimes.urgent(), RealConfig::default()).unwrap()
}

#[test]
fn file_store_conforms_on_a_real_disk() {
    let runtimes = Runtimes::start().unwrap();
    let mut played = 0;
    for durability in [Durability::Persistent, Durability::Buffered] {
        for (name, case) in cases() {
            println!("{name}, {durability:?}");
            let directory = tempfile::tempdir().unwrap();
            let env = env(directory.path(), &runtimes);
            let path = directory.path().to_owned();
            runtimes.main().block_on(async {
                let flip = move |file: &str, offset| flip(&path.join(file), offset);
                case(FileSubject::start(&env, config(durability), flip).await).await;
            });
            played += 1;
        }
    }
    assert_eq!(played, 2 * cases().len());
}

fn flip(file: &Path, offset: u64) {
    let file = OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 1], offset).unwrap();
}

/// A segment of 1 KiB objects, as full as it gets below its capacity.
fn segment(id: u64, capacity: u32) -> Vec<u8> {
    let mut bytes = SegmentHeader { log: MASTER, segment: SegmentId(id), capacity }.encode().to_vec();
    for at in 0_u64.. {
        let key = at.to_le_bytes();
        let draft = EntryDraft::Object(ObjectEntry {
            table: TableId(1),
            version: Version(at + 1),
            timestamp: LogTime(0),
            replaces: None,
            expiry: None,
            key: &key,
            value: &[at as u8; 1024],
        });
        let start = bytes.len();
        if start + draft.encoded_len() > capacity as usize {
            break;
        }
        bytes.resize(start + draft.encoded_len(), 0);
        draft.encode(&mut bytes[start..]);
    }
    bytes
}

/// A piece of a segment; the first opens it, the last closes it.
fn piece(id: u64, capacity: u32, bytes: &bytes::Bytes, range: std::ops::Range<usize>) -> ReplicaWrite {
    let is_last = range.end == bytes.len();
    ReplicaWrite {
        replica: replica(MASTER, id, id),
        session: SessionNumber(1),
        open: (range.start == 0).then_some(Fill::Growing),
        capacity,
        offset: range.start as u32,
        certificate: is_last.then(|| CertificateCheck::certify(bytes).unwrap()),
        bytes: bytes.slice(range),
        close: is_last,
        primary: false,
    }
}

async fn write_segment(store: Arc<FileStore>, id: u64, capacity: u32, bytes: bytes::Bytes) {
    for start in (0..bytes.len()).step_by(1 << 20) {
        let end = bytes.len().min(start + (1 << 20));
        store.write(piece(id, capacity, &bytes, start..end)).await.unwrap();
    }
}

#[test]
#[ignore = "a measurement: cargo test --release -p rekindle-backup --test all -- measure --ignored --nocapture"]
fn measure_the_file_store() {
    const SEGMENT: u32 = 8 << 20;
    let runtimes = Runtimes::start().unwrap();
    for durability in [Durability::Persistent, Durability::Buffered] {
        let directory = tempfile::tempdir().unwrap();
        let env = env(directory.path(), &runtimes);
        runtimes.main().block_on(async {
            let (store, _run) =
                start(&env, FileStoreConfig { durability, ..FileStoreConfig::new(7, "b") }).await;
            LocalStore::set_servers(&*store, &servers(1, &[1, 9], &[]));
            if durability == Durability::Persistent {
                appends(&env, &store).await;
            }
            // Segments by four masters' worth of writers, one after another each.
            let images: Vec<bytes::Bytes> = (1000..1032).map(|id| segment(id, SEGMENT).into()).collect();
            let total: usize = images.iter().map(bytes::Bytes::len).sum();
            let began = Instant::now();
            for group in images.chunks(4).enumerate() {
                let base = 1000 + 4 * group.0 as u64;
                let writes = group.1.iter().enumerate().map(|(at, bytes)| {
                    write_segment(Arc::clone(&store), base + at as u64, SEGMENT, bytes.clone())
                });
                join_all(writes).await;
            }
            let answered = began.elapsed();
            while (1000..1032).any(|id| store.place_of(replica(MASTER, id, id), 0).is_none()) {
                env.clock.sleep_until(env.clock.now() + std::time::Duration::from_millis(1)).await;
            }
            let framed = began.elapsed();
            let rate = |time: std::time::Duration| total as f64 / 1e6 / time.as_secs_f64();
            println!(
                "{durability:?}: write {:.0} MB/s answered, {:.0} MB/s in frames",
                rate(answered),
                rate(framed)
            );
            let began = Instant::now();
            for base in (1000..1032).step_by(4) {
                let loads =
                    (base..base + 4).map(|id| store.load(replica(MASTER, id, id), LoadRequest::Whole));
                assert!(join_all(loads).await.iter().all(Result::is_ok));
            }
            println!("{durability:?}: read and verify {:.0} MB/s (page cache)", rate(began.elapsed()));
        });
    }
}

/// Durable appends of 1 KiB with some replicas, one append of each at a time; and the bare loop.
async fn appends(env: &Env, store: &Arc<FileStore>) {
    const COUNT: usize = 400;
    for replicas in [1_u64, 8] {
        let began = Instant::now();
        let bare = (0..replicas).map(|at| async move {
            let name = format!("bare-{replicas}-{at}");
            for _ in 0..COUNT {
                env.dir.append_synced(&name, vec![7; 1024 + RecordHeader::LEN].into()).await.unwrap();
            }
        });
        join_all(bare).await;
        let limit = (COUNT as u64 * replicas) as f64 / began.elapsed().as_secs_f64();
        let began = Instant::now();
        let writers = (0..replicas).map(|at| {
            let (store, id) = (Arc::clone(store), replicas * 100 + at);
            let bytes: bytes::Bytes = segment(id, 1 << 20).into();
            async move {
                for at in 0..COUNT {
                    store.write(piece(id, 1 << 20, &bytes, at * 1024..(at + 1) * 1024)).await.unwrap();
                }
            }
        });
        join_all(writers).await;
        let ours = (COUNT as u64 * replicas) as f64 / began.elapsed().as_secs_f64();
        println!("{replicas} replicas: {ours:.0} durable appends/s, bare append and fdatasync {limit:.0}/s");
    }
}
