//! The frames under loom: every interleaving, and every value that the orderings let a load see. Frames of two
//! bytes, each of which loom watches.

use super::*;
use loom::thread;

fn fill(writer: &mut FrameWriter, byte: u8) {
    writer.next_bytes(1).fill(byte);
    writer.publish(1, u32::from(byte));
}

fn is_of_one_life(read: &FrameRead<'_>) -> bool {
    read.iter().all(|byte| u64::from(*byte) == read.segment())
}

/// What a reader must find: one life's bytes, as many as were published.
fn look(frames: &Arc<Frames>, slot: Slot) -> Option<FramePin> {
    let read = frames.read(slot)?;
    assert!(is_of_one_life(&read), "another life's bytes");
    Some(read.pin(0..read.len()))
}

/// A writer appends, ends and retires its frame and takes the next, which may be the same, while a reader reads and pins.
#[test]
fn a_frame_in_use_is_not_written_anew() {
    loom::model(|| {
        let frames = Frames::new(1, 2).unwrap();
        let mut writer = frames.take(1).unwrap();
        fill(&mut writer, 1);
        let reader = thread::spawn({
            let frames = Arc::clone(&frames);
            move || {
                let Some(pin) = look(&frames, 0) else { return };
                let seen: Vec<u8> = pin.as_ref().to_vec();
                thread::yield_now();
                assert_eq!(pin.as_ref(), seen, "a pin has changed");
            }
        });
        writer.end().retire();
        if let Some(mut writer) = frames.take(2) {
            fill(&mut writer, 2);
        }
        reader.join().unwrap();
    });
}

/// Bytes are there when their length is.
#[test]
fn what_is_published_can_be_read() {
    loom::model(|| {
        let frames = Frames::new(1, 2).unwrap();
        let mut writer = frames.take(1).unwrap();
        let reader = thread::spawn({
            let frames = Arc::clone(&frames);
            move || drop(look(&frames, 0).expect("live"))
        });
        fill(&mut writer, 1);
        fill(&mut writer, 1);
        reader.join().unwrap();
    });
}

/// Two readers: the one that leaves first does not hide the other, nor does one that was turned away.
#[test]
fn the_last_reader_counts() {
    loom::model(|| {
        let frames = Frames::new(1, 2).unwrap();
        let mut writer = frames.take(1).unwrap();
        fill(&mut writer, 1);
        let readers = [0, 1].map(|_| {
            let frames = Arc::clone(&frames);
            thread::spawn(move || {
                assert!(frames.read(0).is_none_or(|read| is_of_one_life(&read)), "another life's bytes");
            })
        });
        writer.end().retire();
        if let Some(mut writer) = frames.take(2) {
            fill(&mut writer, 2);
        }
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        let writer = frames.take(3);
        assert!(writer.is_some() || frames.read(0).is_some(), "free once nobody reads, unless it was taken");
    });
}
