//! What do the disk threads cost, against the bare calls on the same files?
//!
//! `cargo bench -p rekindle-env --features real --bench real_disk [-- DIRECTORY]`. Each line: the median over the
//! rounds, of latencies in microseconds or of MB/s; the ways take turns, since a shared disk changes by the minute.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use bytes::Bytes;
use rekindle_env::{
    Env,
    real::{RealConfig, RealEnv, Runtimes},
};
use std::{
    fs::{File, OpenOptions},
    future::Future,
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
    thread,
    time::Instant,
};

const ROUNDS: usize = 9;
const RECORDS: usize = 200;
const RECORD_BYTES: usize = 4_096;
const FRAMES: usize = 16;
const FRAME_BYTES: usize = 8 << 20;

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn create(path: &Path) -> File {
    OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path).unwrap()
}

/// Records appended one after another, each synced: microseconds of each.
fn bare_records(path: &Path) -> Vec<f64> {
    let file = create(path);
    let record = vec![7; RECORD_BYTES];
    (0..RECORDS)
        .map(|number| {
            let start = Instant::now();
            file.write_all_at(&record, (number * RECORD_BYTES) as u64).unwrap();
            file.sync_data().unwrap();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect()
}

async fn records(env: Env, name: String, is_joined: bool) -> Vec<f64> {
    let record = Bytes::from(vec![7; RECORD_BYTES]);
    let mut taken = Vec::new();
    for _ in 0..RECORDS {
        let start = Instant::now();
        if is_joined {
            env.dir.append_synced(&name, record.clone()).await.unwrap();
        } else {
            env.dir.append(&name, record.clone()).await.unwrap();
            env.dir.sync_file(&name).await.unwrap();
        }
        taken.push(start.elapsed().as_secs_f64() * 1e6);
    }
    env.dir.remove(&name).await.unwrap();
    taken
}

/// Runs all as tasks of the network thread.
fn on_network_thread<T: Send + 'static>(
    runtimes: &Runtimes,
    futures: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let tasks: Vec<_> = futures.into_iter().map(|future| runtimes.main().spawn(future)).collect();
    tasks.into_iter().map(|task| runtimes.main().block_on(task).unwrap()).collect()
}

fn append_round(env: &Env, runtimes: &Runtimes, path: &Path, files: usize) -> [f64; 3] {
    let paths: Vec<_> = (0..files).map(|number| path.join(format!("bare{number}"))).collect();
    let bare: Vec<f64> = thread::scope(|scope| {
        let threads: Vec<_> = paths.iter().map(|path| scope.spawn(|| bare_records(path))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let through = |is_joined| {
        let tasks = (0..files).map(|number| records(env.clone(), format!("f{number}"), is_joined));
        median(on_network_thread(runtimes, tasks).concat())
    };
    [median(bare), through(true), through(false)]
}

fn rate(start: Instant, frames: usize) -> f64 {
    (frames * FRAME_BYTES) as f64 / start.elapsed().as_secs_f64() / 1e6
}

/// Frames written once each, one after another and synced each: MB/s.
fn bare_frames(file: &File, frame: &[u8]) -> f64 {
    let start = Instant::now();
    for number in 0..FRAMES {
        file.write_all_at(frame, (number * FRAME_BYTES) as u64).unwrap();
        file.sync_data().unwrap();
    }
    rate(start, FRAMES)
}

fn frame_round(env: &Env, runtimes: &Runtimes, path: &Path) -> [f64; 6] {
    let frame = Bytes::from((0..FRAME_BYTES).map(|at| (at * 31 / 7) as u8).collect::<Vec<u8>>());
    let length = (FRAMES * FRAME_BYTES) as u64;
    let path = path.join("bare");
    let sparse = create(&path);
    sparse.set_len(length).unwrap();
    let sparse = bare_frames(&sparse, &frame);
    let file = create(&path);
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, length).unwrap();
    file.sync_all().unwrap();
    let reserved = bare_frames(&file, &frame);
    let written = bare_frames(&file, &frame);
    let device = runtimes.main().block_on(env.dir.device("device", length)).unwrap();
    let mut rates = vec![sparse, reserved, written];
    for at_once in [0, 1, 4] {
        let start = Instant::now();
        let writers = (0..at_once.max(1)).map(|writer| {
            let (device, frame) = (Arc::clone(&device), frame.clone());
            async move {
                for number in (writer..FRAMES).step_by(at_once.max(1)) {
                    device.write_synced((number * FRAME_BYTES) as u64, frame.clone()).await.unwrap();
                }
            }
        });
        on_network_thread(runtimes, writers);
        rates.push(rate(start, FRAMES));
    }
    runtimes.main().block_on(env.dir.remove("device")).unwrap();
    rates.try_into().unwrap()
}

fn print<const N: usize>(title: &str, ways: [&str; N], rounds: &[[f64; N]]) {
    println!("{title}");
    for (number, way) in ways.iter().enumerate() {
        println!("  {way:34} {:8.0}", median(rounds.iter().map(|round| round[number]).collect()));
    }
}

fn main() {
    let parent = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or(".".into());
    let directory = tempfile::tempdir_in(parent).unwrap();
    let path = directory.path();
    let runtimes = Runtimes::start().unwrap();
    let config = RealConfig { reserves_devices: true, ..RealConfig::default() };
    let env = RealEnv::open(path, runtimes.main(), runtimes.urgent(), config).unwrap();
    for files in [1, 8] {
        let rounds: Vec<_> = (0..ROUNDS).map(|_| append_round(&env, &runtimes, path, files)).collect();
        let title = format!("append {RECORD_BYTES} bytes and sync, {files} files at once, us");
        print(&title, ["bare", "append_synced", "append, then sync_file"], &rounds);
    }
    let rounds: Vec<_> = (0..ROUNDS).map(|_| frame_round(&env, &runtimes, path)).collect();
    let ways = [
        "bare, sparse file",
        "bare, reserved (fallocate)",
        "bare, written before",
        "device, fresh (reserved), 1 at once",
        "device, written, 1 at once",
        "device, written, 4 at once",
    ];
    print("write 8 MiB and sync, MB/s", ways, &rounds);
}
