//! A run as text: who did what when.

use crate::words::{self, Names, seconds, size};
use clap::ValueEnum;
use rekindle::{
    env::Time,
    sim::trace::{Fate, Happening, Message, Standing, Trace},
    types::ServerId,
};
use std::{collections::BTreeMap, fmt::Write, time::Duration};

/// How much a timeline tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Level {
    /// Faults, processes, what the coordinators saw, how everything stood.
    Story,
    /// And what clients asked and were told.
    #[default]
    Calls,
    /// And every frame but heartbeats.
    Messages,
    /// And heartbeats.
    All,
}

/// Frames are summed up over so long where they are not listed.
const SUM_OVER: Duration = Duration::from_secs(1);
/// An answer that took longer has a line of its own.
const LONG: Duration = Duration::from_millis(100);
/// Kinds of frames, and pairs that lost some, that a sum names.
const NAMED_MAX: usize = 8;

/// When, who, what.
type Line = (Time, String, String);

/// The whole timeline.
pub fn timeline(trace: &Trace, level: Level) -> String {
    let mut lines = Vec::new();
    faults(trace, &mut lines);
    happenings(trace, &mut lines);
    let names = Names::of(trace);
    lines.extend(trace.events.iter().map(|(at, event)| (*at, "coordinator".into(), names.event(event))));
    if level >= Level::Calls {
        calls(trace, &mut lines);
    }
    sums(trace, &mut lines);
    if level >= Level::Messages {
        messages(trace, level, &mut lines);
    }
    lines.sort_by_key(|(at, ..)| *at);
    let mut text = head(trace);
    for (at, who, what) in lines {
        _ = writeln!(text, "{:>12}  {who:<12} {what}", seconds(at));
    }
    text + &tail(trace)
}

fn head(trace: &Trace) -> String {
    let sim = &trace.config.sim;
    let mut text = format!(
        "seed {}, profile {}, {:?}, R = {}\n{} frames, {} faults, {} calls of clients\n",
        sim.seed,
        trace.config.profile,
        sim.store,
        sim.replicas,
        trace.messages.len() as u64 + trace.messages_left_out,
        trace.incidents.len(),
        trace.calls.len(),
    );
    if trace.messages_left_out > 0 {
        _ = writeln!(text, "the last {} frames were not kept", trace.messages_left_out);
    }
    _ = writeln!(text, "\n{:>12}  {:<12} what", "seconds", "who");
    text
}

fn tail(trace: &Trace) -> String {
    let at = seconds(trace.end);
    match &trace.outcome {
        Ok(report) => {
            let settled = report.settled_after.as_millis();
            format!("{at:>12}  the end      no violation; settled {settled} ms after everything was mended\n")
        }
        Err(what) => format!("{at:>12}  THE END      something is broken:\n\n{what}\n"),
    }
}

fn faults(trace: &Trace, lines: &mut Vec<Line>) {
    for (incident, number) in trace.incidents.iter().zip(1..) {
        let what = words::fault(incident);
        lines.push((incident.from, "FAULT".into(), format!("{number} begins: {what}")));
        if let Some(to) = incident.to {
            lines.push((to, "FAULT".into(), format!("{number} ends: {}", incident.kind)));
        }
    }
}

fn happenings(trace: &Trace, lines: &mut Vec<Line>) {
    let mut stood = BTreeMap::<&str, (Option<ServerId>, &str)>::new();
    for (at, happening) in &trace.happenings {
        let (who, what) = match happening {
            Happening::Killed(node) => (node, "is killed".to_owned()),
            Happening::Started(node) => (node, "is started again".to_owned()),
            Happening::Paused(node) => (node, "stands still".to_owned()),
            Happening::Resumed(node) => (node, "goes on".to_owned()),
            Happening::DiskFailed { node, call, file } => (node, format!("its disk refuses {call} {file:?}")),
            Happening::Note(text) => {
                lines.push((*at, "note".into(), text.replace('\n', " | ")));
                continue;
            }
            Happening::State(standings) => {
                for standing in standings {
                    let now = (standing.id, standing.words.as_str());
                    // Numbers change all the time: they are told with what they go with.
                    if stood.insert(&standing.node, now) != Some(now) {
                        lines.push((*at, standing.node.clone(), format!("is now {}", state(standing))));
                    }
                }
                continue;
            }
        };
        lines.push((*at, who.clone(), what));
    }
}

fn state(standing: &Standing) -> String {
    let Standing { id, words, numbers, .. } = standing;
    let numbers = if numbers.is_empty() { String::new() } else { format!(" ({numbers})") };
    match id {
        Some(id) => format!("server {}: {words}{numbers}", id.0),
        None => format!("{words}{numbers}"),
    }
}

fn calls(trace: &Trace, lines: &mut Vec<Line>) {
    for call in &trace.calls {
        let (who, asked, told) = (words::client(call), words::ask(call), words::told(call));
        let from = call.from.time;
        let Some(to) = call.to.map(|to| to.time) else {
            lines.push((from, who, format!("{asked} -> {told}")));
            continue;
        };
        let took = to.since(from);
        let ms = took.as_secs_f64() * 1e3;
        lines.push((from, who.clone(), format!("{asked} -> {told}, after {ms:.1} ms")));
        if took > LONG {
            lines.push((to, who, format!("is told about {asked} of {}: {told}", seconds(from))));
        }
    }
}

/// What passed between two instants.
#[derive(Default)]
struct Sum<'a> {
    frames: u64,
    bytes: u64,
    calls: BTreeMap<&'a str, u64>,
    specials: BTreeMap<(&'static str, u16, u16), u64>,
}

fn sums(trace: &Trace, lines: &mut Vec<Line>) {
    let mut sums = BTreeMap::<u64, Sum<'_>>::new();
    let length = SUM_OVER.as_nanos() as u64;
    for message in &trace.messages {
        let sum = sums.entry(message.sent.0 / length).or_default();
        sum.frames += 1;
        sum.bytes += u64::from(message.bytes);
        *sum.calls.entry(message.head.call).or_default() += 1;
        for special in specials(message) {
            *sum.specials.entry((special, message.from, message.to)).or_default() += 1;
        }
    }
    for (number, sum) in sums {
        let at = Time((number + 1) * length).min(trace.end);
        lines.push((at, "network".into(), sum.words(trace)));
    }
}

impl Sum<'_> {
    fn words(&self, trace: &Trace) -> String {
        let name = |node: u16| trace.nodes[usize::from(node)].as_str();
        let calls = most(&self.calls, |call| (*call).to_owned());
        let mut text = format!("{} frames in the last second, {}: {calls}", self.frames, size(self.bytes));
        if !self.specials.is_empty() {
            let specials =
                most(&self.specials, |(what, from, to)| format!("{what} {}>{}", name(*from), name(*to)));
            text += &format!("; BUT {specials}");
        }
        text
    }
}

/// The most frequent ones.
fn most<K: Ord>(counts: &BTreeMap<K, u64>, name: impl Fn(&K) -> String) -> String {
    let mut sorted: Vec<(&K, &u64)> = counts.iter().collect();
    sorted.sort_by_key(|(key, count)| (std::cmp::Reverse(**count), *key));
    let mut texts: Vec<String> =
        sorted.iter().take(NAMED_MAX).map(|(key, count)| format!("{count} {}", name(key))).collect();
    if sorted.len() > NAMED_MAX {
        let rest: u64 = sorted[NAMED_MAX..].iter().map(|(_, count)| **count).sum();
        texts.push(format!("{rest} others"));
    }
    texts.join(", ")
}

/// What is not as it is on a good network.
fn specials(message: &Message) -> impl Iterator<Item = &'static str> {
    let repeated = message.is_repeat.then_some("repeated");
    let broken = message.breaks_lane.then_some("breaking its lane");
    missed(message.fate).into_iter().chain(repeated).chain(broken)
}

/// How a frame did not reach anybody.
fn missed(fate: Fate) -> Option<&'static str> {
    match fate {
        Fate::Received(_) | Fate::UnderWay(_) => None,
        Fate::Lost => Some("lost"),
        Fate::Unheard => Some("unheard"),
        Fate::Reset => Some("reset"),
        Fate::NotConnected => Some("no lane"),
    }
}

fn messages(trace: &Trace, level: Level, lines: &mut Vec<Line>) {
    let is_shown = |message: &&Message| level == Level::All || message.lane != "heartbeat";
    for message in trace.messages.iter().filter(is_shown) {
        let [from, to] = [message.from, message.to].map(|node| trace.nodes[usize::from(node)].clone());
        let (call, lane, bytes) = (message.head.call, message.lane, size(message.bytes.into()));
        let fate = match message.fate {
            Fate::Received(at) => format!("there after {} us", at.since(message.sent).as_micros()),
            Fate::UnderWay(due) => format!("nobody takes it, due at {}", seconds(due)),
            other => missed(other).unwrap_or_default().to_uppercase(),
        };
        let request = message.head.request;
        let again = if message.is_repeat { ", a REPEAT" } else { "" };
        let broken = if message.breaks_lane { "; the lane BREAKS" } else { "" };
        let what = format!("  > {to:<11} {call} #{request}{again}, {lane}, {bytes}: {fate}{broken}");
        lines.push((message.sent, from, what));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn a_timeline_is_as_expected() {
        let text = timeline(&sample::trace(), Level::Messages);
        assert_eq!(text, include_str!("sample_timeline.txt"), "written:\n{text}");
    }

    #[test]
    fn each_level_tells_more() {
        let trace = sample::trace();
        let levels = [Level::Story, Level::Calls, Level::Messages, Level::All];
        let lengths = levels.map(|level| timeline(&trace, level).len());
        assert!(lengths.is_sorted_by(|less, more| less < more), "{lengths:?}");
    }

    #[test]
    fn what_broke_comes_last() {
        let mut trace = sample::trace();
        trace.outcome = Err("seed 1: two owners\nfaults:".into());
        let text = timeline(&trace, Level::Story);
        assert!(
            text.ends_with("THE END      something is broken:\n\nseed 1: two owners\nfaults:\n"),
            "{text}"
        );
    }
}
