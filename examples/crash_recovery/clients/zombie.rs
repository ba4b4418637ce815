//! A server that comes back from the dead, asked behind the cluster's back.

use super::Caller;
use crate::checked::{Breach, Index, Number, Values};
use futures_util::future::{Either, join, join_all, select};
use rekindle::{
    client::{Condition, Master, ObjectCall, ObjectOp, ObjectReply, ObjectRequest, ObjectResult},
    env::Env,
    types::{RemoteError, Tablet},
};
use std::{pin::pin, sync::Arc, time::Duration};

/// Objects that it is asked for.
const OBJECTS: usize = 32;
/// Calls that wait for it when it wakes up.
const WAITING: usize = 16;
/// It is called for so long after it woke up, with a pause between two calls.
const AFTER: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(10);
/// An answer may take so long. A zombie that has noticed that it is dead ends, and answers nothing.
const CALL_TIMEOUT: Duration = Duration::from_secs(1);

/// Clients with an old map: they go on to call the server that owned the tablets then.
pub struct Zombie {
    caller: Caller,
    env: Env,
    master: Arc<dyn Master>,
    /// Objects, and the tablets that they were in.
    stale: Vec<(Index, Tablet)>,
}

/// Calls that it refused or did not answer, and calls that it served: each of these is wrong.
pub type Asked = (u64, u64);

impl Zombie {
    /// What the server owned before it was stopped.
    pub fn new(caller: &Caller, env: &Env, master: Arc<dyn Master>, tablets: &[Tablet]) -> Self {
        let tablet_of = |index| {
            let hash = caller.hash(index);
            tablets.iter().find(|tablet| tablet.range.contains(hash)).map(|tablet| (index, *tablet))
        };
        let stale = caller.objects.indexes().filter_map(tablet_of).take(OBJECTS).collect();
        Self { caller: caller.clone(), env: env.clone(), master, stale }
    }

    /// Overwrites the objects at their new owners: from now on the zombie's are stale.
    pub async fn overwrite(&self) {
        // One that the traffic is writing just now becomes stale all the same.
        join_all(self.stale.iter().map(|(index, _)| self.caller.put(*index, Condition::Always))).await;
    }

    /// Before it is stopped: it answers, and there is a connection.
    pub async fn greet(&self) -> Result<(), String> {
        match self.call(false).await {
            Ok(reply) if reply.results.iter().all(Result::is_ok) => Ok(()),
            Ok(reply) => Err(format!("the server answers {:?} before it is stopped", reply.results)),
            Err(error) => Err(format!("the server does not answer before it is stopped: {error}")),
        }
    }

    /// Calls it: some calls wait for it when `wake` wakes it up, others come later.
    ///
    /// # Errors
    /// That of `wake`.
    pub async fn ask<E>(&self, wake: impl Future<Output = Result<(), E>>) -> Result<Asked, E> {
        let waiting = join_all((0..WAITING).map(|_| self.call(true)));
        let later = async {
            // The calls above are in the sockets of the sleeping process by then.
            self.env.clock.sleep(Duration::from_millis(100)).await;
            wake.await?;
            let mut answers = Vec::new();
            let end = self.env.clock.now() + AFTER;
            while self.env.clock.now() < end {
                answers.push(self.call(true).await);
                self.env.clock.sleep(PAUSE).await;
            }
            Ok(answers)
        };
        let (waiting, later) = join(waiting, later).await;
        let judged = waiting.into_iter().chain(later?).map(|answer| self.judge(answer));
        Ok(judged.fold((0, 0), |sum, asked| (sum.0 + asked.0, sum.1 + asked.1)))
    }

    /// One request for all objects; half of them are written, if it `writes`.
    async fn call(&self, writes: bool) -> Result<ObjectReply, RemoteError> {
        let calls = self.stale.iter().enumerate().map(|(at, (index, tablet))| {
            let key = self.caller.objects.key(*index);
            let op = if writes && at % 2 == 1 {
                // Of no write that anybody was promised: to be seen nowhere, ever.
                let value = self.caller.objects.value(*index, Number::MAX);
                ObjectOp::Put { key, value, condition: Condition::Always }
            } else {
                ObjectOp::Get { key }
            };
            ObjectCall { table: tablet.table, tablet: tablet.version, op }
        });
        let request = ObjectRequest { calls: calls.collect(), time_left_ms: CALL_TIMEOUT.as_millis() as u32 };
        match select(pin!(self.master.call(request)), self.env.clock.sleep(CALL_TIMEOUT)).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => Err(RemoteError::Unknown("no answer in time".into())),
        }
    }

    fn judge(&self, answer: Result<ObjectReply, RemoteError>) -> Asked {
        let Ok(reply) = answer else { return (self.stale.len() as u64, 0) };
        let (mut refused, mut served) = (0, 0);
        for ((index, _), result) in self.stale.iter().zip(&reply.results) {
            let Ok(result) = result else {
                refused += 1;
                continue;
            };
            served += 1;
            let what = format!("a server declared dead answered {}", name(result));
            self.caller.books.lock().note(Err(Breach { index: *index, is_lost: false, what }));
        }
        (refused, served)
    }
}

fn name(result: &ObjectResult) -> &'static str {
    match result {
        ObjectResult::Found { .. } => "a read with a stale value",
        ObjectResult::Absent => "a read with absence",
        ObjectResult::Written(_) => "a write as done",
        _ => "a call",
    }
}
