//! Pulling and applying.

use super::{
    ApplyError, ReplayConfig, ReplayFailure,
    queue::{Next, Pull, PullQueue},
};
use crate::plan::SegmentReplicas;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, future::BoxFuture, select_biased, stream::FuturesUnordered};
use rekindle_backup::{BackupError, Backups, LoadRequest};
use rekindle_env::Env;
use rekindle_types::{Partition, PartitionIndex, SegmentId};

/// One partition of a dead master's log, to be filled into a store.
#[derive(Clone, Debug)]
pub struct ReplayTask {
    /// Its index in the plan, for the backups' read-ahead.
    pub index: PartitionIndex,
    /// What it consists of.
    pub partition: Partition,
    /// The log's segments, and where to read each, best replica first.
    pub segments: Vec<SegmentReplicas>,
    /// Limits.
    pub config: ReplayConfig,
}

/// A load that ended.
type Loaded = (Pull, Result<Bytes, BackupError>);

impl ReplayTask {
    /// Pulls every segment's share of the partition from the first backup that has it whole, and gives it to
    /// `apply`, in whatever order the backups answer.
    ///
    /// Resolves when all is applied, or when nothing more can be done. Dropping it cancels the loads; what was
    /// applied is the caller's to drop.
    pub async fn pull(
        &self,
        backups: &dyn Backups,
        env: &Env,
        mut apply: impl FnMut(SegmentId, &[u8]) -> Result<(), ApplyError> + Send,
    ) -> Result<(), ReplayFailure> {
        let mut queue = PullQueue::new(&self.segments, self.config);
        let mut loads: FuturesUnordered<BoxFuture<'_, Loaded>> = FuturesUnordered::new();
        loop {
            match queue.next(env.clock.now()) {
                Next::Done => return Ok(()),
                Next::Lost(lost) => return Err(ReplayFailure::Lost(lost)),
                Next::Load(pull) => loads.push(self.load(pull, backups, env)),
                Next::Wait(wake) => {
                    if let Some((pull, loaded)) = ended(&mut loads, wake, env).await {
                        settle(&mut queue, &pull, loaded, env, &mut apply)?;
                    }
                }
            }
        }
    }

    /// One load, ended by an answer or the timeout.
    fn load<'a>(&self, pull: Pull, backups: &dyn Backups, env: &'a Env) -> BoxFuture<'a, Loaded> {
        let store = backups.store(pull.source.server);
        let want = LoadRequest::Filtered { index: self.index, partition: self.partition.clone() };
        let timeout = env.clock.sleep(pull.timeout);
        let load = async move {
            let loaded = store.load(pull.source.replica, want).await?;
            if loaded.certificate != pull.source.certificate() {
                let (replica, at) = (pull.source.replica, loaded.certificate.length);
                let why = format!("listed with {:?}, read with another", pull.source.certificate());
                return Err(BackupError::Damaged { replica, at, why });
            }
            Ok(loaded.bytes)
        };
        async move {
            let loaded = select_biased! {
                loaded = Box::pin(load).fuse() => loaded,
                () = timeout.fuse() => {
                    Err(BackupError::NotReady("no answer within the load timeout".into()))
                }
            };
            (pull, loaded)
        }
        .boxed()
    }
}

/// The next load that ends, or nothing when `wake` comes first.
async fn ended(
    loads: &mut FuturesUnordered<BoxFuture<'_, Loaded>>,
    wake: Option<rekindle_env::Time>,
    env: &Env,
) -> Option<Loaded> {
    match wake {
        None => loads.next().await,
        Some(wake) if loads.is_empty() => {
            env.clock.sleep_until(wake).await;
            None
        }
        Some(wake) => select_biased! {
            ended = loads.next().fuse() => ended,
            () = env.clock.sleep_until(wake).fuse() => None,
        },
    }
}

/// Applies what came, or turns to another replica.
fn settle(
    queue: &mut PullQueue,
    pull: &Pull,
    loaded: Result<Bytes, BackupError>,
    env: &Env,
    apply: &mut impl FnMut(SegmentId, &[u8]) -> Result<(), ApplyError>,
) -> Result<(), ReplayFailure> {
    let now = env.clock.now();
    match loaded {
        Err(error) => queue.failed(pull, now, may_get_better(&error), error.to_string()),
        Ok(bytes) => match apply(pull.segment, &bytes) {
            Ok(()) => queue.applied(pull),
            Err(ApplyError::Damaged(why)) => queue.failed(pull, now, false, why),
            Err(ApplyError::Refused(why)) => return Err(ReplayFailure::Refused(why)),
        },
    }
    Ok(())
}

/// Whether the same replica may be readable later.
fn may_get_better(error: &BackupError) -> bool {
    matches!(error, BackupError::Remote(_) | BackupError::NotReady(_) | BackupError::NoRoom { .. })
}
