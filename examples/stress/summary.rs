//! What a person reads at the end.

use crate::{
    histogram::Histogram,
    report::{KINDS, Report},
    story::Story,
    strikes::Recovery,
};
use std::{fmt::Write, time::Duration};

/// Characters of the longest bar.
const WIDTH: usize = 44;

/// A recovery that takes longer is told step by step,
const SLOW: Duration = Duration::from_secs(5);
/// if it is among the first,
const SLOW_TOLD: usize = 3;
/// and so many steps of it.
const STEPS_TOLD: usize = 40;

/// The run in words, figures and bars.
pub fn summary(story: &Story, report: &Report) -> String {
    let mut text = String::new();
    histograms(&mut text, story);
    calls(&mut text, story, report);
    strikes(&mut text, story, report);
    verdict(&mut text, report);
    text
}

fn histograms(text: &mut String, story: &Story) {
    let calls = story.rig.meter.calls();
    for kind in KINDS {
        let Some(calls) = calls.get(&kind) else { continue };
        _ = writeln!(text, "\n{}: how long the calls took", kind.name());
        histogram(text, &calls.times);
    }
}

/// A bar for each doubling of the time, as long as the number of calls has digits: one slow call shows among millions.
fn histogram(text: &mut String, times: &Histogram) {
    let rows = times.doublings();
    let first = rows.iter().position(|(_, count)| *count > 0).unwrap_or(0);
    let last = rows.iter().rposition(|(_, count)| *count > 0).unwrap_or(0);
    let longest = rows.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    for (end, count) in &rows[first..=last] {
        let width = match count {
            0 => 0,
            count => (((count + 1) as f64).log10() / ((longest + 1) as f64).log10() * WIDTH as f64).round()
                as usize,
        };
        _ = writeln!(text, "{:>12}  {:<WIDTH$} {count}", format!("< {}", words(*end)), "━".repeat(width));
    }
}

/// A time in two or three digits.
fn words(time: Duration) -> String {
    match time.as_micros() + 1 {
        micros @ 0..1000 => format!("{micros} us"),
        micros @ 1000..1_000_000 => format!("{:.1} ms", micros as f64 / 1e3),
        micros => format!("{:.1} s", micros as f64 / 1e6),
    }
}

fn calls(text: &mut String, story: &Story, report: &Report) {
    _ = writeln!(
        text,
        "\n{:<10} {:>9} {:>8} {:>8} {:>8} {:>9} {:>9} {:>9} {:>9}",
        "calls", "done", "refused", "not done", "unknown", "p50 ms", "p99 ms", "p99.9 ms", "max ms"
    );
    for kind in KINDS {
        let Some(kind_report) = report.kinds.get(kind.name()) else { continue };
        let crate::report::KindReport { done, refused, not_done, unknown, .. } = kind_report;
        _ = writeln!(
            text,
            "{:<10} {done:>9} {refused:>8} {not_done:>8} {unknown:>8} {:>9.2} {:>9.2} {:>9.2} {:>9.2}",
            kind.name(),
            kind_report.p50_ms,
            kind_report.p99_ms,
            kind_report.p999_ms,
            kind_report.max_ms
        );
    }
    let rate = report.calls as f64 / report.seconds;
    _ = writeln!(
        text,
        "{} calls of {} clients in {:.1} s, {rate:.0}/s, while tables were made and dropped {} times",
        report.calls, report.clients, report.seconds, report.spare_tables
    );
    _ = writeln!(
        text,
        "{:.1} MB written, {:.1} times the memory of {} x {} MiB; {} segments cleaned",
        report.bytes_written as f64 / 1e6,
        report.turnover,
        report.servers,
        story.plan.memory_bytes >> 20,
        report.segments_cleaned
    );
}

fn strikes(text: &mut String, story: &Story, report: &Report) {
    let count = |kind| report.strikes.iter().filter(|strike| strike.kind == kind).count();
    _ = writeln!(
        text,
        "strikes: {} x one server killed, {} x two at once, {} x the coordinator, {} x one stopped for a while; {} had \
         to wait, {:.1} s together",
        count("kill"),
        count("pair"),
        count("coordinator"),
        count("pause"),
        report.strikes_waited,
        report.strikes_waited_ms as f64 / 1e3
    );
    let mut served: Vec<f64> = report.recoveries.iter().filter_map(|recovery| recovery.served_ms).collect();
    served.sort_by(f64::total_cmp);
    if let (Some(fastest), Some(slowest)) = (served.first(), served.last()) {
        _ = writeln!(
            text,
            "recoveries: {}, served again after {fastest:.0} to {slowest:.0} ms, half of them within {:.0} ms",
            served.len(),
            served[served.len() / 2]
        );
    }
    for recovery in
        story.siege.record.recoveries().iter().filter(|recovery| is_slow(recovery)).take(SLOW_TOLD)
    {
        _ = writeln!(text, "{} was slow:", recovery.id);
        for (after, event) in
            recovery.steps.iter().filter(|(after, _)| *after > Duration::ZERO).take(STEPS_TOLD)
        {
            _ = writeln!(text, "{:>10} ms  {event:?}", after.as_millis());
        }
    }
    if report.false_deaths > 0 {
        _ = writeln!(text, "{} servers were declared dead that were alive", report.false_deaths);
    }
}

fn is_slow(recovery: &Recovery) -> bool {
    recovery.served_after.is_none_or(|after| after > SLOW)
}

fn verdict(text: &mut String, report: &Report) {
    for why in &report.crashed {
        _ = writeln!(text, "ended by itself, {why}");
    }
    for id in &report.logs_lost {
        _ = writeln!(text, "no replica was left of the log of s{id}");
    }
    for breach in &report.breaches {
        _ = writeln!(text, "table {} {}: {}", breach.table, breach.key, breach.what);
    }
    _ = writeln!(
        text,
        "verified  {} of {} objects, twice, value and version, {} of them deleted",
        report.objects_verified, report.objects, report.deletes_verified
    );
    if report.is_good() {
        _ = writeln!(text, "nothing lost");
        return;
    }
    _ = writeln!(
        text,
        "{} objects lost, {} wrong, {} not verified, {} processes failed; seed {}",
        report.objects_lost,
        report.objects_wrong,
        report.objects - report.objects_verified,
        report.crashed.len(),
        report.seed
    );
}
