//! Keeps the processes of a cluster: starts again what ends, kills and starts what it is told to.

use crate::{
    control::{Answer, Asked, Wish},
    target::Target,
};
use rekindle::cluster::local::{Child, Cluster};
use std::{
    collections::BTreeMap,
    sync::{Arc, mpsc::SyncSender},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// First pause before a process is started again; doubles with each try that fails.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// A process that has ended is gone within this.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// One thing at a time: a wish, or a process to be started again.
pub struct Keeper {
    cluster: Arc<Cluster>,
    slots: BTreeMap<Target, Slot>,
    job: Option<Job>,
}

/// What is known of a process.
struct Slot {
    /// It is to run.
    is_wanted: bool,
    pause: Pause,
}

/// A start that goes on in a thread of its own: it waits for the process, and Ctrl-C must not wait for that.
struct Job {
    target: Target,
    answer: Option<SyncSender<Answer>>,
    thread: JoinHandle<Result<String, String>>,
}

/// How long a process that ended stays down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Pause {
    tries: u32,
    until: Option<Instant>,
}

impl Pause {
    /// It was found down, or could not be started.
    fn failed(self, now: Instant) -> Self {
        let pause = PAUSE_MIN.saturating_mul(1 << self.tries.min(8)).min(PAUSE_MAX);
        Self { tries: self.tries + 1, until: Some(now + pause) }
    }

    fn is_over(self, now: Instant) -> bool {
        self.until.is_none_or(|until| now >= until)
    }
}

impl Keeper {
    /// All processes run.
    pub fn new(cluster: Arc<Cluster>) -> Self {
        let storage = (0..cluster.config().servers).map(Target::Storage);
        let slot = |target| (target, Slot { is_wanted: true, pause: Pause::default() });
        let slots = [Target::Coordinator].into_iter().chain(storage).map(slot).collect();
        Self { cluster, slots, job: None }
    }

    /// Carries a wish out, or begins to.
    pub fn take(&mut self, (wish, answer): Asked) {
        let (Wish::Kill(target) | Wish::Restart(target)) = wish;
        let answered = match (&self.job, self.slots.get_mut(&target)) {
            (_, None) => Answer::Refused(format!(
                "there is no {target}: this cluster has the coordinator and server-0 to server-{}",
                self.cluster.config().servers - 1
            )),
            (Some(job), _) if job.target == target || matches!(wish, Wish::Restart(_)) => {
                Answer::Refused(format!("{} is being started: try again in a moment", job.target))
            }
            (_, Some(slot)) => match wish {
                Wish::Kill(_) => {
                    slot.is_wanted = false;
                    kill(&self.cluster, target)
                }
                Wish::Restart(_) => {
                    *slot = Slot { is_wanted: true, pause: Pause::default() };
                    return self.start(target, Some(answer));
                }
            },
        };
        say(&answered);
        // Who hung up does not hear it.
        let _ = answer.send(answered);
    }

    /// Looks after the processes.
    pub fn look(&mut self) {
        if let Some(job) = self.job.take_if(|job| job.thread.is_finished()) {
            self.finish(job);
        }
        if self.job.is_some() {
            return;
        }
        let now = Instant::now();
        let down: Vec<Target> = self.down().collect();
        for target in down {
            let Some(slot) = self.slots.get_mut(&target) else { continue };
            if slot.pause.until.is_none() {
                println!("{:>12}  {target}: {}", "ended", why(&self.cluster, target));
                slot.pause = slot.pause.failed(now);
            }
            if slot.pause.is_over(now) {
                return self.start(target, None);
            }
        }
    }

    /// Processes that should run and do not.
    fn down(&self) -> impl Iterator<Item = Target> {
        let wanted = self.slots.iter().filter(|(_, slot)| slot.is_wanted).map(|(target, _)| *target);
        wanted.filter(|target| !child(&self.cluster, *target).is_some_and(|child| child.is_running()))
    }

    fn start(&mut self, target: Target, answer: Option<SyncSender<Answer>>) {
        let cluster = self.cluster.clone();
        let body = move || restart(&cluster, target);
        match thread::Builder::new().name("start".into()).spawn(body) {
            Ok(thread) => self.job = Some(Job { target, answer, thread }),
            Err(error) => drop(answer.map(|answer| answer.send(Answer::Refused(error.to_string())))),
        }
    }

    fn finish(&mut self, job: Job) {
        let outcome =
            job.thread.join().unwrap_or_else(|_| Err(format!("{} could not be started", job.target)));
        if let Some(slot) = self.slots.get_mut(&job.target) {
            slot.pause = match outcome {
                Ok(_) => Pause::default(),
                Err(_) => slot.pause.failed(Instant::now()),
            };
        }
        let answer = outcome.map_or_else(Answer::Refused, Answer::Done);
        say(&answer);
        if let Some(asker) = job.answer {
            let _ = asker.send(answer);
        }
    }

    /// The cluster, when nothing else uses it any more; `None` when a start does not end within this.
    pub fn end(self, within: Duration) -> Option<Cluster> {
        let deadline = Instant::now() + within;
        if let Some(job) = &self.job {
            while !job.thread.is_finished() && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(20));
            }
        }
        if let Some(Job { thread, .. }) = self.job.filter(|job| job.thread.is_finished()) {
            let _ = thread.join();
        }
        Arc::into_inner(self.cluster)
    }
}

fn say(answer: &Answer) {
    match answer {
        Answer::Done(what) => println!("{:>12}  {what}", "done"),
        Answer::Refused(why) => println!("{:>12}  {why}", "note"),
    }
}

fn child(cluster: &Cluster, target: Target) -> Option<Arc<Child>> {
    match target {
        Target::Coordinator => cluster.coordinator(),
        Target::Storage(number) => cluster.storage(number),
    }
}

/// Why it is down, in its own words.
fn why(cluster: &Cluster, target: Target) -> String {
    let Some(child) = child(cluster, target) else { return "it could not be started".into() };
    let status = child.wait(GONE_WITHIN).ok().flatten();
    let status = status.map_or("it ended".to_owned(), |status| status.to_string());
    let said = child.ended().unwrap_or_else(|| child.complaints());
    if said.trim().is_empty() { status } else { format!("{status}: {}", said.trim()) }
}

fn kill(cluster: &Cluster, target: Target) -> Answer {
    let killed = match target {
        Target::Coordinator => cluster.kill_coordinator(),
        Target::Storage(number) => cluster.kill_storage(number),
    };
    match killed {
        Ok(_) => Answer::Done(format!("{target} was killed; `cluster restart {target}` starts it again")),
        Err(error) => Answer::Refused(error.to_string()),
    }
}

/// Kills what is left of it, and starts it.
fn restart(cluster: &Cluster, target: Target) -> Result<String, String> {
    if child(cluster, target).is_some()
        && let Answer::Refused(why) = kill(cluster, target)
    {
        return Err(why);
    }
    match target {
        Target::Coordinator => cluster.start_coordinator().map(|()| format!("{target} was started")),
        Target::Storage(number) => {
            cluster.start_storage(number).map(|id| format!("{target} was started: it is {id} now"))
        }
    }
    .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit() {
        let now = Instant::now();
        let mut pause = Pause::default();
        assert!(pause.is_over(now));
        let mut lengths = Vec::new();
        for _ in 0..40 {
            pause = pause.failed(now);
            let length = pause.until.unwrap() - now;
            assert!(!pause.is_over(now) && pause.is_over(now + length));
            lengths.push(length);
        }
        assert_eq!(lengths[..3], [PAUSE_MIN, PAUSE_MIN * 2, PAUSE_MIN * 4]);
        assert_eq!(lengths.last(), Some(&PAUSE_MAX));
    }
}
