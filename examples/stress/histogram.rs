//! How long calls took, in buckets that grow with the time.

use std::time::Duration;

/// Buckets for each doubling: a bucket is an eighth of it wide at most.
const PER_DOUBLING: u32 = 8;

/// Counts times from a microsecond to hours; what it answers is at most an eighth too long.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Vec<u64>,
    count: u64,
    max: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; bucket(u64::MAX) + 1], count: 0, max: Duration::ZERO }
    }
}

/// The first eight are exact, then each doubling has eight.
fn bucket(micros: u64) -> usize {
    let doubling = micros.max(1).ilog2();
    if doubling < 3 {
        return micros as usize;
    }
    let within = (micros >> (doubling - 3)) as u32 - PER_DOUBLING;
    ((doubling - 2) * PER_DOUBLING + within) as usize
}

/// The longest time of a bucket, in microseconds.
fn end_of(bucket: usize) -> u64 {
    let (doubling, within) = (bucket as u32 / PER_DOUBLING, bucket as u64 % u64::from(PER_DOUBLING));
    match doubling {
        0 => within,
        _ => (((u128::from(PER_DOUBLING) + u128::from(within) + 1) << (doubling - 1)) - 1) as u64,
    }
}

impl Histogram {
    /// One more.
    pub fn note(&mut self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.counts[bucket(micros)] += 1;
        self.count += 1;
        self.max = self.max.max(time);
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest.
    pub fn max(&self) -> Duration {
        self.max
    }

    /// The time within which this share of all was, `0.99` for 99 of 100.
    pub fn quantile(&self, share: f64) -> Duration {
        let wanted = (share * self.count as f64).ceil().max(1.0) as u64;
        let mut counted = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            counted += count;
            if counted >= wanted {
                return Duration::from_micros(end_of(bucket)).min(self.max);
            }
        }
        self.max
    }

    /// Counts by doubling: how many took up to each of these times, and longer than the one before.
    pub fn doublings(&self) -> Vec<(Duration, u64)> {
        let rows = self.counts.chunks(PER_DOUBLING as usize).enumerate();
        let row = |(at, counts): (usize, &[u64])| {
            let end = end_of(at * PER_DOUBLING as usize + PER_DOUBLING as usize - 1);
            (Duration::from_micros(end), counts.iter().sum())
        };
        rows.map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_in_the_bucket_that_ends_behind_it() {
        let mut last = None;
        for micros in (0..5000).chain([1 << 20, (1 << 20) + 1, 1 << 40, u64::MAX]) {
            let at = bucket(micros);
            assert!(end_of(at) >= micros && end_of(at) - micros <= micros / 8, "{micros}");
            assert!(at == 0 || end_of(at - 1) < micros, "{micros}");
            assert!(last.is_none_or(|last| last <= at));
            last = Some(at);
        }
    }

    #[test]
    fn quantiles_are_those_of_what_was_noted() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), Duration::ZERO);
        (1..=1000).for_each(|ms| histogram.note(Duration::from_millis(ms)));
        for (share, ms) in [(0.5, 500), (0.99, 990), (0.999, 999)] {
            let (got, wanted) = (histogram.quantile(share), Duration::from_millis(ms));
            assert!(got >= wanted && got <= wanted * 9 / 8, "{share}: {got:?}");
        }
        assert_eq!(
            (histogram.quantile(1.0), histogram.max()),
            (Duration::from_secs(1), Duration::from_secs(1))
        );
        assert_eq!(histogram.doublings().iter().map(|(_, count)| count).sum::<u64>(), 1000);
    }
}
