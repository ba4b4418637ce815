//! One replica: its bytes, and how far they are valid.

use crate::store::{BackupError, Fill, Misfit, ReplicaInfo, ReplicaState, ReplicaWrite, filter};
use bytes::Bytes;
use rekindle_log::{
    Certificate,
    segment::{CAPACITY_MAX, CertificateCheck, SegmentHeader},
};
use rekindle_types::{ReplicaId, Rule, Rules, SegmentId};

/// A replica and what it was told.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) id: ReplicaId,
    pub(crate) fill: Fill,
    pub(crate) capacity: u32,
    content: Content,
    certificate: Option<Certificate>,
    checked: Checked,
    primary: bool,
    /// All that it has came in the write that closed it.
    is_of_one_write: bool,
    rules: Rules,
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
    /// Ends with the certificate: closed, or left open by a former life of this backup.
    Here(ReplicaState, Bytes),
    /// The same, so many bytes of it, and they are on a disk.
    OnDisk(ReplicaState, u32),
}

/// What a checked write does.
struct Change<'a> {
    tail: &'a [u8],
    certificate: Option<Certificate>,
}

/// What a write did that was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Applied {
    /// Where its new bytes began.
    pub(crate) offset: u32,
    /// How many bytes at its end were new.
    pub(crate) tail: usize,
    /// Its certificate, when it is a longer one.
    pub(crate) certificate: Option<Certificate>,
    /// It closed the replica.
    pub(crate) is_closed: bool,
    /// It changed anything, its rank as primary included.
    pub(crate) is_change: bool,
}

impl Replica {
    /// An empty one, as the write's open asks for.
    pub(crate) fn new(write: &ReplicaWrite, fill: Fill, rules: Rules) -> Self {
        Self {
            id: write.replica,
            fill,
            capacity: write.capacity,
            content: Content::Growing(Vec::new()),
            certificate: None,
            checked: Checked::default(),
            primary: write.primary,
            is_of_one_write: false,
            rules,
        }
    }

    /// One whose valid bytes are on a disk; nothing is written to it any more.
    pub(crate) fn on_disk(
        id: ReplicaId,
        state: ReplicaState,
        capacity: u32,
        certificate: Certificate,
        primary: bool,
    ) -> Self {
        Self {
            id,
            fill: Fill::Growing,
            capacity,
            content: Content::OnDisk(state, certificate.length),
            certificate: Some(certificate),
            checked: Checked::default(),
            primary,
            is_of_one_write: false,
            // What is on a disk ends with its certificate.
            rules: Rules::default(),
        }
    }

    /// Takes all of the write or nothing of it.
    pub(crate) fn apply(&mut self, write: &ReplicaWrite) -> Result<Applied, BackupError> {
        let change = self.check(write)?;
        let mut applied = Applied {
            offset: self.len() as u32,
            tail: change.tail.len(),
            certificate: change.certificate.filter(|_| change.certificate != self.certificate),
            is_closed: write.close && !self.is_closed(),
            is_change: false,
        };
        if let Content::Growing(bytes) = &mut self.content {
            let before = bytes.len();
            // All of it at once: growing by doubling would copy every byte once more.
            bytes.reserve_exact(self.capacity as usize - before);
            bytes.extend_from_slice(change.tail);
            if applied
                .certificate
                .is_some_and(|newer| !self.checked.fits(self.id, self.capacity, bytes, newer))
            {
                bytes.truncate(before);
                return Err(self.overflow(write, Misfit::Contents));
            }
        }
        applied.is_change = applied.tail > 0
            || applied.certificate.is_some()
            || applied.is_closed
            || self.primary != write.primary;
        self.is_of_one_write |= applied.is_closed && applied.offset == 0;
        self.certificate = change.certificate;
        self.primary = write.primary;
        if write.close {
            self.close();
        }
        Ok(applied)
    }

    /// What the write would change, or why it can't.
    fn check<'a>(&self, write: &'a ReplicaWrite) -> Result<Change<'a>, BackupError> {
        let refuse = |why| Err(self.overflow(write, why));
        if self.state() == ReplicaState::Open && !matches!(self.content, Content::Growing(_)) {
            return Err(BackupError::NotOpen(self.id));
        }
        let length = self.len();
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
        if offset > length {
            return refuse(Misfit::Gap);
        }
        let (again, tail) = write.bytes.split_at(write.bytes.len().min(length - offset));
        // What is on a disk is not read for this: a repeat that differs changes nothing there.
        if self.present().is_some_and(|present| again != &present[offset..offset + again.len()]) {
            return refuse(Misfit::Bytes);
        }
        let is_closed = self.is_closed();
        let certificate = self.newer_certificate(write, end.max(length))?;
        if is_closed && (!tail.is_empty() || certificate != self.certificate) {
            return Err(BackupError::Closed(self.id));
        }
        if write.close && certificate.is_none_or(|c| (c.length as usize) < end.max(length)) {
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
            present: self.len() as u32,
        }
    }

    fn close(&mut self) {
        let certificate = self.certificate();
        let Content::Growing(bytes) = &mut self.content else { return };
        let mut bytes = std::mem::take(bytes);
        bytes.truncate(certificate.map_or(0, |c| c.length as usize));
        bytes.shrink_to_fit();
        self.certificate = certificate;
        self.content = Content::Here(ReplicaState::Closed, bytes.into());
    }

    /// Takes nothing any more, open or closed: what its certificate covers is all of it.
    pub(crate) fn freeze(&mut self) {
        if let Content::Growing(_) = self.content {
            self.close();
            if let Content::Here(state, _) = &mut self.content {
                *state = ReplicaState::Open;
            }
        }
    }

    /// Whether bytes of it may have been answered for before its close was.
    pub(crate) fn is_promised(&self) -> bool {
        self.fill != Fill::Atomic && !self.is_of_one_write
    }

    /// Lets go of bytes that are on a disk now.
    pub(crate) fn let_go(&mut self) {
        if let Content::Here(state, bytes) = &self.content {
            self.content = Content::OnDisk(*state, bytes.len() as u32);
        }
    }

    pub(crate) fn state(&self) -> ReplicaState {
        match self.content {
            Content::Growing(_) => ReplicaState::Open,
            Content::Here(state, _) | Content::OnDisk(state, _) => state,
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state() == ReplicaState::Closed
    }

    /// Bytes that are there, valid or not.
    pub(crate) fn len(&self) -> usize {
        match &self.content {
            Content::OnDisk(_, length) => *length as usize,
            Content::Growing(_) | Content::Here(..) => self.present().map_or(0, <[u8]>::len),
        }
    }

    /// All bytes that are there, valid or not; none when they are on a disk.
    pub(crate) fn present(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Growing(bytes) => Some(bytes),
            Content::Here(_, bytes) => Some(bytes),
            Content::OnDisk(..) => None,
        }
    }

    /// What makes its bytes valid.
    ///
    /// P4: what no certificate covers does not exist yet.
    pub(crate) fn certificate(&self) -> Option<Certificate> {
        match &self.content {
            Content::Growing(bytes) if !self.rules.on(Rule::P4) => Some(filter::uncertified(bytes)),
            _ => self.certificate,
        }
    }

    pub(crate) fn is_primary(&self) -> bool {
        self.primary
    }

    /// The valid bytes, when they are here, and what makes them so; shared, not copied, when nothing follows.
    pub(crate) fn valid(&self) -> Option<(Bytes, Certificate)> {
        let certificate = self.certificate()?;
        let length = certificate.length as usize;
        let bytes = match &self.content {
            Content::Growing(bytes) => Bytes::copy_from_slice(&bytes[..length]),
            Content::Here(_, bytes) => bytes.slice(..length),
            Content::OnDisk(..) => return None,
        };
        Some((bytes, certificate))
    }

    /// Its line in an inventory, without the digest; none without a certificate.
    pub(crate) fn info(&self) -> Option<ReplicaInfo> {
        let (replica, state, primary) = (self.id, self.state(), self.primary);
        self.certificate().map(|certificate| ReplicaInfo {
            replica,
            state,
            certificate,
            primary,
            digest: None,
        })
    }

    /// The ids in its digest, when its bytes are here and begin with one.
    pub(crate) fn digest(&self) -> Option<Vec<SegmentId>> {
        let length = self.certificate()?.length as usize;
        self.present().and_then(|bytes| filter::digest(self.id, &bytes[..length]))
    }

    /// Flips the lowest bit of a byte, as a failing memory does.
    pub(crate) fn damage(&mut self, at: usize) -> bool {
        let Some(mut bytes) = self.present().map(<[u8]>::to_vec) else { return false };
        let Some(byte) = bytes.get_mut(at) else { return false };
        *byte ^= 1;
        self.content = match self.content {
            Content::Here(state, _) => Content::Here(state, bytes.into()),
            Content::Growing(_) | Content::OnDisk(..) => Content::Growing(bytes),
        };
        true
    }
}
