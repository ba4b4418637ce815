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
#[path = "../terminal/interrupt.rs"]
mod interrupt;
mod memory;
mod objects;
mod picture;
mod plan;
#[path = "../records/mod.rs"]
#[allow(dead_code, unused_imports, reason = "kv reads JSON Lines, too")]
mod records;
mod report;
mod rig;
#[path = "../terminal/run_dir.rs"]
#[allow(dead_code, reason = "stress keeps what it found")]
mod run_dir;
mod screen;
#[path = "../terminal/size.rs"]
mod size;
mod story;
mod strike;
mod summary;
mod timeline;

use args::Args;
use clap::Parser;
use interrupt::Interrupt;
use plan::Plan;
use rekindle::cluster::local::role;
use run_dir::RunDir;
use std::process::ExitCode;

/// Options that can't work: what clap uses too.
const REFUSED: u8 = 2;
/// By convention 128 and the number of SIGINT.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    if let Some(code) = role::from_args() {
        return code;
    }
    let args = Args::parse();
    let planned = args.input().and_then(|input| Plan::new(&args, input));
    let planned = planned.and_then(|plan| Ok((plan, RunDir::take(args.dir.as_deref(), args.keep)?)));
    let (plan, dir) = match planned {
        Ok(planned) => planned,
        Err(why) => return fail(&why, REFUSED),
    };
    let interrupt = match Interrupt::listen() {
        Ok(interrupt) => interrupt,
        Err(error) => return fail(&format!("signals: {error}"), 1),
    };
    match story::play(&args, plan, &dir, interrupt.clone()) {
        Ok(report) => {
            if args.json {
                println!("{}", serde_json::to_string(&report).expect("a report is plain data"));
            }
            if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(_) if interrupt.is_set() => fail("interrupted", INTERRUPTED),
        Err(why) => fail(&why, 1),
    }
}

fn fail(why: &str, code: u8) -> ExitCode {
    eprintln!("crash_recovery: {why}");
    ExitCode::from(code)
}
