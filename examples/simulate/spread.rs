//! How a figure is spread over the seeds.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The longest bar, in characters.
const WIDTH: u64 = 50;

/// One figure of each seed.
#[derive(Default)]
pub struct Spread(Vec<u64>);

impl Spread {
    /// Notes a seed's figure.
    pub fn push(&mut self, figure: u64) {
        self.0.push(figure);
    }

    /// The figure that `share` of the seeds don't exceed; zero without seeds.
    pub fn quantile(&self, share: f64) -> u64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let last = sorted.len().saturating_sub(1);
        sorted.get((last as f64 * share) as usize).copied().unwrap_or(0)
    }

    /// In one line.
    pub fn quantiles(&self) -> String {
        let [least, tenth, median, most] = [0.0, 0.1, 0.5, 1.0].map(|share| self.quantile(share));
        format!("at least {least}, a tenth below {tenth}, median {median}, at most {most}")
    }

    /// Seeds by steps of `step`, a bar each.
    pub fn histogram(&self, step: u64) -> String {
        let counts = self.counts(step);
        let most = counts.values().copied().max().unwrap_or(0).max(1);
        let bars = counts.iter().map(|(from, count)| {
            let bar = "█".repeat((count * WIDTH).div_ceil(most) as usize);
            format!("\n{from:>8} to {:<6}{count:>8} {bar}", from + step - 1)
        });
        bars.collect()
    }

    /// Pairs of where a step begins and how many seeds are in it.
    pub fn json(&self, step: u64) -> Value {
        self.counts(step).into_iter().map(|(from, count)| json!([from, count])).collect()
    }

    /// Seeds by where their step begins, steps without seeds between others included.
    fn counts(&self, step: u64) -> BTreeMap<u64, u64> {
        let begins = || self.0.iter().map(|figure| figure / step * step);
        let (least, most) = (begins().min().unwrap_or(0), begins().max().unwrap_or(0));
        let mut counts: BTreeMap<u64, u64> =
            (least..=most).step_by(step as usize).map(|from| (from, 0)).collect();
        begins().for_each(|from| *counts.entry(from).or_default() += 1);
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_counted_by_steps() {
        let mut spread = Spread::default();
        [7, 3, 0, 9, 4].into_iter().for_each(|figure| spread.push(figure));
        assert_eq!(spread.json(2), json!([[0, 1], [2, 1], [4, 1], [6, 1], [8, 1]]));
        assert_eq!(spread.json(5), json!([[0, 3], [5, 2]]));
        assert_eq!((spread.quantile(0.5), spread.quantile(1.0)), (4, 9));
        let bars: Vec<String> = spread.histogram(5).lines().skip(1).map(str::to_owned).collect();
        assert_eq!(bars[0], format!("       0 to 4            3 {}", "█".repeat(50)));
        assert_eq!(bars[1], format!("       5 to 9            2 {}", "█".repeat(34)));
    }

    #[test]
    fn steps_between_are_shown_empty() {
        let mut spread = Spread::default();
        [11, 29].into_iter().for_each(|figure| spread.push(figure));
        assert_eq!(spread.json(5), json!([[10, 1], [15, 0], [20, 0], [25, 1]]));
    }
}
