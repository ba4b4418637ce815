//! Threads that fill one replay.

use super::ApplyError;
use bytes::Bytes;
use parking_lot::Mutex;
use rekindle_env::Spawn;
use rekindle_log::LogError;
use rekindle_log::store::{Replay, ReplayError};
use rekindle_types::SegmentId;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A replay that is filled by heavy work, as many pieces at once as it has lanes.
pub struct Filling {
    replay: Arc<Replay>,
    lanes: Arc<Lanes>,
    /// One per lane. Held by every piece of work to its end, so that nothing ends before it.
    permits: Arc<Semaphore>,
    count: u32,
}

/// The lanes that nobody uses. Never empty for who has a permit.
struct Lanes(Mutex<Vec<usize>>);

/// A lane, for one piece of work. Fields are dropped in this order: whoever gets the permit finds the replay let go.
struct Turn {
    replay: Arc<Replay>,
    lane: LaneOfTurn,
    _permit: OwnedSemaphorePermit,
}

/// Gives its number back when dropped.
struct LaneOfTurn {
    lanes: Arc<Lanes>,
    number: usize,
}

impl Drop for LaneOfTurn {
    fn drop(&mut self) {
        self.lanes.0.lock().push(self.number);
    }
}

impl Filling {
    /// Fills `replay`, which was begun with as many lanes.
    #[must_use]
    pub fn new(replay: Replay, lanes: usize) -> Self {
        let lanes = lanes.max(1);
        Self {
            replay: Arc::new(replay),
            lanes: Arc::new(Lanes(Mutex::new((0..lanes).rev().collect()))),
            permits: Arc::new(Semaphore::new(lanes)),
            count: u32::try_from(lanes).expect("lanes are threads: few"),
        }
    }

    /// Applies the entries of a segment, away from the threads that answer calls. Dropping the future stops nothing
    /// that has begun: [`Filling::end`] waits for it.
    pub async fn apply(
        &self,
        segment: SegmentId,
        entries: Bytes,
        spawn: &dyn Spawn,
    ) -> Result<(), ApplyError> {
        let turn = self.turn().await;
        let work = move || {
            let applied = turn.replay.apply_in(turn.lane.number, segment, &entries);
            drop((turn, entries));
            applied
        };
        match spawn.compute("replay", work).await {
            Some(Ok(_)) => Ok(()),
            Some(Err(ReplayError::Corrupt(why))) => Err(ApplyError::Damaged(why.to_string())),
            Some(Err(ReplayError::Log(error @ LogError::Full { .. }))) => {
                Err(ApplyError::NoRoom(error.to_string()))
            }
            Some(Err(error)) => Err(ApplyError::Refused(error.to_string())),
            None => Err(ApplyError::Refused("the thread that applied it has ended".into())),
        }
    }

    async fn turn(&self) -> Turn {
        let permit = self.permits.clone().acquire_owned().await.expect("never closed");
        let number = self.lanes.0.lock().pop().expect("as many lanes as permits");
        let lane = LaneOfTurn { lanes: self.lanes.clone(), number };
        Turn { replay: self.replay.clone(), lane, _permit: permit }
    }

    /// Waits until no work is under way any more, and gives the replay back.
    pub async fn end(self) -> Replay {
        let all = self.permits.acquire_many(self.count).await.expect("never closed");
        drop(all);
        Arc::into_inner(self.replay).expect("a permit outlives its hold of the replay")
    }
}
