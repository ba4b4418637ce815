//! Pulling and applying.

use super::{
    ApplyError, ReplayConfig, ReplayFailure,
    queue::{Next, Pull, PullQueue},
};
use crate::plan::SegmentReplicas;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, future::BoxFuture, select_biased, stream::FuturesUnordered};
use rekindle_backup::{BackupError, Backups, LoadRequest};
use rekindle_env::{Env, Time};
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

/// Entries that were applied, or not.
type Applied = (Pull, Result<(), ApplyError>);

/// What has come to its end.
enum Ended {
    Load(Loaded),
    Apply(Applied),
}

impl ReplayTask {
    /// Pulls every segment's share of the partition from the first backup that has it whole, and gives it to
    /// `apply`, in whatever order the backups answer. Further loads go on meanwhile; what is loaded and not applied
    /// counts among them (`loads_max`).
    ///
    /// Resolves when all is applied, or when nothing more can be done. Dropping it cancels the loads; what was
    /// applied is the caller's to drop.
    pub async fn pull<F>(
        &self,
        backups: &dyn Backups,
        env: &Env,
        mut apply: impl FnMut(SegmentId, Bytes) -> F + Send,
    ) -> Result<(), ReplayFailure>
    where
        F: Future<Output = Result<(), ApplyError>> + Send,
    {
        let mut queue = PullQueue::new(&self.segments, self.config);
        let mut loads: FuturesUnordered<BoxFuture<'_, Loaded>> = FuturesUnordered::new();
        let mut applies: FuturesUnordered<BoxFuture<'_, Applied>> = FuturesUnordered::new();
        loop {
            let wake = match queue.next(env.clock.now()) {
                Next::Done => return Ok(()),
                Next::Lost(lost) => return Err(ReplayFailure::Lost(lost)),
                Next::Load(pull) => {
                    loads.push(self.load(pull, backups, env));
                    continue;
                }
                Next::Wait(wake) => wake,
            };
            let now = || env.clock.now();
            match ended(&mut loads, &mut applies, wake, env).await {
                None => {}
                Some(Ended::Load((pull, Ok(bytes)))) => {
                    queue.loaded(&pull);
                    let applying = apply(pull.segment, bytes);
                    applies.push(async move { (pull, applying.await) }.boxed());
                }
                Some(Ended::Load((pull, Err(error)))) => {
                    queue.not_loaded(&pull, now(), may_get_better(&error), error.to_string());
                }
                Some(Ended::Apply((pull, Ok(())))) => queue.applied(&pull),
                Some(Ended::Apply((pull, Err(ApplyError::Damaged(why))))) => {
                    queue.not_applied(&pull, now(), why);
                }
                Some(Ended::Apply((_, Err(ApplyError::NoRoom(why))))) => {
                    return Err(ReplayFailure::NoRoom(why));
                }
                Some(Ended::Apply((_, Err(ApplyError::Refused(why))))) => {
                    return Err(ReplayFailure::Refused(why));
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

/// The next load or apply that ends, or nothing when `wake` comes first.
async fn ended(
    loads: &mut FuturesUnordered<BoxFuture<'_, Loaded>>,
    applies: &mut FuturesUnordered<BoxFuture<'_, Applied>>,
    wake: Option<Time>,
    env: &Env,
) -> Option<Ended> {
    let wake = async {
        match wake {
            Some(wake) => env.clock.sleep_until(wake).await,
            None => std::future::pending().await,
        }
    };
    select_biased! {
        applied = applies.select_next_some() => Some(Ended::Apply(applied)),
        loaded = loads.select_next_some() => Some(Ended::Load(loaded)),
        () = Box::pin(wake).fuse() => None,
    }
}

/// Whether the same replica may be readable later.
fn may_get_better(error: &BackupError) -> bool {
    matches!(error, BackupError::Remote(_) | BackupError::NotReady(_) | BackupError::NoRoom { .. })
}
