//! One run, from its start to the last check.

use super::{
    ClientCounts, ClientsConfig, Coverage, Outcomes, Profile, Schedule,
    clients::Clients,
    striker::{Striker, Tale},
    watch::Watch,
};
use crate::{
    SimCluster, SimConfig,
    check::{
        Left, LeftMost, Longest, WrongTable, check_acknowledged, check_left, check_linearizable,
        check_replicas, check_tables,
    },
    check_settled,
    history::Recorder,
    trace::note_state,
};
use futures_util::future::{Either, select};
use rekindle_cluster::{memory::NetworkCounts, wire::LaneKind};
use rekindle_coordinator::{ClusterState, Event, entity::OperationState};
use rekindle_env::{Clock, Time};
use rekindle_types::Rules;
use std::{
    any::Any,
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    time::Duration,
};

/// A run to play.
#[derive(Clone, Debug)]
pub struct FaultsConfig {
    /// What is drawn from.
    pub profile: Profile,
    /// The cluster.
    pub sim: SimConfig,
    /// The clients.
    pub clients: ClientsConfig,
    /// How long faults strike. Default: a minute.
    pub length: Duration,
    /// Instead of the one that the seed gives.
    pub schedule: Option<Schedule>,
}

impl FaultsConfig {
    /// The run of a seed.
    #[must_use]
    pub fn new(seed: u64, profile: Profile) -> Self {
        let (sim, clients, length) =
            (profile.cluster(seed), ClientsConfig::default(), Duration::from_secs(60));
        Self { profile, sim, clients, length, schedule: None }
    }

    /// With these rules in force.
    #[must_use]
    pub fn with_rules(mut self, rules: Rules) -> Self {
        self.sim.rules = rules;
        self
    }

    /// The faults of the run: its own, or those of its seed.
    #[must_use]
    pub fn schedule(&self) -> Schedule {
        self.schedule.clone().unwrap_or_else(|| {
            // A world of its own: nothing else draws from this stream.
            let rng = rekindle_env::memory::World::new(self.sim.seed).rng("schedule");
            Schedule::draw(self.profile, self.sim.store, self.length, &*rng)
        })
    }
}

/// How a run ended in which nothing was broken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultsReport {
    /// Faults that struck.
    pub coverage: Coverage,
    /// What the network did to frames.
    pub network: NetworkCounts,
    /// Faults that could not.
    pub left_out: u64,
    /// What became of writes.
    pub outcomes: Outcomes,
    /// What the clients did.
    pub counts: ClientCounts,
    /// Calls whose order was checked.
    pub calls: usize,
    /// Segments that the cleaners of the servers that run in the end have cleaned, and those that they made of them.
    pub cleaned: (u64, u64),
    /// Recoveries that ended.
    pub recoveries: usize,
    /// Processes that had ended by themselves.
    pub restarts: u64,
    /// Virtual time that passed.
    pub elapsed: Duration,
    /// Virtual time from the last fault's end until everything had settled.
    pub settled_after: Duration,
    /// The longest that anything stood still with nothing in its way.
    pub longest: Longest,
    /// Calls on objects that servers answered, each within its lease.
    pub answers: u64,
    /// Equal for equal runs.
    pub trace: u64,
}

/// Longest time that a start, or settling, may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Longest time until a cluster that has settled, and is asked nothing, is at rest.
const REST: Duration = Duration::from_secs(30);
/// Between two looks of the watch.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// A digest of the state goes into the trace every simulated second: it costs as much as a look, and a run that has parted from
/// another is as well found out a second later.
const LOOKS_PER_DIGEST: u32 = 100;

/// Plays a run.
///
/// # Errors
/// What was broken, after what.
pub fn play(config: &FaultsConfig) -> Result<FaultsReport, String> {
    play_watched(config, |_, _| ())
}

/// Plays a run that is looked at: `watch` is given the cluster before anything runs, and the record of what clients ask and are
/// told. Both change nothing: the run is the one of [`play`].
///
/// # Errors
/// What was broken, after what.
pub fn play_watched(
    config: &FaultsConfig,
    watch: impl FnOnce(&SimCluster, &Arc<Recorder>),
) -> Result<FaultsReport, String> {
    let cluster = SimCluster::new(config.sim);
    let run = Run::new(&cluster, config);
    watch(&cluster, &run.recorder);
    let told = catch_unwind(AssertUnwindSafe(|| {
        cluster.start();
        cluster.world.try_block_on(run.watched()).map_err(|stuck| stuck.to_string())?
    }));
    let settled_after = match told {
        Ok(Ok(settled_after)) => settled_after,
        Ok(Err(what)) => return Err(run.account(&what)),
        Err(panic) => return Err(run.account(&format!("a panic: {}", message(&*panic)))),
    };
    let (Tale { coverage, left_out, .. }, (counts, calls)) = (run.striker.tale(), *run.counts.borrow());
    let outcomes = Outcomes::of(run.recorder.by_key().values().flatten());
    Ok(FaultsReport {
        coverage,
        network: cluster.network_counts(),
        left_out,
        outcomes,
        counts,
        calls,
        cleaned: cluster.cleaned(),
        recoveries: cluster.timeline.count(|event| matches!(event, Event::Recovered(_))),
        restarts: run.watch.borrow().restarts,
        elapsed: cluster.world.now().since(Time(0)),
        settled_after,
        longest: run.watch.borrow().longest(),
        answers: cluster.answers(),
        trace: cluster.world.trace_hash(),
    })
}

/// What a cluster of this size may keep when it is at rest.
fn left_most(config: &SimConfig) -> LeftMost {
    let servers = config.servers as usize;
    LeftMost {
        // Of each kind, to each other server and to the coordinator.
        lanes: servers * LaneKind::ALL.len(),
        tasks: SERVER_TASKS,
        world_tasks: servers * WORLD_TASKS,
        world_timers: servers * WORLD_TIMERS,
    }
}

/// Tasks that a server owns and that never end, and a few more.
const SERVER_TASKS: usize = 18;
/// Tasks for each server, both ends of its lanes and its share of coordinator and clients among them. About 55 are.
const WORLD_TASKS: usize = 80;
/// Timers for each server. About 11 are.
const WORLD_TIMERS: usize = 20;

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

struct Run<'a> {
    cluster: &'a SimCluster,
    config: &'a FaultsConfig,
    schedule: Schedule,
    striker: Striker<'a>,
    watch: RefCell<Watch<'a>>,
    clock: Arc<dyn Clock>,
    recorder: Arc<Recorder>,
    counts: RefCell<(ClientCounts, usize)>,
}

impl<'a> Run<'a> {
    fn new(cluster: &'a SimCluster, config: &'a FaultsConfig) -> Self {
        Self {
            cluster,
            config,
            schedule: config.schedule(),
            striker: Striker::new(cluster),
            watch: RefCell::new(Watch::new(cluster, Clients::CALL_MAX)),
            clock: cluster.world.node("network").env().clock,
            recorder: Arc::default(),
            counts: RefCell::default(),
        }
    }

    /// The story, with a look every 10 ms.
    async fn watched(&self) -> Result<Duration, String> {
        let looks = async {
            for look in 1_u32.. {
                self.clock.sleep(LOOK_EVERY).await;
                let (hindered, oldest) = (self.striker.is_striking(), self.recorder.oldest_open());
                if let Err(what) = self.watch.borrow_mut().look(hindered, oldest) {
                    return what;
                }
                if look % LOOKS_PER_DIGEST == 0 {
                    note_state(self.cluster);
                }
            }
            unreachable!("the world's time ends before the numbers do")
        };
        match select(pin!(self.tell()), pin!(looks)).await {
            Either::Left((told, _)) => told,
            Either::Right((what, _)) => Err(what),
        }
    }

    async fn tell(&self) -> Result<Duration, String> {
        self.wait("the start", SimCluster::is_ready).await?;
        let mut clients = Clients::start(self.cluster, self.config.clients, &self.recorder).await?;
        let end = self.clock.now() + self.config.length;
        self.striker.play(&self.schedule).await;
        self.clock.sleep_until(end).await;
        self.striker.mend();
        let mended = self.clock.now();
        let settled = self.wait("settling", |cluster| {
            cluster.is_complete() && check_settled(cluster).is_ok() && nothing_is_under_way(cluster)
        });
        let settled = settled.await;
        clients.stop().await;
        *self.counts.borrow_mut() = (clients.counts(), self.recorder.len());
        let settled_after = self.clock.now().since(mended);
        let settled = settled.map_err(|late| format!("{late}: {}", self.unsettled()));
        let end = match settled {
            Ok(()) => self.end_is_right(&clients).await,
            late => late,
        };
        // An answer that is wrong says more than that something takes too long, or how it ended.
        self.answers_are_right(&clients)?;
        end?;
        self.nothing_is_left().await?;
        Ok(settled_after)
    }

    fn answers_are_right(&self, clients: &Clients) -> Result<(), String> {
        if let Some(wrong) = clients.wrong() {
            return Err(wrong);
        }
        for (key, calls) in self.recorder.by_key() {
            check_linearizable(&calls).map_err(|why| format!("{key:?}: {why}"))?;
        }
        self.recorder.by_table().values().try_for_each(|calls| match check_tables(calls) {
            // Creating is not exactly-once: a request that comes late, or twice, makes the table anew.
            Ok(()) | Err(WrongTable::Returned(_)) => Ok(()),
            Err(why) => Err(why.to_string()),
        })
    }

    async fn end_is_right(&self, clients: &Clients) -> Result<(), String> {
        let found = clients.read_all(self.cluster, PATIENCE).await?;
        let histories = self.recorder.by_key();
        for (key, seen) in found {
            let calls = histories.get(&key).map_or(&[][..], Vec::as_slice);
            check_acknowledged(calls, seen).map_err(|why| format!("{key:?}: {why}"))?;
        }
        Ok(())
    }

    /// Nobody waits any more, and backups hold what masters know of: within the time that the last frees and cleaning
    /// passes take.
    async fn nothing_is_left(&self) -> Result<(), String> {
        let cluster = self.cluster;
        let look = || -> Result<(), String> {
            check_replicas(&cluster.replicas()).map_err(|astray| astray.to_string())?;
            let census = cluster.world.census();
            let left = Left { servers: cluster.left(), tasks: census.tasks, timers: census.timers };
            check_left(&left, left_most(cluster.config())).map_err(|many| many.to_string())
        };
        if cluster.until(REST, |_| look().is_ok()).await { Ok(()) } else { look() }
    }

    async fn wait(&self, what: &str, is_so: impl Fn(&SimCluster) -> bool) -> Result<(), String> {
        let in_time = self.cluster.until(PATIENCE, is_so).await;
        if in_time { Ok(()) } else { Err(format!("{what} took longer than {PATIENCE:?}")) }
    }

    fn unsettled(&self) -> String {
        let ready = (self.cluster.running(), self.cluster.is_ready());
        match check_settled(self.cluster) {
            Err(violation) => violation.to_string(),
            Ok(()) => format!("running and ready: {ready:?}; or an operation is under way"),
        }
    }

    /// What went wrong, after what, and how everything stands.
    fn account(&self, what: &str) -> String {
        let SimConfig { seed, store, replicas, .. } = self.config.sim;
        let mut account = format!(
            "seed {seed}, profile {} ({store:?}, R = {replicas}): {what}\nfaults:",
            self.config.profile
        );
        for (at, what) in self.striker.tale().struck {
            account += &format!("\n  {at:?} {what}");
        }
        let events = self.cluster.timeline.events();
        account += "\nthe coordinator saw:";
        for (at, event) in &events[events.len().saturating_sub(40)..] {
            account += &format!("\n  {at:?} {event:?}");
        }
        for (server, status) in self.cluster.statuses() {
            account += &format!("\n  {}: {status:?}", crate::name(server));
        }
        account + &format!("\n  now {:?}", self.cluster.world.now())
    }
}

fn nothing_is_under_way(cluster: &SimCluster) -> bool {
    let office = cluster.coordinator(|c| c.coordinator()).flatten();
    // Tables come and go all the time.
    let recovers =
        |state: &ClusterState| state.unfinished().any(|o| matches!(o.state, OperationState::Recover { .. }));
    office.is_some_and(|office| !office.look(recovers))
}
