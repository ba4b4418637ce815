//! What the diagram shows, as JSON: times in microseconds since the beginning, nodes by their places.

use crate::{
    spans::{self, Recovery, Span},
    words::{self, Names},
};
use rekindle::{
    env::Time,
    sim::{
        faults::Kind,
        history::{Call, Told},
        trace::{Fate, Happening, Incident, Message, Trace},
    },
};
use serde_json::{Value, json};

pub fn data(trace: &Trace) -> Value {
    let names = Names::of(trace);
    let sim = &trace.config.sim;
    let profile = trace.config.profile;
    json!({
        "title": format!("seed {}, profile {profile}, {:?}, R = {}", sim.seed, sim.store, sim.replicas),
        "end": us(trace.end),
        "failed": trace.outcome.as_ref().err(),
        "nodes": trace.nodes,
        "messages": messages(trace),
        "dead": spans_of(trace, &spans::dead(trace)),
        "paused": spans_of(trace, &spans::paused(trace)),
        "incidents": trace.incidents.iter().map(|incident| fault(trace, incident)).collect::<Vec<_>>(),
        "recoveries": spans::recoveries(trace).iter().map(|one| recovery(&names, one)).collect::<Vec<_>>(),
        "marks": marks(trace, &names),
        "calls": trace.calls.iter().filter_map(|call| client_call(trace, call)).collect::<Vec<_>>(),
        "states": states(trace),
    })
}

fn us(at: Time) -> u64 {
    at.0 / 1_000
}

fn node(trace: &Trace, name: &str) -> Option<usize> {
    trace.nodes.iter().position(|node| node == name)
}

/// Names by number, each written once.
#[derive(Default)]
struct Numbered(Vec<&'static str>);

impl Numbered {
    fn number(&mut self, name: &'static str) -> usize {
        let known = self.0.iter().position(|known| *known == name);
        known.unwrap_or_else(|| {
            self.0.push(name);
            self.0.len() - 1
        })
    }
}

/// Columns, since there are hundreds of thousands. `sent` counts from the one before, `took` is the way's length.
fn messages(trace: &Trace) -> Value {
    let (mut lanes, mut calls, mut former) = (Numbered::default(), Numbered::default(), 0);
    let column = |of: &dyn Fn(&Message) -> u64| trace.messages.iter().map(of).collect::<Vec<u64>>();
    let mut sent = Vec::with_capacity(trace.messages.len());
    for message in &trace.messages {
        sent.push(us(message.sent) - former);
        former = us(message.sent);
    }
    let lane: Vec<usize> = trace.messages.iter().map(|message| lanes.number(message.lane)).collect();
    let call: Vec<usize> = trace.messages.iter().map(|message| calls.number(message.head.call)).collect();
    let is_answer = |call: &&str| trace.messages.iter().any(|m| m.head.call == *call && m.head.is_reply);
    let answers: Vec<bool> = calls.0.iter().map(is_answer).collect();
    json!({
        "lanes": lanes.0, "calls": calls.0, "answers": answers, "fates": FATES,
        "sent": sent, "lane": lane, "call": call,
        "took": column(&|message| us(there(message)).saturating_sub(us(message.sent))),
        "from": column(&|message| message.from.into()),
        "to": column(&|message| message.to.into()),
        "bytes": column(&|message| message.bytes.into()),
        "request": column(&|message| message.head.request),
        "fate": column(&|message| fate(message.fate)),
        "repeat": column(&|message| message.is_repeat.into()),
        "breaks": column(&|message| message.breaks_lane.into()),
    })
}

const FATES: [&str; 6] = ["received", "nobody took it", "lost", "unheard", "reset", "no lane"];

fn fate(fate: Fate) -> u64 {
    match fate {
        Fate::Received(_) => 0,
        Fate::UnderWay(_) => 1,
        Fate::Lost => 2,
        Fate::Unheard => 3,
        Fate::Reset => 4,
        Fate::NotConnected => 5,
    }
}

fn there(message: &Message) -> Time {
    match message.fate {
        Fate::Received(at) | Fate::UnderWay(at) => at,
        _ => message.sent,
    }
}

fn spans_of(trace: &Trace, spans: &[Span]) -> Vec<Value> {
    let band = |span: &Span| Some(json!([node(trace, &span.node)?, us(span.from), us(span.to)]));
    spans.iter().filter_map(band).collect()
}

fn fault(trace: &Trace, incident: &Incident) -> Value {
    let whom: Vec<usize> = incident.whom.iter().filter_map(|name| node(trace, name)).collect();
    json!({
        "kind": incident.kind.to_string(),
        "class": class(incident.kind),
        "text": words::fault(incident),
        "whom": whom,
        "from": us(incident.from),
        "to": us(incident.to.unwrap_or(trace.end)),
    })
}

/// Parts of kinds' names, and the colour of their bands; the first that fits. All others are about disks.
const CLASSES: [(&str, &str); 9] = [
    ("Kill", "dead"),
    ("Stop", "dead"),
    ("PowerLoss", "dead"),
    ("Pause", "paused"),
    ("CutOneWay", "cut"),
    ("CutFrom", "cut"),
    ("Isolate", "cut"),
    ("Weather", "weather"),
    ("Drift", "clock"),
];

fn class(kind: Kind) -> &'static str {
    let name = kind.to_string();
    CLASSES.iter().find(|(part, _)| name.contains(part)).map_or("disk", |(_, class)| class)
}

fn recovery(names: &Names, recovery: &Recovery) -> Value {
    let phases: Vec<Value> = recovery.phases.iter().map(|(name, at)| json!([name, us(*at)])).collect();
    json!({
        "name": names.server(recovery.dead), "phases": phases, "to": us(recovery.to), "over": recovery.is_over,
    })
}

/// Points in time on a node: what the coordinators saw, starts, disks that refuse.
fn marks(trace: &Trace, names: &Names) -> Vec<Value> {
    let coordinator = node(trace, "coordinator");
    let seen = trace.events.iter().map(|(at, event)| {
        let text = names.event(event);
        let class = if text.contains("LOST") { "bad" } else { "event" };
        json!([us(*at), coordinator, class, text])
    });
    let happened = trace.happenings.iter().filter_map(|(at, happening)| {
        let (name, class, text) = match happening {
            Happening::Killed(node) => (node, "bad", "killed".to_owned()),
            Happening::Started(node) => (node, "start", "started".to_owned()),
            Happening::Paused(node) => (node, "bad", "stands still".to_owned()),
            Happening::Resumed(node) => (node, "start", "goes on".to_owned()),
            Happening::DiskFailed { node, call, file } => {
                (node, "bad", format!("disk refuses {call} {file}"))
            }
            Happening::State(_) | Happening::Note(_) => return None,
        };
        Some(json!([us(*at), node(trace, name)?, class, text]))
    });
    let mut marks: Vec<Value> = seen.chain(happened).collect();
    marks.sort_by_key(|mark| mark[0].as_u64());
    marks
}

fn client_call(trace: &Trace, call: &Call) -> Option<Value> {
    let outcome = match call.told {
        Told::Unknown => "unknown",
        Told::NotDone => "not-done",
        Told::Refused(_) => "refused",
        _ => "done",
    };
    let text = format!("{} -> {}", words::ask(call), words::told(call));
    let to = call.to.map(|to| us(to.time));
    Some(json!([node(trace, &words::client(call))?, us(call.from.time), to, outcome, text]))
}

fn states(trace: &Trace) -> Vec<Value> {
    let state = |(at, happening): &(Time, Happening)| match happening {
        Happening::State(standings) => {
            let lines = standings.iter().filter_map(|one| {
                let words = format!("{}; {}", one.words, one.numbers);
                Some(json!([node(trace, &one.node)?, words]))
            });
            Some(json!([us(*at), lines.collect::<Vec<_>>()]))
        }
        _ => None,
    };
    trace.happenings.iter().filter_map(state).collect()
}
