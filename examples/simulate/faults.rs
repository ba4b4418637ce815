//! A minute of a cluster's life under drawn faults, seed after seed.

use crate::coverage;
use crate::jobs::{Jobs, quietly};
use crate::spread::Spread;
use crate::trace::TraceArgs;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rekindle::cluster::memory::NetworkCounts;
use rekindle::sim::faults::{Coverage, FaultsConfig, FaultsReport, Outcomes, Profile, play, shrink};
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

#[derive(Args)]
pub struct Faults {
    /// How many seeds.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Which faults; without it every seed has the profile that is its turn.
    #[arg(long, value_parser = |name: &str| name.parse::<Profile>())]
    profile: Option<Profile>,
    #[command(flatten)]
    jobs: Jobs,
    /// Fail when a pair of a fault and a step never happened, as always from 20,000 seeds of all profiles on.
    #[arg(long)]
    strict_coverage: bool,
    /// Print one JSON object instead of the summary.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    trace: TraceArgs,
}

/// The histograms' steps.
const WRITES_STEP: u64 = 500;
const FAULTS_STEP: u64 = 2;

/// Sums over all runs, and what tells how much a run was.
#[derive(Default)]
struct Totals {
    coverage: Coverage,
    network: NetworkCounts,
    outcomes: Outcomes,
    left_out: u64,
    written: Spread,
    faults: Spread,
    settled_ms: Spread,
    step_ms: Spread,
    write_ms: Spread,
    lease_ms: Spread,
    calls: u64,
    unknown: u64,
    tables: u64,
    recoveries: u64,
    restarts: u64,
    simulated: Duration,
}

impl Totals {
    fn add(&mut self, report: &FaultsReport) {
        self.coverage.add(&report.coverage);
        self.network += report.network;
        self.outcomes += report.outcomes;
        self.left_out += report.left_out;
        self.written.push(report.counts.written);
        self.faults.push(report.coverage.total());
        self.settled_ms.push(report.settled_after.as_millis() as u64);
        self.step_ms.push(report.longest.step.as_millis() as u64);
        self.write_ms.push(report.longest.write.as_millis() as u64);
        self.lease_ms.push(report.longest.lease.as_millis() as u64);
        self.calls += report.calls as u64;
        self.unknown += report.counts.unknown;
        self.tables += report.counts.tables;
        self.recoveries += report.recoveries as u64;
        self.restarts += report.restarts;
        self.simulated += report.elapsed;
    }
}

impl Faults {
    pub fn play(&self) -> Result<(), String> {
        match self.trace.trace {
            Some(seed) => self.trace.write(&self.config(seed)),
            None => self.play_all(),
        }
    }

    fn play_all(&self) -> Result<(), String> {
        let (start, bar) = (Instant::now(), self.bar());
        let (next, totals, failed) =
            (AtomicU64::new(self.from), Mutex::new(Totals::default()), Mutex::new(None));
        self.jobs.run(|| self.run(&next, &totals, &failed, &bar));
        bar.finish_and_clear();
        let totals = totals.into_inner().map_err(|_| "a run's thread has died")?;
        let failed = failed.into_inner().map_err(|_| "a run's thread has died")?;
        match failed {
            Some((seed, what)) => Err(self.explain(seed, &what)),
            None => {
                self.summary(&totals, start.elapsed());
                if self.is_strict() { coverage::check(&totals.coverage) } else { Ok(()) }
            }
        }
    }

    fn is_strict(&self) -> bool {
        self.strict_coverage || (self.profile.is_none() && self.seeds >= coverage::STRICT_FROM_SEEDS)
    }

    fn bar(&self) -> ProgressBar {
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} seeds, {per_sec}, {eta} left  {msg}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::new(self.seeds).with_style(style)
    }

    fn config(&self, seed: u64) -> FaultsConfig {
        FaultsConfig::new(seed, self.profile.unwrap_or_else(|| Profile::of(seed)))
    }

    /// Takes seeds until all are played, or one has failed.
    fn run(
        &self,
        next: &AtomicU64,
        totals: &Mutex<Totals>,
        failed: &Mutex<Option<(u64, String)>>,
        bar: &ProgressBar,
    ) {
        let end = self.from.saturating_add(self.seeds);
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end || failed.lock().is_ok_and(|failed| failed.is_some()) {
                return;
            }
            match play(&self.config(seed)) {
                Ok(report) => {
                    let Ok(mut totals) = totals.lock() else { return };
                    totals.add(&report);
                    let hours = totals.simulated.as_secs_f64() / 3600.0;
                    bar.set_message(format!("{hours:.1} simulated hours"));
                }
                Err(what) => {
                    let Ok(mut failed) = failed.lock() else { return };
                    failed.get_or_insert((seed, what));
                }
            }
            bar.inc(1);
        }
    }

    /// The shortest schedule that still breaks something, and how to see it again.
    fn explain(&self, seed: u64, what: &str) -> String {
        let bar = ProgressBar::new_spinner();
        let progress = |strikes| {
            bar.set_message(format!("making the schedule shorter: {strikes} strikes"));
            bar.tick();
        };
        let shrunk = quietly(|| shrink(&self.config(seed), progress));
        bar.finish_and_clear();
        let profile = self.config(seed).profile;
        let replay = format!("simulate faults --seeds 1 --from {seed} --profile {profile}");
        let short = shrunk.map_or_else(String::new, |(schedule, what)| {
            let strikes: Vec<String> = schedule.0.iter().map(|strike| format!("  {strike:?}")).collect();
            format!(
                "\n\nthe shortest schedule that breaks something:\n{}\nit ends so:\n{what}",
                strikes.join("\n")
            )
        });
        let trace = format!("simulate faults --trace {seed} --profile {profile}");
        format!(
            "{what}{short}\n\nreplay it: cargo run --release --example {replay}\nsee it:    cargo run --release --example {trace}"
        )
    }

    fn summary(&self, totals: &Totals, wall: Duration) {
        let hours = totals.simulated.as_secs_f64() / 3600.0;
        if self.json {
            println!("{}", self.to_json(totals, wall));
            return;
        }
        let per_hour = 3600.0 / wall.as_secs_f64();
        println!(
            "{} seeds, no violation: {hours:.1} simulated hours in {:.0} s ({:.0} seeds, {:.0} simulated hours an hour).",
            self.seeds,
            wall.as_secs_f64(),
            self.seeds as f64 * per_hour,
            hours * per_hour,
        );
        println!(
            "calls       {} checked, {} of unknown outcome; {} tables",
            totals.calls, totals.unknown, totals.tables
        );
        println!("recoveries  {}; {} processes ended by themselves", totals.recoveries, totals.restarts);
        println!("faults      {} struck, {} left out", totals.coverage.total(), totals.left_out);
        let NetworkCounts { sent, lost, repeated, resets, breaks } = totals.network;
        println!(
            "frames      {sent} sent, {lost} lost, {repeated} came twice; {resets} lanes reset, {breaks} broken"
        );
        for (what, of) in [
            ("writes acknowledged", &totals.written),
            ("faults", &totals.faults),
            ("ms to settle", &totals.settled_ms),
            ("ms that an operation stood still, unhindered", &totals.step_ms),
            ("ms that writes waited, unhindered", &totals.write_ms),
            ("ms that a server had no lease, unhindered", &totals.lease_ms),
        ] {
            println!("a seed's {what}: {}", of.quantiles());
        }
        for (what, of, step) in
            [("writes acknowledged", &totals.written, WRITES_STEP), ("faults", &totals.faults, FAULTS_STEP)]
        {
            println!("seeds by {what}{}", of.histogram(step));
        }
        let outcomes = totals.outcomes.named().map(|(what, count)| format!("{count} {what}"));
        println!("writes      {}", outcomes.join(", "));
        println!("\n{}\n\n{}", coverage::table(&totals.coverage), coverage::never(&totals.coverage));
    }

    fn to_json(&self, totals: &Totals, wall: Duration) -> serde_json::Value {
        json!({
            "seeds": self.seeds, "from": self.from, "wall_seconds": wall.as_secs_f64(),
            "simulated_hours": totals.simulated.as_secs_f64() / 3600.0,
            "calls": totals.calls, "unknown": totals.unknown, "tables": totals.tables,
            "recoveries": totals.recoveries, "restarts": totals.restarts,
            "faults": totals.coverage.total(), "left_out": totals.left_out,
            "written_median": totals.written.quantile(0.5),
            "faults_median": totals.faults.quantile(0.5),
            "written_by_seeds": totals.written.json(WRITES_STEP),
            "faults_by_seeds": totals.faults.json(FAULTS_STEP),
            "settled_ms_max": totals.settled_ms.quantile(1.0),
            "step_ms_max": totals.step_ms.quantile(1.0),
            "write_ms_max": totals.write_ms.quantile(1.0),
            "lease_ms_max": totals.lease_ms.quantile(1.0),
            "network": {
                "sent": totals.network.sent, "lost": totals.network.lost, "repeated": totals.network.repeated,
                "resets": totals.network.resets, "breaks": totals.network.breaks,
            },
            "outcomes": totals.outcomes.named().into_iter().collect::<BTreeMap<_, _>>(),
            "coverage": coverage::json(&totals.coverage),
            "violations": 0,
        })
    }
}
