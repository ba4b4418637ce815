//! Opening a directory: whose it is, what it holds.

use super::{
    config::FileStoreConfig,
    format::{FrameHeader, PAGE_BYTES, Superblock, parse_journal_name},
    frames::{FrameIndex, Layout},
    group_sync::GroupSync,
    image::{Found, FrameDevice},
    journal::{Scan, scan},
    open_error::OpenError,
    restore::{FoundJournal, Restored, restore},
    work::OnDisk,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use rekindle_env::{Device, Dir, DiskError, Rng};
use rekindle_types::{ReplicaId, Rules};
use std::{collections::BTreeSet, sync::Arc};

/// The device of superblocks: two, each on a page of its own.
const SUPERBLOCKS: &str = "superblocks";
/// The device of frames.
pub const FRAMES: &str = "frames";
/// Frame headers read at the same time.
const HEADERS_AT_ONCE: usize = 32;

/// A directory that is this server's.
pub(super) struct Opened {
    pub(super) superblocks: Arc<dyn Device>,
    pub(super) superblock: Superblock,
    pub(super) frames: FrameDevice,
    pub(super) free_frames: BTreeSet<FrameIndex>,
    /// Frames on sectors that can't be read: nothing is written there.
    pub(super) lost_frames: u64,
    pub(super) restored: Restored,
    /// Frames whose headers can't be read: torn by a crash before they counted, or damaged.
    pub(super) unreadable: Vec<(FrameIndex, String)>,
}

/// Opens a directory whose lock is held.
pub(super) async fn open(
    dir: &Arc<dyn Dir>,
    rng: &dyn Rng,
    config: &FileStoreConfig,
) -> Result<Opened, OpenError> {
    let layout = Layout::new(config.segment_bytes, config.frames);
    let bytes = layout
        .device_bytes()
        .ok_or_else(|| OpenError::Config("frames x segment_bytes is too much".into()))?;
    let names = dir.list().await?;
    let superblocks = dir.device(SUPERBLOCKS, 2 * PAGE_BYTES as u64).await?;
    // What is seen may not be durable yet, as after a kill: it must be, before anything is dropped or written over
    // because of it. So every file that counts is synced first.
    superblocks.sync().await?;
    let found = read_superblock(&superblocks).await?;
    if let Some(found) = &found {
        check_owner(found, config)?;
        // They were durable before the first id was taken.
        if found.server.is_some() && !names.iter().any(|name| name == FRAMES) {
            return Err(OpenError::Damaged { file: FRAMES.into(), why: "it is missing".into() });
        }
    }
    let device = dir.device(FRAMES, bytes).await.map_err(|error| match error {
        DiskError::Full => OpenError::NoSpace { bytes },
        other => other.into(),
    })?;
    if device.len() != bytes {
        let why = format!("{} bytes, {bytes} expected", device.len());
        return Err(OpenError::Damaged { file: FRAMES.into(), why });
    }
    let frames = FrameDevice { device, layout, syncs: GroupSync::default() };
    let mut free_frames = BTreeSet::new();
    let (headers, unreadable, lost_frames) = read_headers(&frames, &mut free_frames).await?;
    let journals: Vec<String> = names.into_iter().filter(|name| parse_journal_name(name).is_some()).collect();
    let superblock = match found {
        Some(found) => found,
        None if headers.is_empty() && journals.is_empty() => {
            format(&superblocks, rng.next_u64(), config).await?
        }
        None => {
            let why = "it is empty, and there are replicas".into();
            return Err(OpenError::Damaged { file: SUPERBLOCKS.into(), why });
        }
    };
    frames.sync().await?;
    let restored = restore(headers, read_journals(dir, &journals, superblock.secret, config.rules).await?);
    dir.sync().await?;
    let mut opened =
        Opened { superblocks, superblock, frames, free_frames, lost_frames, restored, unreadable };
    opened.secure_frames().await?;
    for step in std::mem::take(&mut opened.restored.dropped) {
        opened.drop_all(dir, step).await?;
    }
    Ok(opened)
}

/// The superblock that counts; none when the directory was never used.
async fn read_superblock(device: &Arc<dyn Device>) -> Result<Option<Superblock>, OpenError> {
    let damaged = |why| OpenError::Damaged { file: SUPERBLOCKS.into(), why };
    if device.len() != 2 * PAGE_BYTES as u64 {
        return Err(damaged(format!("{} bytes", device.len())));
    }
    let mut copies = Vec::new();
    for at in [0, PAGE_BYTES as u64] {
        match device.read_at(at, PAGE_BYTES).await {
            Ok(copy) => copies.push(Some(copy)),
            // A sector may be gone: then there is the other copy.
            Err(DiskError::Io(_)) => copies.push(None),
            Err(error) => return Err(error.into()),
        }
    }
    let whole = copies.iter().flatten().filter_map(|copy| Superblock::decode(copy).ok());
    let newest = whole.max_by_key(|copy| copy.sequence);
    // The second copy is written after the first is durable: without it nothing was ever kept here.
    match newest {
        None if copies[1].as_ref().is_none_or(|copy| copy.iter().any(|byte| *byte != 0)) => {
            Err(damaged("both copies are unreadable".into()))
        }
        newest => Ok(newest),
    }
}

fn check_owner(found: &Superblock, config: &FileStoreConfig) -> Result<(), OpenError> {
    if found.cluster != config.cluster {
        return Err(OpenError::OtherCluster { found: found.cluster, expected: config.cluster });
    }
    if found.name != config.name {
        return Err(OpenError::OtherName { found: found.name.clone(), expected: config.name.clone() });
    }
    let sizes = [
        ("segment_bytes", u64::from(found.segment_bytes), u64::from(config.segment_bytes)),
        ("frames", found.frames, config.frames),
    ];
    match sizes.into_iter().find(|(_, found, expected)| found != expected) {
        Some((what, found, expected)) => Err(OpenError::OtherSize { what, found, expected }),
        None => Ok(()),
    }
}

/// Makes an empty directory this server's.
async fn format(
    device: &Arc<dyn Device>,
    secret: u64,
    config: &FileStoreConfig,
) -> Result<Superblock, OpenError> {
    let superblock = Superblock {
        cluster: config.cluster,
        name: config.name.clone(),
        server: None,
        sequence: 0,
        start: 0,
        segment_bytes: config.segment_bytes,
        frames: config.frames,
        secret,
    };
    Ok(write_superblocks(device, superblock).await?)
}

/// Writes both copies, one after the other: at every instant one of them is whole.
pub(super) async fn write_superblocks(
    device: &Arc<dyn Device>,
    mut superblock: Superblock,
) -> Result<Superblock, DiskError> {
    for _ in 0..2 {
        superblock.sequence += 1;
        // Sequence 1 is in the first slot; the newest is always in the second, so the older one goes first.
        let slot = (superblock.sequence + 1) % 2;
        device.write_at(slot * PAGE_BYTES as u64, superblock.encode().into()).await?;
        device.sync().await?;
    }
    Ok(superblock)
}

type Headers = (Vec<(FrameIndex, FrameHeader)>, Vec<(FrameIndex, String)>, u64);

/// All headers; frames without one are free. The number of those that can't be read.
async fn read_headers(frames: &FrameDevice, free: &mut BTreeSet<FrameIndex>) -> Result<Headers, OpenError> {
    let (mut headers, mut unreadable, mut lost) = (Vec::new(), Vec::new(), 0);
    let all = (0..frames.layout.count).map(FrameIndex);
    let mut reads = stream::iter(all)
        .map(|index| async move { frames.header(index).await.map(|header| (index, header)) })
        .buffered(HEADERS_AT_ONCE);
    while let Some((index, header)) = reads.try_next().await? {
        match header {
            Found::Nothing => free.extend([index]),
            Found::Header(header) => headers.push((index, header)),
            Found::Torn(why) => {
                free.extend([index]);
                unreadable.push((index, why));
            }
            Found::Lost(why) => {
                lost += 1;
                unreadable.push((index, why));
            }
        }
    }
    Ok((headers, unreadable, lost))
}

async fn read_journals(
    dir: &Arc<dyn Dir>,
    names: &[String],
    secret: u64,
    rules: Rules,
) -> Result<Vec<FoundJournal>, OpenError> {
    let mut journals = Vec::new();
    for name in names {
        let Some(replica) = parse_journal_name(name) else { continue };
        dir.sync_file(name).await?;
        let scan = match dir.read(name).await {
            Ok(file) => scan(replica, secret, &file, rules),
            // A sector of it may be gone: that is one replica's damage.
            Err(DiskError::Io(why)) => {
                Scan { records: Vec::new(), bad: Some((0, why)), is_damaged: true, rules }
            }
            Err(error) => return Err(error.into()),
        };
        journals.push(FoundJournal { replica, file: name.clone(), scan });
    }
    Ok(journals)
}

impl Opened {
    /// Makes frames durable before anything goes that they hide. A sync that failed in an earlier life may have left in
    /// the system's memory what is on no disk; to that a sync of today adds nothing, only another write does.
    async fn secure_frames(&mut self) -> Result<(), OpenError> {
        let mut whole = Vec::new();
        for (id, frame, header) in std::mem::take(&mut self.restored.hiding) {
            if self.frames.repeat_blocks(frame, &header).await? {
                whole.push((id, frame, header));
            }
        }
        if whole.is_empty() {
            return Ok(());
        }
        // J4: in the order in which they were written first.
        self.frames.sync().await?;
        for (_, frame, header) in &whole {
            self.frames.write_header(*frame, header).await?;
        }
        self.frames.sync().await?;
        whole.into_iter().for_each(|(id, ..)| self.restored.drop_journal(id));
        Ok(())
    }

    /// Takes replicas off the disk, durably.
    async fn drop_all(
        &mut self,
        dir: &Arc<dyn Dir>,
        dropped: Vec<(ReplicaId, OnDisk)>,
    ) -> Result<(), OpenError> {
        let mut wiped = Vec::new();
        let mut has_names = false;
        for (id, on_disk) in dropped {
            if on_disk.journal.is_some() {
                dir.remove(&super::format::journal_name(id)).await?;
                has_names = true;
            }
            if let Some((frame, _)) = on_disk.frame {
                self.frames.wipe(frame).await?;
                wiped.push(frame);
            }
        }
        if has_names {
            dir.sync().await?;
        }
        if !wiped.is_empty() {
            self.frames.sync().await?;
        }
        self.free_frames.extend(wiped);
        Ok(())
    }
}
