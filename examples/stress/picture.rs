//! The live picture of a run.

use crate::screen::{Screen, style};
use indicatif::ProgressBar;
use std::time::{Duration, Instant};

/// Without a terminal the picture is told so often.
const TELL_EVERY: Duration = Duration::from_secs(10);

impl Screen {
    /// Something that is counted.
    pub fn bar(&self, what: &'static str, count: u64) -> ProgressBar {
        let style =
            style("{prefix:>12}  {bar:40.cyan/dim}  {human_pos:>9} of {human_len}").progress_chars("━╸─");
        self.bars.add(ProgressBar::new(count).with_style(style).with_prefix(what))
    }

    /// The live picture of the run.
    pub fn picture(&self, time: Duration) -> Picture {
        let template = style("{prefix:>12}  {bar:40.cyan/dim}  {msg}").progress_chars("━╸─");
        let clock = self.bars.add(ProgressBar::new(time.as_millis() as u64).with_style(template));
        clock.set_prefix("time");
        let line = |name: &'static str| {
            let line = self.bars.add(ProgressBar::new(0).with_style(style("{prefix:>12}  {msg}")));
            line.set_prefix(name);
            line
        };
        Picture {
            screen: self.clone(),
            clock,
            servers: line("servers"),
            slowest: line("slowest"),
            told: Instant::now(),
        }
    }
}

/// How the run goes, in three lines.
pub struct Picture {
    screen: Screen,
    clock: ProgressBar,
    servers: ProgressBar,
    slowest: ProgressBar,
    told: Instant,
}

impl Picture {
    /// Shows what is new.
    pub fn update(&mut self, elapsed: Duration, calls: &str, servers: &str, slowest: &str) {
        let time = elapsed.as_secs();
        self.clock.set_position(elapsed.as_millis() as u64);
        self.clock.set_message(format!("{time} s  {calls}"));
        self.servers.set_message(servers.to_owned());
        self.slowest.set_message(slowest.to_owned());
        if !self.screen.is_terminal && self.told.elapsed() >= TELL_EVERY {
            self.told = Instant::now();
            self.screen.say(format!("{:>10} s  {calls}; slowest {slowest}; {servers}", time));
        }
    }

    /// Takes the picture away.
    pub fn finish(&self) {
        [&self.clock, &self.servers, &self.slowest].into_iter().for_each(ProgressBar::finish_and_clear);
    }
}
