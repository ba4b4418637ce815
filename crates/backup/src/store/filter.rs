//! What of a replica belongs to a partition (T6, T2).

use super::BackupError;
use bytes::{Bytes, BytesMut};
use rekindle_log::Certificate;
use rekindle_log::segment::{Corrupt, Entry, Parsed, SegmentHeader, SegmentReader, entries};
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
        let segment = open(replica, bytes, certificate)?;
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
pub(crate) fn verify(replica: ReplicaId, bytes: &[u8], certificate: Certificate) -> Result<(), BackupError> {
    for entry in open(replica, bytes, certificate)?.entries() {
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

/// Checks header and certificate, and that it is the segment that it is called.
fn open(
    replica: ReplicaId,
    bytes: &[u8],
    certificate: Certificate,
) -> Result<SegmentReader<'_>, BackupError> {
    let reader = SegmentReader::new(bytes, certificate).map_err(|corrupt| damaged(replica, 0, &corrupt))?;
    let header = reader.header();
    if (header.log, header.segment) != (replica.log, replica.segment) {
        let why = format!("the header says {}/{}", header.log, header.segment);
        return Err(BackupError::Damaged { replica, at: 0, why });
    }
    Ok(reader)
}

fn damaged(replica: ReplicaId, at: u32, corrupt: &Corrupt) -> BackupError {
    BackupError::Damaged { replica, at, why: corrupt.to_string() }
}
