//! Time.

use std::{fmt, future::Future, ops, pin::Pin, time::Duration};

/// An instant: nanoseconds of a clock that only grows, counting suspended time too (F2).
///
/// Instants of two processes can't be compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(pub u64);

impl Time {
    /// How long ago `earlier` was; zero when it lies ahead.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl ops::Add<Duration> for Time {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}ms", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

/// A monotonic clock with timers.
pub trait Clock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Time;

    /// Resolves at `deadline` or soon after; at once when that has passed. Dropping it cancels the timer.
    fn sleep_until(&self, deadline: Time) -> Pin<Box<dyn Future<Output = ()> + Send>>;

    /// Resolves after `duration`.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.sleep_until(self.now() + duration)
    }
}
