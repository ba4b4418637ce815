//! Work in a thread of its own, so that Ctrl-C need not wait for it.

use crate::{Failure, interrupt::Interrupt};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    sync::mpsc::{RecvTimeoutError, sync_channel},
    thread,
    time::Duration,
};

/// Between two looks at Ctrl-C.
const LOOK_EVERY: Duration = Duration::from_millis(200);
const SPIN: Duration = Duration::from_millis(80);

/// Starts something, with a spinner meanwhile. After Ctrl-C the thread is left behind.
pub fn start<T: Send + 'static, E: ToString + Send + 'static>(
    what: String,
    interrupt: &Interrupt,
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, Failure> {
    let spinner = spinner(what);
    let (started, starts) = sync_channel(1);
    thread::Builder::new().name("start".into()).spawn(move || {
        // Nobody listens when this process is ending.
        let _ = started.send(work());
    })?;
    loop {
        match starts.recv_timeout(LOOK_EVERY) {
            Ok(outcome) => {
                spinner.finish_and_clear();
                return Ok(outcome?);
            }
            Err(RecvTimeoutError::Timeout) if !interrupt.is_set() => {}
            Err(_) => {
                spinner.finish_and_clear();
                return Err(Failure::Interrupted);
            }
        }
    }
}

fn spinner(what: String) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner:>12.cyan}  {msg}").expect("a template");
    let spinner = ProgressBar::new_spinner().with_style(style).with_message(what);
    spinner.enable_steady_tick(SPIN);
    spinner
}
