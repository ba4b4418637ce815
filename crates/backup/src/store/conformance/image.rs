//! Segments to write.

use bytes::Bytes;
use rekindle_log::{
    Certificate,
    segment::{
        CAPACITY_MIN, CertificateCheck, Digest, EntryDraft, LogTime, ObjectEntry, SafeVersion, SegmentHeader,
        TombstoneEntry,
    },
};
use rekindle_types::{
    KeyRange, LogId, Partition, SegmentId, ServerId, TableId, Tablet, TabletState, TabletVersion, Version,
};

/// A segment made entry by entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    header: SegmentHeader,
    bytes: Vec<u8>,
}

impl Image {
    /// A segment without digest.
    #[must_use]
    pub fn side(log: LogId, segment: u64) -> Self {
        let header = SegmentHeader { log, segment: SegmentId(segment), capacity: CAPACITY_MIN };
        Self { header, bytes: header.encode().to_vec() }
    }

    /// A head: digest of these segments and itself, safe version.
    #[must_use]
    pub fn head(log: LogId, segment: u64, others: &[u64]) -> Self {
        let digest: Vec<_> = others.iter().chain([&segment]).map(|id| SegmentId(*id)).collect();
        Self::side(log, segment).with(&Digest::encode(&digest)).safe_version(1 << 32)
    }

    /// Appends a version that nothing exceeds.
    #[must_use]
    pub fn safe_version(self, version: u64) -> Self {
        self.with(&SafeVersion(Version(version)).encode())
    }

    /// Appends an object.
    #[must_use]
    pub fn object(self, table: u64, key: &str, value: &(impl AsRef<[u8]> + ?Sized), version: u64) -> Self {
        self.draft(&EntryDraft::Object(ObjectEntry {
            table: TableId(table),
            version: Version(version),
            timestamp: LogTime(0),
            replaces: None,
            expiry: None,
            key: key.as_bytes(),
            value: value.as_ref(),
        }))
    }

    /// Appends a tombstone of a version that lay in `replaces`.
    #[must_use]
    pub fn tombstone(self, table: u64, key: &str, version: u64, replaces: u64) -> Self {
        self.draft(&EntryDraft::Tombstone(TombstoneEntry {
            table: TableId(table),
            version: Version(version),
            replaces: SegmentId(replaces),
            timestamp: LogTime(0),
            key: key.as_bytes(),
        }))
    }

    fn draft(self, draft: &EntryDraft<'_>) -> Self {
        let mut entry = vec![0; draft.encoded_len()];
        draft.encode(&mut entry);
        self.with(&entry)
    }

    /// Appends a whole entry.
    #[must_use]
    pub fn with(mut self, entry: &[u8]) -> Self {
        self.bytes.extend_from_slice(entry);
        self
    }

    /// Whose segment it is.
    #[must_use]
    pub fn log(&self) -> LogId {
        self.header.log
    }

    /// Which one.
    #[must_use]
    pub fn segment(&self) -> SegmentId {
        self.header.segment
    }

    /// Most bytes that it may have.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.header.capacity
    }

    /// What it has.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        Bytes::copy_from_slice(&self.bytes)
    }

    /// Bytes without the segment header.
    #[must_use]
    pub fn entries(&self) -> Bytes {
        self.bytes().slice(SegmentHeader::LEN..)
    }

    /// What makes all of it valid.
    ///
    /// # Panics
    /// When something else than whole entries was put in.
    #[must_use]
    pub fn certificate(&self) -> Certificate {
        CertificateCheck::certify(&self.bytes).expect("made of whole entries")
    }
}

/// A partition of one piece, of a tablet that was created at a position.
#[must_use]
pub fn partition_of(table: u64, range: KeyRange, created: u64) -> Partition {
    let piece = Tablet {
        table: TableId(table),
        range,
        owner: ServerId(1),
        version: TabletVersion(1),
        state: TabletState::Recovering,
        created: SegmentId(created),
    };
    Partition { pieces: vec![piece] }
}
