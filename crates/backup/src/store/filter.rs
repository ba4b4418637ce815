//! What of a replica belongs to a partition (T6, T2).

use super::BackupError;
use bytes::{Bytes, BytesMut};
use rekindle_log::Certificate;
use rekindle_log::segment::{
    CertificateCheck, Corrupt, Entry, Parsed, SegmentHeader, SegmentReader, entries,
};
use rekindle_types::{KeyHash, KeyRange, Partition, ReplicaId, Rule, Rules, SegmentId, TableId, key_hash};

/// Cuts replicas by partition.
#[derive(Debug)]
pub(crate) struct Filter {
    /// Disjoint pieces by table and hash, each with its creation position and the partition that it is of.
    pieces: Vec<Piece>,
    partitions: usize,
    rules: Rules,
}

#[derive(Debug)]
struct Piece {
    table: TableId,
    range: KeyRange,
    created: SegmentId,
    partition: usize,
}

impl Filter {
    /// For these partitions; their pieces are disjoint.
    pub(crate) fn new<'a>(partitions: impl IntoIterator<Item = &'a Partition>, rules: Rules) -> Self {
        let (mut pieces, mut count) = (Vec::new(), 0);
        for (index, partition) in partitions.into_iter().enumerate() {
            count = index + 1;
            pieces.extend(partition.pieces.iter().map(|p| Piece {
                table: p.table,
                range: p.range,
                created: p.created,
                partition: index,
            }));
        }
        pieces.sort_by_key(|p| (p.table, p.range.first()));
        Self { pieces, partitions: count, rules }
    }

    /// The entries of every partition, back to back, in the order of the segment.
    ///
    /// T6: every entry is verified before anything is handed out; one bad entry makes the replica damaged for
    /// every partition, for what lies behind it can't be told.
    pub(crate) fn run(
        &self,
        replica: ReplicaId,
        bytes: &[u8],
        certificate: Certificate,
    ) -> Result<Vec<Bytes>, BackupError> {
        let segment = open(replica, bytes, certificate, self.rules)?;
        let mut out = vec![BytesMut::new(); self.partitions];
        for entry in segment.entries() {
            match self.route(replica.segment, entry) {
                Ok((entry, Route::One(partition))) => out[partition].extend_from_slice(entry.bytes()),
                Ok((entry, Route::All)) => out.iter_mut().for_each(|o| o.extend_from_slice(entry.bytes())),
                Ok((_, Route::None)) => {}
                Err((at, corrupt)) if self.rules.on(Rule::T6) => return Err(damaged(replica, at, &corrupt)),
                Err(_) => {}
            }
        }
        Ok(out.into_iter().map(BytesMut::freeze).collect())
    }

    /// Verifies an entry, and says where it goes.
    fn route<'a>(
        &self,
        segment: SegmentId,
        entry: Result<Entry<'a>, Corrupt>,
    ) -> Result<(Entry<'a>, Route), (u32, Corrupt)> {
        let entry = entry.map_err(|corrupt| (0, corrupt))?;
        let at = |corrupt| (entry.offset, corrupt);
        entry.verify().map_err(at)?;
        let route = match entry.parse().map_err(at)? {
            Parsed::Object(object) => self.owner(segment, object.table, object.key),
            Parsed::Tombstone(tombstone) => self.owner(segment, tombstone.table, tombstone.key),
            Parsed::Digest(_) | Parsed::TabletStats(_) => Route::None,
            Parsed::SafeVersion(_) => Route::All,
            // Nobody here can tell whose key it has: who knows the type decides.
            Parsed::Unknown(_) => Route::All,
        };
        Ok((entry, route))
    }

    /// T2: keyed entries of segments below the piece's creation position are leftovers of an earlier life.
    fn owner(&self, segment: SegmentId, table: TableId, key: &[u8]) -> Route {
        let hash: KeyHash = key_hash(table, key);
        let after = self.pieces.partition_point(|p| (p.table, p.range.first()) <= (table, hash));
        match after.checked_sub(1).map(|at| &self.pieces[at]) {
            Some(p) if p.table == table && p.range.contains(hash) && segment >= p.created => {
                Route::One(p.partition)
            }
            _ => Route::None,
        }
    }
}

enum Route {
    One(usize),
    All,
    None,
}

/// Verifies all of a replica (T6).
pub(crate) fn verify(
    replica: ReplicaId,
    bytes: &[u8],
    certificate: Certificate,
    rules: Rules,
) -> Result<(), BackupError> {
    for entry in open(replica, bytes, certificate, rules)?.entries() {
        let entry = entry.map_err(|corrupt| damaged(replica, 0, &corrupt))?;
        entry.verify().map_err(|corrupt| damaged(replica, entry.offset, &corrupt))?;
    }
    Ok(())
}

/// The ids in the digest of a replica that was written as a head (H6): its first entry, if that is a valid digest
/// that names the segment itself. Looks at that entry only.
pub(crate) fn digest(replica: ReplicaId, valid: &[u8]) -> Option<Vec<SegmentId>> {
    let header = SegmentHeader::decode(valid).ok()?;
    let first = entries(&valid[SegmentHeader::LEN..]).next()?.ok()?;
    first.verify().ok()?;
    let Parsed::Digest(digest) = first.parse().ok()? else { return None };
    let names_itself = digest.iter().any(|id| id == replica.segment);
    (names_itself && header.segment == replica.segment).then(|| digest.iter().collect())
}

/// Where the digest of a replica ends, counted from the segment's start; zero when it was not written as a head.
pub(crate) fn digest_end(replica: ReplicaId, valid: &[u8]) -> u32 {
    if digest(replica, valid).is_none() {
        return 0;
    }
    let first = entries(&valid[SegmentHeader::LEN..]).next().and_then(Result::ok);
    first.map_or(0, |entry| (SegmentHeader::LEN + entry.bytes().len()) as u32)
}

/// Checks header and certificate, and that it is the segment that it is called.
fn open(
    replica: ReplicaId,
    bytes: &[u8],
    certificate: Certificate,
    rules: Rules,
) -> Result<SegmentReader<'_>, BackupError> {
    // P4: the certificate says what is valid, not what happens to be there.
    let certificate = if rules.on(Rule::P4) { certificate } else { uncertified(bytes) };
    let reader = SegmentReader::new(bytes, certificate).map_err(|corrupt| damaged(replica, 0, &corrupt))?;
    let header = reader.header();
    if (header.log, header.segment) != (replica.log, replica.segment) {
        let why = format!("the header says {}/{}", header.log, header.segment);
        return Err(BackupError::Damaged { replica, at: 0, why });
    }
    Ok(reader)
}

/// Takes all that is there, as without P4.
pub(crate) fn uncertified(bytes: &[u8]) -> Certificate {
    let whole = Certificate { length: u32::try_from(bytes.len()).unwrap_or(u32::MAX), checksum: 0 };
    CertificateCheck::certify(bytes).unwrap_or(whole)
}

fn damaged(replica: ReplicaId, at: u32, corrupt: &Corrupt) -> BackupError {
    BackupError::Damaged { replica, at, why: corrupt.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rekindle_log::segment::{
        CAPACITY_MIN, EntryDraft, EntryHeader, EntryType, LogTime, ObjectEntry, SafeVersion,
    };
    use rekindle_types::{CreationNumber, LogId, ServerId, Tablet, TabletState, TabletVersion, Version};

    const ID: ReplicaId =
        ReplicaId { log: LogId::of(ServerId(1)), segment: SegmentId(5), creation: CreationNumber(1) };

    fn segment() -> (Vec<u8>, Certificate) {
        let header = SegmentHeader { log: ID.log, segment: ID.segment, capacity: CAPACITY_MIN };
        let mut bytes = header.encode().to_vec();
        bytes.extend(SafeVersion(Version(9)).encode());
        for key in [b"a", b"b", b"c"] {
            let draft = EntryDraft::Object(ObjectEntry {
                table: TableId(1),
                version: Version(1),
                timestamp: LogTime(0),
                replaces: None,
                expiry: None,
                key,
                value: b"value",
            });
            let start = bytes.len();
            bytes.resize(start + draft.encoded_len(), 0);
            draft.encode(&mut bytes[start..]);
        }
        let certificate = CertificateCheck::certify(&bytes).unwrap();
        (bytes, certificate)
    }

    /// Thirds of table 1, and a partition without any piece.
    fn partitions() -> Vec<Partition> {
        let piece = |range| Tablet {
            table: TableId(1),
            range,
            owner: ServerId(1),
            version: TabletVersion(1),
            state: TabletState::Recovering,
            created: SegmentId(0),
        };
        let thirds = KeyRange::FULL.split_even(3).into_iter().map(|r| Partition { pieces: vec![piece(r)] });
        thirds.chain([Partition::default()]).collect()
    }

    fn run(bytes: &[u8], certificate: Certificate) -> Result<Vec<Bytes>, BackupError> {
        Filter::new(&partitions(), Rules::default()).run(ID, bytes, certificate)
    }

    #[test]
    fn every_entry_goes_to_one_partition_and_the_safe_version_to_all() {
        let (bytes, certificate) = segment();
        let parts = run(&bytes, certificate).unwrap();
        let own = SafeVersion(Version(9)).encode();
        assert!(parts.iter().all(|part| part.starts_with(&own)));
        assert_eq!(parts[3], own);
        let keyed: usize = parts.iter().map(|part| part.len() - own.len()).sum();
        assert_eq!(keyed, bytes.len() - SegmentHeader::LEN - own.len());
    }

    #[test]
    fn entries_of_unknown_types_go_to_all() {
        let (mut bytes, _) = segment();
        let mut body = 0_u32.to_le_bytes().to_vec();
        body.extend(b"from a later release");
        let crc = rekindle_log::crc32c(&body[4..]);
        body[..4].copy_from_slice(&crc.to_le_bytes());
        let mut header = [0; EntryHeader::LEN_MAX];
        let draft = EntryHeader { entry_type: EntryType::RPC_RESULT, body_len: body.len() as u32 };
        let len = draft.encode(&mut header);
        let entry = [&header[..len], &body].concat();
        bytes.extend_from_slice(&entry);
        let parts = run(&bytes, CertificateCheck::certify(&bytes).unwrap()).unwrap();
        assert!(parts.iter().all(|part| part.ends_with(&entry)));
    }

    #[test]
    fn every_flipped_byte_and_every_cut_is_damage() {
        let (bytes, certificate) = segment();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x40;
            assert!(run(&flipped, certificate).is_err(), "byte {at}");
            assert!(run(&bytes[..at], certificate).is_err(), "cut at {at}");
        }
        for length in 0..certificate.length {
            assert!(run(&bytes, Certificate { length, ..certificate }).is_err(), "certificate of {length}");
        }
    }

    #[test]
    fn another_segment_is_damage() {
        let (bytes, certificate) = segment();
        let other = ReplicaId { segment: SegmentId(6), ..ID };
        let result = Filter::new(&partitions(), Rules::default()).run(other, &bytes, certificate);
        assert!(matches!(result, Err(BackupError::Damaged { at: 0, .. })), "{result:?}");
        assert!(digest(ID, &bytes).is_none(), "its first entry is no digest");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), length in 0..400_u32) {
            let certificate = Certificate { length, checksum: 0 };
            prop_assert!(run(&bytes, certificate).is_err());
            // Behind a header that is right, too.
            let (whole, _) = segment();
            let bytes = [&whole[..SegmentHeader::LEN], &bytes].concat();
            prop_assert!(digest(ID, &bytes).is_none());
            if let Ok(parts) = CertificateCheck::certify(&bytes).map(|certificate| run(&bytes, certificate)) {
                let out = parts.map_or(0, |parts| parts.iter().map(Bytes::len).sum::<usize>());
                prop_assert!(out <= 4 * bytes.len());
            }
        }
    }
}
