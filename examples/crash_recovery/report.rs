//! The figures of a run: what `--json` prints.

use crate::{memory::Memory, timeline::Phases};
use rekindle::{env::Time, types::ServerId};
use serde::Serialize;

/// One object on standard output. MB = 10^6 bytes; bytes are those of keys and values; what does not apply is null.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Storage servers.
    pub servers: u32,
    /// Replicas of every segment.
    pub replicas: u32,
    /// When a write counts as safe.
    pub durability: &'static str,
    /// Objects loaded.
    pub objects: u64,
    /// Their keys and values.
    pub bytes: u64,
    /// From the first call to the last answer.
    pub load_seconds: f64,
    /// `bytes` in that time.
    pub load_mb_per_s: f64,
    /// What hit the cluster.
    pub crashes: Vec<Crash>,
    /// Of tablets of servers that lived, from a kill until all was served again.
    pub reads_during_recovery: u64,
    /// Such reads without an answer.
    pub read_errors_during_recovery: u64,
    /// The slowest of them.
    pub read_max_ms: Option<f64>,
    /// Such writes that were acknowledged.
    pub writes_during_recovery: u64,
    /// Servers that were declared dead and were alive.
    pub false_deaths: u64,
    /// Of each storage server.
    pub rss_bytes_max: Vec<Option<u64>>,
    /// Of each storage server, at its end.
    pub live_bytes: Vec<Option<u64>>,
    /// Of each storage server, looked at every 100 ms.
    pub memory: Vec<Memory>,
    /// Read back at the end, as promised: there with the right value and version, or rightly absent.
    pub objects_verified: u64,
    /// Of them, those that were deleted.
    pub deletes_verified: u64,
    /// Acknowledged, and not there.
    pub objects_lost: u64,
    /// With another value or version than promised, at any time.
    pub objects_wrong: u64,
}

/// One crash. Times from the kill.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Crash {
    /// What was hit.
    pub kind: &'static str,
    /// The ids that it had.
    pub servers: Vec<u64>,
    /// Dead by all signs.
    pub detected_ms: Option<f64>,
    /// Recorded, so that no backup takes its writes.
    pub fenced_ms: Option<f64>,
    /// Its log is found and complete.
    pub discovered_ms: Option<f64>,
    /// All partitions are in memories again, and replicated.
    pub replayed_ms: Option<f64>,
    /// A client gets answers from all of its tablets.
    pub served_ms: Option<f64>,
    /// Keys and values that were replayed.
    pub recovered_bytes: Option<u64>,
    /// `recovered_bytes` until served.
    pub recovery_mb_per_s: Option<f64>,
    /// Keys and values of each partition.
    pub partition_bytes: Option<Vec<u64>>,
}

impl Crash {
    /// A crash of storage servers.
    pub fn of_servers(
        kind: &'static str,
        servers: &[ServerId],
        killed_at: Time,
        phases: &Phases,
        served_at: Time,
        partition_bytes: Vec<u64>,
    ) -> Self {
        let since = |at: Option<Time>| at.map(|at| ms(at, killed_at));
        let (bytes, served) = (partition_bytes.iter().sum::<u64>(), ms(served_at, killed_at));
        Self {
            kind,
            servers: servers.iter().map(|server| server.0).collect(),
            detected_ms: since(phases.detected),
            fenced_ms: since(phases.fenced),
            discovered_ms: since(phases.discovered),
            replayed_ms: since(phases.replayed),
            served_ms: Some(served),
            recovered_bytes: Some(bytes),
            recovery_mb_per_s: (served > 0.0).then(|| tenths(bytes as f64 / served / 1000.0)),
            partition_bytes: Some(partition_bytes),
        }
    }

    /// A crash of the coordinator: nothing of it has to come back but its record.
    pub fn of_coordinator() -> Self {
        Self { kind: "coordinator", ..Self::default() }
    }
}

impl Report {
    /// Whether every object was verified, and nothing is lost or wrong.
    pub fn is_good(&self) -> bool {
        self.objects_lost == 0 && self.objects_wrong == 0 && self.objects_verified == self.objects
    }
}

/// From `from` on, in milliseconds.
pub fn ms(at: Time, from: Time) -> f64 {
    tenths(at.since(from).as_secs_f64() * 1e3)
}

/// One digit behind the point: more is noise.
pub fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let phases = Phases { detected: Some(Time(201_000_000)), ..Phases::default() };
        let served = Time(1_001_000_000);
        let crash = Crash::of_servers(
            "storage",
            &[ServerId(3)],
            Time(1_000_000),
            &phases,
            served,
            vec![30_000_000, 20_000_000],
        );
        Report {
            servers: 5,
            replicas: 3,
            durability: "persistent",
            objects: 10,
            bytes: 1000,
            load_seconds: 0.5,
            load_mb_per_s: 2.0,
            crashes: vec![crash, Crash::of_coordinator()],
            reads_during_recovery: 7,
            read_errors_during_recovery: 0,
            read_max_ms: Some(1.5),
            writes_during_recovery: 8,
            false_deaths: 0,
            rss_bytes_max: vec![Some(1), None],
            live_bytes: vec![Some(2), None],
            memory: vec![Memory { rss_bytes: 5, of_bound: 0.5, ..Memory::default() }],
            objects_verified: 10,
            deletes_verified: 1,
            objects_lost: 0,
            objects_wrong: 0,
        }
    }

    #[test]
    fn the_object_is_the_one_that_was_agreed() {
        let expected = concat!(
            r#"{"servers":5,"replicas":3,"durability":"persistent","objects":10,"bytes":1000,"#,
            r#""load_seconds":0.5,"load_mb_per_s":2.0,"#,
            r#""crashes":[{"kind":"storage","servers":[3],"detected_ms":200.0,"fenced_ms":null,"discovered_ms":null,"#,
            r#""replayed_ms":null,"served_ms":1000.0,"recovered_bytes":50000000,"recovery_mb_per_s":50.0,"#,
            r#""partition_bytes":[30000000,20000000]},"#,
            r#"{"kind":"coordinator","servers":[],"detected_ms":null,"fenced_ms":null,"discovered_ms":null,"#,
            r#""replayed_ms":null,"served_ms":null,"recovered_bytes":null,"recovery_mb_per_s":null,"#,
            r#""partition_bytes":null}],"#,
            r#""reads_during_recovery":7,"read_errors_during_recovery":0,"read_max_ms":1.5,"#,
            r#""writes_during_recovery":8,"false_deaths":0,"rss_bytes_max":[1,null],"live_bytes":[2,null],"#,
            r#""memory":[{"samples":0,"rss_bytes_max":0,"rss_bytes":5,"live_bytes":0,"segments":0,"of_bound":0.5,"#,
            r#""per_live_byte":0.0,"at_seconds":0.0,"cleaning_cost":null,"segments_cleaned":0}],"#,
            r#""objects_verified":10,"deletes_verified":1,"objects_lost":0,"objects_wrong":0}"#,
        );
        assert_eq!(serde_json::to_string(&report()).unwrap(), expected);
    }

    #[test]
    fn only_a_run_with_everything_verified_is_good() {
        assert!(report().is_good());
        assert!(!Report { objects_lost: 1, ..report() }.is_good());
        assert!(!Report { objects_wrong: 1, ..report() }.is_good());
        assert!(!Report { objects_verified: 9, ..report() }.is_good());
    }
}
