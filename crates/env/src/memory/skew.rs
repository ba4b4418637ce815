//! Clocks of nodes: each counts from its own origin, at nearly the same rate.

use crate::Time;
use std::time::Duration;

const MILLION: i128 = 1_000_000;

/// How a node's clock follows the world's since it was last set.
#[derive(Clone, Copy, Default)]
pub(super) struct Skew {
    world: Time,
    local: Time,
    drift_ppm: i32,
}

impl Skew {
    /// Goes on from `now`, ahead by another `ahead`, with a new drift.
    pub(super) fn change(&mut self, now: Time, ahead: Duration, drift_ppm: i32) {
        assert!(drift_ppm.abs() < 1_000_000, "a clock never stands still or runs backwards: {drift_ppm} ppm");
        *self = Self { local: self.local(now) + ahead, world: now, drift_ppm };
    }

    pub(super) fn local(self, world: Time) -> Time {
        // Asked for at every poll: the usual case does without long division.
        if let Some(elapsed) = world.0.checked_sub(self.world.0)
            && let Some(scaled) = elapsed.checked_mul(self.rate() as u64)
            && let Some(local) = self.local.0.checked_add(scaled / MILLION as u64)
        {
            return Time(local);
        }
        let elapsed = i128::from(world.0) - i128::from(self.world.0);
        clamp(i128::from(self.local.0) + elapsed * self.rate() / MILLION)
    }

    /// The first instant of the world at which the clock shows at least `local`.
    pub(super) fn world(self, local: Time) -> Time {
        let elapsed = i128::from(local.0) - i128::from(self.local.0);
        let scaled = elapsed * MILLION;
        let rounded_up = -(-scaled).div_euclid(self.rate());
        clamp(i128::from(self.world.0) + rounded_up)
    }

    fn rate(self) -> i128 {
        MILLION + i128::from(self.drift_ppm)
    }
}

fn clamp(nanos: i128) -> Time {
    Time(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The short way and the long one agree, from where both can be taken.
        #[test]
        fn long_times_are_as_exact_as_short_ones(drift_ppm in -20_000..20_000_i32, elapsed in 0..1_u64 << 43) {
            let skew = Skew { drift_ppm, ..Skew::default() };
            let exact = i128::from(elapsed) * skew.rate() / MILLION;
            prop_assert_eq!(skew.local(Time(elapsed)), clamp(exact));
            let (long, rate) = (elapsed + (1 << 62), skew.rate());
            prop_assert_eq!(skew.local(Time(long)), clamp(i128::from(long) * rate / MILLION));
        }

        #[test]
        fn a_timer_fires_when_the_clock_shows_its_deadline_and_not_before(
            set_at in 0..1_u64 << 50,
            ahead in 0..1_u64 << 40,
            drift_ppm in -20_000..20_000_i32,
            wait in 1..1_u64 << 40,
        ) {
            let mut skew = Skew::default();
            skew.change(Time(set_at), Duration::from_nanos(ahead), drift_ppm);
            let deadline = Time(set_at + ahead + wait);
            let fires = skew.world(deadline);
            prop_assert!(skew.local(fires) >= deadline);
            prop_assert!(skew.local(Time(fires.0 - 1)) < deadline);
        }
    }
}
