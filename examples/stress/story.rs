//! The run from start to end: tables, traffic and strikes, verification.

use crate::{
    checked::{Books, Oracle, Verified, tell},
    interrupt::Interrupt,
    objects::{EMPTY_EVERY, Objects},
    picture::Picture,
    plan::Plan,
    report::Report,
    rig::Rig,
    run_dir::RunDir,
    screen::Screen,
    spare::{Spare, Sparer},
    strikes::Siege,
    summary,
    traffic::{Caller, Target, Traffic},
    verify::verify,
};
use futures_util::future::{Either, select};
use parking_lot::Mutex;
use rekindle::cluster::local::ClusterClient;
use std::{
    pin::pin,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// Between two looks at what is due.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Between two ticks of the oracle.
const TICK: Duration = Duration::from_secs(1);
/// A write of unknown outcome lands within so many of them, or never: its time-out, twice the longest pause, and more.
const LANDED_AFTER_TICKS: u32 = 60;
/// All is well again within this after the last strike.
const CALM_WITHIN: Duration = Duration::from_secs(180);
/// A request that was under way somewhere has come to its end within this.
const QUIET: Duration = Duration::from_secs(2);
/// Processes stop cleanly within this, or are killed.
const STOP_WITHIN: Duration = Duration::from_secs(20);
/// Objects that are loaded in one call.
const LOAD: usize = 64;

/// What the parts of a run share.
pub struct Story {
    pub plan: Plan,
    pub rig: Rig,
    pub siege: Siege,
    pub screen: Screen,
    /// The tables, as the first client calls them.
    pub targets: Vec<Target>,
    pub spare: Arc<Mutex<Spare>>,
    interrupt: Interrupt,
    ticked: Instant,
}

/// Plays the run.
///
/// # Errors
/// What could not be done; broken promises are no error here, but in the report.
pub fn play(plan: Plan, mut dir: RunDir, interrupt: Interrupt, json: bool) -> Result<Report, String> {
    let mut story = Story::begin(plan, &dir, interrupt)?;
    story.load()?;
    let (calls, worked) = story.work()?;
    story.calm()?;
    let verified = story.verify()?;
    story.siege.hear();
    let (clean, stop_ms) = (story.siege.segments_cleaned(), Instant::now());
    let mut report = Report::of(&story, worked, calls, verified, clean);
    if !report.is_good() {
        dir.keep();
    }
    let mut text = summary::summary(&story, &report);
    story.end();
    report.stop_ms = stop_ms.elapsed().as_millis() as u64;
    if dir.is_kept() {
        text += &format!("everything is left in {}\n", dir.path().display());
    }
    tell(&text, json);
    Ok(report)
}

impl Story {
    fn begin(plan: Plan, dir: &RunDir, interrupt: Interrupt) -> Result<Self, String> {
        let screen = Screen::new();
        let spinner = screen.spinner(format!("starting a coordinator and {} storage servers", plan.servers));
        let rig = Rig::start(&plan, dir.path())?;
        spinner.finish_and_clear();
        screen.say(format!(
            "{:>12}  coordinator and {} storage servers, R = {}, {}, {} MiB each, seed {}, in {}",
            "started",
            plan.servers,
            plan.replicas,
            plan.durability.name(),
            plan.memory_bytes >> 20,
            plan.seed,
            dir.path().display()
        ));
        let targets = (0..plan.tables).map(|table| make(&plan, &rig, table)).collect::<Result<_, _>>()?;
        let siege = Siege::new(&plan, &rig, &screen);
        Ok(Self {
            plan,
            rig,
            siege,
            screen,
            targets,
            spare: Arc::default(),
            interrupt,
            ticked: Instant::now(),
        })
    }

    /// Every key gets a first value.
    fn load(&mut self) -> Result<(), String> {
        let bar = self.screen.bar("load", u64::from(self.plan.tables * self.plan.keys));
        for target in &self.targets {
            let all: Vec<u32> = target.caller.objects.indexes().collect();
            for some in all.chunks(LOAD) {
                let loaded = self.run(target.caller.multi_put(some))?;
                loaded.map_err(|(index, error)| format!("object {index} could not be loaded: {error}"))?;
                bar.inc(some.len() as u64);
            }
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Clients work, and are struck meanwhile. How many calls they made in what time.
    fn work(&mut self) -> Result<(u64, Duration), String> {
        // What was loaded is not counted.
        let before = self.rig.meter.totals().0;
        self.siege = Siege::new(&self.plan, &self.rig, &self.screen);
        let traffic = self.start()?;
        let mut picture = self.screen.picture(self.plan.time);
        let began = Instant::now();
        while began.elapsed() < self.plan.time {
            self.siege.step()?;
            self.pause()?;
            self.show(&mut picture, began.elapsed(), before);
        }
        let worked = began.elapsed();
        // Calls under way wait for what is dead: it has to come back meanwhile.
        let stopping = thread::scope(|scope| {
            let handle = self.rig.clients[0].handle();
            let stopping = scope.spawn(move || handle.block_on(traffic.stop()));
            while !stopping.is_finished() {
                self.siege.calm()?;
                self.pause()?;
            }
            stopping.join().map_err(|_| "the thread that stops the clients panicked".to_owned())
        });
        picture.finish();
        stopping?;
        Ok((self.rig.meter.totals().0 - before, worked))
    }

    fn start(&self) -> Result<Traffic, String> {
        let mut traffic = Traffic::default();
        let workers = self.plan.clients * self.plan.in_flight;
        let pace = self.plan.rate.map(|rate| Duration::from_secs(1) * workers / rate);
        for (number, client) in (0..).zip(&self.rig.clients) {
            let targets: Result<Vec<Target>, String> =
                self.targets.iter().map(|target| as_called_by(client, target)).collect();
            let seed = self.plan.seed ^ (u64::from(number + 1_u32) << 48);
            traffic.add(client.env(), &targets?, self.plan.in_flight, pace, seed);
        }
        let client = self.rig.clients.last().expect("there is a client");
        let sparer = Sparer {
            client: client.client().clone(),
            env: client.env().clone(),
            watch: self.rig.watch(),
            seed: self.plan.seed,
            tablets: self.plan.servers,
            found: self.spare.clone(),
        };
        traffic.start(client.env(), "spare tables", |stops| sparer.run(stops));
        Ok(traffic)
    }

    fn show(&self, picture: &mut Picture, elapsed: Duration, before: u64) {
        let (calls, unknown, not_done) = self.rig.meter.totals();
        let calls = calls - before;
        let rate = calls as f64 / elapsed.as_secs_f64().max(0.001);
        let words = format!("{calls} calls, {rate:.0}/s, {unknown} of unknown outcome, {not_done} not done");
        let slowest = self.rig.meter.slowest();
        let slowest = slowest.map_or(String::new(), |(kind, time)| {
            format!("{}, {:.0} ms", kind.name(), time.as_secs_f64() * 1e3)
        });
        picture.update(elapsed, &words, &self.siege.words(), &slowest);
    }

    /// Waits until every server is up and every replica in its place, and no write can land any more.
    fn calm(&mut self) -> Result<(), String> {
        let spinner =
            self.screen.spinner("waiting until all servers are up and every replica is in its place");
        let began = Instant::now();
        while !self.siege.calm()? {
            if began.elapsed() > CALM_WITHIN {
                let why = self.siege.why_not_calm();
                return Err(format!("the cluster is not whole again within {CALM_WITHIN:?}: {why}"));
            }
            self.pause()?;
        }
        let quiet = Instant::now() + QUIET;
        while Instant::now() < quiet {
            self.siege.calm()?;
            self.pause()?;
        }
        for target in &self.targets {
            target.caller.books.lock().oracle.close_unknown();
        }
        spinner.finish_and_clear();
        Ok(())
    }

    fn verify(&mut self) -> Result<Verified, String> {
        let bar = self.screen.bar("verify", 2 * u64::from(self.plan.tables * self.plan.keys));
        let mut sum = Verified::default();
        for target in &self.targets {
            let verified = self.run(verify(target, |more| bar.inc(more)))??;
            sum.objects += verified.objects;
            sum.deletes += verified.deletes;
        }
        bar.finish_and_clear();
        Ok(sum)
    }

    /// Waits for calls, unless the run is interrupted.
    fn run<T>(&self, calls: impl Future<Output = T>) -> Result<T, String> {
        let interrupted = pin!(self.interrupt.wait());
        match self.rig.clients[0].block_on(select(pin!(calls), interrupted)) {
            Either::Left((output, _)) => Ok(output),
            Either::Right(_) => Err("interrupted".into()),
        }
    }

    /// A moment between two looks.
    fn pause(&mut self) -> Result<(), String> {
        thread::sleep(LOOK_EVERY);
        if self.interrupt.is_set() {
            return Err("interrupted".into());
        }
        // However long this process itself did not run: that is one tick.
        if self.ticked.elapsed() >= TICK {
            self.ticked = Instant::now();
            for target in &self.targets {
                target.caller.books.lock().oracle.tick(LANDED_AFTER_TICKS);
            }
        }
        Ok(())
    }

    /// Stops all processes.
    fn end(self) {
        let Self { rig, siege, targets, screen, .. } = self;
        drop((siege, targets));
        let Rig { clients, cluster, .. } = rig;
        drop(clients);
        let stopped = Arc::into_inner(cluster).map(|cluster| cluster.stop(STOP_WITHIN));
        if let Some(Err(error)) = stopped {
            screen.say(format!("{:>12}  {error}", "note"));
        }
    }
}

fn make(plan: &Plan, rig: &Rig, table: u32) -> Result<Target, String> {
    let client = &rig.clients[0];
    let created = client.block_on(client.create_table(&format!("stress-{table}"), plan.servers));
    let oracle = Oracle::with_unnamed(u64::from(plan.keys), EMPTY_EVERY);
    Ok(Target::new(Caller {
        table: created.map_err(|error| format!("a table could not be made: {error}"))?,
        objects: Objects::new(plan.keys, plan.seed, table),
        books: Arc::new(Mutex::new(Books::new(oracle))),
        clock: client.env().clock.clone(),
        watch: rig.watch(),
    }))
}

/// The same table and the same books, over another client's connections.
fn as_called_by(client: &ClusterClient, target: &Target) -> Result<Target, String> {
    let table = client.block_on(client.table(target.caller.table.name()));
    let table = table.map_err(|error| format!("a table is not found: {error}"))?;
    let caller = Caller { table, clock: client.env().clock.clone(), ..target.caller.clone() };
    Ok(target.called_by(caller))
}
