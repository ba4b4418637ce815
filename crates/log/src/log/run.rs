//! Driving the sink: makes the calls that are due, takes their answers in.

use super::Log;
use super::pipeline::{Answered, Call};
use crate::{SegmentSink, SinkError};
use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, Waker};

/// Turns of the loop between two chances for other tasks, when a sink answers at once.
const TURNS_MAX: u32 = 64;

type Pending<'a> = Pin<Box<dyn Future<Output = Result<(), SinkError>> + Send + 'a>>;

impl Log {
    /// Drives the sink until that fails, and returns why. To be run once, by whoever assembles the log; when the
    /// future is dropped, the log is closed: every waiter gets [`SinkError::Closed`] and appends are refused.
    pub async fn run(self: Arc<Self>) -> SinkError {
        let on_drop = FailOnDrop(&self);
        let sink = Arc::clone(&self.sink);
        let mut pending = FuturesUnordered::new();
        let mut turns = 0_u32;
        let error = loop {
            // Made before the calls are gathered: what comes meanwhile is not missed.
            let mut woken = pin!(self.wake.notified());
            let calls = {
                let mut state = self.state.lock();
                // Memory may be back without any answer: a reader has left, or a side log was dropped.
                state.roll_if_wanted();
                state.next_calls()
            };
            for call in calls {
                let tag = call.tag();
                pending.push(make(&*sink, call).map(move |result| (tag, result)));
            }
            self.frames.prepare();
            let answer = poll_fn(|cx| match pending.poll_next_unpin(cx) {
                Poll::Ready(Some(answer)) => Poll::Ready(Some(answer)),
                _ => woken.as_mut().poll(cx).map(|()| None),
            });
            match answer.await {
                Some((tag, Ok(()))) => self.take_answer(tag),
                Some((_, Err(error))) => break error,
                None => {}
            }
            turns = turns.wrapping_add(1);
            if turns.is_multiple_of(TURNS_MAX) {
                yield_once().await;
            }
        };
        self.fail(error.clone());
        drop(on_drop);
        error
    }

    fn take_answer(&self, answer: Answered) {
        let (effects, woken) = {
            let mut state = self.state.lock();
            let effects = state.answered(answer);
            // Under the lock: a cleaner that takes the closed head for durable must not be ahead of readers (V3), and
            // memory is given back only after it is known to be history.
            let woken = effects.durable.map(|position| self.progress.advance(position));
            (effects, woken)
        };
        woken.into_iter().flatten().for_each(Waker::wake);
        drop(effects.departed);
        for (waiter, committed) in effects.commits {
            // Nobody may be waiting any more: the commit stands all the same.
            let _ = waiter.send(committed);
        }
    }

    /// The log is poisoned: every waiter learns it, appends refuse. The first reason stays.
    fn fail(&self, error: SinkError) {
        let waiters: Vec<_> = {
            let mut state = self.state.lock();
            state.failed.get_or_insert_with(|| error.clone());
            state.side_logs.values_mut().filter_map(|side| side.waiter.take()).collect()
        };
        self.progress.fail(error);
        drop(waiters);
    }
}

/// Lets other tasks of the executor have a turn, and whoever wants to stop this one.
async fn yield_once() {
    let mut is_second = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut is_second, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

struct FailOnDrop<'a>(&'a Log);

impl Drop for FailOnDrop<'_> {
    fn drop(&mut self) {
        self.0.fail(SinkError::Closed);
    }
}

fn make(sink: &dyn SegmentSink, call: Call) -> Pending<'_> {
    match call {
        Call::Open { segment, after, kind, bytes, cert } => sink.open(segment, after, kind, bytes, cert),
        Call::Append { segment, offset, bytes, cert } => sink.append(segment, offset, bytes, cert),
        Call::Close { segment, cert } => sink.close(segment, cert),
        Call::Free { segment } => sink.free(segment),
    }
}
