//! What has happened to the cluster.

use crate::args::Strike;
use rekindle::{
    cluster::local::{Observed, boot_time},
    coordinator::Event,
    env::Time,
    types::ServerId,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Of one server so much is kept.
const STEPS_MAX: usize = 200;

/// All of it.
#[derive(Debug, Default)]
pub struct Record {
    /// What was done.
    pub blows: Vec<Blow>,
    /// Strikes that had to wait until the cluster could take them.
    pub waits: u64,
    /// How long, together.
    pub waited: Duration,
    /// Servers that ended by themselves, and why.
    pub ended: Vec<(u32, ServerId, String)>,
    /// Deaths as the coordinators saw them.
    deaths: BTreeMap<ServerId, Death>,
    /// All that was seen of each server.
    steps: BTreeMap<ServerId, Vec<(Time, Event)>>,
    /// Logs without replicas, and how many tablets went with each.
    pub lost: Vec<(ServerId, u32)>,
    heard: usize,
}

/// Something that was done.
#[derive(Debug)]
pub struct Blow {
    /// What.
    pub strike: Strike,
    /// To whom.
    pub servers: Vec<u32>,
    /// Their ids.
    pub ids: Vec<ServerId>,
    /// How long after the start.
    pub after: Duration,
    at: Time,
}

#[derive(Debug, Default)]
struct Death {
    fenced: Option<Time>,
    served: Option<Time>,
    recovered: Option<Time>,
}

/// A death and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Who died.
    pub id: ServerId,
    /// From the kill, or from the record of the death, until all was served again.
    pub served_after: Option<Duration>,
    /// Until everything was over.
    pub recovered_after: Option<Duration>,
    /// Nobody had killed or stopped it.
    pub is_false: bool,
    /// What was seen of it, each so long after the kill.
    pub steps: Vec<(Duration, Event)>,
}

impl Blow {
    /// Just now.
    pub fn now(strike: Strike, servers: Vec<u32>, ids: Vec<ServerId>, after: Duration) -> Self {
        Self { strike, servers, ids, after, at: boot_time() }
    }

    /// For people.
    pub fn victims(&self) -> String {
        if self.strike == Strike::Coordinator {
            return "the coordinator".into();
        }
        let name = |(server, id): (&u32, &ServerId)| format!("server-{server} ({id})");
        self.servers.iter().zip(&self.ids).map(name).collect::<Vec<_>>().join(" and ")
    }
}

/// Whom an event is about, if it is about the end of a server.
fn subject(event: &Event) -> Option<ServerId> {
    match event {
        Event::Suspected(id) | Event::Detected(id) | Event::Fenced(id) | Event::Recovered(id) => Some(*id),
        Event::Waiting { dead, .. }
        | Event::Discovered { dead, .. }
        | Event::Planned { dead, .. }
        | Event::AttemptFailed { dead, .. }
        | Event::Cut { dead, .. }
        | Event::Replayed { dead, .. }
        | Event::Committed { dead, .. }
        | Event::Served { dead, .. } => Some(*dead),
        _ => None,
    }
}

impl Record {
    /// Takes in what is new of all events so far.
    pub fn hear(&mut self, events: Vec<Observed>) {
        for seen in events.iter().skip(self.heard) {
            let at = seen.at();
            match seen.event {
                Event::Lost { dead, tablets } => self.lost.push((dead, tablets)),
                Event::Fenced(id) => _ = self.death(id).fenced.get_or_insert(at),
                Event::Served { dead, .. } => self.death(dead).served = Some(at),
                Event::Recovered(id) => self.death(id).recovered = Some(at),
                _ => {}
            }
            if let Some(id) = subject(&seen.event) {
                let steps = &mut self.steps.entry(id).or_default();
                if steps.len() < STEPS_MAX && steps.last().is_none_or(|(_, last)| *last != seen.event) {
                    steps.push((at, seen.event.clone()));
                }
            }
        }
        self.heard = self.heard.max(events.len());
    }

    fn death(&mut self, id: ServerId) -> &mut Death {
        self.deaths.entry(id).or_default()
    }

    /// Every death, in the order of ids.
    pub fn recoveries(&self) -> Vec<Recovery> {
        let killed_at: BTreeMap<ServerId, Time> =
            self.blows.iter().flat_map(|blow| blow.ids.iter().map(|id| (*id, blow.at))).collect();
        let recovery = |(id, death): (&ServerId, &Death)| {
            let from = killed_at.get(id).copied().or(death.fenced).unwrap_or_default();
            let after = |at: Option<Time>| at.map(|at| at.since(from));
            Recovery {
                id: *id,
                served_after: after(death.served.or(death.recovered)),
                recovered_after: after(death.recovered),
                is_false: !killed_at.contains_key(id),
                steps: self.steps.get(id).map_or_else(Vec::new, |steps| {
                    steps.iter().map(|(at, event)| (at.since(from), event.clone())).collect()
                }),
            }
        };
        self.deaths.iter().map(recovery).collect()
    }

    /// Servers that ended by themselves and had not been declared dead: that is a fault.
    pub fn crashed(&self) -> Vec<&(u32, ServerId, String)> {
        let fenced: BTreeSet<_> =
            self.deaths.iter().filter(|(_, death)| death.fenced.is_some()).map(|(id, _)| *id).collect();
        // Who ends is soon declared dead, whatever ended it: its own words tell these apart.
        let knew = |why: &str| why.contains("was declared dead");
        self.ended.iter().filter(|(_, id, why)| !fenced.contains(id) || !knew(why)).collect()
    }
}
