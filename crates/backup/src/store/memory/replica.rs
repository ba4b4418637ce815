//! One replica: its bytes, and how far they are valid.

use crate::store::{BackupError, Fill, Misfit, ReplicaInfo, ReplicaState, ReplicaWrite, filter::digest};
use bytes::Bytes;
use rekindle_log::{
    Certificate,
    segment::{CAPACITY_MAX, CertificateCheck, SegmentHeader},
};
use rekindle_types::ReplicaId;

/// A replica and what it was told.
#[derive(Debug)]
pub(super) struct Replica {
    pub(super) id: ReplicaId,
    pub(super) fill: Fill,
    pub(super) capacity: u32,
    content: Content,
    certificate: Option<Certificate>,
    checked: Checked,
    primary: bool,
}

/// How far its bytes were checked against its certificates: a write that was spoiled on its way is refused
/// while the master still has the right bytes.
#[derive(Debug, Default)]
struct Checked(CertificateCheck);

impl Checked {
    fn fits(&mut self, id: ReplicaId, capacity: u32, bytes: &[u8], certificate: Certificate) -> bool {
        let header = SegmentHeader { log: id.log, segment: id.segment, capacity };
        bytes.starts_with(&header.encode()) && self.0.advance(bytes, certificate).is_ok()
    }
}

#[derive(Debug)]
enum Content {
    /// Open: grows up to the capacity; bytes past the certificate do not exist yet.
    Growing(Vec<u8>),
    /// Closed: ends with the certificate.
    Closed(Bytes),
}

/// What a checked write does.
struct Change<'a> {
    tail: &'a [u8],
    certificate: Option<Certificate>,
}

impl Replica {
    /// An empty one, as the write's open asks for.
    pub(super) fn new(write: &ReplicaWrite, fill: Fill) -> Self {
        Self {
            id: write.replica,
            fill,
            capacity: write.capacity,
            content: Content::Growing(Vec::new()),
            certificate: None,
            checked: Checked::default(),
            primary: write.primary,
        }
    }

    /// Takes all of the write or nothing of it.
    pub(super) fn apply(&mut self, write: &ReplicaWrite) -> Result<(), BackupError> {
        let change = self.check(write)?;
        if let Content::Growing(bytes) = &mut self.content {
            let before = bytes.len();
            bytes.extend_from_slice(change.tail);
            let newer = change.certificate.filter(|_| change.certificate != self.certificate);
            if newer.is_some_and(|newer| !self.checked.fits(self.id, self.capacity, bytes, newer)) {
                bytes.truncate(before);
                return Err(self.overflow(write, Misfit::Contents));
            }
        }
        self.certificate = change.certificate;
        self.primary = write.primary;
        if write.close {
            self.close();
        }
        Ok(())
    }

    /// What the write would change, or why it can't.
    fn check<'a>(&self, write: &'a ReplicaWrite) -> Result<Change<'a>, BackupError> {
        let refuse = |why| Err(self.overflow(write, why));
        let present = self.present();
        let (offset, end) = (write.offset as usize, write.offset as usize + write.bytes.len());
        if write.bytes.len() > ReplicaWrite::BYTES_MAX {
            return refuse(Misfit::Long);
        }
        if write.capacity != self.capacity || self.capacity > CAPACITY_MAX {
            return refuse(Misfit::Capacity);
        }
        if write.open.is_some_and(|fill| fill != self.fill) {
            return refuse(Misfit::Fill);
        }
        if end > self.capacity as usize {
            return refuse(Misfit::PassesCapacity);
        }
        if offset > present.len() {
            return refuse(Misfit::Gap);
        }
        let (again, tail) = write.bytes.split_at(write.bytes.len().min(present.len() - offset));
        if again != &present[offset..offset + again.len()] {
            return refuse(Misfit::Bytes);
        }
        let is_closed = self.is_closed();
        let certificate = self.newer_certificate(write, end.max(present.len()))?;
        if is_closed && (!tail.is_empty() || certificate != self.certificate) {
            return Err(BackupError::Closed(self.id));
        }
        if write.close && certificate.is_none_or(|c| (c.length as usize) < end.max(present.len())) {
            return refuse(Misfit::Uncertified);
        }
        if self.fill == Fill::Atomic && !is_closed && write.close != write.certificate.is_some() {
            return refuse(Misfit::AtomicClose);
        }
        Ok(Change { tail, certificate })
    }

    /// The certificate that holds after the write: never a shorter one than before, a late repeat has that.
    fn newer_certificate(
        &self,
        write: &ReplicaWrite,
        end: usize,
    ) -> Result<Option<Certificate>, BackupError> {
        let Some(new) = write.certificate else { return Ok(self.certificate) };
        if new.length as usize > end {
            return Err(self.overflow(write, Misfit::CertificateLength));
        }
        match self.certificate {
            Some(old) if new.length < old.length => Ok(Some(old)),
            Some(old) if new.length == old.length && new != old => {
                Err(self.overflow(write, Misfit::Certificate))
            }
            _ => Ok(Some(new)),
        }
    }

    fn overflow(&self, write: &ReplicaWrite, why: Misfit) -> BackupError {
        BackupError::Overflow {
            replica: self.id,
            why,
            offset: write.offset,
            length: u32::try_from(write.bytes.len()).unwrap_or(u32::MAX),
            present: self.present().len() as u32,
        }
    }

    fn close(&mut self) {
        let Content::Growing(bytes) = &mut self.content else { return };
        let mut bytes = std::mem::take(bytes);
        bytes.truncate(self.certificate.map_or(0, |c| c.length as usize));
        bytes.shrink_to_fit();
        self.content = Content::Closed(bytes.into());
    }

    pub(super) fn state(&self) -> ReplicaState {
        match self.content {
            Content::Growing(_) => ReplicaState::Open,
            Content::Closed(_) => ReplicaState::Closed,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state() == ReplicaState::Closed
    }

    /// All bytes that are there, valid or not.
    pub(super) fn present(&self) -> &[u8] {
        match &self.content {
            Content::Growing(bytes) => bytes,
            Content::Closed(bytes) => bytes,
        }
    }

    /// The valid bytes, and what makes them so; shared, not copied, when it is closed.
    pub(super) fn valid(&self) -> Option<(Bytes, Certificate)> {
        let certificate = self.certificate?;
        let length = certificate.length as usize;
        let bytes = match &self.content {
            Content::Growing(bytes) => Bytes::copy_from_slice(&bytes[..length]),
            Content::Closed(bytes) => bytes.slice(..length),
        };
        Some((bytes, certificate))
    }

    /// Its line in an inventory; none without a certificate.
    pub(super) fn info(&self) -> Option<ReplicaInfo> {
        let certificate = self.certificate?;
        Some(ReplicaInfo {
            replica: self.id,
            state: self.state(),
            certificate,
            primary: self.primary,
            digest: digest(self.id, &self.present()[..certificate.length as usize]),
        })
    }

    /// Flips the lowest bit of a byte, as a failing memory does.
    pub(super) fn damage(&mut self, at: usize) -> bool {
        let mut bytes = self.present().to_vec();
        let Some(byte) = bytes.get_mut(at) else { return false };
        *byte ^= 1;
        self.content = match self.content {
            Content::Growing(_) => Content::Growing(bytes),
            Content::Closed(_) => Content::Closed(bytes.into()),
        };
        true
    }
}
