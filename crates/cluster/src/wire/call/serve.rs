//! The answering side of a lane.

use super::{Stamps, deadline::until};
use crate::wire::{Frame, FrameWriter, Lane, LaneKind, Party, Stamp};
use futures_util::{FutureExt, StreamExt, select_biased, stream::FuturesUnordered};
use rekindle_env::{Clock, Time};
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// What one lane may use.
#[derive(Clone, Copy, Debug)]
pub struct LaneLimits {
    /// Most calls handled at once; further frames stay in the transport, whose queue is bounded.
    pub handlers_max: usize,
    /// A reply that the peer does not take for so long closes the lane.
    pub send_timeout: Duration,
}

impl LaneLimits {
    /// 256 object calls, 64 of each other kind; 10 s for a reply to leave.
    #[must_use]
    pub fn of(kind: LaneKind) -> Self {
        let handlers_max = if kind == LaneKind::Object { 256 } else { 64 };
        Self { handlers_max, send_timeout: Duration::from_secs(10) }
    }
}

/// Answers the calls of a greeted lane until it closes; calls that were begun are carried to their end, without
/// an answer then. `handle` gets each frame and the instant at which the caller stops waiting; handlers start in
/// the order of the frames and run concurrently. It should not wait for longer than that instant.
pub async fn serve_lane<F>(
    mut lane: Lane,
    kind: LaneKind,
    peer: Party,
    limits: LaneLimits,
    clock: Arc<dyn Clock>,
    stamps: Arc<dyn Stamps>,
    handle: impl Fn(Frame, Time) -> F,
) where
    F: Future<Output = FrameWriter>,
{
    let is_stuck = AtomicBool::new(false);
    let mut calls = FuturesUnordered::new();
    while !is_stuck.load(Ordering::Relaxed) {
        let bytes = if calls.len() >= limits.handlers_max {
            calls.next().await;
            continue;
        } else {
            select_biased! {
                _ = calls.select_next_some() => continue,
                bytes = lane.receiver.receive().fuse() => bytes,
            }
        };
        // Bytes that are no frame break the lane: what follows them can't be told apart.
        let Some(frame) = bytes.ok().and_then(|b| Frame::decode(&b, kind.frame_bytes_max()).ok()) else {
            break;
        };
        if frame.kind.is_stamped() {
            stamps.seen(peer, frame.stamp);
        }
        let request = frame.request;
        let deadline = clock.now() + Duration::from_millis(frame.time_left_ms.into());
        let answer = handle(frame, deadline);
        let (sender, clock, stamps, is_stuck) = (&lane.sender, &clock, &stamps, &is_stuck);
        calls.push(async move {
            let answer = answer.await;
            let stamp = if answer.kind().is_stamped() { stamps.stamp() } else { Stamp::default() };
            let packet = answer.finish(request, 0, stamp, kind.frame_bytes_max()).unwrap_or_else(|e| {
                let refusal = crate::wire::CallRefusal::Unknown(format!("the reply: {e}"));
                let packet = refusal.encode().finish(request, 0, stamp, kind.frame_bytes_max());
                packet.expect("a refusal is shorter than any limit")
            });
            let sent_by = clock.now() + limits.send_timeout;
            if !matches!(until(&**clock, sent_by, sender.send(packet)).await, Some(Ok(()))) {
                is_stuck.store(true, Ordering::Relaxed); // Read by this task alone.
            }
        });
    }
    lane.sender.close();
    while calls.next().await.is_some() {}
}
