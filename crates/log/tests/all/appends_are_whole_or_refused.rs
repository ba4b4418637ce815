//! Appends: all entries of one in one segment or none; what never fits is told apart from what does not fit now.

use crate::rig::{Rig, config, keys, object};
use rekindle_log::segment::{LogTime, SegmentReader, TombstoneEntry};
use rekindle_log::{
    ConfigError, EntryRef, Log, LogConfig, LogError, SegmentSource, Volatile, segment::EntryDraft,
};
use rekindle_types::{LogId, SegmentId, ServerId, TableId, Version};
use std::sync::Arc;

const BIG: [u8; 8 << 10] = [7; 8 << 10];

/// Appends until refused; returns how many fitted, and why no more.
fn fill(rig: &mut Rig) -> (usize, LogError) {
    for count in 0.. {
        if let Err(error) = rig.log.append(&[object(b"k", 1, &BIG)]) {
            return (count, error);
        }
        rig.step();
    }
    unreachable!()
}

#[test]
fn a_refused_append_leaves_nothing_behind() {
    let mut rig = Rig::opened();
    let (_, error) = fill(&mut rig);
    assert_eq!(error, LogError::Busy { waiting: 2 });
    let (end, pinned) = (rig.log.end(), rig.log.pin(rig.log.end().segment).unwrap());
    for _ in 0..3 {
        assert_eq!(rig.log.append(&[object(b"k", 1, &BIG)]), Err(error.clone()));
    }
    assert_eq!(rig.log.end(), end);
    assert_eq!(rig.log.pin(end.segment).unwrap(), pinned);
    SegmentReader::verified(&pinned.0, pinned.1).unwrap();
    rig.log.append(&[object(b"k", 1, b"small")]).expect("what fits is still taken");
}

#[test]
fn a_full_log_keeps_its_reserve_and_says_so() {
    let mut rig = Rig::answering();
    let (_, error) = fill(&mut rig);
    let segments = config().segments_max - 2;
    assert_eq!(error, LogError::Full { segments });
    let full = rig.log.end().segment;
    rig.roll();
    assert_eq!(rig.log.current_head(), Some(SegmentId(full.0 + 1)), "a hurt head can still be replaced");
}

#[test]
fn a_full_log_makes_the_head_that_leaves_freed_segments_out() {
    let mut rig = Rig::answering();
    fill(&mut rig);
    assert!(rig.log.free(SegmentId(1)));
    let refused = rig.log.append(&[object(b"k", 1, &BIG)]);
    assert!(matches!(refused, Err(LogError::Full { .. })), "{refused:?}");
    rig.step();
    assert!(!rig.sink.is_kept(SegmentId(1)), "no append could make the next head");
    rig.log.append(&[object(b"k", 1, &BIG)]).unwrap();
}

#[test]
fn a_hurt_head_is_rolled_once_a_reader_leaves_memory() {
    let mut rig = Rig::answering();
    fill(&mut rig);
    // Forced switches take the reserve, then emergency heads take each other's places, but one is being read.
    while rig.log.stats().segments <= config().segments_max {
        rig.roll();
    }
    let (emergency, _) = rig.log.pin(rig.log.end().segment).unwrap();
    rig.roll();
    rig.roll();
    let hurt = rig.log.end().segment;
    rig.roll();
    assert_eq!(rig.log.end().segment, hurt, "no memory is left");
    drop(emergency);
    assert!(rig.log.append(&[object(b"k", 1, &BIG)]).is_err());
    rig.step();
    assert!(rig.log.end().segment > hurt);
}

#[test]
fn freed_segments_make_room_again() {
    let mut rig = Rig::answering();
    fill(&mut rig);
    assert!(!rig.log.free(rig.log.end().segment), "the head can't be freed");
    assert!(rig.log.free(SegmentId(1)) && !rig.log.free(SegmentId(1)));
    assert!(rig.sink.is_kept(SegmentId(1)), "it stays until a digest without it is current");
    rig.roll();
    assert!(!rig.sink.is_kept(SegmentId(1)) && rig.log.pin(SegmentId(1)).is_none());
    let head = rig.log.current_head().unwrap();
    assert!(!rig.sink.digest(head).unwrap().contains(&SegmentId(1)));
    rig.log.append(&[object(b"k", 1, &BIG)]).unwrap();
}

#[test]
fn entries_of_one_append_lie_in_one_segment() {
    let mut rig = Rig::answering();
    let tombstone = |key| {
        EntryDraft::Tombstone(TombstoneEntry {
            table: TableId(3),
            version: Version(1),
            replaces: SegmentId(1),
            timestamp: LogTime(0),
            key,
        })
    };
    for _ in 0..12 {
        let pair = [tombstone(b"k"), object(b"k", 2, &BIG)];
        let appended = rig.log.append(&pair).unwrap();
        rig.step();
        let views = appended.refs().iter().map(|at| rig.log.entry(*at).unwrap()).collect::<Vec<_>>();
        assert!(views.iter().all(|view| view.segment() == appended.end.segment));
        assert_eq!(views[1].end(), appended.end);
    }
    let mixed = [tombstone(b"other"), object(b"k", 2, b"")];
    assert_eq!(rig.log.append(&mixed), Err(LogError::MixedKeys), "H7");
}

#[test]
fn what_never_fits_is_an_error_of_its_own() {
    let rig = Rig::opened();
    let end = rig.log.end();
    let large = |what, bytes, max| Err(LogError::TooLarge { what, bytes, max });
    let value = vec![0; 8193];
    assert_eq!(rig.log.append(&[object(b"k", 1, &value)]), large("value", 8193, 8192));
    assert_eq!(rig.log.append(&[object(&value, 1, b"")]), large("key", 8193, 8192));
    assert_eq!(rig.log.append(&[object(b"k", 1, b""); 5]), large("append", 5, Log::ENTRIES_MAX));
    assert_eq!(rig.log.end(), end);
}

#[test]
fn the_largest_append_fits_a_head_with_the_largest_digest() {
    let mut tight = LogConfig::new(LogId::of(ServerId(1)));
    (tight.segment_bytes, tight.segments_max) = (64 << 10, 2000);
    tight.validate().unwrap();
    let head = 32 + 16 + 64 * 1024 / 2 + 64 * 1024 / 16;
    assert!(head + tight.append_bytes_max() <= 64 << 10);
    assert!(tight.append_bytes_max() >= 3 * tight.value_bytes_max(), "an object and its companions");
}

#[test]
fn configurations_that_can_not_work_are_refused() {
    let refused = |change: fn(&mut LogConfig)| {
        let mut config = config();
        change(&mut config);
        Log::new(config, Arc::new(Volatile)).err()
    };
    assert_eq!(refused(|_| ()), None);
    assert_eq!(refused(|c| c.segment_bytes = 65_000), Some(ConfigError::SegmentBytes { got: 65_000 }));
    assert_eq!(refused(|c| c.segment_bytes = 128 << 20), Some(ConfigError::SegmentBytes { got: 128 << 20 }));
    assert_eq!(refused(|c| c.segments_max = 4), Some(ConfigError::TooFewSegments { got: 4, need: 5 }));
    // L3: the log may get twice as long as its memory.
    let digest = refused(|c| c.segments_max = 2500);
    assert!(matches!(digest, Some(ConfigError::DigestTooLarge { segments: 5002, .. })), "H7: {digest:?}");
}

#[test]
fn a_pinned_prefix_stays_as_it_was() {
    let mut rig = Rig::opened();
    let at = rig.put("a", b"value").refs()[0];
    let (bytes, cert) = rig.log.pin(SegmentId(1)).unwrap();
    let value = {
        let view = rig.log.entry(at).unwrap();
        let rekindle_log::segment::Parsed::Object(object) = view.parse().unwrap() else { panic!() };
        view.to_bytes(object.value)
    };
    rig.put("b", b"2");
    assert_eq!(keys(&bytes, cert), [b"a"]);
    drop(rig);
    assert_eq!(&value[..], b"value", "a pin outlives the log");
}

#[test]
fn a_reference_to_no_entry_finds_none() {
    let mut rig = Rig::answering();
    let at = rig.put("a", b"value").refs()[0];
    rig.roll();
    assert!(rig.log.entry(at).is_some());
    // No such frame; a free one; behind the end of what is there.
    let beyond = u64::from(config().segments_max + 1) << 26;
    for bits in [beyond, (1 << 48) - 1, at.to_bits() + (9 << 26), at.to_bits() + 4096] {
        assert!(rig.log.entry(EntryRef::from_bits(bits)).is_none(), "{:?}", EntryRef::from_bits(bits));
    }
    assert!(rig.log.free(SegmentId(1)));
    rig.roll();
    assert!(rig.log.entry(at).is_none(), "freed");
}

/// A reference is a number that anybody can make: at worst it shows other published bytes of its segment.
#[test]
fn a_reference_into_an_entry_shows_only_what_is_published() {
    let mut rig = Rig::opened();
    // A value full of headers, which promise more or less than there is.
    let value: Vec<u8> = (0..=255).flat_map(|n: u8| [n & 0xc3 | 1, n, n >> 4, 0]).collect();
    let at = rig.put("a", &value).refs()[0];
    let end = rig.log.end();
    let start = at.to_bits() - at.to_bits() % (1 << 26);
    let mut shown = 0;
    for offset in 0..u64::from(config().segment_bytes) {
        let Some(view) = rig.log.entry(EntryRef::from_bits(start + offset)) else { continue };
        assert!(view.end() <= end, "behind what is published");
        let bytes = view.to_bytes(view.entry().bytes());
        let _ = (view.entry().verify(), view.parse());
        assert_eq!(bytes, view.entry().bytes());
        shown += 1;
    }
    assert!(shown > 3, "some look like entries");
}

#[test]
fn dead_entries_are_not_counted_as_live() {
    let mut rig = Rig::opened();
    let empty = rig.log.stats().live_bytes;
    let appended = rig.put("a", b"value");
    let entry = object(b"a", 1, b"value").encoded_len() as u64;
    assert_eq!(rig.log.stats().live_bytes, empty + entry);
    rig.log.mark_dead(appended.refs()[0]);
    assert_eq!(rig.log.stats().live_bytes, empty);
}

#[test]
fn more_memory_than_the_system_gives_is_refused() {
    let mut huge = LogConfig::new(LogId::of(ServerId(1)));
    (huge.segment_bytes, huge.segments_max) = (64 << 20, 2_090_000);
    let refused = Log::new(huge, Arc::new(Volatile)).err();
    assert!(matches!(refused, Some(ConfigError::NoMemory { .. })), "{refused:?}");
}
