//! What a child has said, read as it comes.

use super::{Failed, Line, NodeReport, Observed, Ready};
use parking_lot::{Condvar, Mutex};
use std::{
    collections::{BTreeMap, VecDeque},
    io::{BufRead, BufReader, Read},
    sync::Arc,
    time::{Duration, Instant},
};

/// Events kept; older ones make room and are counted.
const EVENTS_MAX: usize = 65_536;
/// Longest line; what is longer is no line of ours.
const LINE_BYTES_MAX: u64 = 64 << 20;
/// What is kept of standard error: its end.
const COMPLAINTS_BYTES_MAX: usize = 16 << 10;

/// Filled by threads that read the child's pipes, so that it never waits for its parent; emptied by the parent.
#[derive(Default)]
pub(super) struct Lines {
    heard: Mutex<Heard>,
    changed: Condvar,
}

#[derive(Default)]
struct Heard {
    start: Option<Result<Ready, Failed>>,
    events: VecDeque<Observed>,
    dropped: u64,
    /// Questions that somebody waits for, by their numbers, with the answers.
    reports: BTreeMap<u64, Option<NodeReport>>,
    /// The number of the last question.
    asked: u64,
    ended: Option<String>,
    is_stopped: bool,
    is_closed: bool,
    complaints: VecDeque<u8>,
}

impl Lines {
    /// Reads standard output to its end: the body of a thread.
    pub fn read_output(self: Arc<Self>, output: impl Read) {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while let Ok(1..) = output.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
            // Programs that play a role may print what they like besides.
            if let Ok(line) = serde_json::from_slice::<Line>(&line) {
                self.take(line);
            }
            line.clear();
        }
        self.heard.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// Reads standard error to its end: the body of a thread.
    pub fn read_complaints(self: Arc<Self>, mut complaints: impl Read) {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = complaints.read(&mut buffer) {
            let mut heard = self.heard.lock();
            heard.complaints.extend(&buffer[..count]);
            let too_many = heard.complaints.len().saturating_sub(COMPLAINTS_BYTES_MAX);
            heard.complaints.drain(..too_many);
        }
    }

    fn take(&self, line: Line) {
        let mut heard = self.heard.lock();
        match line {
            Line::Ready(ready) => heard.start = Some(Ok(ready)),
            Line::Failed(failed) => heard.start = Some(Err(failed)),
            Line::Event(event) => {
                if heard.events.len() == EVENTS_MAX {
                    heard.events.pop_front();
                    heard.dropped += 1;
                }
                heard.events.push_back(event);
            }
            Line::Status(number, report) => {
                // Nobody waits any more for what is not there.
                if let Some(answer) = heard.reports.get_mut(&number) {
                    *answer = Some(*report);
                }
            }
            Line::Dropped(count) => heard.dropped += count,
            Line::Ended(why) => heard.ended = Some(why),
            Line::Stopped => heard.is_stopped = true,
        }
        drop(heard);
        self.changed.notify_all();
    }

    /// The first line, `None` when it did not come in time, or no more comes.
    pub fn start(&self, within: Duration) -> Option<Result<Ready, Failed>> {
        self.wait(within, |heard| heard.start.clone())
    }

    /// A new question, to be asked by its number: its answer is kept until it is dropped.
    pub fn question(&self) -> Question<'_> {
        let mut heard = self.heard.lock();
        heard.asked += 1;
        let number = heard.asked;
        heard.reports.insert(number, None);
        Question { lines: self, number }
    }

    /// Takes the events that came since the last time.
    pub fn take_events(&self) -> Vec<Observed> {
        self.heard.lock().events.drain(..).collect()
    }

    /// Events that were dropped since nobody took them.
    pub fn dropped(&self) -> u64 {
        self.heard.lock().dropped
    }

    /// Why the child ended by itself, if it said so.
    pub fn ended(&self) -> Option<String> {
        self.heard.lock().ended.clone()
    }

    /// Whether it has said that it stopped cleanly.
    pub fn is_stopped(&self) -> bool {
        self.heard.lock().is_stopped
    }

    /// Whether nothing more comes: it ends, or has ended.
    pub fn is_closed(&self) -> bool {
        self.heard.lock().is_closed
    }

    /// The end of what it wrote to standard error.
    pub fn complaints(&self) -> String {
        let heard = self.heard.lock();
        let bytes: Vec<u8> = heard.complaints.iter().copied().collect();
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }

    fn wait<T>(&self, within: Duration, mut look: impl FnMut(&mut Heard) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + within;
        let mut heard = self.heard.lock();
        loop {
            if let Some(found) = look(&mut heard) {
                return Some(found);
            }
            if heard.is_closed || self.changed.wait_until(&mut heard, deadline).timed_out() {
                return look(&mut heard);
            }
        }
    }
}

/// A question to the child. Several may be under way.
pub(super) struct Question<'a> {
    lines: &'a Lines,
    pub number: u64,
}

impl Question<'_> {
    /// Waits for its answer.
    pub fn answer(self, within: Duration) -> Option<NodeReport> {
        self.lines.wait(within, |heard| heard.reports.get_mut(&self.number)?.take())
    }
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        self.lines.heard.lock().reports.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::CoordinatorReport;
    use rekindle_coordinator::Event;
    use rekindle_types::{ServerId, Term};

    fn read(output: &str) -> Arc<Lines> {
        let lines = Arc::new(Lines::default());
        lines.clone().read_output(output.as_bytes());
        lines
    }

    #[test]
    fn other_output_is_passed_over_and_the_end_ends_the_wait() {
        let lines = read("hello\n\u{fe}\n{\"event\":1}\n{\"ended\":\"deposed\"}\nhalf a li");
        assert_eq!(lines.ended().as_deref(), Some("deposed"));
        assert_eq!(lines.start(Duration::from_secs(3600)), None);
        assert!(!lines.is_stopped());
    }

    #[test]
    fn the_newest_events_are_kept_and_the_others_counted() {
        let lines = Lines::default();
        for i in 0..EVENTS_MAX as u64 + 3 {
            lines.take(Line::Event(Observed { at_ns: i, term: None, event: Event::Suspected(ServerId(i)) }));
        }
        lines.take(Line::Dropped(2));
        assert_eq!(lines.dropped(), 5);
        let events = lines.take_events();
        assert_eq!((events.len(), events[0].at_ns), (EVENTS_MAX, 3));
        assert!(lines.take_events().is_empty());
    }

    fn report(term: u64) -> NodeReport {
        NodeReport::Coordinator(CoordinatorReport {
            term: Term(term),
            is_held: false,
            resilience: String::new(),
            failures_at_once: 0,
            servers: vec![],
            tables: vec![],
            tablets: vec![],
            operations: vec![],
        })
    }

    #[test]
    fn askers_get_their_own_answers() {
        let lines = Lines::default();
        let [first, second, given_up] = [lines.question(), lines.question(), lines.question()];
        let numbers = [given_up.number, second.number, first.number];
        drop(given_up);
        for number in numbers {
            lines.take(Line::Status(number, Box::new(report(number))));
        }
        assert_eq!(first.answer(Duration::ZERO), Some(report(numbers[2])));
        assert_eq!(second.answer(Duration::ZERO), Some(report(numbers[1])));
        assert!(lines.heard.lock().reports.is_empty(), "what nobody waits for is not kept");
    }

    #[test]
    fn the_end_of_the_complaints_is_kept() {
        let lines = Arc::new(Lines::default());
        let said = format!("{}the end\n", "x".repeat(COMPLAINTS_BYTES_MAX));
        lines.clone().read_complaints(said.as_bytes());
        assert!(lines.complaints().ends_with("xthe end"));
        assert!(lines.complaints().len() <= COMPLAINTS_BYTES_MAX);
    }
}
