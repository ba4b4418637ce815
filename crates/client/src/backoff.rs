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

    struct Most;

    impl Rng for Most {
        fn next_u64(&self) -> u64 {
            u64::MAX
        }
    }

    #[test]
    fn it_doubles_up_to_its_limit() {
        let config = ClientConfig::default();
        let pause = |tries| backoff(&config, tries, &Most);
        assert!(pause(0) < config.backoff_min && pause(0) >= config.backoff_min / 2);
        assert!(pause(1) > pause(0) * 19 / 10);
        assert!(pause(u32::MAX) < config.backoff_max);
    }
}
