//! The live picture of a recovery.

use crate::{
    report::ms,
    screen::{SPIN, Screen, style},
    timeline::{Lane, Timeline},
};
use indicatif::ProgressBar;
use rekindle::{
    env::Time,
    types::{PartitionIndex, ServerId},
};
use std::collections::BTreeMap;

impl Screen {
    /// Something that is counted in bytes.
    pub fn bar(&self, what: &'static str, bytes: u64) -> ProgressBar {
        let template = "{msg:>12}  {bar:40.cyan/dim}  {decimal_bytes:>9} of {decimal_total_bytes}  {decimal_bytes_per_sec}";
        let style = style(template).progress_chars("━╸─");
        self.bars.add(ProgressBar::new(bytes).with_style(style).with_message(what))
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
