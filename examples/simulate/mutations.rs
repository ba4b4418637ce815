//! Is the simulator worth its time? Each starred rule is switched off in turn, and has to be missed.

use crate::jobs::Jobs;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use rekindle::{
    sim::faults::{FaultsConfig, Profile, play},
    types::{Rule, Rules},
};
use serde_json::json;
use std::{
    num::NonZero,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

#[derive(Args)]
pub struct Mutations {
    /// Which rules, by id; all by default.
    #[arg(long, alias = "rule", value_delimiter = ',', value_parser = rule)]
    rules: Vec<Rule>,
    /// The first seed of the first range.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// How many ranges of seeds, one behind the other.
    #[arg(long, default_value_t = NonZero::new(3).expect("three"))]
    ranges: NonZero<u64>,
    /// Seeds of a range: within so many each rule has to be missed.
    #[arg(long, default_value_t = NonZero::new(1_000).expect("a thousand"))]
    seeds: NonZero<u64>,
    #[command(flatten)]
    jobs: Jobs,
    /// Print one JSON object per rule instead of the table.
    #[arg(long)]
    json: bool,
}

fn rule(id: &str) -> Result<Rule, String> {
    let is_it = |rule: &&Rule| rule.to_string().eq_ignore_ascii_case(id);
    let all = || Rule::ALL.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Rule::ALL
        .iter()
        .find(is_it)
        .copied()
        .ok_or_else(|| format!("no rule {id:?} with a switch; there are {}", all()))
}

/// A seed that breaks something without a rule.
struct Catch {
    /// Seeds that were played, this one included.
    seeds: u64,
    seed: u64,
    /// The first line of its account.
    what: String,
}

/// One range of seeds, played without a rule.
struct Hunt {
    caught: Option<Catch>,
    /// Accounts of seeds that break something with all rules in force as well: they say nothing about the rule.
    unruly: Vec<String>,
    wall: Duration,
}

/// What is to be done, and what has been.
struct Board {
    tasks: Vec<(usize, u64)>,
    next: AtomicUsize,
    /// Per rule, per range.
    hunts: Mutex<Vec<Vec<Option<Hunt>>>>,
    bar: ProgressBar,
}

impl Mutations {
    pub fn play(&self) -> Result<(), String> {
        let rules = if self.rules.is_empty() { Rule::ALL.to_vec() } else { self.rules.clone() };
        let ranges = self.ranges.get();
        let tasks = (0..rules.len()).flat_map(|rule| (0..ranges).map(move |range| (rule, range)));
        let board = Board {
            tasks: tasks.collect(),
            next: AtomicUsize::new(0),
            hunts: Mutex::new(rules.iter().map(|_| (0..ranges).map(|_| None).collect()).collect()),
            bar: bar(rules.len() * ranges as usize),
        };
        if !self.json {
            println!(
                "rule  seeds to catch, by range{:>width$}  median  what broke first",
                "",
                width = self.pad()
            );
        }
        self.jobs.run(|| self.work(&rules, &board));
        board.bar.finish_and_clear();
        self.verdict(&rules, board.hunts)
    }

    /// Takes ranges until all are played. Whoever ends a rule's last one tells about it.
    fn work(&self, rules: &[Rule], board: &Board) {
        while let Some(&(number, range)) = board.tasks.get(board.next.fetch_add(1, Ordering::Relaxed)) {
            let hunt = self.hunt(rules[number], range, &board.bar);
            board.bar.inc(1);
            let Ok(mut hunts) = board.hunts.lock() else { return };
            hunts[number][range as usize] = Some(hunt);
            if hunts[number].iter().all(Option::is_some) {
                let hunts: Vec<&Hunt> = hunts[number].iter().flatten().collect();
                board.bar.suspend(|| self.tell(rules[number], &hunts));
            }
        }
    }

    /// Plays the seeds of a range until one breaks something without the rule, and nothing with it.
    fn hunt(&self, rule: Rule, range: u64, bar: &ProgressBar) -> Hunt {
        let (start, mut unruly) = (Instant::now(), Vec::new());
        let first = self.from + range * self.seeds.get();
        for seed in first..first + self.seeds.get() {
            bar.set_message(format!("{rule}, seed {seed}"));
            let with = FaultsConfig::new(seed, Profile::of(seed));
            let Err(what) = play(&with.clone().with_rules(Rules::without(rule))) else { continue };
            if let Err(what) = play(&with) {
                unruly.push(what);
                continue;
            }
            let caught = Some(Catch { seeds: seed - first + 1, seed, what: first_line(&what) });
            return Hunt { caught, unruly, wall: start.elapsed() };
        }
        Hunt { caught: None, unruly, wall: start.elapsed() }
    }

    /// Width of a rule's counts beyond their heading.
    fn pad(&self) -> usize {
        (7 * self.ranges.get() as usize).saturating_sub(24)
    }

    fn tell(&self, rule: Rule, hunts: &[&Hunt]) {
        let wall: Duration = hunts.iter().map(|hunt| hunt.wall).sum();
        let counts: Vec<Option<u64>> =
            hunts.iter().map(|hunt| hunt.caught.as_ref().map(|c| c.seeds)).collect();
        let first = hunts.iter().find_map(|hunt| hunt.caught.as_ref());
        let profile = first.map(|first| Profile::of(first.seed).to_string());
        if self.json {
            let (seed, what) = (first.map(|first| first.seed), first.map(|first| &first.what));
            println!(
                "{}",
                json!({
                    "rule": rule.to_string(), "from": self.from, "seeds": self.seeds, "caught_after": counts,
                    "median": median(&counts), "first": { "seed": seed, "profile": profile, "broke": what },
                    "wall_seconds": wall.as_secs_f64(),
                })
            );
            return;
        }
        let shown = |count: &Option<u64>| count.map_or_else(|| "never".into(), |count| count.to_string());
        let cells: String = counts.iter().map(|count| format!("{:>7}", shown(count))).collect();
        let what = first.map_or_else(String::new, |first| {
            format!("seed {}, {}: {}", first.seed, profile.unwrap_or_default(), first.what)
        });
        println!(
            "{:4}{cells:26}{:>8}  {what} ({:.0} s)",
            rule.to_string(),
            shown(&median(&counts)),
            wall.as_secs_f64()
        );
    }

    /// An error when a rule is not missed in one of the ranges, or when something breaks with all of them in force.
    fn verdict(&self, rules: &[Rule], hunts: Mutex<Vec<Vec<Option<Hunt>>>>) -> Result<(), String> {
        let hunts = hunts.into_inner().map_err(|_| "a run's thread has died")?;
        let is_caught = |hunt: &Option<Hunt>| hunt.as_ref().is_some_and(|hunt| hunt.caught.is_some());
        let never: Vec<String> = rules
            .iter()
            .zip(&hunts)
            .filter(|(_, hunts)| !hunts.iter().all(is_caught))
            .map(|(rule, _)| rule.to_string())
            .collect();
        let unruly: Vec<&str> =
            hunts.iter().flatten().flatten().flat_map(|hunt| &hunt.unruly).map(String::as_str).collect();
        if !unruly.is_empty() {
            return Err(format!("these break something with all rules in force:\n{}", unruly.join("\n")));
        }
        if never.is_empty() {
            return Ok(());
        }
        Err(format!(
            "not missed within {} seeds: {}: the simulator lacks a fault or a check",
            self.seeds,
            never.join(", ")
        ))
    }
}

fn bar(ranges: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} ranges, {elapsed}  {msg}");
    ProgressBar::new(ranges as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// What broke, without the seed, which is told beside it.
fn first_line(account: &str) -> String {
    let line = account.lines().next().unwrap_or_default();
    let what = line.split_once("): ").map_or(line, |(_, what)| what);
    what.chars().take(160).collect()
}

/// Of an even number the larger one in the middle; never is more than any number.
fn median(counts: &[Option<u64>]) -> Option<u64> {
    let mut sorted: Vec<u64> = counts.iter().map(|count| count.unwrap_or(u64::MAX)).collect();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().filter(|count| *count < u64::MAX)
}
