//! The directory as the node's process sees it.

use super::{
    Call, Disk,
    contents::{Appended, File},
    device::{MemoryDevice, Sectors},
    sync_failed,
};
use crate::{Device, Dir, DirLock, DiskError, name::check as check_name, name::lock_file};
use async_trait::async_trait;
use bytes::Bytes;
use std::sync::Arc;

/// A lock of the process of one generation.
struct Lock {
    disk: Arc<Disk>,
    generation: u64,
    name: String,
}

impl Drop for Lock {
    fn drop(&mut self) {
        let mut state = self.disk.state.lock();
        if state.generation == self.generation {
            state.locks.remove(&self.name);
        }
    }
}

/// The handle of a process.
pub(super) struct MemoryDir {
    pub(super) disk: Arc<Disk>,
    pub(super) generation: u64,
}

fn call<'a>(name: &'static str, file: &'a str, bytes: usize) -> Call<'a> {
    Call { name, file, offset: 0, bytes: bytes as u64 }
}

fn not_found(name: &str) -> DiskError {
    DiskError::NotFound(name.to_owned())
}

#[async_trait]
impl Dir for MemoryDir {
    async fn list(&self) -> Result<Vec<String>, DiskError> {
        self.disk.run(self.generation, call("list", "", 0), |state| Ok(state.contents.names.list())).await
    }

    async fn append(&self, name: &str, bytes: Bytes) -> Result<(), DiskError> {
        check_name(name)?;
        self.disk
            .run(self.generation, call("append", name, bytes.len()), |state| {
                state.take_room(bytes.len() as u64)?;
                if state.contents.names.find(name).is_none() {
                    state.contents.make(name, File::Appended(Appended::default()));
                }
                state.contents.appended(name)?.append(&bytes);
                Ok(())
            })
            .await
    }

    async fn read(&self, name: &str) -> Result<Bytes, DiskError> {
        self.disk
            .run(self.generation, call("read", name, 0), |state| {
                state.contents.appended(name).map(|file| file.read())
            })
            .await
    }

    async fn sync_file(&self, name: &str) -> Result<(), DiskError> {
        self.disk
            .run(self.generation, call("sync_file", name, 0), |state| {
                state.syncs.files += 1;
                let succeeds = state.sync_succeeds();
                state.contents.appended(name)?.sync(succeeds);
                if succeeds { Ok(()) } else { Err(sync_failed()) }
            })
            .await
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        check_name(to)?;
        self.disk
            .run(self.generation, call("rename", from, to.len()), |state| {
                state.contents.names.rename(from, to).map(drop).ok_or_else(|| not_found(from))
            })
            .await
    }

    async fn remove(&self, name: &str) -> Result<(), DiskError> {
        self.disk
            .run(self.generation, call("remove", name, 0), |state| {
                state.contents.names.unlink(name).map(drop).ok_or_else(|| not_found(name))
            })
            .await
    }

    async fn sync(&self) -> Result<(), DiskError> {
        self.disk
            .run(self.generation, call("sync_dir", "", 0), |state| {
                state.syncs.dirs += 1;
                let succeeds = state.sync_succeeds();
                state.contents.sync_names(succeeds);
                if succeeds { Ok(()) } else { Err(sync_failed()) }
            })
            .await
    }

    async fn device(&self, name: &str, length: u64) -> Result<Arc<dyn Device>, DiskError> {
        check_name(name)?;
        let (id, length) = self
            .disk
            .run(self.generation, call("device", name, 0), |state| {
                if let Some(id) = state.contents.names.find(name) {
                    return Ok((id, state.contents.device(id, name)?.len()));
                }
                state.take_room(length)?;
                let bytes = usize::try_from(length).map_err(|_| DiskError::Full)?;
                Ok((state.contents.make(name, File::Device(Sectors::new(bytes))), length))
            })
            .await?;
        let (disk, generation) = (Arc::clone(&self.disk), self.generation);
        Ok(Arc::new(MemoryDevice { disk, generation, id, name: name.to_owned(), length }))
    }

    async fn lock(&self, name: &str) -> Result<DirLock, DiskError> {
        check_name(name)?;
        self.disk
            .run(self.generation, call("lock", name, 0), |state| {
                if state.locks.insert(name.to_owned()) {
                    Ok(())
                } else {
                    Err(DiskError::Locked(lock_file(name)))
                }
            })
            .await?;
        let (disk, generation) = (Arc::clone(&self.disk), self.generation);
        Ok(DirLock::new(Lock { disk, generation, name: name.to_owned() }))
    }
}
