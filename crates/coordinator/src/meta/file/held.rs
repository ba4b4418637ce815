//! The files while their lock is held. Whoever has this is the only one who writes.

use super::config::FileMetaLogConfig;
use super::frame::{Frame, FrameKind};
use super::name::{self, FileId};
use super::{Damage, MetaFile, header::FileHeader, record::RECORD_LEN, record::StoredRecord};
use crate::meta::{Batch, MetaOpenError, Opened, image::Image};
use bytes::Bytes;
use rekindle_env::{Dir, DirLock, DiskError, Rng};
use rekindle_types::{Lsn, Term};
use std::{mem, sync::Arc};

/// A snapshot is written in pieces of so many bytes.
const PIECE_BYTES: usize = 1 << 20;

/// The log in use. After an error of a write or a sync it must not be used any more.
pub(super) struct Held {
    dir: Arc<dyn Dir>,
    rng: Arc<dyn Rng>,
    config: FileMetaLogConfig,
    /// F4: nobody else reigns as long as it is held.
    _lock: DirLock,
    id: FileId,
    /// That of the file.
    secret: u64,
    bytes: u64,
    /// The last batch known to be durable.
    synced: Lsn,
    /// With batches that are staged and not durable yet.
    pub image: Image,
    /// Frames to be written.
    staged: Vec<u8>,
    /// Files that a crash has left.
    unfinished: Vec<String>,
    /// Files that count no more.
    outdated: Vec<String>,
}

impl Held {
    /// Takes the lock and reads everything back. Changes nothing.
    pub async fn take(
        dir: Arc<dyn Dir>,
        rng: Arc<dyn Rng>,
        config: FileMetaLogConfig,
    ) -> Result<Self, MetaOpenError> {
        let lock = dir.lock(name::LOCK).await.map_err(|error| match error {
            DiskError::Locked(file) => MetaOpenError::Locked { file },
            error => unusable(&error),
        })?;
        let names = dir.list().await.map_err(|error| unusable(&error))?;
        let unfinished: Vec<String> =
            names.iter().filter(|name| name::is_unfinished(name)).cloned().collect();
        let mut files: Vec<FileId> = names.iter().filter_map(|name| FileId::parse(name)).collect();
        files.sort_unstable();
        let (id, image) = match files.last() {
            None => (FileId { term: Term(0), turn: 0 }, Image::default()),
            Some(id) => (*id, read(&*dir, *id, config.cluster).await?),
        };
        let synced = image.last();
        let (staged, outdated) = (Vec::new(), files.into_iter().map(FileId::name).collect());
        let (secret, bytes) = (0, 0);
        Ok(Self {
            dir,
            rng,
            config,
            _lock: lock,
            id,
            secret,
            bytes,
            synced,
            image,
            staged,
            unfinished,
            outdated,
        })
    }

    /// The reign.
    pub fn term(&self) -> Term {
        self.id.term
    }

    /// Begins the next reign: its term is durable when this returns, so that nobody is given it again.
    pub async fn raise_term(&mut self) -> Result<Opened, DiskError> {
        let id = FileId { term: self.id.term.next(), turn: 0 };
        self.switch_to(id).await?;
        Ok(Opened { term: id.term, last: self.image.last(), entities: self.image.stored() })
    }

    /// Goes on in a file without garbage, when there is more of it than there is live data.
    pub async fn roll_if_due(&mut self) -> Result<(), DiskError> {
        let garbage = self.bytes.saturating_sub(self.live_bytes());
        if garbage <= self.live_bytes().max(self.config.garbage_bytes_min) {
            return Ok(());
        }
        let FileId { term, turn } = self.id;
        self.switch_to(FileId { term, turn: turn + 1 }).await
    }

    fn live_bytes(&self) -> u64 {
        FileHeader::LEN as u64 + self.snapshot_bytes()
    }

    fn snapshot_bytes(&self) -> u64 {
        (self.image.len() * RECORD_LEN) as u64 + self.image.state_bytes()
    }

    /// Writes everything into a file of this name and goes on there. Under its name it is whole: that comes after
    /// the sync of its bytes; and nothing is appended, nor what was before removed, until the name is durable.
    async fn switch_to(&mut self, id: FileId) -> Result<(), DiskError> {
        for name in mem::take(&mut self.unfinished) {
            self.remove(&name).await?;
        }
        let (name, unfinished) = (id.name(), id.unfinished());
        // J2: a new one for each file, so that none is told by what an older one shows.
        let secret = self.rng.next_u64() >> (u64::BITS - FileHeader::SECRET_BITS);
        let bytes = self.write_snapshot(id.term, secret, &unfinished).await?;
        self.dir.sync_file(&unfinished).await?;
        // What an earlier holder of the lock had handed to the disk must not have come between.
        let found = self.dir.read(&unfinished).await?.len() as u64;
        if found != bytes {
            let why =
                format!("{unfinished:?} has {found} bytes, {bytes} were written: somebody else writes here");
            return Err(DiskError::Io(why));
        }
        self.dir.rename(&unfinished, &name).await?;
        self.dir.sync().await?;
        (self.id, self.secret, self.bytes, self.synced) = (id, secret, bytes, self.image.last());
        for name in mem::replace(&mut self.outdated, vec![name]) {
            self.remove(&name).await?;
        }
        Ok(())
    }

    /// One that is gone already needs no removal.
    async fn remove(&self, name: &str) -> Result<(), DiskError> {
        match self.dir.remove(name).await {
            Err(DiskError::NotFound(_)) => Ok(()),
            removed => removed,
        }
    }

    async fn write_snapshot(&self, term: Term, secret: u64, to: &str) -> Result<u64, DiskError> {
        let header = FileHeader {
            cluster: self.config.cluster,
            secret: Some(secret),
            term,
            base: self.image.last(),
            records: self.image.len() as u64,
            snapshot_bytes: self.snapshot_bytes(),
        };
        let mut bytes = 0;
        let mut piece = header.encode().to_vec();
        for (entity, version, state) in self.image.iter() {
            StoredRecord { entity, version, state: Some(state) }.encode(term, &mut piece);
            if piece.len() >= PIECE_BYTES {
                bytes += piece.len() as u64;
                self.dir.append(to, mem::take(&mut piece).into()).await?;
            }
        }
        bytes += piece.len() as u64;
        self.dir.append(to, piece.into()).await?;
        assert_eq!(bytes, self.live_bytes(), "what is live is counted as it is written");
        Ok(bytes)
    }

    /// Takes a batch into the image and into what [`Held::write`] writes.
    pub fn stage(&mut self, batch: Batch) -> Lsn {
        let (term, lsn) = (self.id.term, self.image.last().next());
        let start = self.staged.len();
        self.staged.resize(start + Frame::LEN, 0);
        for record in &batch.records {
            let record = StoredRecord { entity: record.entity, version: lsn, state: record.state.as_deref() };
            record.encode(term, &mut self.staged);
        }
        let frame = Frame {
            kind: FrameKind::Batch,
            records: u32::try_from(batch.records.len()).expect("batches are bounded"),
            record_bytes: (self.staged.len() - start - Frame::LEN) as u64,
            lsn,
            term,
            synced: self.synced,
            at: self.bytes + start as u64,
        };
        self.staged[start..start + Frame::LEN].copy_from_slice(&frame.encode(self.secret));
        self.image.record(batch.records)
    }

    /// Makes what is staged durable; `false` when nothing was.
    pub async fn write(&mut self) -> Result<bool, DiskError> {
        let name = self.id.name();
        let staged = mem::take(&mut self.staged);
        if staged.is_empty() {
            return Ok(false);
        }
        let length = staged.len() as u64;
        self.dir.append_synced(&name, staged.into()).await?;
        self.bytes += length;
        self.synced = self.image.last();
        Ok(true)
    }

    /// Says what is durable, for readers to come: without it the last batch would pass for a torn tail when it is
    /// damaged later. It needs no sync, it may be lost.
    pub async fn mark(&mut self) -> Result<(), DiskError> {
        let (lsn, term, at) = (self.synced, self.id.term, self.bytes);
        let frame = Frame { kind: FrameKind::Mark, records: 0, record_bytes: 0, lsn, term, synced: lsn, at };
        self.dir.append(&self.id.name(), Bytes::copy_from_slice(&frame.encode(self.secret))).await?;
        self.bytes += Frame::LEN as u64;
        Ok(())
    }
}

/// Bytes that a batch takes in the file.
pub(super) fn encoded_bytes(batch: &Batch) -> usize {
    let states = batch.records.iter().filter_map(|r| r.state.as_ref()).map(Bytes::len).sum::<usize>();
    Frame::LEN + batch.records.len() * RECORD_LEN + states
}

async fn read(dir: &dyn Dir, id: FileId, cluster: u128) -> Result<Image, MetaOpenError> {
    let file = id.name();
    let bytes = dir.read(&file).await.map_err(|error| unusable(&error))?;
    let read = match MetaFile::decode(&bytes) {
        Ok(read) => read,
        Err(Damage::Version(version)) => return Err(MetaOpenError::Version { file, version }),
        Err(Damage::At { at, why }) => return Err(MetaOpenError::Damaged { file, at, why }),
    };
    if read.cluster != cluster {
        return Err(MetaOpenError::Foreign { file, found: read.cluster, expected: cluster });
    }
    if read.term != id.term {
        return Err(MetaOpenError::Damaged {
            file,
            at: 0,
            why: "the header is of another term than the name",
        });
    }
    Ok(read.image)
}

fn unusable(error: &DiskError) -> MetaOpenError {
    MetaOpenError::Unusable(error.to_string())
}
