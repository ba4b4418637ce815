//! Servers with little memory take writes for much longer than that would last, die in between, and are recovered:
//! cleaning goes on beside appends, replication and recoveries, frees what it cleans on the backups too, and what was
//! acknowledged holds.

use rekindle_env::memory::Crash;
use rekindle_sim::{
    SimConfig,
    faults::{ClientsConfig, Fault, FaultsConfig, Pick, Profile, Schedule, Strike, play},
};
use std::time::Duration;

const SEEDS: u64 = 2;

#[test]
fn logs_are_cleaned_while_servers_die() {
    let second = Duration::from_secs(1);
    let kill = |at: u32, server| Strike {
        at: at * second,
        during: None,
        fault: Fault::Kill { server: Pick(server), crash: Crash::DropUnsynced },
        lasts: second / 2,
    };
    for seed in 0..SEEDS {
        let config = FaultsConfig {
            // 24 segments in memory; each server has some 4 segments of data.
            sim: SimConfig { servers: 5, segments_max: 24, ..SimConfig::new(seed) },
            clients: ClientsConfig {
                clients: 4,
                keys: 60,
                value_bytes_max: 8_000,
                pause_max: Duration::from_millis(2),
                tablets: 10,
                ..ClientsConfig::default()
            },
            length: 5 * second,
            schedule: Some(Schedule(vec![kill(1, 0), kill(3, 1)])),
            ..FaultsConfig::new(seed, Profile::Calm)
        };
        let report = play(&config).unwrap_or_else(|what| panic!("{what}"));
        assert_eq!((report.coverage.total(), report.recoveries), (2, 2), "seed {seed}");
        let segments = report.counts.written * 4_000 / u64::from(config.sim.segment_bytes);
        assert!(segments > 60, "seed {seed}: {:?} turn nothing over", report.counts);
        let (victims, survivors) = report.cleaned;
        assert!(victims > survivors + 20, "seed {seed}: {victims} segments became {survivors}");
    }
}
