//! Load, kill, recover, verify: shown.

use crate::picture;
use bytes::Bytes;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rekindle::{
    client::{ClientConfig, Table},
    coordinator::Event,
    env::Time,
    sim::{SimCluster, SimConfig, check_settled, name},
    types::{ServerId, Version},
};
use serde_json::json;
use std::time::Duration;

/// Objects in one call.
const BATCH: u64 = 256;
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Args)]
pub struct Demo {
    /// Storage servers; at least three, so that the data of a dead one is somewhere else.
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(3..=64))]
    servers: u32,
    /// Replicas of every segment [default: servers - 2, but at most 3].
    #[arg(long)]
    replicas: Option<u32>,
    /// Objects to load.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=4_000_000))]
    objects: u64,
    /// Bytes of each value.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(8..=8_192))]
    value_size: u64,
    /// Bytes that one recovery master replays at once: fewer make more partitions.
    #[arg(long, default_value_t = 256 << 10)]
    partition_size: u64,
    /// Everything random is drawn from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one JSON object instead of the picture.
    #[arg(long)]
    json: bool,
}

/// What was seen.
struct Outcome {
    victim: ServerId,
    killed_at: Time,
    served_at: Time,
    verified: u64,
    bytes: u64,
}

impl Demo {
    pub fn play(&self) -> Result<(), String> {
        let cluster = SimCluster::new(self.config()?);
        cluster.start();
        let outcome = cluster.world.block_on(self.tell(&cluster))?;
        let events: Vec<(Time, Event)> =
            cluster.timeline.events().into_iter().filter(|(at, _)| *at >= outcome.killed_at).collect();
        if self.json {
            println!("{}", self.json(&outcome, &events, cluster.world.trace_hash()));
        } else {
            picture::print(outcome.victim, outcome.killed_at, &events);
            self.summary(&outcome, cluster.world.trace_hash());
        }
        Ok(())
    }

    fn config(&self) -> Result<SimConfig, String> {
        let replicas = self.replicas.unwrap_or((self.servers - 2).min(3));
        if replicas == 0 || replicas + 2 > self.servers {
            return Err(format!(
                "{} servers bear one death with 1 to {} replicas, not with {replicas}: change --replicas or --servers",
                self.servers,
                self.servers - 2
            ));
        }
        let data = self.objects * (self.value_size + 64);
        let segment_bytes: u32 = if data > 256 << 20 { 8 << 20 } else { 128 << 10 };
        let segments_max = (data * 4 / u64::from(segment_bytes) + 64).min(4_000) as u32;
        Ok(SimConfig {
            servers: self.servers,
            replicas,
            segment_bytes,
            segments_max,
            partition_bytes: self.partition_size.max(1),
            ..SimConfig::new(self.seed)
        })
    }

    async fn tell(&self, cluster: &SimCluster) -> Result<Outcome, String> {
        if !cluster.until(PATIENCE, SimCluster::is_ready).await {
            return Err("the servers did not come up".into());
        }
        let client = cluster.client("client", ClientConfig { timeout: PATIENCE, ..ClientConfig::default() });
        let table = client.create_table("demo", self.servers * 4).await.map_err(|e| e.to_string())?;
        let versions = self.load(&table).await?;
        let victim = cluster.storage(0, |s| s.id()).flatten().ok_or("the first server has no id")?;
        let killed_at = cluster.world.now();
        cluster.kill_storage(0);
        if !cluster.until(PATIENCE, |cluster| self.is_recovered(cluster, victim)).await {
            return Err(format!("{} was not recovered: {:?}", name(0), check_settled(cluster)));
        }
        let served =
            cluster.timeline.events().into_iter().rev().find(|(_, e)| matches!(e, Event::Served { .. }));
        let served_at = served.map_or(cluster.world.now(), |(at, _)| at);
        let (verified, bytes) = self.verify(&table, &versions).await?;
        Ok(Outcome { victim, killed_at, served_at, verified, bytes })
    }

    fn is_recovered(&self, cluster: &SimCluster, victim: ServerId) -> bool {
        cluster.timeline.count(|event| *event == Event::Recovered(victim)) > 0
            && check_settled(cluster).is_ok()
    }

    async fn load(&self, table: &Table) -> Result<Vec<Version>, String> {
        let bar = self.bar("load");
        let mut versions = Vec::new();
        for first in (0..self.objects).step_by(BATCH as usize) {
            let batch = first..(first + BATCH).min(self.objects);
            let objects = batch.clone().map(|i| (key(i), self.value(i)));
            for (i, answer) in batch.zip(table.multi_put(objects).await) {
                versions.push(answer.map_err(|error| format!("object {i}: {error}"))?);
                bar.inc(1);
            }
        }
        bar.finish();
        Ok(versions)
    }

    /// Value and version of every object.
    async fn verify(&self, table: &Table, versions: &[Version]) -> Result<(u64, u64), String> {
        let bar = self.bar("verify");
        let (mut verified, mut bytes) = (0, 0);
        for first in (0..self.objects).step_by(BATCH as usize) {
            let batch = first..(first + BATCH).min(self.objects);
            for (i, answer) in batch.clone().zip(table.multi_get(batch.map(key)).await) {
                let object = answer.map_err(|error| format!("object {i}: {error}"))?;
                let object = object.ok_or_else(|| format!("object {i} is lost"))?;
                if object.value != self.value(i) || object.version != versions[i as usize] {
                    return Err(format!(
                        "object {i} is wrong: {} instead of {}",
                        object.version, versions[i as usize]
                    ));
                }
                verified += 1;
                bytes += (key(i).len() + object.value.len()) as u64;
                bar.inc(1);
            }
        }
        bar.finish();
        Ok((verified, bytes))
    }

    /// The object's number, then bytes that depend on it.
    fn value(&self, i: u64) -> Bytes {
        let filler = (8..self.value_size).map(|at| (i.wrapping_mul(31) ^ at) as u8);
        i.to_le_bytes().into_iter().chain(filler).collect()
    }

    fn bar(&self, what: &'static str) -> ProgressBar {
        let style = "{msg:>8} {bar:40} {pos}/{len} objects, {per_sec}";
        let style = ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::new(self.objects).with_style(style).with_message(what)
    }

    fn summary(&self, outcome: &Outcome, trace: u64) {
        let served = outcome.served_at.since(outcome.killed_at);
        println!(
            "\n{} objects ({:.1} MB) verified, value and version: none lost, none wrong.",
            outcome.verified,
            outcome.bytes as f64 / 1e6
        );
        println!(
            "Served again {:.0} ms (simulated) after the kill. Trace {trace:016x}.",
            served.as_secs_f64() * 1e3
        );
    }

    fn json(&self, outcome: &Outcome, events: &[(Time, Event)], trace: u64) -> serde_json::Value {
        let ms = |at: Time| at.since(outcome.killed_at).as_secs_f64() * 1e3;
        let timeline = events.iter().map(|(at, event)| json!({"ms": ms(*at), "event": format!("{event:?}")}));
        json!({
            "servers": self.servers,
            "seed": self.seed,
            "objects_verified": outcome.verified,
            "bytes": outcome.bytes,
            "killed": outcome.victim.0,
            "served_ms": ms(outcome.served_at),
            "timeline": timeline.collect::<Vec<_>>(),
            "trace": format!("{trace:016x}"),
        })
    }
}

fn key(i: u64) -> String {
    format!("object-{i}")
}
