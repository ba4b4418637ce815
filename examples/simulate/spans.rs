//! From when to when something was so: what a trace shows as bands.

use rekindle::{
    coordinator::Event,
    env::Time,
    sim::trace::{Happening, Trace},
    types::ServerId,
};
use std::collections::BTreeMap;

/// Something that was so for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Of which node.
    pub node: String,
    pub from: Time,
    pub to: Time,
}

/// A recovery, with the instants at which its phases began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    pub dead: ServerId,
    /// Phase, and its beginning.
    pub phases: Vec<(&'static str, Time)>,
    /// When it was over; the end of the run when it was not.
    pub to: Time,
    pub is_over: bool,
}

/// When which process was dead.
pub fn dead(trace: &Trace) -> Vec<Span> {
    spans(trace, |happening| match happening {
        Happening::Killed(node) => Some((node, true)),
        Happening::Started(node) => Some((node, false)),
        _ => None,
    })
}

/// When which process stood still.
pub fn paused(trace: &Trace) -> Vec<Span> {
    spans(trace, |happening| match happening {
        Happening::Paused(node) => Some((node, true)),
        Happening::Resumed(node) | Happening::Killed(node) => Some((node, false)),
        _ => None,
    })
}

fn spans(trace: &Trace, change: impl Fn(&Happening) -> Option<(&String, bool)>) -> Vec<Span> {
    let (mut open, mut spans) = (BTreeMap::<&String, Time>::new(), Vec::new());
    for (at, happening) in &trace.happenings {
        match change(happening) {
            Some((node, true)) => drop(open.entry(node).or_insert(*at)),
            Some((node, false)) => {
                let from = open.remove(node);
                spans.extend(from.map(|from| Span { node: node.clone(), from, to: *at }));
            }
            None => {}
        }
    }
    let rest = open.into_iter().map(|(node, from)| Span { node: node.clone(), from, to: trace.end });
    spans.extend(rest);
    spans.sort_by_key(|span| span.from);
    spans
}

/// The recoveries of a run, in the order of the deaths. A suspicion that came to nothing is none.
pub fn recoveries(trace: &Trace) -> Vec<Recovery> {
    let (mut suspected, mut recoveries) = (BTreeMap::new(), Vec::<Recovery>::new());
    for (at, event) in &trace.events {
        match event {
            Event::Suspected(server) => drop(suspected.insert(*server, *at)),
            Event::Fenced(dead) => {
                let suspicion = suspected.remove(dead).map(|since| ("suspected", since));
                let phases = suspicion.into_iter().chain([("discovery", *at)]).collect();
                recoveries.push(Recovery { dead: *dead, phases, to: trace.end, is_over: false });
            }
            _ => {
                let Some((dead, phase)) = phase_of(event) else { continue };
                let recovery = recoveries.iter_mut().find(|recovery| recovery.dead == dead);
                recovery.into_iter().for_each(|recovery| recovery.enter(phase, *at));
            }
        }
    }
    recoveries
}

impl Recovery {
    fn enter(&mut self, phase: &'static str, at: Time) {
        match self.phases.last() {
            _ if phase == OVER => (self.to, self.is_over) = (at, true),
            Some((last, _)) if *last == phase => {}
            _ => self.phases.push((phase, at)),
        }
    }
}

const OVER: &str = "over";

/// The phase that a recovery is in after this event.
fn phase_of(event: &Event) -> Option<(ServerId, &'static str)> {
    Some(match event {
        Event::Waiting { dead, .. } => (*dead, "waiting"),
        Event::Planned { dead, .. }
        | Event::Cut { dead, .. }
        | Event::AttemptFailed { dead, .. }
        | Event::Replayed { dead, .. } => (*dead, "replay"),
        Event::Committed { dead, .. } | Event::Served { dead, .. } => (*dead, "commit"),
        Event::Recovered(dead) => (*dead, OVER),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{at, trace};

    #[test]
    fn a_death_lasts_until_the_next_start() {
        let killed = || Happening::Killed("s1".into());
        let mut trace = trace();
        trace.happenings =
            vec![(at(5), killed()), (at(9), Happening::Started("s1".into())), (at(20), killed())];
        let span = |from, to| Span { node: "s1".into(), from: at(from), to: at(to) };
        assert_eq!(dead(&trace), [span(5, 9), Span { to: trace.end, ..span(20, 0) }]);
    }

    #[test]
    fn a_pause_ends_with_the_process() {
        let mut trace = trace();
        trace.happenings = vec![
            (at(5), Happening::Paused("s1".into())),
            (at(6), Happening::Paused("s2".into())),
            (at(7), Happening::Killed("s1".into())),
            (at(9), Happening::Resumed("s2".into())),
        ];
        let span = |node: &str, from, to| Span { node: node.into(), from: at(from), to: at(to) };
        assert_eq!(paused(&trace), [span("s1", 5, 7), span("s2", 6, 9)]);
    }

    #[test]
    fn a_recovery_goes_through_its_phases() {
        let (mut trace, dead) = (trace(), ServerId(3));
        trace.events = vec![
            (at(0), Event::Suspected(ServerId(5))),
            (at(1), Event::Suspected(dead)),
            (at(2), Event::Fenced(dead)),
            (at(3), Event::Planned { dead, partitions: 2 }),
            (at(4), Event::Recovered(dead)),
            (at(5), Event::Fenced(ServerId(4))),
        ];
        let recoveries = recoveries(&trace);
        assert_eq!(recoveries.len(), 2);
        let phases = [("suspected", at(1)), ("discovery", at(2)), ("replay", at(3))];
        assert_eq!(recoveries[0].phases, phases);
        assert_eq!((recoveries[0].to, recoveries[0].is_over), (at(4), true));
        assert_eq!((recoveries[1].to, recoveries[1].is_over), (trace.end, false));
    }
}
