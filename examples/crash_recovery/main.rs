//! Kills servers of a cluster of processes while clients use it, and checks that nothing is lost.
//!
//! `cargo run --release --example crash_recovery` starts its own executable again in the roles of a coordinator and
//! of storage servers, kills one of those, and shows how its data comes back. `--help` says what else can be killed.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "an example is the world around the cluster: it has threads and files, and waits on the wall clock"
)]

mod args;
#[path = "../checked/mod.rs"]
#[allow(dead_code, unused_imports, reason = "stress makes more kinds of calls")]
mod checked;
mod clients;
#[path = "../terminal/durability.rs"]
mod durability;
#[path = "../terminal/interrupt.rs"]
mod interrupt;
mod memory;
mod objects;
mod picture;
mod plan;
#[path = "../records/mod.rs"]
#[allow(dead_code, unused_imports, reason = "kv reads JSON Lines, too")]
mod records;
mod recovery_view;
mod report;
mod rig;
#[path = "../terminal/run_dir.rs"]
#[allow(dead_code, reason = "stress keeps what it found")]
mod run_dir;
#[path = "../terminal/screen.rs"]
mod screen;
#[path = "../terminal/size.rs"]
mod size;
mod story;
mod strike;
mod summary;
mod timeline;

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
    let planned = args.input().and_then(|input| Plan::new(&args, input));
    let planned = planned.and_then(|plan| Ok((plan, RunDir::take(args.dir.as_deref(), args.keep)?)));
    let play = |plan, dir, interrupt| story::play(&args, plan, &dir, interrupt);
    checked::run("crash_recovery", args.json, planned, play, Report::is_good)
}
