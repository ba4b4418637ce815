//! Makes a schedule that breaks something as short as can be.

use super::{FaultsConfig, Schedule, play};

/// Looks for the shortest prefix of the run's schedule that still breaks something, then leaves out of it what is not
/// needed. `progress` is told how many strikes are left after every try. Gives the schedule, and what it breaks; none when
/// the whole schedule breaks nothing.
pub fn shrink(config: &FaultsConfig, mut progress: impl FnMut(usize)) -> Option<(Schedule, String)> {
    let whole = config.schedule();
    let mut breaks = |schedule: &Schedule| {
        progress(schedule.0.len());
        play(&FaultsConfig { schedule: Some(schedule.clone()), ..config.clone() }).err()
    };
    let prefixes = (0..=whole.0.len()).map(|length| Schedule(whole.0[..length].to_vec()));
    let mut found = prefixes.into_iter().find_map(|prefix| breaks(&prefix).map(|what| (prefix, what)))?;
    let mut at = 0;
    while at < found.0.0.len() {
        let mut without = found.0.clone();
        without.0.remove(at);
        match breaks(&without) {
            Some(what) => found = (without, what),
            None => at += 1,
        }
    }
    Some(found)
}
