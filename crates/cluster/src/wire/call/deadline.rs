//! Waiting until a deadline.

use futures_util::{
    future::{Either, select},
    poll,
};
use rekindle_env::{Clock, Time};
use std::{future::Future, pin::pin, task::Poll};

/// The future's output, or `None` once `deadline` has passed.
pub(super) async fn until<F: Future>(clock: &dyn Clock, deadline: Time, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    // Most are ready: they need no timer.
    if let Poll::Ready(output) = poll!(&mut future) {
        return Some(output);
    }
    match select(future, clock.sleep_until(deadline)).await {
        Either::Left((output, _)) => Some(output),
        Either::Right(_) => None,
    }
}

/// What is left, in the unit of the frame's header; at least 1 while anything is left.
pub(super) fn time_left_ms(now: Time, deadline: Time) -> u32 {
    u32::try_from(deadline.since(now).as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX)
}
