//! What a person reads at the end.

use crate::{
    report::{Crash, Report},
    story::Story,
};
use std::fmt::Write;

/// The run in words and pictures.
pub fn summary(story: &Story, report: &Report) -> String {
    let mut text = String::new();
    for (crash, picture) in
        report.crashes.iter().filter(|crash| crash.served_ms.is_some()).zip(&story.pictures)
    {
        _ = writeln!(text, "\n{}", headline(crash));
        text += picture;
    }
    _ = writeln!(text);
    clients(&mut text, story, report);
    memory(&mut text, report);
    verdict(&mut text, story, report);
    text
}

fn headline(crash: &Crash) -> String {
    let names: Vec<String> = crash.servers.iter().map(|id| format!("s{id}")).collect();
    let what = match crash.kind {
        "pause" => "stopped",
        "recovery_master" => "killed while it replayed",
        "all" => "all killed and started again",
        _ => "killed",
    };
    let megabytes = crash.recovered_bytes.unwrap_or_default() as f64 / 1e6;
    format!(
        "{} {what}: {megabytes:.1} MB served again after {:.0} ms, {:.1} MB/s",
        names.join(", "),
        crash.served_ms.unwrap_or_default(),
        crash.recovery_mb_per_s.unwrap_or_default()
    )
}

fn clients(text: &mut String, story: &Story, report: &Report) {
    let books = story.caller.books.lock();
    let window = story.window.lock();
    let (reads, writes, tally) = (window.reads, window.writes, books.tally);
    let ms = |time: std::time::Duration| time.as_secs_f64() * 1e3;
    _ = writeln!(
        text,
        "load      {} objects, {:.1} MB, in {:.2} s: {:.1} MB/s",
        report.objects,
        report.bytes as f64 / 1e6,
        report.load_seconds,
        report.load_mb_per_s
    );
    _ = writeln!(
        text,
        "meanwhile, in tablets of the other servers: {} reads, slowest {:.1} ms, {} errors; {} writes, slowest {:.1} \
         ms, {} errors",
        reads.done,
        ms(reads.slowest),
        reads.errors,
        writes.done,
        ms(writes.slowest),
        writes.errors
    );
    _ = writeln!(
        text,
        "clients   {} reads, {} writes, {} conditions refused, {} writes of unknown outcome, {} calls failed",
        tally.reads, tally.writes, tally.refused, tally.unknown, tally.failed
    );
}

fn memory(text: &mut String, report: &Report) {
    let show = |values: &[Option<u64>]| {
        let shown =
            |bytes: &Option<u64>| bytes.map_or("-".to_owned(), |bytes| format!("{:.0}", bytes as f64 / 1e6));
        values.iter().map(shown).collect::<Vec<_>>().join(" ")
    };
    _ = writeln!(
        text,
        "memory    {} MB resident at most, {} MB live",
        show(&report.rss_bytes_max),
        show(&report.live_bytes)
    );
    if let Some(worst) = report.memory.iter().max_by(|a, b| a.of_bound.total_cmp(&b.of_bound)) {
        _ = writeln!(
            text,
            "          at worst {:.0} MB resident beside {:.0} MB live: {:.2} of 1.5 x live + 128 MiB",
            worst.rss_bytes as f64 / 1e6,
            worst.live_bytes as f64 / 1e6,
            worst.of_bound
        );
    }
}

fn verdict(text: &mut String, story: &Story, report: &Report) {
    if report.false_deaths > 0 {
        _ = writeln!(text, "{} servers were declared dead that were alive.", report.false_deaths);
    }
    for breach in story.caller.books.lock().breaches() {
        let what = if breach.is_lost { "lost" } else { "wrong" };
        _ = writeln!(text, "object {} is {what}: {}", breach.index, breach.what);
    }
    _ = writeln!(
        text,
        "verified  {} of {} objects, value and version, {} of them deleted: {} lost, {} wrong",
        report.objects_verified,
        report.objects,
        report.deletes_verified,
        report.objects_lost,
        report.objects_wrong
    );
}
