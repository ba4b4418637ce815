//! What faults may have destroyed, so that they do not destroy more than is borne.

use rekindle_env::Time;
use std::time::Duration;

/// Servers that may have lost replicas, each until everything has settled after it was sure to be noticed. What is not noticed
/// yet looks settled.
#[derive(Debug, Default)]
pub(super) struct Harm(Vec<(Time, u32)>);

impl Harm {
    /// A death is noticed so long after it, or after the end of what hid it: `dead_after`, and a margin.
    pub(super) const NOTICED_AFTER: Duration = Duration::from_secs(2);

    /// How many servers it is about now.
    pub(super) fn servers(&mut self, now: Time, is_settled: impl FnOnce() -> bool) -> u32 {
        if self.0.iter().any(|(noticed, _)| *noticed <= now) && is_settled() {
            self.0.retain(|(noticed, _)| *noticed > now);
        }
        self.0.iter().fold(0, |sum, (_, servers)| sum.saturating_add(*servers))
    }

    /// So many more, which are noticed by then at the latest.
    pub(super) fn add(&mut self, noticed: Time, servers: u32) {
        self.0.push((noticed, servers));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_noticed_yet_is_not_settled() {
        let mut harm = Harm::default();
        harm.add(Time(20), 1);
        harm.add(Time(30), 2);
        assert_eq!(harm.servers(Time(19), || true), 3);
        assert_eq!(harm.servers(Time(20), || false), 3);
        assert_eq!(harm.servers(Time(20), || true), 2);
        assert_eq!(harm.servers(Time(40), || true), 0);
    }
}
