//! What this process says to its parent.

use crate::local::Line;
use parking_lot::Mutex;
use std::{
    io::{self, Write},
    process,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

/// Lines on standard output, written by a thread of its own: a parent that does not read must not hold up those
/// who have something to say.
pub struct Output {
    lines: SyncSender<Line>,
    /// Lines that found no room. Written by speakers, taken by the writer; only a number: relaxed.
    dropped: Arc<AtomicU64>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// Lines that wait for the parent at most.
const WAITING_MAX: usize = 16_384;

impl Output {
    /// Starts the writer.
    pub fn start() -> io::Result<Arc<Self>> {
        let (lines, waiting) = sync_channel(WAITING_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        let counted = dropped.clone();
        let writer = thread::Builder::new().name("output".into()).spawn(move || write(&waiting, &counted))?;
        Ok(Arc::new(Self { lines, dropped, writer: Mutex::new(Some(writer)) }))
    }

    /// Says it, or drops it and counts, when too much waits already. Never waits.
    pub fn say(&self, line: Line) {
        if self.lines.try_send(line).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Says the last word, and waits until everything is written. Nothing that is said later is heard.
    pub fn finish(&self, last: Line) {
        let Some(writer) = self.writer.lock().take() else { return };
        // The writer ends after a last word. An error means that it has ended already.
        let _ = self.lines.send(last);
        let _ = writer.join();
    }
}

#[cfg(test)]
impl Output {
    /// Whether the last word was said.
    pub fn is_finished(&self) -> bool {
        self.writer.lock().is_none()
    }
}

fn is_last(line: &Line) -> bool {
    matches!(line, Line::Failed(_) | Line::Ended(_) | Line::Stopped)
}

fn write(waiting: &Receiver<Line>, dropped: &AtomicU64) {
    let mut output = io::stdout().lock();
    while let Ok(line) = waiting.recv() {
        let lost = dropped.swap(0, Ordering::Relaxed);
        let lost = (lost > 0).then_some(Line::Dropped(lost));
        let last = is_last(&line);
        for line in lost.into_iter().chain([line]) {
            let json = serde_json::to_string(&line)
                .expect("lines have names for keys, and no numbers that JSON lacks");
            if writeln!(output, "{json}").and_then(|()| output.flush()).is_err() {
                // Nobody listens: the parent is gone.
                process::exit(super::PARENT_GONE.into());
            }
        }
        if last {
            return;
        }
    }
}
