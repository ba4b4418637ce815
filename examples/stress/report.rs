//! The figures of a run: what `--json` prints.

use crate::{
    checked::{Breach, Kind, Verified},
    meter::Calls,
    story::Story,
    strikes::{Blow, Recovery},
};
use serde::Serialize;
use std::{collections::BTreeMap, time::Duration};

/// One object on standard output. Times in milliseconds; what does not apply is null.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Everything was drawn from it.
    pub seed: u64,
    /// Storage servers.
    pub servers: u32,
    /// Replicas of every segment.
    pub replicas: u32,
    /// When a write counts as safe.
    pub durability: &'static str,
    /// How long the clients worked.
    pub seconds: f64,
    /// Clients.
    pub clients: u32,
    /// Calls in that time.
    pub calls: u64,
    /// Calls by kind.
    pub kinds: BTreeMap<&'static str, KindReport>,
    /// Bytes of values that were written and acknowledged.
    pub bytes_written: u64,
    /// The same, divided by the memory of all logs.
    pub turnover: f64,
    /// Segments that left the logs by cleaning.
    pub segments_cleaned: u64,
    /// What was done to the cluster.
    pub strikes: Vec<StrikeReport>,
    /// Strikes that waited until the cluster could take them.
    pub strikes_waited: u64,
    /// How long these waited together.
    pub strikes_waited_ms: u64,
    /// Deaths, and what came of them.
    pub recoveries: Vec<RecoveryReport>,
    /// Servers that were declared dead though nobody had killed or stopped them.
    pub false_deaths: u64,
    /// Servers whose logs had no replica left.
    pub logs_lost: Vec<u64>,
    /// Processes that ended by themselves without having been declared dead: each is a fault.
    pub crashed: Vec<String>,
    /// Tables that were made, used and dropped.
    pub spare_tables: u64,
    /// Objects.
    pub objects: u64,
    /// Read at the end as promised.
    pub objects_verified: u64,
    /// Of them, those that are surely deleted.
    pub deletes_verified: u64,
    /// Acknowledged and not there, at any time.
    pub objects_lost: u64,
    /// With what must not be there, at any time.
    pub objects_wrong: u64,
    /// The first broken promises.
    pub breaches: Vec<BreachReport>,
    /// How long the cluster took to stop.
    pub stop_ms: u64,
}

/// Calls of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct KindReport {
    /// Answered.
    pub done: u64,
    /// Whose condition did not hold.
    pub refused: u64,
    /// Surely not done.
    pub not_done: u64,
    /// Done or not.
    pub unknown: u64,
    /// Half of them took at most this.
    pub p50_ms: f64,
    /// 99 of 100.
    pub p99_ms: f64,
    /// 999 of 1000.
    pub p999_ms: f64,
    /// All of them.
    pub max_ms: f64,
}

/// What was done.
#[derive(Clone, Debug, Serialize)]
pub struct StrikeReport {
    /// What.
    pub kind: &'static str,
    /// To whom, by number.
    pub servers: Vec<u32>,
    /// How long after the start.
    pub after_ms: u64,
}

/// A death.
#[derive(Clone, Debug, Serialize)]
pub struct RecoveryReport {
    /// Who died.
    pub server: u64,
    /// From the kill until its tablets were served again.
    pub served_ms: Option<f64>,
    /// From the kill until all was over.
    pub recovered_ms: Option<f64>,
}

/// A broken promise.
#[derive(Clone, Debug, Serialize)]
pub struct BreachReport {
    /// Of which table.
    pub table: String,
    /// Of which key.
    pub key: String,
    /// What was expected, what was seen.
    pub what: String,
}

impl Report {
    /// What the story came to.
    pub fn of(
        story: &Story,
        worked: Duration,
        calls: u64,
        verified: Verified,
        segments_cleaned: u64,
    ) -> Self {
        let plan = &story.plan;
        let kinds = story.rig.meter.calls();
        let bytes_written: u64 = kinds.values().map(|calls| calls.bytes).sum();
        let memory = u64::from(plan.servers) * plan.memory_bytes;
        let (mut lost, mut wrong) = (0, 0);
        let mut breaches = Vec::new();
        for target in &story.targets {
            let books = target.caller.books.lock();
            lost += books.lost();
            wrong += books.wrong();
            breaches.extend(books.breaches().iter().map(|breach| told(target.caller.table.name(), breach)));
        }
        let spare = story.spare.lock();
        wrong += spare.breaches.len() as u64;
        breaches.extend(spare.breaches.iter().map(|breach| told("spare", breach)));
        let record = &story.siege.record;
        let recoveries = record.recoveries();
        Self {
            seed: plan.seed,
            servers: plan.servers,
            replicas: plan.replicas,
            durability: plan.durability.name(),
            seconds: tenths(worked.as_secs_f64()),
            clients: plan.clients,
            calls,
            kinds: kinds.into_iter().map(|(kind, calls)| (kind.name(), KindReport::of(&calls))).collect(),
            bytes_written,
            turnover: tenths(bytes_written as f64 / memory as f64),
            segments_cleaned,
            strikes: record.blows.iter().map(StrikeReport::of).collect(),
            strikes_waited: record.waits,
            strikes_waited_ms: record.waited.as_millis() as u64,
            false_deaths: recoveries.iter().filter(|recovery| recovery.is_false).count() as u64,
            recoveries: recoveries.iter().map(RecoveryReport::of).collect(),
            logs_lost: record.lost.iter().map(|(id, _)| id.0).collect(),
            crashed: record
                .crashed()
                .iter()
                .map(|(server, _, why)| format!("server-{server}: {why}"))
                .collect(),
            spare_tables: spare.lives,
            objects: u64::from(plan.tables * plan.keys),
            objects_verified: verified.objects,
            deletes_verified: verified.deletes,
            objects_lost: lost,
            objects_wrong: wrong,
            breaches,
            stop_ms: 0,
        }
    }

    /// Whether nothing is lost or wrong, and every object was verified.
    pub fn is_good(&self) -> bool {
        self.objects_lost == 0
            && self.objects_wrong == 0
            && self.objects_verified == self.objects
            && self.crashed.is_empty()
            && self.logs_lost.is_empty()
    }
}

fn told(table: &str, breach: &Breach) -> BreachReport {
    let key = format!("key-{:06}", breach.index);
    let kind = if breach.is_lost { "lost" } else { "wrong" };
    BreachReport { table: table.into(), key, what: format!("{kind}: {}", breach.what) }
}

impl KindReport {
    fn of(calls: &Calls) -> Self {
        let ms = |time: Duration| (time.as_secs_f64() * 1e5).round() / 1e2;
        Self {
            done: calls.done,
            refused: calls.refused,
            not_done: calls.not_done,
            unknown: calls.unknown,
            p50_ms: ms(calls.times.quantile(0.5)),
            p99_ms: ms(calls.times.quantile(0.99)),
            p999_ms: ms(calls.times.quantile(0.999)),
            max_ms: ms(calls.times.max()),
        }
    }
}

impl StrikeReport {
    fn of(blow: &Blow) -> Self {
        let after_ms = blow.after.as_millis() as u64;
        Self { kind: blow.strike.name(), servers: blow.servers.clone(), after_ms }
    }
}

impl RecoveryReport {
    fn of(recovery: &Recovery) -> Self {
        let ms = |time: Option<Duration>| time.map(|time| tenths(time.as_secs_f64() * 1e3));
        Self {
            server: recovery.id.0,
            served_ms: ms(recovery.served_after),
            recovered_ms: ms(recovery.recovered_after),
        }
    }
}

/// One digit behind the point: more is noise.
fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// Kinds in the order of the summary.
pub const KINDS: [Kind; 8] = [
    Kind::Get,
    Kind::Put,
    Kind::PutIf,
    Kind::Delete,
    Kind::DeleteIf,
    Kind::MultiGet,
    Kind::MultiPut,
    Kind::Scan,
];
