//! The run from start to end: load, blows, verification.

use crate::{
    args::Args,
    checked::{Books, Oracle, SplitMix, Values, Verified, tell, verify},
    clients::{Caller, Traffic, Window, load, turn_over},
    interrupt::Interrupt,
    memory::{Memory, Watch},
    plan::{Blow, Plan},
    report::{Crash, Report, tenths},
    rig::Rig,
    run_dir::RunDir,
    screen::Screen,
    summary,
};
use futures_util::future::{Either, select};
use parking_lot::Mutex;
use rekindle::cluster::local::boot_time;
use std::{
    pin::pin,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// Calls a second while servers die: enough to see a stall, too few to slow the recovery down on two cores.
const READS_PER_SECOND: u32 = 2_000;
const WRITES_PER_SECOND: u32 = 1_000;
/// Of reading and writing before the first blow, and after each one.
const CALM: Duration = Duration::from_secs(1);
/// After each blow lost replicas are made anew within this, or the run goes on without.
const SETTLE: Duration = Duration::from_secs(30);
/// Between two looks at the cluster.
pub const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Processes stop cleanly within this, or are killed.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// What the parts of a run share.
pub struct Story {
    pub plan: Plan,
    pub rig: Rig,
    pub caller: Caller,
    /// The recovery that is watched, or was last.
    pub window: Arc<Mutex<Window>>,
    pub screen: Screen,
    pub interrupt: Interrupt,
    pub rng: SplitMix,
    pub crashes: Vec<Crash>,
    /// Pictures of the recoveries.
    pub pictures: Vec<String>,
}

/// Plays the run.
///
/// # Errors
/// What could not be done; broken promises are no error here, but in the report.
pub fn play(args: &Args, plan: Plan, dir: &RunDir, interrupt: Interrupt) -> Result<Report, String> {
    let mut story = Story::begin(plan, dir, interrupt)?;
    let watch = Watch::start(story.rig.cluster.clone());
    let load_seconds = story.load()?;
    story.turn_over()?;
    let traffic = Traffic::start(
        &story.caller,
        story.rig.client.env(),
        story.plan.seed,
        READS_PER_SECOND,
        WRITES_PER_SECOND,
    );
    story.wait(CALM)?;
    for (at, blow) in story.plan.blows.clone().into_iter().enumerate() {
        story.strike(blow, at == 0)?;
        story.wait(CALM)?;
        story.settle()?;
    }
    story.run(traffic.stop())?;
    let verified = story.verify()?;
    story.rig.look();
    story.rig.sample();
    let report = story.report(load_seconds, verified, watch.stop());
    let text = summary::summary(&story, &report);
    story.end();
    tell(&text, args.json);
    Ok(report)
}

impl Story {
    fn begin(plan: Plan, dir: &RunDir, interrupt: Interrupt) -> Result<Self, String> {
        let screen = Screen::new();
        let spinner = screen.spinner(format!("starting a coordinator and {} storage servers", plan.servers));
        let rig = Rig::start(&plan, dir.path())?;
        spinner.finish_and_clear();
        screen.say(format!(
            "{:>12}  coordinator and {} storage servers, R = {}, {}, in {}",
            "started",
            plan.servers,
            plan.replicas,
            plan.durability.name(),
            rig.cluster.dir().display()
        ));
        if let Some(words) = &plan.input {
            screen.say(format!("{:>12}  {words}", "input"));
        }
        let created = rig.client.block_on(rig.client.create_table("crash_recovery", plan.servers));
        let window = Arc::new(Mutex::new(Window::default()));
        let caller = Caller {
            table: created.map_err(|error| format!("the table could not be made: {error}"))?,
            objects: plan.objects.clone(),
            books: Arc::new(Mutex::new(Books::new(Oracle::new(plan.objects.count())))),
            clock: rig.client.env().clock.clone(),
            watch: window.clone(),
        };
        let rng = SplitMix(plan.seed);
        Ok(Self {
            plan,
            rig,
            caller,
            window,
            screen,
            interrupt,
            rng,
            crashes: Vec::new(),
            pictures: Vec::new(),
        })
    }

    fn load(&mut self) -> Result<f64, String> {
        let bar = self.screen.bar("load", self.plan.objects.bytes());
        let began = boot_time();
        self.run(load(&self.caller, |more| bar.inc(more)))??;
        let seconds = boot_time().since(began).as_secs_f64();
        bar.finish_and_clear();
        let megabytes = self.plan.objects.bytes() as f64 / 1e6;
        self.screen.say(format!(
            "{:>12}  {} objects, {megabytes:.1} MB, in {seconds:.2} s: {:.1} MB/s",
            "loaded",
            self.plan.objects.count(),
            megabytes / seconds
        ));
        Ok(seconds)
    }

    /// Writes over all of the data, as often as asked.
    fn turn_over(&mut self) -> Result<(), String> {
        for turnover in 1..=self.plan.turnovers {
            let bar = self.screen.bar("turn over", self.plan.objects.bytes());
            let began = boot_time();
            let seed = self.rng.next();
            let failed = self.run(turn_over(&self.caller, seed, |more| bar.inc(more)))?;
            bar.finish_and_clear();
            let rate = self.plan.objects.bytes() as f64 / 1e6 / boot_time().since(began).as_secs_f64();
            self.screen.say(format!(
                "{:>12}  {turnover} of {}: {rate:.1} MB/s, {failed} calls failed",
                "turned over", self.plan.turnovers
            ));
        }
        Ok(())
    }

    fn verify(&mut self) -> Result<Verified, String> {
        let bar = self.screen.bar("verify", self.plan.objects.bytes());
        let verified = self.run(verify(&self.caller, |more| bar.inc(self.plan.objects.bytes_of(more))))?;
        bar.finish_and_clear();
        Ok(verified)
    }

    /// Waits for calls, unless the run is interrupted.
    pub fn run<T>(&self, calls: impl Future<Output = T>) -> Result<T, String> {
        let interrupted = pin!(self.interrupt.wait());
        match self.rig.client.block_on(select(pin!(calls), interrupted)) {
            Either::Left((output, _)) => Ok(output),
            Either::Right(_) => Err("interrupted".into()),
        }
    }

    /// Looks on for a while.
    pub fn wait(&mut self, time: Duration) -> Result<(), String> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.pause()?;
            self.rig.look();
        }
        Ok(())
    }

    /// A moment between two looks.
    pub fn pause(&self) -> Result<(), String> {
        thread::sleep(LOOK_EVERY);
        if self.interrupt.is_set() { Err("interrupted".into()) } else { Ok(()) }
    }

    /// Waits until the servers that live have replaced the replicas that they lost, so that the next ones may die.
    fn settle(&mut self) -> Result<(), String> {
        let end = Instant::now() + SETTLE;
        let mut unsettled = self.rig.running();
        while !unsettled.is_empty() {
            unsettled.retain(|server| !self.rig.is_settled(*server));
            if Instant::now() >= end {
                self.screen.say(format!("{:>12}  replicas are still being made anew", "note"));
                return Ok(());
            }
            self.wait(LOOK_EVERY * 4)?;
        }
        Ok(())
    }

    fn report(&self, load_seconds: f64, verified: Verified, memory: Vec<Memory>) -> Report {
        let books = self.caller.books.lock();
        let (reads, writes) = {
            let window = self.window.lock();
            (window.reads, window.writes)
        };
        let bytes = self.plan.objects.bytes();
        Report {
            servers: self.plan.servers,
            replicas: self.plan.replicas,
            durability: self.plan.durability.name(),
            objects: self.plan.objects.count(),
            bytes,
            load_seconds: (load_seconds * 1e3).round() / 1e3,
            load_mb_per_s: tenths(bytes as f64 / 1e6 / load_seconds),
            crashes: self.crashes.clone(),
            reads_during_recovery: reads.done,
            read_errors_during_recovery: reads.errors,
            read_max_ms: (reads.done + reads.errors > 0).then(|| tenths(reads.slowest.as_secs_f64() * 1e3)),
            writes_during_recovery: writes.done,
            false_deaths: self.rig.false_deaths(),
            rss_bytes_max: self.rig.rss_bytes_max.clone(),
            live_bytes: self.rig.live_bytes.clone(),
            memory,
            objects_verified: verified.objects,
            deletes_verified: verified.deletes,
            objects_lost: books.lost(),
            objects_wrong: books.wrong(),
        }
    }

    /// Stops all processes.
    fn end(self) {
        let Rig { client, cluster, .. } = self.rig;
        drop((self.caller, client));
        let stopped = Arc::into_inner(cluster).map(|cluster| cluster.stop(STOP_WITHIN));
        if let Some(Err(error)) = stopped {
            self.screen.say(format!("{:>12}  {error}", "note"));
        }
    }
}

impl Blow {
    /// As the report calls it.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Kill(_) => "storage",
            Self::Pause(_) => "pause",
            Self::RestartAll => "all",
        }
    }
}
