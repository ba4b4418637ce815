//! Progress on standard error: bars on a terminal, plain lines elsewhere.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::{
    io::{IsTerminal, stderr},
    time::Duration,
};

/// Spinners turn so often.
pub const SPIN: Duration = Duration::from_millis(80);

/// Where progress goes. Clones draw on the same terminal.
#[derive(Clone)]
pub struct Screen {
    pub bars: MultiProgress,
    pub is_terminal: bool,
}

impl Screen {
    /// Standard error.
    pub fn new() -> Self {
        Self { bars: MultiProgress::new(), is_terminal: stderr().is_terminal() }
    }

    /// A line that stays.
    pub fn say(&self, line: impl AsRef<str>) {
        if !self.is_terminal {
            eprintln!("{}", line.as_ref());
        } else if self.bars.println(&line).is_err() {
            // A terminal that is gone: the run goes on without it.
        }
    }

    /// Something that takes a while.
    pub fn spinner(&self, what: impl Into<String>) -> ProgressBar {
        let spinner =
            self.bars.add(ProgressBar::new_spinner().with_style(style("{spinner:>12.cyan}  {msg}")));
        spinner.set_message(what.into());
        spinner.enable_steady_tick(SPIN);
        spinner
    }
}

pub fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a template")
}
