//! The backup's filter: hands out exactly the entries that a naive reading of T6 and T2 does, or calls the
//! replica damaged exactly when one check of it fails.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use rekindle_backup::testing::filtered;
use rekindle_fuzz::{Sealing, script, segment, within};
use rekindle_log::Certificate;
use rekindle_log::segment::{Corrupt, Parsed, SegmentReader};
use rekindle_types::{
    CreationNumber, KeyRange, LogId, Partition, ReplicaId, SegmentId, ServerId, TableId, Tablet, TabletState,
    TabletVersion, key_hash,
};

const LOG: LogId = LogId::of(ServerId(1));
const TABLES: u64 = 3;

fuzz_target!(|data: &[u8]| {
    let Some(([flags, count, created, id], input)) = data.split_first_chunk() else { return };
    let replica =
        ReplicaId { log: LOG, segment: SegmentId(1 + u64::from(id % 4)), creation: CreationNumber(1) };
    let named = SegmentId(replica.segment.0 + u64::from(*flags == 255));
    let scripted;
    let input = if flags & 16 == 0 {
        let (certificate, rest) = input.split_at(input.len().min(Certificate::LEN));
        scripted = [certificate, &script(rest)].concat();
        &scripted
    } else {
        input
    };
    let (bytes, certificate) = segment(Sealing(*flags), LOG, named, input);
    let partitions = partitions(count % 5, *created);
    // Each entry may go to every partition.
    let got = within(8 * bytes.len(), 1 << 16, || filtered(&partitions, replica, &bytes, certificate));
    let expected = expected(&partitions, replica, &bytes, certificate);
    assert_eq!(got.is_ok(), expected.is_some(), "{got:?}");
    if let (Ok(got), Some(expected)) = (got, expected) {
        assert!(got.iter().map(Bytes::as_ref).eq(expected.iter().map(Vec::as_slice)));
    }
});

/// Each has an even part of every table; creation positions differ.
fn partitions(count: u8, created: u8) -> Vec<Partition> {
    let ranges = if count == 0 { Vec::new() } else { KeyRange::FULL.split_even(count.into()) };
    let piece = |table: u64, range, index: usize| Tablet {
        table: TableId(table),
        range,
        owner: ServerId(1),
        version: TabletVersion(1),
        state: TabletState::Recovering,
        created: SegmentId(u64::from(created.rotate_left(index as u32) & 3) + table / 2),
    };
    let with_pieces =
        |(i, range)| Partition { pieces: (0..TABLES).map(|table| piece(table, range, i)).collect() };
    ranges.into_iter().enumerate().map(with_pieces).collect()
}

fn expected(
    partitions: &[Partition],
    replica: ReplicaId,
    bytes: &[u8],
    certificate: Certificate,
) -> Option<Vec<Vec<u8>>> {
    let reader = SegmentReader::verified(bytes, certificate).ok()?;
    if (reader.header().log, reader.header().segment) != (replica.log, replica.segment) {
        return None;
    }
    let parsed: Result<Vec<_>, Corrupt> =
        reader.entries().map(|e| e.and_then(|e| Ok((e, e.parse()?)))).collect();
    let mut out = vec![Vec::new(); partitions.len()];
    for (entry, parsed) in parsed.ok()? {
        for (out, partition) in out.iter_mut().zip(partitions) {
            let is_of =
                |table, key| partition.piece_of(table, key_hash(table, key), replica.segment).is_some();
            let is_wanted = match parsed {
                Parsed::Object(object) => is_of(object.table, object.key),
                Parsed::Tombstone(tombstone) => is_of(tombstone.table, tombstone.key),
                Parsed::SafeVersion(_) | Parsed::Unknown(_) => true,
                Parsed::Digest(_) | Parsed::TabletStats(_) => false,
            };
            if is_wanted {
                out.extend_from_slice(entry.bytes());
            }
        }
    }
    Some(out)
}
