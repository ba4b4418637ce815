//! Progress on standard error: bars and a live picture on a terminal, plain lines elsewhere.

use crate::{
    report::ms,
    timeline::{Lane, Timeline},
};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use rekindle::{
    env::Time,
    types::{PartitionIndex, ServerId},
};
use std::{
    collections::BTreeMap,
    io::{IsTerminal, stderr},
    time::Duration,
};

/// Spinners turn so often.
const SPIN: Duration = Duration::from_millis(80);

/// Where progress goes. Clones draw on the same terminal.
#[derive(Clone)]
pub struct Screen {
    bars: MultiProgress,
    is_terminal: bool,
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

    /// Something that is counted in bytes.
    pub fn bar(&self, what: &'static str, bytes: u64) -> ProgressBar {
        let template = "{msg:>12}  {bar:40.cyan/dim}  {decimal_bytes:>9} of {decimal_total_bytes}  {decimal_bytes_per_sec}";
        let style = style(template).progress_chars("━╸─");
        self.bars.add(ProgressBar::new(bytes).with_style(style).with_message(what))
    }

    /// Something that takes a while.
    pub fn spinner(&self, what: impl Into<String>) -> ProgressBar {
        let spinner =
            self.bars.add(ProgressBar::new_spinner().with_style(style("{spinner:>12.cyan}  {msg}")));
        spinner.set_message(what.into());
        spinner.enable_steady_tick(SPIN);
        spinner
    }

    /// The live picture of one recovery.
    pub fn recovery(&self, dead: &[ServerId], killed_at: Time) -> RecoveryView {
        let clients = self.bars.add(ProgressBar::new(0));
        clients.set_style(style("{prefix:>12}  {bar:40.green/dim}  {msg}").progress_chars("━╸─"));
        clients.set_prefix("answers");
        RecoveryView {
            screen: self.clone(),
            dead: dead.to_vec(),
            killed_at,
            phases: BTreeMap::new(),
            lanes: BTreeMap::new(),
            clients,
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("templates are well formed")
}

/// One line for each phase that is over, one for each partition, one for the clients.
pub struct RecoveryView {
    screen: Screen,
    dead: Vec<ServerId>,
    killed_at: Time,
    phases: BTreeMap<&'static str, Time>,
    lanes: BTreeMap<(ServerId, PartitionIndex), ProgressBar>,
    clients: ProgressBar,
}

impl RecoveryView {
    /// Shows what is new; `answers` are the probes answered, of how many.
    pub fn update(&mut self, timeline: &Timeline, answers: (usize, usize)) {
        let phases = timeline.phases(&self.dead);
        let known = [
            ("detected", phases.detected),
            ("fenced", phases.fenced),
            ("discovered", phases.discovered),
            ("planned", phases.planned),
            ("replayed", phases.replayed),
            ("committed", phases.committed),
            ("recovered", phases.recovered),
        ];
        for (name, at) in known {
            if let Some(at) = at
                && self.phases.insert(name, at).is_none()
            {
                self.screen.say(format!("{name:>12}  {:>8.1} ms", ms(at, self.killed_at)));
            }
        }
        self.show_lanes(timeline);
        let (answered, asked) = answers;
        self.clients.set_length(asked as u64);
        self.clients.set_position(answered as u64);
        let waits = timeline.waits_for(&self.dead).map(|why| format!(", waits: {why}")).unwrap_or_default();
        self.clients.set_message(format!("{answered} of {asked} probed keys{waits}"));
    }

    fn show_lanes(&mut self, timeline: &Timeline) {
        for dead in &self.dead {
            for (partition, lane) in timeline.lanes(*dead) {
                let line = self.lanes.entry((*dead, partition)).or_insert_with(|| {
                    let line =
                        ProgressBar::new_spinner().with_style(style("{prefix:>12}  {spinner:.cyan} {msg}"));
                    let line = self.screen.bars.insert_before(&self.clients, line);
                    line.set_prefix(format!("{dead} {partition}"));
                    line.enable_steady_tick(SPIN);
                    line
                });
                line.set_message(words(&lane, self.killed_at));
            }
        }
    }

    /// Takes the picture away: the summary shows it again.
    pub fn finish(&self) {
        self.lanes.values().for_each(ProgressBar::finish_and_clear);
        self.clients.finish_and_clear();
    }
}

fn words(lane: &Lane, killed_at: Time) -> String {
    let on = lane.master.map(|master| format!(" on {master}")).unwrap_or_default();
    let at = |at: Time| format!("{:.0} ms", ms(at, killed_at));
    let failed = if lane.failed > 0 { format!(" (try {})", lane.failed + 1) } else { String::new() };
    match (lane.replayed, lane.committed, lane.served) {
        (_, _, Some(time)) => format!("served{on} at {}", at(time)),
        (_, Some(time), None) => format!("committed{on} at {}", at(time)),
        (Some(time), None, None) => format!("replayed{on} at {}: {} objects", at(time), lane.objects),
        (None, None, None) => format!("replaying{failed}"),
    }
}
