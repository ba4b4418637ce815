//! Time that counts suspended time too.

use crate::{Clock, Time};
use rustix::time::{ClockId, clock_gettime};
use std::{future::Future, pin::Pin, time::Duration};
use tokio::runtime::Handle;

/// The longest sleep in one go. Tokio's timers stand still while the machine is suspended, so a deadline that
/// passes meanwhile is noticed at most this long after the machine is back.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// The boot clock, with tokio's timers.
pub(super) struct RealClock {
    /// Whose timers serve those who sleep outside a runtime.
    pub(super) main: Handle,
}

fn now() -> Time {
    // F2: CLOCK_MONOTONIC would not count suspended time, and a lease would seem to hold after it.
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).expect("time since boot is positive");
    let nanos = u64::try_from(now.tv_nsec).expect("nanoseconds are positive");
    Time(seconds * 1_000_000_000 + nanos)
}

impl Clock for RealClock {
    fn now(&self) -> Time {
        now()
    }

    fn sleep_until(&self, deadline: Time) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let main = self.main.clone();
        Box::pin(async move {
            loop {
                let left = deadline.since(now());
                if left.is_zero() {
                    return;
                }
                let sleep = {
                    // Timers of the thread that sleeps: the other thread may be busy.
                    let _entered = Handle::try_current().is_err().then(|| main.enter());
                    tokio::time::sleep(left.min(SLEEP_MAX))
                };
                sleep.await;
            }
        })
    }
}
