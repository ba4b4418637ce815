//! A recovery as a picture in text: what happened when, and the partitions side by side.

use crate::{
    report::ms,
    timeline::{Lane, Timeline},
};
use rekindle::{env::Time, types::ServerId};
use std::fmt::Write;

/// Characters for the time axis.
const WIDTH: usize = 60;
/// More partitions than this are summed up.
const LANES_MAX: usize = 24;

/// What the recovery of these servers looked like, a line each.
pub fn picture(timeline: &Timeline, dead: &[ServerId], killed_at: Time, served_at: Time) -> String {
    let phases = timeline.phases(dead);
    let axis = Axis { from: killed_at, to: phases.committed.map_or(served_at, |at| at.max(served_at)) };
    let mut text = String::new();
    let steps = [
        ("detected", phases.detected),
        ("fenced", phases.fenced),
        ("discovered", phases.discovered),
        ("planned", phases.planned),
    ];
    let mut from = killed_at;
    for (name, at) in steps {
        let Some(at) = at else { continue };
        axis.line(&mut text, name, &[(from, at, '#')], at, "");
        from = from.max(at);
    }
    let lanes: Vec<(String, Lane)> = dead
        .iter()
        .flat_map(|dead| {
            timeline.lanes(*dead).into_iter().map(move |(p, lane)| (format!("{dead} {p}"), lane))
        })
        .collect();
    for (name, lane) in lanes.iter().take(LANES_MAX) {
        let (replayed, committed) = (lane.replayed.unwrap_or(axis.to), lane.committed.unwrap_or(axis.to));
        let served = lane.served.unwrap_or(axis.to);
        let parts = [(from, replayed, '='), (replayed, committed, '-'), (committed, served, '+')];
        let on = lane.master.map(|master| format!("on {master}, {} objects", lane.objects));
        axis.line(&mut text, name, &parts, served, &on.unwrap_or_default());
    }
    if lanes.len() > LANES_MAX {
        _ = writeln!(text, "{:>12}  {} more partitions", "", lanes.len() - LANES_MAX);
    }
    axis.line(&mut text, "clients", &[(killed_at, served_at, '.')], served_at, "every tablet answers");
    _ = writeln!(text, "{:>12}  = replay   - wait for the lease and the record   + told to serve", "");
    text
}

struct Axis {
    from: Time,
    to: Time,
}

impl Axis {
    fn column(&self, at: Time) -> usize {
        let all = self.to.since(self.from).as_nanos().max(1);
        (at.since(self.from).as_nanos() * WIDTH as u128 / all).min(WIDTH as u128) as usize
    }

    /// Each part fills at least one character, so that short ones are seen.
    fn line(&self, text: &mut String, name: &str, parts: &[(Time, Time, char)], at: Time, note: &str) {
        let mut bar = vec![' '; WIDTH + 1];
        for (from, to, mark) in parts.iter().filter(|(from, to, _)| to > from) {
            let (from, to) = (self.column(*from), self.column(*to));
            bar[from..=to.max(from)].fill(*mark);
        }
        let bar: String = bar.into_iter().collect();
        _ = writeln!(text, "{name:>12} |{bar}| {:>8.1} ms  {note}", ms(at, self.from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle::{coordinator::Event, types::PartitionIndex};

    #[test]
    fn phases_and_partitions_are_in_their_columns() {
        let (dead, master, partition) = (ServerId(1), ServerId(2), PartitionIndex(0));
        let mut timeline = Timeline::default();
        let at = |ms: u64| Time(ms * 1_000_000);
        timeline.extend([
            (at(120), Event::Detected(dead)),
            (at(130), Event::Planned { dead, partitions: 1 }),
            (at(160), Event::Replayed { dead, partition, master, bytes: 1, objects: 9 }),
            (at(170), Event::Committed { dead, partition, master }),
            (at(175), Event::Served { dead, partition, master }),
        ]);
        let text = picture(&timeline, &[dead], at(100), at(200));
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("    detected |#####"), "{text}");
        assert!(lines[0].contains("20.0 ms"), "{text}");
        assert!(lines[2].contains("s1 p0") && lines[2].contains("==") && lines[2].contains("-+"), "{text}");
        assert!(lines[2].ends_with("on s2, 9 objects"), "{text}");
        assert!(lines[3].contains(&".".repeat(WIDTH)), "{text}");
        assert!(lines.iter().take(4).all(|line| line.matches('|').count() == 2), "{text}");
    }
}
