//! What a child and its parent say to each other, a line each.

use super::NodeReport;
use rekindle_coordinator::Event;
use rekindle_env::Time;
use rekindle_types::{ServerId, Term};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A JSON line on a child's standard output. The first is `Ready` or `Failed`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// It answers calls.
    Ready(Ready),
    /// It could not start.
    Failed(Failed),
    /// A coordinator saw something.
    Event(Observed),
    /// The answer to the [`Command::Status`] of this number.
    Status(u64, Box<NodeReport>),
    /// Lines that were dropped here, since nobody read them in time.
    Dropped(u64),
    /// It ends by itself, and why: declared dead, deposed, or a disk that failed.
    Ended(String),
    /// It has stopped cleanly, as it was told to.
    Stopped,
}

/// A process that answers calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Where others dial it.
    pub address: String,
    /// A storage server's id.
    pub server: Option<ServerId>,
    /// A coordinator's reign.
    pub term: Option<Term>,
}

/// A process that could not start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// What is wrong, and what to do.
    pub message: String,
}

/// Something that a coordinator saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// When, on the machine's clock ([`super::boot_time`]), in nanoseconds.
    pub at_ns: u64,
    /// In whose reign.
    pub term: Option<Term>,
    /// What.
    pub event: Event,
}

impl Observed {
    /// When, on the machine's clock ([`super::boot_time`]).
    #[must_use]
    pub fn at(&self) -> Time {
        Time(self.at_ns)
    }
}

/// A line on a child's standard input. When that closes the parent is gone, and the child ends at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Say how you are: [`Line::Status`] of the same number.
    Status(u64),
    /// Stop cleanly: serve no more, make durable what is not, give the lease back (F9).
    Stop,
}

impl Command {
    /// As it is read; `None` for what is no command.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        match line.trim().split_once(' ').unwrap_or((line.trim(), "0")) {
            ("status", number) => number.parse().ok().map(Self::Status),
            ("stop", _) => Some(Self::Stop),
            _ => None,
        }
    }
}

/// As it is written.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(number) => write!(f, "status {number}"),
            Self::Stop => f.write_str("stop"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle_types::PartitionIndex;

    #[test]
    fn commands_are_read_as_they_are_written() {
        for command in [Command::Status(7), Command::Stop] {
            assert_eq!(Command::parse(&format!("{command}\n")), Some(command));
        }
        assert_eq!(Command::parse("status"), Some(Command::Status(0)), "by hand");
        assert_eq!((Command::parse("stopp"), Command::parse("status x")), (None, None));
    }

    #[test]
    fn events_come_back_from_their_lines() {
        let (dead, partition, master) = (ServerId(3), PartitionIndex(1), ServerId(4));
        let event = Event::Replayed { dead, partition, master, bytes: 5, objects: 6 };
        let line = Line::Event(Observed { at_ns: u64::MAX, term: Some(Term(7)), event });
        let json = serde_json::to_string(&line).unwrap();
        assert!(json.starts_with(r#"{"event":{"at_ns":18446744073709551615,"#), "{json}");
        assert_eq!(serde_json::from_str::<Line>(&json).unwrap(), line);
    }
}
