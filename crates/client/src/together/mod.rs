//! Single calls that are made at once travel together.
//!
//! A request costs about the same whether it carries one call or a hundred. So a call is not sent by whoever makes it: it
//! is queued, and a task of its master's takes all that is queued at its next turn, which on one thread comes after all
//! that is ready. A call that is alone waits for nothing but that turn. Reads and writes don't mix: the answer to both
//! would come when the writes are durable (V3).

mod queue;

use crate::{
    ObjectCall, ObjectError, ObjectReply, ObjectResult,
    ask::{ask, is_read},
    client::Shared,
};
use futures_util::{FutureExt, StreamExt, select_biased, stream::FuturesUnordered};
use parking_lot::Mutex;
use queue::{Queue, Request, Waiter};
use rekindle_env::{Task, Time};
use rekindle_types::{RemoteError, ServerEntry, ServerId};
use std::{
    collections::BTreeMap,
    future::poll_fn,
    mem,
    sync::{Arc, Weak},
    task::Poll,
};
use tokio::sync::oneshot;

/// What a master, or the way to it, said to one call.
pub(crate) type Answer = Result<Result<ObjectResult, ObjectError>, RemoteError>;

/// The queues of all masters: one for reads, one for writes.
#[derive(Default)]
pub(crate) struct Together {
    lanes: Mutex<BTreeMap<(ServerId, bool), Lane>>,
}

struct Lane {
    queue: Arc<Queue>,
    /// Ends with the lane.
    _task: Task,
}

impl Together {
    /// The answer to one call; `None` when it was not taken, since too many wait: surely not done. Ends with the
    /// deadline, or a little earlier.
    pub(crate) async fn ask(
        &self,
        shared: &Arc<Shared>,
        server: &ServerEntry,
        call: ObjectCall,
        deadline: Time,
    ) -> Option<Answer> {
        let (answer, receiver) = oneshot::channel();
        let waiter = Waiter { call, deadline, answer };
        if !self.queue(shared, server, is_read(&waiter.call.op)).push(waiter) {
            return None;
        }
        // Senders go without a word only with the task, and that with the client or its world.
        let stopped = |_| Err(RemoteError::Unknown("the client stops".into()));
        Some(receiver.await.unwrap_or_else(stopped))
    }

    fn queue(&self, shared: &Arc<Shared>, server: &ServerEntry, is_read: bool) -> Arc<Queue> {
        let key = (server.id, is_read);
        let mut lanes = self.lanes.lock();
        if let Some(lane) = lanes.get(&key) {
            return lane.queue.clone();
        }
        // Those of servers that are gone, but for calls whose answers may still come.
        let view = shared.views.present();
        let mut gone = Vec::new();
        for (key, lane) in mem::take(&mut *lanes) {
            match view.is_gone(key.0) && lane.queue.is_idle() {
                true => gone.push(lane),
                false => drop(lanes.insert(key, lane)),
            }
        }
        let queue = Arc::new(Queue::default());
        let run = run(Arc::downgrade(shared), server.clone(), Closer(queue.clone()));
        let task = shared.env.spawn.spawn("calls of a master", Box::pin(run));
        lanes.insert(key, Lane { queue: queue.clone(), _task: task });
        drop(lanes);
        drop(gone);
        queue
    }
}

/// Closes the queue with the task that empties it: callers must not wait for nobody.
struct Closer(Arc<Queue>);

impl Drop for Closer {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Sends what is queued, until it is dropped or the client is gone.
async fn run(shared: Weak<Shared>, server: ServerEntry, queue: Closer) {
    let queue = &queue.0;
    let mut requests = FuturesUnordered::new(); // Bounded by the calls that a queue takes.
    loop {
        select_biased! {
            () = next_of(&mut requests).fuse() => {}
            () = queue.changed.notified().fuse() => {
                let Some(shared) = shared.upgrade() else { return };
                if let Some(request) = queue.take(shared.config.request_bytes_max) {
                    requests.push(send(shared, &server, queue, request));
                }
                if !queue.is_empty() {
                    queue.changed.notify_one();
                    // What was begun leaves before the next is made.
                    let _ = requests.next().now_or_never();
                    yield_now().await;
                }
            }
        }
    }
}

/// The end of the next request; pending while there is none, unlike the stream's own end.
async fn next_of(requests: &mut FuturesUnordered<impl Future<Output = ()>>) {
    poll_fn(|context| match requests.is_empty() {
        true => Poll::Pending,
        false => requests.poll_next_unpin(context).map(|_| ()),
    })
    .await;
}

/// Lets others that are ready go first.
async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

async fn send(shared: Arc<Shared>, server: &ServerEntry, queue: &Queue, request: Request) {
    let Request { calls, answers, deadline } = request;
    let count = calls.len();
    if count == 0 {
        return;
    }
    let reply = ask(&shared, server, calls, deadline).await;
    drop(shared);
    let reply = reply.and_then(|ObjectReply { results }| {
        let fits = results.len() == count;
        fits.then_some(results).ok_or_else(|| RemoteError::Unknown("results do not match the calls".into()))
    });
    let value_bytes = |result: &Result<ObjectResult, ObjectError>| match result {
        Ok(ObjectResult::Found { value, .. }) => value.len(),
        _ => 0,
    };
    match reply {
        Ok(results) => {
            queue.answered(count, results.iter().map(value_bytes).max().unwrap_or(0));
            for (answer, result) in answers.into_iter().zip(results) {
                let _ = answer.send(Ok(result)); // The caller may have given up.
            }
        }
        Err(error) => {
            queue.answered(count, 0);
            for answer in answers {
                let _ = answer.send(Err(error.clone())); // Likewise.
            }
        }
    }
}
