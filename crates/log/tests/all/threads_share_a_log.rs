//! LOG-1 and LOG-4 under threads: writers, readers, a side log's lanes and the runner work at the same time.

use crate::rig::{config, object};
use rekindle_log::segment::{Parsed, SegmentReader};
use rekindle_log::{Log, LogError, SegmentSource, SideLog, Volatile};
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs a future on this thread until it resolves or `stop` is set.
fn block_on<F: Future>(future: F, stop: &AtomicBool) -> Option<F::Output> {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    while !stop.load(Ordering::Acquire) {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return Some(output);
        }
        thread::park();
    }
    None
}

const WRITERS: u32 = 3;
const KEYS: u32 = 1_000;

fn key(writer: u32, number: u32) -> [u8; 8] {
    (u64::from(writer) << 32 | u64::from(number)).to_be_bytes()
}

/// Appends, waits now and then, and reads back what it wrote.
fn write(log: &Log, writer: u32, stop: &AtomicBool) {
    let mut written = Vec::new();
    for number in 0..KEYS {
        let (key, value) = (key(writer, number), vec![writer as u8; number as usize % 300]);
        let appended = loop {
            let version = log.next_version().unwrap().0;
            match log.append(&[object(&key, version, &value)]) {
                Ok(appended) => break appended,
                Err(LogError::Busy { .. }) => thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        };
        if number % 16 == 0 {
            block_on(log.sync(appended.end), stop).expect("not stopped yet").unwrap();
            assert!(log.durable() >= appended.end);
        }
        written.push((appended.refs()[0], key, value));
        let (at, key, value) = &written[number as usize / 2];
        let view = log.entry(*at).unwrap();
        let Parsed::Object(object) = view.parse().unwrap() else { panic!() };
        assert_eq!((object.key, object.value), (&key[..], &value[..]));
    }
}

/// Fills a lane of a side log.
fn fill(side: &SideLog, lane: u32) {
    for number in 0..KEYS {
        side.append_in(lane as usize, &object(&key(WRITERS + lane, number), 1, &[9; 100])).unwrap();
    }
}

#[test]
fn what_threads_append_is_all_there_and_in_whole_segments() {
    let mut config = config();
    config.segments_max = 64;
    let log = Log::new(config, Arc::new(Volatile)).unwrap();
    let (stop, none) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        let runner = scope.spawn(|| block_on(log.clone().run(), &stop));
        let side = log.side_log_with_lanes(2);
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (log, none) = (&log, &none);
                scope.spawn(move || write(log, writer, none))
            })
            .collect();
        thread::scope(|scope| {
            for lane in 0..2 {
                let side = &side;
                scope.spawn(move || fill(side, lane));
            }
        });
        block_on(side.commit(), &none).unwrap().unwrap();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        block_on(log.sync(log.end()), &none).unwrap().unwrap();
        stop.store(true, Ordering::Release);
        runner.thread().unpark();
    });
    let mut found = BTreeSet::new();
    for segment in log.segments() {
        let (bytes, cert) = log.pin(segment).unwrap();
        let keys = crate::rig::keys(&bytes, cert);
        SegmentReader::verified(&bytes, cert).unwrap();
        keys.into_iter().for_each(|key| assert!(found.insert(key), "once only"));
    }
    assert_eq!(found.len() as u32, (WRITERS + 2) * KEYS);
}

/// Stops the threads of a scope, when it fails too.
struct StopAtEnd<'a>([&'a AtomicBool; 2], Thread);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.iter().for_each(|stop| stop.store(true, Ordering::Release));
        self.1.unpark();
    }
}

/// Appends; says after each append that the key is there. Lets a walk come along now and then.
fn append_among_walks(log: &Log, writer: u32, said: &AtomicU32, walks: &AtomicU32, stop: &AtomicBool) {
    for number in 0..KEYS {
        while number > 50 * walks.load(Ordering::Acquire) && !stop.load(Ordering::Acquire) {
            thread::yield_now();
        }
        let version = log.next_version().unwrap().0;
        while let Err(error) = log.append(&[object(&key(writer, number), version, &[3; 200])]) {
            assert!(matches!(error, LogError::Busy { .. }), "{error}");
            thread::yield_now();
        }
        said.store(number + 1, Ordering::Release);
    }
}

/// Walks all segments: everything that was said to be there is.
fn walk(log: &Log, said: &[AtomicU32]) {
    let before: Vec<u32> = said.iter().map(|said| said.load(Ordering::Acquire)).collect();
    let end = log.end();
    let mut found = BTreeSet::new();
    for segment in log.segments() {
        let (bytes, cert) = log.pin(segment).unwrap();
        assert!(segment != end.segment || cert.length >= end.offset, "it ends before {end:?}");
        found.extend(crate::rig::keys(&bytes, cert));
    }
    for (writer, count) in (0..).zip(before) {
        let missing = (0..count).find(|number| !found.contains(&key(writer, *number)[..]));
        assert_eq!(missing, None, "of {count} keys of writer {writer}");
    }
}

#[test]
fn a_walk_during_appends_sees_all_before_it_and_ends_at_a_whole_append() {
    let mut config = config();
    config.segments_max = 64;
    let log = Log::new(config, Arc::new(Volatile)).unwrap();
    let (stop, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let (said, walks): ([AtomicU32; 2], _) = (Default::default(), AtomicU32::new(0));
    thread::scope(|scope| {
        let runner = scope.spawn(|| block_on(log.clone().run(), &stop));
        let _stop = StopAtEnd([&stop, &over], runner.thread().clone());
        for (writer, said) in (0..).zip(&said) {
            let (log, walks, over) = (&log, &walks, &over);
            scope.spawn(move || append_among_walks(log, writer, said, walks, over));
        }
        while said.iter().any(|said| said.load(Ordering::Acquire) < KEYS) {
            walk(&log, &said);
            walks.fetch_add(1, Ordering::Release);
        }
        walk(&log, &said);
    });
    assert!(walks.into_inner() >= KEYS / 50, "walks among appends");
}
