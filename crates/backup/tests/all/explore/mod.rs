//! The real state machine among model backups, a model log and a model coordinator, in every order of events:
//! late, lost and unknown answers, late runs of given-up calls, crashes.
//!
//! In every state, whatever part of the living backups a recovery reaches: what was acknowledged is found, or
//! the log is known to be incomplete; never a false stop; never incomplete with fewer than R backups missing.
//! Whenever nothing is due any more, everything appended is acknowledged and every switch is complete.
//!
//! The short form runs always; the full one with
//! `cargo test --release -p rekindle-backup explore -- --ignored --nocapture`.

#[cfg(feature = "mutations")]
mod mutations;
mod search;

use rekindle_backup::testing::{Model, ModelConfig};
use search::{Seen, depth_first};

fn explore(config: ModelConfig, states_max: u64) -> Seen {
    let seen = depth_first(Model::new(config), states_max).unwrap();
    println!("{config}: {seen}");
    seen
}

/// Unoptimized builds look at the smaller ones in full and at the beginning of the larger one.
const SHORT: u64 = if cfg!(debug_assertions) { 10_000 } else { u64::MAX };

#[test]
fn one_head_and_one_loss() {
    let seen = explore(ModelConfig::new(2, 1, 1, 1), u64::MAX);
    assert!(seen.is_full && seen.at_rest > 0);
    let seen = explore(ModelConfig { appends: 0, ..ModelConfig::new(3, 2, 1, 1) }, u64::MAX);
    assert!(seen.is_full && seen.at_rest > 0);
}

#[test]
fn two_heads_and_one_loss() {
    let seen = explore(ModelConfig::new(3, 2, 2, 1), SHORT);
    assert!(seen.at_rest > 0);
}

#[test]
fn three_heads_without_loss_are_cleaned() {
    let config = ModelConfig { is_cleaning: true, ..ModelConfig::new(3, 2, 3, 0) };
    let seen = explore(config, u64::MAX);
    assert!(seen.is_full && seen.at_rest > 0);
}

#[test]
#[ignore = "minutes: the full form"]
fn three_heads_and_one_loss_in_full() {
    for (backups, seed) in [(3, 0), (3, 1), (4, 0), (4, 1), (4, 2)] {
        let seen = explore(ModelConfig { seed, ..ModelConfig::new(backups, 2, 3, 1) }, 40_000_000);
        assert!(seen.is_full);
    }
}

#[test]
#[ignore = "minutes: the full form"]
fn three_heads_one_loss_and_a_cleaner_in_full() {
    let config = ModelConfig { is_cleaning: true, ..ModelConfig::new(3, 2, 3, 1) };
    assert!(explore(config, 40_000_000).is_full);
}

#[test]
#[ignore = "minutes: the full form"]
fn two_heads_one_loss_and_chunked_writes_in_full() {
    let config = ModelConfig { chunk_bytes: 1, ..ModelConfig::new(3, 2, 2, 1) };
    assert!(explore(config, 40_000_000).is_full);
}

/// As far as 20 million states go.
#[test]
#[ignore = "minutes: the full form"]
fn three_heads_and_two_losses_on_three_backups() {
    explore(ModelConfig::new(3, 2, 3, 2), 20_000_000);
}

#[test]
#[ignore = "minutes: the full form"]
fn three_heads_and_two_losses_on_four_backups() {
    explore(ModelConfig::new(4, 2, 3, 2), 20_000_000);
}

#[test]
#[ignore = "minutes: the full form"]
fn three_replicas_of_three_heads_and_one_loss() {
    explore(ModelConfig::new(4, 3, 3, 1), 20_000_000);
}

#[test]
#[ignore = "minutes: the full form"]
fn three_replicas_of_two_heads_and_two_losses() {
    explore(ModelConfig::new(4, 3, 2, 2), 20_000_000);
}
