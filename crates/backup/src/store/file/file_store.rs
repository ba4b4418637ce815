//! The store itself.

use super::{
    adopt_error::AdoptError,
    config::{Durability, FileStoreConfig},
    format::Superblock,
    frames::FrameIndex,
    group_sync::GroupSync,
    image::FrameDevice,
    marks::Marks,
    open::{self, Opened},
    open_error::OpenError,
    restore::Damage,
    state::State,
    work::Answer,
};
use crate::store::{
    BackupError, BackupStats, BackupStore, Fill, Kept, LoadRequest, Loaded, LocalStore, ReadPlan,
    ReplicaFree, ReplicaInfo, ReplicaWrite, StoredImage,
    inventory::{digest_order, ends_digests},
    membership::Membership,
    read_ahead::ReadAhead,
    shelf::{Room, Shelf},
};
use async_trait::async_trait;
use parking_lot::Mutex;
use rekindle_env::{Clock, Device, Dir, DirLock, Env, Spawn};
use rekindle_types::{ListVersion, LogId, ReplicaId, ServerId, ServerList};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tokio::sync::{Notify, Semaphore};

/// Keeps replicas in a directory: what it acknowledged outlives the process, and, as [`Durability`] says, a power
/// failure.
///
/// Writes are answered only while [`LocalStore::run`] runs: all disk work is done there, so that a caller that
/// gives up leaves nothing half done. One lock inside, never held over an await.
pub struct FileStore {
    pub(super) config: FileStoreConfig,
    pub(super) dir: Arc<dyn Dir>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) spawn: Arc<dyn Spawn>,
    superblocks: Arc<dyn Device>,
    pub(super) frames: FrameDevice,
    /// Syncs of the directory.
    pub(super) name_syncs: GroupSync,
    pub(super) state: Mutex<State>,
    /// Something is to be done for [`LocalStore::run`].
    pub(super) wake: Notify,
    /// See [`State::freed`].
    pub(super) freed: Arc<Notify>,
    /// A replica was read for all partitions.
    pub(super) read: Notify,
    /// A segment has nothing more to do, or the store is poisoned.
    pub(super) idle: Notify,
    /// Frames that may be written at the same time.
    pub(super) images: Semaphore,
    /// Replicas that may be read at the same time.
    pub(super) reads: Semaphore,
    /// F9: held until the store is gone, poisoned or not.
    _lock: DirLock,
}

impl FileStore {
    /// Opens the data directory of `env`, or makes it this server's when it is empty. Takes its exclusive lock.
    ///
    /// It takes no writes before [`FileStore::adopt`] and a server list that knows that id (F1), and answers none
    /// before [`LocalStore::run`] runs.
    pub async fn open(env: &Env, config: FileStoreConfig) -> Result<Arc<Self>, OpenError> {
        config.check().map_err(OpenError::Config)?;
        let lock = env.dir.lock("lock").await?;
        let Opened { superblocks, superblock, frames, free_frames, lost_frames, restored, unreadable } =
            open::open(&env.dir, &*env.rng, &config).await?;
        // What is kept out of use is not promised to a replica.
        let room = Room { frames: config.frames.saturating_sub(lost_frames), bytes: u64::MAX };
        let mut shelf = Shelf::new(room, config.rules);
        let in_memory: Vec<ReplicaId> =
            restored.replicas.iter().filter(|r| r.present().is_some()).map(|r| r.id).collect();
        restored.replicas.into_iter().for_each(|replica| shelf.restore(replica));
        let mut state = State {
            superblock,
            membership: Membership::new(ServerId(u64::MAX), config.rules),
            sessions: Default::default(),
            shelf,
            read_ahead: ReadAhead::new(config.read_ahead_bytes),
            reading: Default::default(),
            work: BTreeMap::new(),
            marks: Marks::default(),
            ready: Default::default(),
            free_frames,
            freed: Arc::default(),
            kept_for_later: Default::default(),
            retried: None,
            images: 0,
            damaged: restored.damaged,
            unreadable: unreadable.into_iter().map(|(frame, why)| damage_of(&frames, frame, why)).collect(),
            poisoned: None,
            is_closing: false,
            unkept: BTreeSet::new(),
            last_syncs: [0; 3],
            read_rate: 0,
        };
        for (key, disk) in restored.kept {
            state.work.entry(key).or_default().disk = disk;
        }
        // What was open, and what was closed on its way to its frame.
        in_memory.into_iter().for_each(|id| state.queue_image(id));
        let freed = Arc::clone(&state.freed);
        Ok(Arc::new(Self {
            dir: Arc::clone(&env.dir),
            clock: Arc::clone(&env.clock),
            spawn: Arc::clone(&env.spawn),
            superblocks,
            frames,
            name_syncs: GroupSync::default(),
            state: Mutex::new(state),
            wake: Notify::new(),
            freed,
            read: Notify::new(),
            idle: Notify::new(),
            images: Semaphore::new(config.images_max),
            reads: Semaphore::new(config.reads_max),
            config,
            _lock: lock,
        }))
    }

    /// The id under which this directory was used last.
    #[must_use]
    pub fn former(&self) -> Option<ServerId> {
        self.state.lock().superblock.server
    }

    /// Stands under this id from here on, durably: everything found is this server's now. Before it no write is
    /// taken. Called once, with an id above the former one.
    pub async fn adopt(&self, server: ServerId) -> Result<(), AdoptError> {
        let former = self.state.lock().superblock.clone();
        if let Some(held) = former.server.filter(|held| server <= *held) {
            return Err(AdoptError::IdTooOld { given: server, held });
        }
        let next = Superblock { server: Some(server), start: former.start + 1, ..former };
        match open::write_superblocks(&self.superblocks, next).await {
            Ok(written) => {
                let state = &mut *self.state.lock();
                state.superblock = written;
                state.membership.adopt(server);
                self.wake.notify_one();
                Ok(())
            }
            Err(error) => {
                let why = format!("the superblock can't be written: {error}");
                self.poison(why.clone());
                Err(AdoptError::Unwritable(BackupError::Poisoned(why)))
            }
        }
    }

    /// What was found damaged when the directory was opened. Loads of such replicas are refused; frames without a
    /// readable header may as well have been torn by a crash before they counted.
    #[must_use]
    pub fn found_damaged(&self) -> Vec<Damage> {
        let state = self.state.lock();
        state.damaged.values().chain(&state.unreadable).cloned().collect()
    }

    /// Where a byte of a replica is that is in a frame: file and offset. For tests of damage.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn place_of(&self, replica: ReplicaId, at: usize) -> Option<(&'static str, u64)> {
        let (frame, header) = self.state.lock().frame(replica)?;
        let offset = self.frames.layout.blocks(frame) + at as u64;
        (at < header.certificate.length as usize).then_some(("frames", offset))
    }

    pub(super) fn poison(&self, why: String) {
        self.state.lock().poison(why);
        self.idle.notify_waiters();
        self.wake.notify_one();
    }

    async fn wait(&self, answer: Option<Answer>) -> Result<(), BackupError> {
        self.wake.notify_one();
        match answer {
            None => Ok(()),
            Some(answer) => {
                answer.await.unwrap_or_else(|_| Err(BackupError::Poisoned("it was dropped".into())))
            }
        }
    }

    /// Waits until nothing is left to do.
    async fn drained(&self) -> Result<(), BackupError> {
        self.until(|state| state.work.values().all(|work| !work.is_active && !work.has_tasks())).await
    }

    /// Waits until it is so, or the store is poisoned.
    async fn until(&self, is_so: impl Fn(&State) -> bool) -> Result<(), BackupError> {
        loop {
            let idle = self.idle.notified();
            {
                let state = self.state.lock();
                if let Some(why) = &state.poisoned {
                    return Err(BackupError::Poisoned(why.clone()));
                }
                if is_so(&state) {
                    return Ok(());
                }
            }
            idle.await;
        }
    }
}

fn damage_of(frames: &FrameDevice, frame: FrameIndex, why: String) -> Damage {
    Damage { file: "frames".into(), at: frames.layout.header(frame), why }
}

#[async_trait]
impl LocalStore for FileStore {
    fn set_servers(&self, list: &ServerList) {
        self.state.lock().set_servers(list);
        self.wake.notify_one();
    }

    fn held(&self) -> Vec<ReplicaId> {
        self.state.lock().shelf.replicas().map(|replica| replica.id).collect()
    }

    fn reopened(&self) -> u64 {
        self.state.lock().shelf.reopened()
    }

    fn kept(&self) -> Kept {
        let state = self.state.lock();
        Kept { listed: state.shelf.list_all(), damaged: state.damaged.keys().copied().collect() }
    }

    fn image_of(&self, replica: ReplicaId) -> Option<StoredImage> {
        let (frame, header) = self.state.lock().frame(replica)?;
        Some(StoredImage::new(open::FRAMES, self.frames.layout.blocks(frame), header))
    }

    async fn forget(&self, log: LogId) -> Result<(), BackupError> {
        {
            let state = &mut *self.state.lock();
            state.membership.check_fenced(log)?;
            state.forget(log);
        }
        self.wake.notify_one();
        Ok(())
    }

    /// Carries out what calls put in, and reads ahead for recoveries. When it is dropped, calls that wait are
    /// told that the store is poisoned, and so are all later writes.
    async fn run(self: Arc<Self>, _env: Env) {
        self.work().await;
    }

    /// Takes no more writes; in `Buffered` mode images what is open (J5). Needs [`LocalStore::run`] to run.
    async fn close(&self) -> Result<(), BackupError> {
        {
            let state = &mut *self.state.lock();
            state.is_closing = true;
            state.unkept.clear();
            if self.config.durability == Durability::Buffered && state.poisoned.is_none() {
                state.shelf.freeze_growing();
                let in_memory = state.shelf.replicas().filter(|r| r.valid().is_some());
                let promised: Vec<ReplicaId> =
                    in_memory.filter(|r| r.fill != Fill::Atomic).map(|r| r.id).collect();
                promised.into_iter().for_each(|id| state.queue_image(id));
            }
        }
        self.wake.notify_one();
        self.drained().await?;
        self.mark_all();
        self.drained().await?;
        if let Some(replica) = self.state.lock().unkept() {
            return Err(BackupError::no_space_for_frame(replica));
        }
        let number = {
            let asked = &mut self.state.lock().last_syncs[0];
            *asked += 1;
            *asked
        };
        self.wake.notify_one();
        self.until(|state| state.last_syncs[2] >= number).await
    }
}

#[async_trait]
impl BackupStore for FileStore {
    async fn write(&self, write: ReplicaWrite) -> Result<(), BackupError> {
        let answer = {
            let state = &mut *self.state.lock();
            let answer = state.write(&write, &self.config);
            if let Err(BackupError::NoRoom { .. }) = answer {
                // Buffers are taken by what waits for its frame, too.
                state.retry_kept(self.clock.now());
            }
            answer
        };
        self.wake.notify_one();
        self.wait(answer?).await
    }

    async fn free(&self, free: ReplicaFree) -> Result<(), BackupError> {
        let answer = self.state.lock().free(free, &self.config)?;
        self.wait(answer).await
    }

    async fn inventory(&self, log: LogId, at: ListVersion) -> Result<Vec<ReplicaInfo>, BackupError> {
        let mut infos = {
            let state = &mut *self.state.lock();
            state.membership.fence(log, at)?;
            state.shelf.list(log)
        };
        for at in digest_order(&infos) {
            let info = &mut infos[at];
            info.digest = self.digest(info.replica).await;
            if ends_digests(info) {
                break;
            }
        }
        Ok(infos)
    }

    async fn start_recovery(&self, log: LogId, plan: ReadPlan) -> Result<(), BackupError> {
        let state = &mut *self.state.lock();
        state.membership.check_fenced(log)?;
        state.read_ahead.start(log, plan, self.config.rules);
        self.wake.notify_one();
        Ok(())
    }

    async fn load(&self, replica: ReplicaId, want: LoadRequest) -> Result<Loaded, BackupError> {
        match want {
            LoadRequest::Whole => self.load_whole(replica).await,
            LoadRequest::Filtered { index, partition } => self.load_filtered(replica, index, partition).await,
        }
    }

    async fn stats(&self) -> BackupStats {
        let state = self.state.lock();
        let (open, bytes) = state.shelf.count();
        BackupStats {
            frames: self.config.frames,
            frames_used: state.shelf.used().frames,
            open,
            bytes,
            read_rate: state.read_rate,
            is_poisoned: state.poisoned.is_some(),
        }
    }
}
