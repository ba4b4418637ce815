//! One seed, written down for a person: a timeline and a sequence diagram.

use crate::{
    sequence::page,
    timeline::{Level, timeline},
};
use clap::Args;
use rekindle::sim::{faults::FaultsConfig, trace::Trace};
use std::{
    fs,
    path::{Path, PathBuf},
};

#[derive(Args)]
pub struct TraceArgs {
    /// Play this seed only, and write a timeline and a sequence diagram of it.
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seeds", "from", "jobs", "json"])]
    pub trace: Option<u64>,
    /// Where to write them [default: trace-SEED in the current directory].
    #[arg(long, value_name = "DIR", requires = "trace")]
    out: Option<PathBuf>,
    /// How much the timeline tells.
    #[arg(long, value_enum, default_value_t, requires = "trace")]
    level: Level,
}

impl TraceArgs {
    /// Plays the run and writes what happened, whether something broke or not.
    pub fn write(&self, config: &FaultsConfig) -> Result<(), String> {
        let seed = config.sim.seed;
        let dir = self.out.clone().unwrap_or_else(|| format!("trace-{seed}").into());
        fs::create_dir_all(&dir)
            .map_err(|error| format!("{}: {error}: choose another --out", dir.display()))?;
        let trace = Trace::record(config);
        let text = dir.join("timeline.txt");
        write(&text, &timeline(&trace, self.level))?;
        let diagram = dir.join("sequence.html");
        write(&diagram, &page(&trace))?;
        println!("{} is the timeline: faults, what the coordinators saw, clients' calls.", text.display());
        println!("{} is the sequence diagram: open it in a browser.", diagram.display());
        println!("{} frames, {} faults.", trace.messages.len(), trace.incidents.len());
        trace.outcome.map(|_| println!("No violation."))
    }
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}: choose another --out", path.display()))
}
