//! What the faults of all runs have met, as a table and as lists of what is missing.

use rekindle::sim::faults::{Coverage, Kind, Step};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// With so many seeds every pair of a fault and a step has to have been there, unless it is excused.
pub const STRICT_FROM_SEEDS: u64 = 20_000;

/// Kinds of faults by steps of the protocols: kinds down, steps across.
pub fn table(coverage: &Coverage) -> String {
    let mut table = format!("{:24}{:>8}", "fault at step", "all");
    Step::ALL.iter().for_each(|step| table += &format!(" {:>11}", step.to_string()));
    for kind in Kind::ALL {
        table += &format!("\n{:24}{:>8}", kind.to_string(), coverage.of(kind));
        for step in Step::ALL {
            let excuse = Coverage::excused(kind, step).filter(|_| coverage.at(kind, step) == 0);
            let count = excuse.map_or_else(|| coverage.at(kind, step).to_string(), |_| "-".into());
            table += &format!(" {count:>11}");
        }
    }
    table
}

/// The pairs that never happened: those without an excuse first, then the excuses.
pub fn never(coverage: &Coverage) -> String {
    let mut steps: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (kind, step) in coverage.missing() {
        steps.entry(kind.to_string()).or_default().push(step.to_string());
    }
    let mut told = String::from(if steps.is_empty() { "every pair happened" } else { "never happened:" });
    for (kind, steps) in &steps {
        told += &format!("\n  {kind} at {}", steps.join(", "));
    }
    let mut excuses: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (kind, step, why) in excused(coverage) {
        excuses.entry(why).or_default().push(format!("{kind} at {step}"));
    }
    if !excuses.is_empty() {
        told += "\ncan't happen (-):";
    }
    for (why, pairs) in excuses {
        told += &format!("\n  {}: {why}", pairs.join(", "));
    }
    told
}

fn excused(coverage: &Coverage) -> impl Iterator<Item = (Kind, Step, &'static str)> + '_ {
    let pairs = Kind::ALL.into_iter().flat_map(|kind| Step::ALL.map(|step| (kind, step)));
    pairs
        .filter(|(kind, step)| coverage.at(*kind, *step) == 0)
        .filter_map(|(kind, step)| Some((kind, step, Coverage::excused(kind, step)?)))
}

/// What is missing although it could have been there.
///
/// # Errors
/// When something is.
pub fn check(coverage: &Coverage) -> Result<(), String> {
    match coverage.missing().count() {
        0 => Ok(()),
        count => Err(format!(
            "{count} pairs of a fault and a step never happened: let the schedule reach them (see above), or excuse them in Coverage::excused"
        )),
    }
}

/// Counts by kind and step, and what never happened.
pub fn json(coverage: &Coverage) -> Value {
    let pairs = Kind::ALL.into_iter().map(|kind| {
        let steps = Step::ALL.map(|step| (step.to_string(), coverage.at(kind, step).into()));
        (kind.to_string(), Value::Object(steps.into_iter().collect()))
    });
    let missing: Vec<Value> =
        coverage.missing().map(|(kind, step)| json!([kind.to_string(), step.to_string()])).collect();
    let excused: Vec<Value> =
        excused(coverage).map(|(kind, step, why)| json!([kind.to_string(), step.to_string(), why])).collect();
    json!({
        "kinds": Value::Object(Kind::ALL.into_iter().map(|kind| (kind.to_string(), coverage.of(kind).into())).collect()),
        "pairs": Value::Object(pairs.collect()),
        "missing": missing,
        "excused": excused,
    })
}
