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
mod plan;
mod report;
mod rig;
mod screen;
mod spare;
mod story;
mod strikes;
mod summary;
mod traffic;
mod verify;

#[path = "../terminal/interrupt.rs"]
mod interrupt;
#[path = "../terminal/run_dir.rs"]
mod run_dir;
#[path = "../terminal/size.rs"]
mod size;

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
    let planned = Plan::new(&args).and_then(|plan| Ok((plan, RunDir::take(args.dir.as_deref(), args.keep)?)));
    let (plan, dir) = match planned {
        Ok(planned) => planned,
        Err(why) => return fail(&why, REFUSED),
    };
    let interrupt = match Interrupt::listen() {
        Ok(interrupt) => interrupt,
        Err(error) => return fail(&format!("signals: {error}"), 1),
    };
    match story::play(plan, dir, interrupt.clone(), args.json) {
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
    eprintln!("stress: {why}");
    ExitCode::from(code)
}
