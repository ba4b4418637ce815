//! LOG-2: what is torn, cut or flipped is detected; the valid prefix is read and nothing past it; no input panics.

use rekindle_log::segment::{
    Corrupt, Digest, Entry, EntryDraft, EntryHeader, EntryType, LogTime, ObjectEntry, Parsed, SafeVersion,
    SegmentHeader, SegmentReader, TabletStat, TabletStats, TombstoneEntry, entries,
};
use rekindle_log::{Certificate, crc32c, crc32c_append};
use rekindle_types::{KeyHash, KeyRange, LogId, SegmentId, ServerId, TableId, Version};

fn encode(draft: &EntryDraft<'_>) -> Vec<u8> {
    let mut out = vec![0; draft.encoded_len()];
    draft.encode(&mut out);
    out
}

fn object(key: &'static [u8], value: &[u8]) -> Vec<u8> {
    encode(&EntryDraft::Object(ObjectEntry {
        table: TableId(300),
        version: Version(77),
        timestamp: LogTime(1_000),
        replaces: Some(SegmentId(9)),
        expiry: Some(123_456_789),
        key,
        value,
    }))
}

/// A segment of these entries, built by the byte tables alone.
fn segment(entries: &[Vec<u8>]) -> (Vec<u8>, Certificate) {
    let header = SegmentHeader {
        log: LogId { server: ServerId(5), index: 1 },
        segment: SegmentId(4),
        capacity: 64 << 10,
    };
    let mut bytes = header.encode().to_vec();
    let mut crc = crc32c(&bytes);
    for entry in entries {
        let header_len = 2 + usize::from(entry[0] >> 6);
        crc = crc32c_append(crc, &entry[..header_len]);
        bytes.extend_from_slice(entry);
    }
    let length = bytes.len() as u32;
    (bytes, Certificate { length, checksum: crc32c_append(crc, &length.to_le_bytes()) })
}

fn sample() -> (Vec<u8>, Certificate) {
    let range = KeyRange::new(KeyHash(10), KeyHash(20)).unwrap();
    let stat = TabletStat { table: TableId(1), range, bytes: 100, objects: 2 };
    let tombstone = TombstoneEntry {
        table: TableId(3),
        version: Version(8),
        replaces: SegmentId(2),
        timestamp: LogTime(5),
        key: b"gone",
    };
    segment(&[
        Digest::encode(&[SegmentId(2), SegmentId(4)]),
        SafeVersion(Version(99)).encode(),
        TabletStats::encode(&[stat]),
        object(b"key", b"value"),
        encode(&EntryDraft::Tombstone(tombstone)),
    ])
}

#[test]
fn everything_comes_back_as_written() {
    let (bytes, cert) = sample();
    let reader = SegmentReader::verified(&bytes, cert).unwrap();
    assert_eq!(reader.header().segment, SegmentId(4));
    assert_eq!(reader.digest().unwrap(), [SegmentId(2), SegmentId(4)]);
    let parsed: Vec<_> = reader.entries().map(|e| e.unwrap().parse().unwrap()).collect();
    let Parsed::TabletStats(stats) = parsed[2] else { panic!("{:?}", parsed[2]) };
    assert_eq!(stats.iter().next().unwrap().objects, 2);
    assert_eq!(parsed[1], Parsed::SafeVersion(SafeVersion(Version(99))));
    let Parsed::Object(object) = parsed[3] else { panic!("{:?}", parsed[3]) };
    assert_eq!((object.table, object.version, object.timestamp), (TableId(300), Version(77), LogTime(1_000)));
    assert_eq!((object.replaces, object.expiry), (Some(SegmentId(9)), Some(123_456_789)));
    assert_eq!((object.key, object.value), (&b"key"[..], &b"value"[..]));
    let Parsed::Tombstone(tombstone) = parsed[4] else { panic!("{:?}", parsed[4]) };
    assert_eq!((tombstone.key, tombstone.replaces), (&b"gone"[..], SegmentId(2)));
}

#[test]
fn every_flipped_bit_is_noticed() {
    let (bytes, cert) = sample();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            assert!(SegmentReader::verified(&bytes, cert).is_err(), "bit {bit} of byte {at}");
            // Whatever it is now, walking and parsing it does not panic.
            for entry in entries(&bytes[SegmentHeader::LEN..]).flatten() {
                let _ = (entry.verify(), entry.parse());
            }
        }
    }
    for bit in 0..64 {
        let mut stored = cert.encode();
        stored[bit / 8] ^= 1 << (bit % 8);
        let cert = Certificate::decode(&stored).unwrap();
        assert!(SegmentReader::new(&bytes, cert).is_err(), "bit {bit} of the certificate");
    }
}

#[test]
fn flips_in_headers_fail_the_certificate_and_flips_in_bodies_the_body() {
    let (bytes, cert) = segment(&[object(b"key", b"value")]);
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        let headers = SegmentReader::new(&damaged, cert);
        assert_eq!(headers.is_err(), at < SegmentHeader::LEN + 2, "byte {at}");
        if let Ok(reader) = headers {
            let entry = reader.entries().next().unwrap().unwrap();
            assert!(matches!(entry.verify(), Err(Corrupt::Crc { what: "entry body", .. })), "byte {at}");
        }
    }
}

#[test]
fn every_cut_is_noticed() {
    let (bytes, cert) = sample();
    for cut in 0..bytes.len() {
        assert!(SegmentReader::new(&bytes[..cut], cert).is_err(), "cut at {cut}");
        let _ = SegmentHeader::decode(&bytes[..cut]);
    }
    for length in 0..cert.length + 2 {
        let shorter = Certificate { length, ..cert };
        assert_eq!(SegmentReader::new(&bytes, shorter).is_ok(), length == cert.length, "length {length}");
    }
    let entry = object(b"key", b"value");
    for cut in 1..entry.len() {
        assert!(Entry::decode(&entry[..cut], 0).is_err(), "entry cut at {cut}");
        let walked: Vec<_> = entries(&entry[..cut]).collect();
        assert!(walked.len() == 1 && walked[0].is_err(), "an error ends the walk");
    }
}

#[test]
fn every_cut_body_with_a_right_checksum_is_refused_or_read_without_panic() {
    let (bytes, cert) = sample();
    for entry in SegmentReader::new(&bytes, cert).unwrap().entries() {
        let entry = entry.unwrap();
        for cut in 4..entry.body().len() {
            let mut whole = vec![0; 5];
            let header = EntryHeader { entry_type: entry.entry_type, body_len: cut as u32 };
            let header_len = header.encode(&mut whole);
            whole.truncate(header_len);
            whole.extend_from_slice(&entry.body()[..cut]);
            let crc = crc32c(&whole[header_len + 4..]);
            whole[header_len..header_len + 4].copy_from_slice(&crc.to_le_bytes());
            let entry = Entry::decode(&whole, 0).unwrap();
            entry.verify().unwrap();
            let _ = entry.parse();
        }
    }
}

#[test]
fn a_certificate_stays_valid_when_more_follows() {
    let (mut bytes, cert) = segment(&[object(b"a", b"1"), object(b"b", b"2")]);
    bytes.extend_from_slice(&object(b"c", b"3"));
    bytes.extend_from_slice(&[0xff; 9]);
    let reader = SegmentReader::verified(&bytes, cert).unwrap();
    assert_eq!(reader.entries().count(), 2);
    assert_eq!(reader.bytes().len(), cert.length as usize);
}

#[test]
fn the_length_field_takes_as_few_bytes_as_it_needs() {
    let lengths = [(4, 1), (255, 1), (256, 2), (65_535, 2), (65_536, 3), ((1 << 24) - 1, 3), (1 << 24, 4)];
    for (body_len, width) in lengths {
        let header = EntryHeader { entry_type: EntryType::OBJECT, body_len };
        let mut out = [0xee; 5];
        assert_eq!(header.encode(&mut out), 1 + width, "{body_len}");
        // Followed by more bytes, or by none.
        assert_eq!(EntryHeader::decode(&out).unwrap(), (header, 1 + width));
        assert_eq!(EntryHeader::decode(&out[..1 + width]).unwrap(), (header, 1 + width));
        assert!((0..=width).all(|cut| EntryHeader::decode(&out[..cut]).is_err()));
    }
}

#[test]
fn entries_of_every_width_are_walked() {
    let values = [230, 231, 255, 256, 65_500, 65_535, 65_536, 1 << 24].map(|len| vec![1_u8; len]);
    let bytes: Vec<u8> = values.iter().flat_map(|value| object(b"k", value)).collect();
    let walked: Vec<usize> = entries(&bytes)
        .map(|entry| {
            let entry = entry.unwrap();
            entry.verify().unwrap();
            let Parsed::Object(object) = entry.parse().unwrap() else { panic!("{entry:?}") };
            object.value.len()
        })
        .collect();
    assert_eq!(walked, values.map(|value| value.len()));
}

#[test]
fn impossible_headers_are_refused() {
    for (bytes, why) in [
        (&[0x00, 0x08][..], "type 0: zeroed memory is no entry"),
        (&[0x01, 0x03], "a body shorter than its checksum"),
        (&[0x41, 0xff, 0x00], "a length in more bytes than it needs"),
        (&[0xc1, 0xff, 0xff, 0xff, 0xff], "far beyond the bytes"),
    ] {
        assert!(Entry::decode(bytes, 0).is_err(), "{why}");
    }
}

#[test]
fn unknown_types_are_skipped() {
    let mut unknown = vec![20, 6];
    let payload = [1, 2];
    unknown.extend_from_slice(&crc32c(&payload).to_le_bytes());
    unknown.extend_from_slice(&payload);
    let (bytes, cert) = segment(&[object(b"a", b"1"), unknown, object(b"b", b"2")]);
    let reader = SegmentReader::verified(&bytes, cert).unwrap();
    let parsed: Vec<_> = reader.entries().map(|e| e.unwrap().parse().unwrap()).collect();
    assert!(matches!(parsed[1], Parsed::Unknown(t) if t.number() == 20));
    assert!(matches!(parsed[2], Parsed::Object(object) if object.key == b"b"));
}

#[test]
fn only_a_valid_digest_that_names_its_own_segment_makes_a_head() {
    let digest = |entry: Vec<u8>| {
        let (bytes, cert) = segment(&[entry]);
        SegmentReader::new(&bytes, cert).unwrap().digest()
    };
    assert_eq!(digest(Digest::encode(&[SegmentId(4)])), Some(vec![SegmentId(4)]));
    assert_eq!(digest(Digest::encode(&[SegmentId(3)])), None, "another head's digest");
    assert_eq!(digest(object(b"a", b"1")), None, "a side segment");
    let mut damaged = Digest::encode(&[SegmentId(4)]);
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(digest(damaged), None, "a bad checksum");
    for cut in 1..8 {
        let mut body = vec![0; 12 + cut];
        let crc = crc32c(&body[4..]);
        body[..4].copy_from_slice(&crc.to_le_bytes());
        assert!(Digest::decode(&body).is_err(), "{} bytes", body.len());
    }
    let (bytes, cert) = segment(&[]);
    assert_eq!(SegmentReader::new(&bytes, cert).unwrap().digest(), None, "no entry at all");
}

#[test]
fn the_ids_of_a_digest_ascend() {
    for (ids, is_right) in [(&[1, 2, 4][..], true), (&[4], true), (&[4, 4], false), (&[1, 4, 2], false)] {
        let ids: Vec<SegmentId> = ids.iter().map(|id| SegmentId(*id)).collect();
        let bytes = Digest::encode(&ids);
        let parsed = Entry::decode(&bytes, 0).unwrap().parse();
        assert_eq!(parsed.is_ok(), is_right, "{ids:?}: {parsed:?}");
        let (bytes, cert) = segment(&[bytes]);
        assert_eq!(SegmentReader::new(&bytes, cert).unwrap().digest(), is_right.then_some(ids));
    }
}

#[test]
fn usual_objects_carry_at_most_32_bytes_besides_key_and_value() {
    let entry = ObjectEntry {
        table: TableId(1_000),
        version: Version(1 << 50),
        timestamp: LogTime(u32::MAX),
        replaces: Some(SegmentId(100_000)),
        expiry: None,
        key: b"0123456789",
        value: &[0; 1000],
    };
    assert!(EntryDraft::Object(entry).encoded_len() - 1010 <= 26);
    let expiring = ObjectEntry { expiry: Some(1), ..entry };
    assert!(EntryDraft::Object(expiring).encoded_len() - 1010 <= 34);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>, length: u32, checksum: u32) {
        for entry in entries(&bytes).flatten() {
            let _ = (entry.verify(), entry.parse());
        }
        let _ = SegmentReader::new(&bytes, Certificate { length, checksum });
        for length in 0..=bytes.len() as u32 {
            let _ = SegmentReader::new(&bytes, Certificate { length, checksum });
        }
    }

    #[test]
    fn any_object_comes_back(
        table: u64, version in 1_u64.., timestamp: u32, replaces in proptest::option::of(1_u64..1 << 63),
        expiry: Option<u64>, key: Vec<u8>, value: Vec<u8>,
    ) {
        let object = ObjectEntry {
            table: TableId(table),
            version: Version(version),
            timestamp: LogTime(timestamp),
            replaces: replaces.map(SegmentId),
            expiry,
            key: &key,
            value: &value,
        };
        let bytes = encode(&EntryDraft::Object(object));
        let entry = Entry::decode(&bytes, 0).unwrap();
        entry.verify().unwrap();
        proptest::prop_assert_eq!(entry.parse().unwrap(), Parsed::Object(object));
    }
}
