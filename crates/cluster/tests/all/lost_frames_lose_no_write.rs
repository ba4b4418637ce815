//! The whole cycle on a bad network: frames are lost, late, and lanes reset; servers die one after another.

use crate::small_cluster::SmallCluster;
use parking_lot::Mutex;
use rekindle_cluster::{
    memory::{Fate, Weather},
    wire::LaneKind,
};
use rekindle_types::Version;
use std::{collections::BTreeMap, time::Duration};

/// Loses one frame of 200, resets one lane in 2,000 frames, delays the others up to 2 ms.
struct Bad(Mutex<u64>);

impl Bad {
    fn draw(&self, bound: u64) -> u64 {
        let mut state = self.0.lock();
        // A Weyl sequence through a mixer: plain, and the same everywhere.
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = *state;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % bound
    }
}

impl Weather for Bad {
    fn fate(&self, _: &str, _: &str, _: LaneKind, _: usize) -> Fate {
        match self.draw(2000) {
            0 => Fate::Reset,
            1..=10 => Fate::Lose,
            _ => Fate::Deliver { after: Duration::from_micros(50 + self.draw(2000)) },
        }
    }
}

fn run(seed: u64) {
    let mut cluster = SmallCluster::under(6, seed, Bad(Mutex::new(seed)));
    let table = cluster.create_table("users", 12);
    let mut model: BTreeMap<String, (String, Version)> = BTreeMap::new();
    let mut round = |cluster: &SmallCluster, n: usize| {
        for i in 0..60 {
            let (key, value) = (format!("key-{}", i * (n + 1) % 40), format!("{n}-{i}"));
            let version = cluster.put(table, &key, &value);
            let former = model.insert(key.clone(), (value, version));
            assert!(former.is_none_or(|(_, former)| former < version), "seed {seed}: {key}");
        }
        for (key, expected) in &model {
            assert_eq!(cluster.get(table, key).as_ref(), Some(expected), "seed {seed}: {key}");
        }
    };
    round(&cluster, 0);
    // The second dies while the first is being recovered, and the coordinator with it in every other run.
    let pause = Duration::from_millis(seed * 397 % 1500);
    let first = cluster.kill(seed as usize % 6);
    cluster.world.run_for(pause);
    let second = cluster.kill((seed as usize + 2) % 6);
    if seed.is_multiple_of(2) {
        cluster.world.run_for(pause / 3);
        cluster.restart_coordinator();
    }
    round(&cluster, 1);
    cluster.until("their tablets have new owners", |c| c.owned_by(first) + c.owned_by(second) == 0);
    round(&cluster, 2);
}

#[test]
fn acknowledged_writes_survive_a_bad_network_and_two_deaths() {
    let seeds = std::env::var("SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(2);
    for seed in 1..=seeds {
        run(seed);
    }
}
