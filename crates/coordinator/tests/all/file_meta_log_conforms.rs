//! The meta log in files does what every meta log must do; also when it is closed and opened anew between any two
//! reigns.

use async_trait::async_trait;
use parking_lot::Mutex;
use rekindle_coordinator::meta::{
    AppendError, Batch, FileMetaLog, FileMetaLogConfig, Leadership, MetaLog, MetaOpenError, Opened,
    conformance,
};
use rekindle_env::{Env, memory::World};
use rekindle_types::{Lsn, Term};
use std::sync::Arc;

/// Every open is that of a new process: it knows what is on the disk and nothing else.
struct Restarted {
    env: Env,
    log: Mutex<Option<Arc<FileMetaLog>>>,
}

impl Restarted {
    fn log(&self) -> Arc<FileMetaLog> {
        let open = || Arc::new(FileMetaLog::new(&self.env, FileMetaLogConfig::new(7)));
        Arc::clone(self.log.lock().get_or_insert_with(open))
    }
}

#[async_trait]
impl MetaLog for Restarted {
    async fn open(&self) -> Result<Opened, MetaOpenError> {
        *self.log.lock() = None;
        self.log().open().await
    }

    async fn append(&self, term: Term, batch: Batch) -> Result<Lsn, AppendError> {
        self.log().append(term, batch).await
    }

    fn leadership(&self, term: Term) -> Leadership {
        self.log().leadership(term)
    }
}

/// A disk that nobody has used.
fn fresh_env(world: &World, count: &mut u32) -> Env {
    *count += 1;
    world.node(&format!("coordinator-{count}")).env()
}

#[test]
fn file_meta_log_conforms() {
    let world = World::new(1);
    let count = Mutex::new(0);
    let fresh = || fresh_env(&world, &mut count.lock());
    world.block_on(conformance::check_all(async || FileMetaLog::new(&fresh(), FileMetaLogConfig::new(7))));
    world.block_on(conformance::check_all(async || Restarted { env: fresh(), log: Mutex::default() }));
}
