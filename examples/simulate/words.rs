//! Events in words, for timelines and diagrams.

use rekindle::{
    coordinator::Event,
    env::Time,
    sim::{
        history::{Ask, Call, Told},
        trace::{Happening, Incident, Trace},
    },
    types::{Condition, ServerId},
};
use std::collections::BTreeMap;

/// Which node each server ran on, as far as a look has seen it.
pub struct Names(BTreeMap<ServerId, String>);

impl Names {
    pub fn of(trace: &Trace) -> Self {
        let standings = trace.happenings.iter().filter_map(|(_, happening)| match happening {
            Happening::State(standings) => Some(standings),
            _ => None,
        });
        let known = standings.flatten().filter_map(|standing| Some((standing.id?, standing.node.clone())));
        Self(known.collect())
    }

    /// The server, and where it ran: ids are not the nodes' numbers.
    pub fn server(&self, id: ServerId) -> String {
        match self.0.get(&id) {
            Some(node) => format!("server {} on {node}", id.0),
            None => format!("server {}", id.0),
        }
    }

    /// What a coordinator saw.
    pub fn event(&self, event: &Event) -> String {
        let name = |id: &ServerId| self.server(*id);
        match event {
            Event::TookOffice(term) => format!("a coordinator takes office, {term}"),
            Event::Resigned(why) => format!("the coordinator resigns: {why}"),
            Event::Enlisted(id) => format!("{} is a member", name(id)),
            Event::Suspected(id) => format!("{} is suspected, and probed", name(id)),
            Event::Detected(id) => format!("{} is dead by all signs", name(id)),
            Event::Fenced(id) => format!("the death of {} is recorded, its log fenced", name(id)),
            Event::Waiting { dead, reason } => format!("the log of {} waits: {reason}", name(dead)),
            Event::Discovered { dead, segments, bytes } => {
                format!("the log of {} is found: {segments} segments, {}", name(dead), size(*bytes))
            }
            Event::Planned { dead, partitions } => {
                format!("the recovery of {} is planned: {partitions} partitions", name(dead))
            }
            Event::AttemptFailed { dead, partition, attempt, master, reason } => {
                let (dead, master) = (name(dead), name(master));
                format!("{partition} of {dead} failed on {master}, attempt {attempt}: {reason}")
            }
            Event::Cut { dead, partition, bytes } => {
                format!("{partition} of {}, {}, fitted nowhere and is cut", name(dead), size(*bytes))
            }
            Event::Replayed { dead, partition, master, bytes, objects } => {
                let (dead, master, bytes) = (name(dead), name(master), size(*bytes));
                format!("{partition} of {dead} is replayed on {master}: {objects} objects, {bytes}")
            }
            Event::Committed { dead, partition, master } => {
                format!("{partition} of {} is given to {}", name(dead), name(master))
            }
            Event::Served { dead, partition, master } => {
                format!("{partition} of {} is served by {}", name(dead), name(master))
            }
            Event::Recovered(id) => format!("{} is recovered, and has left the list", name(id)),
            Event::Lost { dead, tablets } => format!("{tablets} tablets of {} are LOST", name(dead)),
            Event::TableCreated(table) => format!("table {table} is created"),
            Event::TableDropped(table) => format!("table {table} is dropped"),
            other => format!("{other:?}"),
        }
    }
}

/// Seconds since the beginning of the run.
pub fn seconds(at: Time) -> String {
    format!("{:.6}", at.0 as f64 / 1e9)
}

pub fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{:.0} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

pub fn client(call: &Call) -> String {
    // The one that reads everything in the end has no number.
    if call.client == u32::MAX { "reader".into() } else { format!("client-{}", call.client) }
}

/// What a client asked.
pub fn ask(call: &Call) -> String {
    let key = String::from_utf8_lossy(&call.key);
    match call.ask {
        Ask::Get => format!("get {key}"),
        Ask::Put { value, condition } => format!("put {key} = value {}{}", value.0, only(condition)),
        Ask::Delete { condition } => format!("delete {key}{}", only(condition)),
    }
}

fn only(condition: Condition) -> String {
    match condition {
        Condition::Always => String::new(),
        Condition::IfPresent => " if it is there".into(),
        Condition::IfAbsent => " if it is absent".into(),
        Condition::IfVersion(version) => format!(" if it is {version}"),
    }
}

/// What it was told.
pub fn told(call: &Call) -> String {
    match call.told {
        Told::Saw(Some((value, version))) => format!("value {}, {version}", value.0),
        Told::Saw(None) => "absent".into(),
        Told::Wrote(version) => format!("written, {version}"),
        Told::Removed(Some(version)) => format!("removed {version}"),
        Told::Removed(None) => "nothing to remove".into(),
        Told::Refused(Some(version)) => format!("refused: {version} is there"),
        Told::Refused(None) => "refused: absent".into(),
        Told::Unknown => "outcome UNKNOWN".into(),
        Told::NotDone => "surely not done".into(),
    }
}

/// A fault, without the numbers that only choose whom it hits.
pub fn fault(incident: &Incident) -> String {
    let whom = match &incident.whom[..] {
        [] => "everybody".to_owned(),
        some => some.join(", "),
    };
    let mut text = format!("{whom}: {}", without_picks(&incident.what));
    if !incident.cut.is_empty() {
        let links: Vec<String> = incident.cut.iter().map(|(from, to)| format!("{from}>{to}")).collect();
        text += &format!("; no frame passes {}", links.join(", "));
    }
    text
}

fn without_picks(what: &str) -> String {
    let mut rest = what;
    let mut text = String::new();
    while let Some(at) = rest.find("Pick(") {
        let name_at = rest[..at].rfind(['{', ',', '[']).map_or(0, |before| before + 1);
        text += &rest[..name_at];
        let behind = &rest[at..];
        rest = behind.find(')').map_or("", |end| &behind[end + 1..]);
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    (text + rest).replace("[ ]", "[]").replace("  ", " ").replace(" { }", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_without_what_chose_their_victims() {
        let what = "Kill { server: Pick(123), crash: Torn }, 2.3s, at {Quiet}";
        assert_eq!(without_picks(what), "Kill { crash: Torn }, 2.3s, at {Quiet}");
        let two = "KillTwo { servers: [Pick(1), Pick(22)], crash: Subset }, 1s, at {}";
        assert_eq!(without_picks(two), "KillTwo { servers: [], crash: Subset }, 1s, at {}");
        let last = "Flip { server: Pick(1), bytes: 3, at: Pick(9) }, 1s";
        assert_eq!(without_picks(last), "Flip { bytes: 3, }, 1s");
        let cut = "CutOneWay { from: Pick(1), to: Pick(2) }, 1s";
        assert_eq!(without_picks(cut), "CutOneWay, 1s");
        assert_eq!(without_picks("PauseCoordinator, 1s"), "PauseCoordinator, 1s");
        assert_eq!(without_picks("Pick("), "");
    }
}
