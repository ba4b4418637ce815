//! How long to wait before trying again.

use crate::ClientConfig;
use rekindle_env::Rng;
use std::time::Duration;

/// Doubles from `backoff_min` to `backoff_max`; half of it is random, so that clients that failed together do not
/// return together.
pub(crate) fn backoff(config: &ClientConfig, tries: u32, rng: &dyn Rng) -> Duration {
    let full = config.backoff_min.saturating_mul(1 << tries.min(20)).min(config.backoff_max);
    let half = u64::try_from(full.as_nanos() / 2).unwrap_or(u64::MAX);
    Duration::from_nanos(half + rng.below(half.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws always the same.
    struct Always(u64);

    impl Rng for Always {
        fn next_u64(&self) -> u64 {
            self.0
        }
    }

    #[test]
    fn it_doubles_up_to_its_limit() {
        let config = ClientConfig::default();
        let pause = |tries| backoff(&config, tries, &Always(u64::MAX));
        assert!(pause(0) < config.backoff_min && pause(0) >= config.backoff_min / 2);
        assert!(pause(1) > pause(0) * 19 / 10);
        assert!(pause(u32::MAX) < config.backoff_max);
    }

    #[test]
    fn half_of_it_is_drawn() {
        let config = ClientConfig::default();
        for (tries, full) in [(0, config.backoff_min), (u32::MAX, config.backoff_max)] {
            let [least, most] = [0, u64::MAX].map(|word| backoff(&config, tries, &Always(word)));
            assert_eq!(least, full / 2);
            assert!(most < full && most > full * 99 / 100, "{most:?} of {full:?}");
        }
    }
}
