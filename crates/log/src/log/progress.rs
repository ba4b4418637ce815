//! How far the log is durable, and who waits for it.

use crate::{LogError, SinkError};
use parking_lot::Mutex;
use rekindle_types::{Position, SegmentId};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

/// Durable position and its waiters. Its lock is a leaf: nothing is taken and nobody woken under it.
#[derive(Default)]
pub(super) struct Progress {
    /// The durable position in one word, for readers without the lock. Written under the lock, with Release;
    /// readers load with Acquire, but need no order with anything else.
    durable: AtomicU64,
    waiters: Mutex<Waiters>,
}

#[derive(Default)]
struct Waiters {
    wakers: BTreeMap<(Position, u64), Waker>,
    next: u64,
    failed: Option<SinkError>,
}

/// A position in one word, which is ordered as positions are. Offsets have 27 bits (a segment's end included), ids the other 37: 2^37 segments of 64 KiB are 8 PiB.
const OFFSET_BITS: u32 = 27;

pub(crate) fn pack(position: Position) -> u64 {
    assert!(position.segment.0 < 1 << (64 - OFFSET_BITS), "no log lives for 2^37 segments");
    position.segment.0 << OFFSET_BITS | u64::from(position.offset)
}

#[inline]
pub(crate) fn unpack(word: u64) -> Position {
    Position { segment: SegmentId(word >> OFFSET_BITS), offset: (word & ((1 << OFFSET_BITS) - 1)) as u32 }
}

impl Progress {
    #[inline]
    pub(super) fn durable(&self) -> Position {
        unpack(self.durable.load(Ordering::Acquire))
    }

    /// Moves the durable position on. Returns those who waited for it, to be woken without any lock.
    pub(super) fn advance(&self, to: Position) -> impl Iterator<Item = Waker> + use<> {
        let mut waiters = self.waiters.lock();
        let mut woken = BTreeMap::new();
        if to > self.durable() {
            self.durable.store(pack(to), Ordering::Release);
            let beyond = waiters.wakers.split_off(&(to, u64::MAX));
            woken = std::mem::replace(&mut waiters.wakers, beyond);
        }
        woken.into_values()
    }

    /// Nothing becomes durable any more: tells everyone. The first reason stays.
    pub(super) fn fail(&self, error: SinkError) {
        let woken = {
            let mut waiters = self.waiters.lock();
            waiters.failed.get_or_insert(error);
            std::mem::take(&mut waiters.wakers)
        };
        woken.into_values().for_each(Waker::wake);
    }

    /// Resolves once durable up to `position`. What was durable before a failure stays so.
    pub(super) fn wait(&self, position: Position) -> Wait<'_> {
        Wait { progress: self, position, ticket: None }
    }
}

/// Waits for a position. Dropping it cancels only the wait.
pub(super) struct Wait<'a> {
    progress: &'a Progress,
    position: Position,
    ticket: Option<u64>,
}

impl Future for Wait<'_> {
    type Output = Result<(), LogError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.position <= self.progress.durable() {
            return Poll::Ready(Ok(()));
        }
        let mut waiters = self.progress.waiters.lock();
        // Again under the lock: `advance` stores under it.
        if self.position <= self.progress.durable() {
            return Poll::Ready(Ok(()));
        }
        if let Some(error) = &waiters.failed {
            return Poll::Ready(Err(LogError::Sink(error.clone())));
        }
        let ticket = self.ticket.unwrap_or(waiters.next);
        waiters.next = waiters.next.max(ticket + 1);
        let former = waiters.wakers.insert((self.position, ticket), cx.waker().clone());
        drop(waiters);
        drop(former);
        self.ticket = Some(ticket);
        Poll::Pending
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let mut waiters = self.progress.waiters.lock();
            let waker = waiters.wakers.remove(&(self.position, ticket));
            // Dropping a waker may run an executor's code: not under the lock.
            drop(waiters);
            drop(waker);
        }
    }
}
