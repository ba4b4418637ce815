//! The same story under many seeds.

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rekindle::sim::storm::{Fault, StormConfig, StormReport, play};
use serde_json::json;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

#[derive(Args)]
pub struct Storm {
    /// How many seeds.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Faults in each story.
    #[arg(long, default_value_t = 3)]
    faults: u32,
    /// Print one JSON object instead of the summary.
    #[arg(long)]
    json: bool,
}

#[derive(Default)]
struct Totals {
    faults: BTreeMap<Fault, u64>,
    crashes: u64,
    recoveries: u64,
    written: u64,
    read: u64,
    unknown: u64,
    objects: u64,
    simulated: Duration,
}

impl Totals {
    fn add(&mut self, report: &StormReport) {
        for fault in &report.faults {
            *self.faults.entry(*fault).or_default() += 1;
        }
        self.crashes += u64::from(report.coordinator_crashes);
        self.recoveries += report.recoveries as u64;
        self.written += report.counts.written + report.counts.deleted;
        self.read += report.counts.read;
        self.unknown += report.counts.unknown;
        self.objects += report.objects;
        self.simulated += report.elapsed;
    }
}

impl Storm {
    pub fn play(&self) -> Result<(), String> {
        let style = "{bar:40} {pos}/{len} seeds, {per_sec}, {eta} left";
        let style = ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(self.seeds).with_style(style);
        let (start, mut totals) = (Instant::now(), Totals::default());
        for seed in self.from..self.from.saturating_add(self.seeds) {
            let config = StormConfig { faults: self.faults, ..StormConfig::new(seed) };
            let report = play(&config).map_err(|what| {
                format!("{what}\nreplay it: cargo run --release --example simulate -- storm --seeds 1 --from {seed} --faults {}", self.faults)
            })?;
            totals.add(&report);
            bar.inc(1);
        }
        bar.finish();
        self.summary(&totals, start.elapsed());
        Ok(())
    }

    fn summary(&self, totals: &Totals, wall: Duration) {
        let hours = totals.simulated.as_secs_f64() / 3600.0;
        let faults = totals.faults.iter().map(|(fault, n)| (format!("{fault:?}"), *n));
        if self.json {
            let faults: BTreeMap<String, u64> = faults.collect();
            println!(
                "{}",
                json!({
                    "seeds": self.seeds, "from": self.from, "simulated_hours": hours,
                    "wall_seconds": wall.as_secs_f64(), "faults": faults,
                    "coordinator_crashes": totals.crashes, "recoveries": totals.recoveries,
                    "writes": totals.written, "reads": totals.read, "unknown": totals.unknown,
                    "objects_verified": totals.objects, "violations": 0,
                })
            );
            return;
        }
        println!(
            "{} seeds, no violation: {hours:.2} simulated hours in {:.0} s.",
            self.seeds,
            wall.as_secs_f64()
        );
        let faults: Vec<String> = faults.map(|(fault, n)| format!("{n} {fault}")).collect();
        println!("faults      {} ({} coordinators crashed at a record)", faults.join(", "), totals.crashes);
        println!("recoveries  {}", totals.recoveries);
        println!("calls       {} writes, {} reads, {} unknown", totals.written, totals.read, totals.unknown);
        println!("verified    {} objects", totals.objects);
    }
}
