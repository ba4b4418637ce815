//! Mixed work of many clients on a cluster of processes, whose servers are killed meanwhile; every answer is checked.
//!
//! `cargo run --release --example stress -- --seconds 60` starts its own executable again in the roles of a
//! coordinator and of storage servers, kills some of those now and then, and starts them again. What must be found is
//! said in `checked/oracle`.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "an example is the world around the cluster: it has threads and files, and waits on the wall clock"
)]

mod args;
#[path = "../checked/mod.rs"]
#[allow(dead_code, unused_imports, reason = "crash_recovery looks at more of each call")]
mod checked;
mod histogram;
mod meter;
mod objects;
mod picture;
mod plan;
mod report;
mod rig;
mod spare;
mod story;
mod strikes;
mod summary;
mod traffic;
mod verify;

#[path = "../terminal/durability.rs"]
mod durability;
#[path = "../terminal/interrupt.rs"]
mod interrupt;
#[path = "../terminal/run_dir.rs"]
mod run_dir;
#[path = "../terminal/screen.rs"]
mod screen;
#[path = "../terminal/size.rs"]
mod size;

use args::Args;
use clap::Parser;
use plan::Plan;
use rekindle::cluster::local::role;
use report::Report;
use run_dir::RunDir;
use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = role::from_args() {
        return code;
    }
    let args = Args::parse();
    let planned = Plan::new(&args).and_then(|plan| Ok((plan, RunDir::take(args.dir.as_deref(), args.keep)?)));
    let play = |plan, dir, interrupt| story::play(plan, dir, interrupt, args.json);
    checked::run("stress", args.json, planned, play, Report::is_good)
}
