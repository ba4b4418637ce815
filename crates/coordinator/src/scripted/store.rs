//! What scripted backups list.

use super::script::Script;
use async_trait::async_trait;
use rekindle_backup::{
    BackupError, BackupStats, BackupStore, LoadRequest, Loaded, ReadPlan, ReplicaFree, ReplicaInfo,
    ReplicaWrite,
};
use rekindle_types::{ListVersion, LogId, RemoteError, ReplicaId, ServerId};

pub(super) struct ScriptedStore {
    pub script: Script,
    pub server: ServerId,
}

impl ScriptedStore {
    fn not_in_the_script() -> BackupError {
        RemoteError::NotDone("not in the script".into()).into()
    }
}

#[async_trait]
impl BackupStore for ScriptedStore {
    async fn write(&self, _: ReplicaWrite) -> Result<(), BackupError> {
        Err(Self::not_in_the_script())
    }

    async fn free(&self, _: ReplicaFree) -> Result<(), BackupError> {
        Err(Self::not_in_the_script())
    }

    async fn inventory(&self, log: LogId, _: ListVersion) -> Result<Vec<ReplicaInfo>, BackupError> {
        let held = {
            let scene = self.script.scene.lock();
            let server = scene.servers.get(&self.server).filter(|s| s.answers());
            server.map(|s| s.replicas.get(&log).cloned().unwrap_or_default())
        };
        if held.is_none() {
            self.script.env.clock.sleep(self.script.times.call_deadline).await;
        }
        held.ok_or_else(|| RemoteError::Unknown("no answer".into()).into())
    }

    async fn start_recovery(&self, _: LogId, _: ReadPlan) -> Result<(), BackupError> {
        Ok(())
    }

    async fn load(&self, _: ReplicaId, _: LoadRequest) -> Result<Loaded, BackupError> {
        Err(Self::not_in_the_script())
    }

    async fn stats(&self) -> BackupStats {
        BackupStats::default()
    }
}
