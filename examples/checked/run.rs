//! A run from its options to its exit status.

use crate::{interrupt::Interrupt, run_dir::RunDir};
use serde::Serialize;
use std::process::ExitCode;

/// Options that can't work: what clap uses too.
const REFUSED: u8 = 2;
/// By convention 128 and the number of SIGINT.
const INTERRUPTED: u8 = 130;

/// Plays what was planned, and prints its report if that is wanted as JSON. `who` begins every complaint.
pub fn run<P, R: Serialize>(
    who: &str,
    is_json: bool,
    planned: Result<(P, RunDir), String>,
    play: impl FnOnce(P, RunDir, Interrupt) -> Result<R, String>,
    is_good: impl FnOnce(&R) -> bool,
) -> ExitCode {
    let fail = |why: &str, code: u8| {
        eprintln!("{who}: {why}");
        ExitCode::from(code)
    };
    let (plan, dir) = match planned {
        Ok(planned) => planned,
        Err(why) => return fail(&why, REFUSED),
    };
    let interrupt = match Interrupt::listen() {
        Ok(interrupt) => interrupt,
        Err(error) => return fail(&format!("signals: {error}"), 1),
    };
    match play(plan, dir, interrupt.clone()) {
        Ok(report) => {
            if is_json {
                println!("{}", serde_json::to_string(&report).expect("a report is plain data"));
            }
            if is_good(&report) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(_) if interrupt.is_set() => fail("interrupted", INTERRUPTED),
        Err(why) => fail(&why, 1),
    }
}

/// Prints the summary: beside a report in JSON on standard error.
pub fn tell(summary: &str, is_json: bool) {
    if is_json {
        eprint!("{summary}");
    } else {
        print!("{summary}");
    }
}
