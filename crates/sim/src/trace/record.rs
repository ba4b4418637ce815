//! Plays a run and keeps what a person wants to see of it.

use super::{
    Incident, Incidents,
    call::FrameHead,
    message::{Fate, Message},
    state::{Standing, read_state},
};
use crate::{
    Timeline,
    faults::{FaultsConfig, FaultsReport, play_watched},
    history::{Call, Recorder},
};
use parking_lot::Mutex;
use rekindle_coordinator::Event as CoordinatorEvent;
use rekindle_env::{Time, memory::Event};
use std::{collections::BTreeMap, sync::Arc};

/// What happened to a process, beside messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// It was killed.
    Killed(String),
    /// It was started again on the same disk.
    Started(String),
    /// It stands still from here on.
    Paused(String),
    /// It goes on.
    Resumed(String),
    /// A call to its disk was refused or failed.
    DiskFailed {
        /// Whose disk.
        node: String,
        /// Which call.
        call: &'static str,
        /// The file or device; empty for the directory.
        file: String,
    },
    /// How everything stood.
    State(Vec<Standing>),
    /// Whatever else was noted.
    Note(String),
}

/// A run as it was played.
#[derive(Debug)]
pub struct Trace {
    /// What was played.
    pub config: FaultsConfig,
    /// Names of all nodes that sent or received something: the coordinator, then servers, then others.
    pub nodes: Vec<String>,
    /// All frames, in the order in which they were sent, up to [`Trace::MESSAGES_MAX`].
    pub messages: Vec<Message>,
    /// Frames beyond that.
    pub messages_left_out: u64,
    /// What happened to processes, in order.
    pub happenings: Vec<(Time, Happening)>,
    /// What the coordinators saw, in order.
    pub events: Vec<(Time, CoordinatorEvent)>,
    /// The faults that struck.
    pub incidents: Vec<Incident>,
    /// What clients asked and were told, in the order in which they asked.
    pub calls: Vec<Call>,
    /// When the run was over.
    pub end: Time,
    /// How it ended: what was broken, if something was.
    pub outcome: Result<FaultsReport, String>,
}

impl Trace {
    /// Most frames that are kept.
    pub const MESSAGES_MAX: usize = 1 << 22;

    /// Plays the run and keeps what happens.
    #[must_use]
    pub fn record(config: &FaultsConfig) -> Self {
        let (book, mut sources) = (Arc::new(Mutex::new(Book::default())), None);
        let outcome = play_watched(config, |cluster, calls| {
            sources = Some((cluster.timeline.clone(), cluster.incidents.clone(), Arc::clone(calls)));
            let book = Arc::clone(&book);
            cluster.world.trace(move |at, event| book.lock().add(at, &event));
        });
        let sources = sources.expect("a run is watched from its start");
        let book = std::mem::take(&mut *book.lock());
        book.into_trace(config.clone(), outcome, sources)
    }
}

type Sources = (Timeline, Incidents, Arc<Recorder>);

/// What is written down while the run is played.
#[derive(Default)]
struct Book {
    nodes: Vec<String>,
    messages: Vec<Message>,
    messages_left_out: u64,
    /// Where those that are under way are, by lane and place.
    under_way: BTreeMap<(u64, u64), usize>,
    happenings: Vec<(Time, Happening)>,
    end: Time,
}

impl Book {
    fn add(&mut self, at: Time, event: &Event<'_>) {
        self.end = at;
        let happening = match *event {
            Event::Message { .. } => return self.add_message(at, event),
            Event::Kill { node } => Happening::Killed(node.to_owned()),
            Event::Restart { node } => Happening::Started(node.to_owned()),
            Event::Pause { node } => Happening::Paused(node.to_owned()),
            Event::Resume { node } => Happening::Resumed(node.to_owned()),
            Event::Disk { node, call, file, ok: false, .. } => {
                Happening::DiskFailed { node: node.to_owned(), call, file: file.to_owned() }
            }
            Event::Note(text) => match read_state(text) {
                Some(standings) => Happening::State(standings),
                None => Happening::Note(text.to_owned()),
            },
            _ => return,
        };
        self.happenings.push((at, happening));
    }

    fn add_message(&mut self, at: Time, event: &Event<'_>) {
        let Event::Message { what, from, to, lane, stream, place, due, frame } = *event else { return };
        let fate = match what {
            "received" => {
                let sent = self.under_way.remove(&(stream, place));
                sent.into_iter().for_each(|sent| self.messages[sent].fate = Fate::Received(at));
                return;
            }
            "dialled" => return,
            "lane broken" => {
                // The last one: it was just sent.
                let message = self.messages.last_mut().filter(|_| self.messages_left_out == 0);
                message.into_iter().for_each(|message| message.breaks_lane = true);
                return;
            }
            "sent" | "repeated" => Fate::UnderWay(due),
            "lost" => Fate::Lost,
            "unheard" => Fate::Unheard,
            "reset" => Fate::Reset,
            _ => Fate::NotConnected,
        };
        if self.messages.len() >= Trace::MESSAGES_MAX {
            self.messages_left_out += 1;
            return;
        }
        if place > 0 {
            self.under_way.insert((stream, place), self.messages.len());
        }
        let head = match fate {
            Fate::NotConnected => FrameHead { call: "dial", is_reply: false, request: 0 },
            _ => FrameHead::of(frame),
        };
        let (from, to) = (self.node(from), self.node(to));
        let bytes = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        let (is_repeat, breaks_lane) = (what == "repeated", false);
        self.messages.push(Message { sent: at, from, to, lane, head, bytes, is_repeat, breaks_lane, fate });
    }

    fn node(&mut self, name: &str) -> u16 {
        let known = self.nodes.iter().position(|node| node == name);
        let index = known.unwrap_or_else(|| {
            self.nodes.push(name.to_owned());
            self.nodes.len() - 1
        });
        u16::try_from(index).expect("a simulated cluster has fewer nodes")
    }

    fn into_trace(
        mut self,
        config: FaultsConfig,
        outcome: Result<FaultsReport, String>,
        (timeline, incidents, calls): Sources,
    ) -> Trace {
        self.sort_nodes();
        let mut calls: Vec<Call> = calls.by_key().into_values().flatten().collect();
        calls.sort_by_key(|call| call.from);
        Trace {
            config,
            nodes: self.nodes,
            messages: self.messages,
            messages_left_out: self.messages_left_out,
            happenings: self.happenings,
            events: timeline.events(),
            incidents: incidents.all(),
            calls,
            end: self.end,
            outcome,
        }
    }

    /// The coordinator, servers, then clients: each by name.
    fn sort_nodes(&mut self) {
        let rank = |name: &str| match name {
            crate::COORDINATOR | crate::SUCCESSOR => 0,
            _ if name.starts_with('s') => 1,
            _ if name.starts_with("client") => 2,
            _ => 3,
        };
        let mut order: Vec<u16> = (0..self.nodes.len() as u16).collect();
        order.sort_by_key(|node| {
            let name = &self.nodes[usize::from(*node)];
            (rank(name), name.len(), name.clone())
        });
        let mut place = vec![0; order.len()];
        order.iter().zip(0..).for_each(|(node, new)| place[usize::from(*node)] = new);
        self.nodes = order.iter().map(|node| self.nodes[usize::from(*node)].clone()).collect();
        for message in &mut self.messages {
            message.from = place[usize::from(message.from)];
            message.to = place[usize::from(message.to)];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Profile;
    use std::time::Duration;

    fn trace(profile: Profile) -> Trace {
        let length = Duration::from_secs(4);
        Trace::record(&FaultsConfig { length, ..FaultsConfig::new(7, profile) })
    }

    #[test]
    fn a_recorded_run_is_the_run_of_its_seed() {
        let length = Duration::from_secs(4);
        let config = FaultsConfig { length, ..FaultsConfig::new(7, Profile::Storm) };
        let trace = Trace::record(&config);
        assert_eq!(trace.outcome, crate::faults::play(&config));
        let report = trace.outcome.expect("nothing is broken");
        assert_eq!(trace.incidents.len() as u64, report.coverage.total());
        assert!(trace.incidents.iter().all(|incident| incident.to.is_some()));
        // In the end each key is read, and all are scanned.
        let reads_in_the_end = 2 * trace.config.clients.keys as usize;
        assert_eq!(trace.calls.len(), report.calls + reads_in_the_end);
    }

    #[test]
    fn a_run_that_breaks_something_is_recorded_to_its_end() {
        let length = Duration::from_secs(4);
        let mut config = FaultsConfig { length, ..FaultsConfig::new(7, Profile::Storm) };
        // Above what a segment bears: answers that nobody may get.
        config.clients.value_bytes_max = 100_000;
        let trace = Trace::record(&config);
        assert!(trace.end >= Time(0) + length);
        let last = trace.messages.last().expect("it ran").sent;
        assert!(trace.end.since(last) < Duration::from_secs(1), "{last:?} of {:?}", trace.end);
        assert!(!trace.calls.is_empty() && !trace.incidents.is_empty());
        let what = trace.outcome.expect_err("such values are refused");
        assert!(what.starts_with("seed 7, profile storm"), "{what}");
    }

    #[test]
    fn frames_of_a_calm_run_arrive() {
        let trace = trace(Profile::Calm);
        assert_eq!(trace.nodes[..3], ["coordinator", "s0", "s1"]);
        assert!(trace.messages.len() > 1_000 && trace.messages_left_out == 0);
        let is_fine = |message: &&Message| matches!(message.fate, Fate::Received(_) | Fate::UnderWay(_));
        assert_eq!(trace.messages.iter().filter(is_fine).count(), trace.messages.len());
        assert!(trace.messages.is_sorted_by_key(|message| message.sent));
        for call in ["hello", "renew", "renewed", "replica write", "put", "objects answered"] {
            assert!(trace.messages.iter().any(|message| message.head.call == call), "no {call}");
        }
        assert!(trace.messages.iter().all(|message| message.head.call != "unknown frame"));
    }
}
