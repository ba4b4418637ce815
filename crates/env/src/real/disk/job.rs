//! Disk calls as threads run them.

use crate::DiskError;
use tokio::sync::oneshot;

pub(super) type Answer<T> = oneshot::Sender<Result<T, DiskError>>;
pub(super) type Sync = Box<dyn FnOnce() -> Result<(), DiskError> + Send>;
type Write = Box<dyn FnOnce() -> Result<(), DiskError> + Send>;

/// A call and how to answer it.
pub(super) enum Job {
    /// A change that an earlier sync may cover as well: it may be answered first.
    Write { write: Write, answer: Answer<()>, sync: Option<Sync> },
    /// Makes what its file had before durable.
    Sync { sync: Sync, answer: Answer<()> },
    /// Anything else, which answers itself.
    Other(Box<dyn FnOnce() + Send>),
}

/// Syncs of one file that are still owed: one does for all.
#[derive(Default)]
struct Owed {
    sync: Option<Sync>,
    answers: Vec<Answer<()>>,
}

impl Owed {
    fn add(&mut self, sync: Sync, answer: Answer<()>) {
        self.sync.get_or_insert(sync);
        self.answers.push(answer);
    }

    /// Once, whatever comes of it: a failed sync must not be tried again.
    fn pay(&mut self) {
        let Some(sync) = self.sync.take() else { return };
        let result = sync();
        for answer in self.answers.drain(..) {
            send(answer, result.clone());
        }
    }
}

/// Who asked may have gone.
fn send<T>(answer: Answer<T>, result: Result<T, DiskError>) {
    let _ = answer.send(result);
}

/// Runs jobs of one file in order; syncs wait for the writes behind them, so that one covers them all.
pub(super) fn run(jobs: impl IntoIterator<Item = Job>) {
    let mut owed = Owed::default();
    for job in jobs {
        match job {
            Job::Write { write, answer, sync } => match (write(), sync) {
                (Ok(()), Some(sync)) => owed.add(sync, answer),
                (result, _) => send(answer, result),
            },
            Job::Sync { sync, answer } => owed.add(sync, answer),
            Job::Other(body) => {
                owed.pay();
                body();
            }
        }
    }
    owed.pay();
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use std::sync::Arc;

    type Steps = Arc<Mutex<Vec<&'static str>>>;

    fn step(steps: &Steps, name: &'static str, result: Result<(), DiskError>) -> Sync {
        let steps = Arc::clone(steps);
        Box::new(move || {
            steps.lock().push(name);
            result
        })
    }

    #[test]
    fn one_sync_does_for_all_and_fails_for_all() {
        for result in [Ok(()), Err(DiskError::Io("no".into()))] {
            let steps = Steps::default();
            let (answers, mut ends): (Vec<_>, Vec<_>) = (0..5).map(|_| oneshot::channel()).unzip();
            let mut answers = answers.into_iter();
            let mut answer = || answers.next().unwrap();
            let sync = || step(&steps, "sync", result.clone());
            let write = || step(&steps, "write", Ok(()));
            let other = step(&steps, "other", Ok(()));
            run([
                Job::Write { write: write(), answer: answer(), sync: Some(sync()) },
                Job::Sync { sync: sync(), answer: answer() },
                Job::Write { write: write(), answer: answer(), sync: None },
                Job::Write {
                    write: step(&steps, "full", Err(DiskError::Full)),
                    answer: answer(),
                    sync: Some(sync()),
                },
                Job::Write { write: write(), answer: answer(), sync: Some(sync()) },
                Job::Other(Box::new(move || other().unwrap())),
            ]);
            assert_eq!(*steps.lock(), ["write", "write", "full", "write", "sync", "other"]);
            let got: Vec<_> = ends.iter_mut().map(|end| end.try_recv().unwrap()).collect();
            let full = Err(DiskError::Full);
            assert_eq!(got, [result.clone(), result.clone(), Ok(()), full, result]);
        }
    }
}
