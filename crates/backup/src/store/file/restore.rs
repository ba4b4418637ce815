//! What a directory holds, put together from frames and journals. Pure: reading and dropping is done elsewhere.

use super::{
    format::FrameHeader,
    frames::FrameIndex,
    journal::{Scan, replay},
    state::Key,
    work::{Journal, OnDisk},
};
use crate::store::{BackupError, replica::Replica};
use rekindle_types::{CreationNumber, ReplicaId};
use std::{collections::BTreeMap, sync::Arc};

/// Something that was written, and can't be vouched for any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// In which file.
    pub file: String,
    /// At which byte of it.
    pub at: u64,
    /// What is wrong.
    pub why: String,
}

impl Damage {
    pub(super) fn error(&self, replica: ReplicaId) -> BackupError {
        let why = format!("{:?}: {}", self.file, self.why);
        BackupError::Damaged { replica, at: u32::try_from(self.at).unwrap_or(u32::MAX), why }
    }
}

/// A journal file as it was read.
#[derive(Debug)]
pub(super) struct FoundJournal {
    pub(super) replica: ReplicaId,
    pub(super) file: String,
    pub(super) scan: Scan,
}

/// What a directory comes to.
#[derive(Debug, Default)]
pub(super) struct Restored {
    /// What counts of every segment.
    pub(super) replicas: Vec<Replica>,
    pub(super) damaged: BTreeMap<ReplicaId, Damage>,
    /// What stays on the disk.
    pub(super) kept: BTreeMap<Key, BTreeMap<CreationNumber, OnDisk>>,
    /// Frames that hide something: an older creation, an older frame, their own journal.
    pub(super) hiding: Vec<(ReplicaId, FrameIndex, Arc<FrameHeader>)>,
    /// What has to go, and in this order: each step is durable before the next. What hides a replica goes after it.
    pub(super) dropped: [Vec<(ReplicaId, OnDisk)>; 2],
}

/// All that was found of one creation.
#[derive(Debug)]
struct Found {
    disk: OnDisk,
    /// Frames of it that do not count.
    former: Vec<(FrameIndex, Arc<FrameHeader>)>,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// The journal was made, and nothing in it was ever answered.
    Nothing,
    Replica(Replica),
    Damaged(Damage),
}

/// Decides what counts.
pub(super) fn restore(frames: Vec<(FrameIndex, FrameHeader)>, journals: Vec<FoundJournal>) -> Restored {
    let mut found: BTreeMap<ReplicaId, Found> = BTreeMap::new();
    for journal in journals {
        found.insert(journal.replica, of_journal(journal));
    }
    for (index, header) in frames {
        let here = found.entry(header.replica).or_insert_with(Found::nothing);
        here.add_frame(index, Arc::new(header));
    }
    let mut restored = Restored::default();
    let mut segment: Vec<(ReplicaId, Found)> = Vec::new();
    for (id, one) in found {
        if segment.first().is_some_and(|(first, _)| (first.log, first.segment) != (id.log, id.segment)) {
            restored.settle(std::mem::take(&mut segment));
        }
        segment.push((id, one));
    }
    restored.settle(segment);
    restored
}

fn of_journal(found: FoundJournal) -> Found {
    let FoundJournal { replica: id, file, scan } = found;
    let last = scan.records.last().map_or(0, |(header, _)| header.sequence);
    let content = match replay(id, &scan) {
        Err(why) => Content::Damaged(Damage { file, at: 0, why }),
        Ok(_) if scan.is_damaged => {
            let (at, why) = scan.bad.unwrap_or_default();
            Content::Damaged(Damage { file, at: at as u64, why })
        }
        Ok(None) => Content::Nothing,
        Ok(Some(mut replica)) => {
            // Its master has another backup by now, and this one another id: nothing is appended any more.
            replica.freeze();
            Content::Replica(replica)
        }
    };
    let is_closed = matches!(&content, Content::Replica(replica) if replica.is_closed());
    let journal = Some(Journal { last, synced: last, is_closed, is_full: false });
    Found { disk: OnDisk { journal, frame: None }, former: Vec::new(), content }
}

impl Replica {
    /// One that is in a frame with this header.
    pub(super) fn in_frame(header: &FrameHeader) -> Self {
        Self::on_disk(header.replica, header.state, header.capacity, header.certificate, header.primary)
    }
}

impl Found {
    fn nothing() -> Self {
        Self { disk: OnDisk::default(), former: Vec::new(), content: Content::Nothing }
    }

    /// J4: of two frames of one replica the later one counts. A frame stands after its replica's journal.
    fn add_frame(&mut self, index: FrameIndex, header: Arc<FrameHeader>) {
        match &self.disk.frame {
            Some((_, other)) if other.generation > header.generation => self.former.push((index, header)),
            _ => {
                self.content = Content::Replica(Replica::in_frame(&header));
                self.former.extend(self.disk.frame.replace((index, header)));
            }
        }
    }
}

impl Restored {
    /// Decides what counts of one segment: the highest creation that is there; those below it were dropped when
    /// it came (P2, P3).
    fn settle(&mut self, mut segment: Vec<(ReplicaId, Found)>) {
        let is_there = |(_, found): &(ReplicaId, Found)| !matches!(found.content, Content::Nothing);
        let counts = segment.iter().rposition(is_there);
        let is_alone = segment.len() == 1;
        for (at, (id, found)) in segment.drain(..).enumerate().rev() {
            let has_former = !found.former.is_empty();
            for frame in found.former {
                self.dropped[0].push((id, OnDisk { journal: None, frame: Some(frame) }));
            }
            if Some(at) != counts {
                self.dropped[0].push((id, found.disk));
                continue;
            }
            match found.content {
                // J1: without a certificate it does not exist, yet it hides what was dropped for it.
                Content::Replica(replica) if replica.certificate().is_none() => {
                    self.dropped[1].push((id, found.disk));
                    continue;
                }
                Content::Replica(replica) => self.replicas.push(replica),
                Content::Damaged(damage) => drop(self.damaged.insert(id, damage)),
                Content::Nothing => unreachable!("what counts is there"),
            }
            if let Some((frame, header)) = &found.disk.frame
                && (!is_alone || has_former || found.disk.journal.is_some())
            {
                self.hiding.push((id, *frame, Arc::clone(header)));
            }
            self.kept.entry((id.log, id.segment)).or_default().insert(id.creation, found.disk);
        }
    }

    /// The frame of this replica is surely there: its journal goes.
    pub(super) fn drop_journal(&mut self, id: ReplicaId) {
        let kept = self.kept.get_mut(&(id.log, id.segment)).and_then(|kept| kept.get_mut(&id.creation));
        if let Some(journal) = kept.and_then(|disk| disk.journal.take()) {
            self.dropped[0].push((id, OnDisk { journal: Some(journal), frame: None }));
        }
    }
}
