//! Frames among threads: who sees what, and when memory is used again.

use super::*;
use bytes::Bytes;
use std::sync::atomic::AtomicBool;

fn fill(writer: &mut FrameWriter, byte: u8, len: usize) {
    writer.next_bytes(len).fill(byte);
    writer.publish(len, u32::from(byte));
}

#[test]
fn a_frame_is_reused_only_when_no_reader_is_left() {
    let frames = Frames::new(1, 4096).unwrap();
    let mut writer = frames.take(1).unwrap();
    fill(&mut writer, 7, 100);
    let slot = writer.slot();
    let pin = Bytes::from_owner(frames.pin(slot, 10..100).unwrap());
    let part = pin.slice(5..);
    writer.end().retire();
    assert!(frames.read(slot).is_none() && frames.pin(slot, 0..1).is_none());
    drop(pin);
    assert!(frames.take(2).is_none(), "a slice still holds it");
    assert!(part.iter().all(|b| *b == 7));
    drop(part);
    let writer = frames.take(2).unwrap();
    assert_eq!((writer.slot(), frames.published(slot)), (slot, Some((0, 0))));
    assert!(frames.read(slot).unwrap().is_empty());
}

#[test]
fn a_pin_outlives_the_pool() {
    let frames = Frames::new(2, 4096).unwrap();
    let mut writer = frames.take(1).unwrap();
    fill(&mut writer, 9, 4096);
    let pin = Bytes::from_owner(frames.pin(writer.slot(), 0..4096).unwrap());
    drop((frames, writer));
    assert!(pin.iter().all(|b| *b == 9));
}

#[test]
fn a_read_can_be_pinned_after_the_frame_was_retired() {
    let frames = Frames::new(1, 4096).unwrap();
    let mut writer = frames.take(1).unwrap();
    fill(&mut writer, 3, 8);
    let read = frames.read(writer.slot()).unwrap();
    writer.end().retire();
    let pin = read.pin(0..8);
    drop(read);
    assert!(frames.take(2).is_none());
    assert_eq!(pin.as_ref(), [3; 8]);
}

/// Bytes of a range of this process that are in memory.
#[cfg(target_os = "linux")]
fn resident_bytes(frames: &Frames, count: usize) -> usize {
    const PAGE: usize = 4096;
    let bytes = count * frames.frame_bytes;
    let mut pages = vec![0_u8; bytes / PAGE];
    // SAFETY: the range is mapped, and there is a byte for each of its pages.
    let result = unsafe { libc::mincore(frames.reservation.at(0).cast(), bytes, pages.as_mut_ptr().cast()) };
    assert_eq!(result, 0);
    pages.iter().filter(|page| **page & 1 == 1).count() * PAGE
}

#[test]
#[cfg(target_os = "linux")]
fn memory_that_is_not_needed_goes_back_to_the_system() {
    const COUNT: usize = 12;
    let frames = Frames::new(COUNT as u32, 8 << 20).unwrap();
    let mut writers: Vec<_> = (0..COUNT as u64).map(|id| frames.take(id).unwrap()).collect();
    writers.iter_mut().for_each(|writer| fill(writer, 7, 8 << 20));
    let held = writers.pop().unwrap();
    assert!(resident_bytes(&frames, COUNT) >= COUNT * (8 << 20));
    writers.into_iter().for_each(|writer| writer.end().retire());
    (0..COUNT).for_each(|_| frames.prepare());
    let left = resident_bytes(&frames, COUNT);
    assert!(left <= IDLE_BYTES_MAX + (8 << 20), "{left} bytes");
    assert_eq!(frames.free_count(), COUNT - 1, "none is lost");
    // What is in use stays, and what was given back can be used again.
    assert!(frames.read(held.slot()).unwrap().iter().all(|byte| *byte == 7));
    for id in 1..COUNT as u64 {
        let mut writer = frames.take(id).unwrap();
        fill(&mut writer, id as u8, 100);
        assert_eq!(frames.read(writer.slot()).unwrap()[..], [id as u8; 100]);
    }
}

/// Frames go round while threads read and pin them: each sees bytes of one life only, as published.
#[test]
fn readers_see_one_life_and_only_what_is_published() {
    const LIVES: u64 = 3_000;
    let frames = Frames::new(3, 4096).unwrap();
    let done = AtomicBool::new(false);
    let reads = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let readers = [0, 1, 2].map(|reader| {
            let (frames, done, reads) = (&frames, &done, &reads);
            scope.spawn(move || {
                let mut kept = Vec::new();
                for i in 0_u32.. {
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                    if i % 64 == 0 {
                        kept.clear();
                    }
                    let Some(read) = frames.read((i + reader) % 3) else { continue };
                    let life = read.segment() as u8;
                    assert!(read.iter().all(|b| *b == life), "another life's bytes");
                    reads.fetch_add(1, Ordering::Relaxed);
                    if i % 7 == 0 && !read.is_empty() {
                        kept.push((life, read.pin(0..read.len())));
                    }
                    if kept.len() > 1 {
                        let (life, pin) = kept.remove(0);
                        assert!(pin.as_ref().iter().all(|b| *b == life), "a pin has changed");
                    }
                }
            })
        });
        let mut life = 0;
        let mut former = None;
        // Until readers have met frames often enough, on however few cores; a bound in case that they failed.
        while life < LIVES || (reads.load(Ordering::Relaxed) < 5_000 && life < 1_000 * LIVES) {
            let Some(mut writer) = frames.take(life) else {
                former.take().into_iter().for_each(FrameEnd::retire);
                std::thread::yield_now();
                continue;
            };
            for _ in 0..8 {
                fill(&mut writer, life as u8, 64);
            }
            if let Some(end) = former.replace(writer.end()) {
                end.retire();
            }
            life += 1;
        }
        done.store(true, Ordering::Relaxed);
        // By hand: ThreadSanitizer sees a join, not the end of a scope.
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
    assert!(reads.load(Ordering::Relaxed) >= 5_000, "readers have seen something");
    assert!(frames.free_count() >= 2, "no reader is left");
}
