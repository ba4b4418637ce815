//! Random deaths, cuts, tables, failing replays and coordinator crashes: afterwards every tablet has one owner who
//! serves it, the dead are gone, and at no time did two masters serve one tablet.

use proptest::prelude::*;
use rekindle_coordinator::meta::Recorded;
use rekindle_coordinator::scripted::{ReplayScript, Stage};
use rekindle_coordinator::{ClusterSize, ClusterState, CoordinatorConfig, MetaLog};
use rekindle_types::{LogId, Refusal, Reply, ServerId};
use std::time::Duration;

#[derive(Clone, Debug)]
enum Fault {
    Kill(usize),
    Blink(usize, u64),
    Fail(usize),
    Stall(usize),
    Start,
    Create(u32),
    Drop(usize),
    Crash(u64, bool),
    Wait(u64),
}

fn faults() -> impl Strategy<Value = Vec<Fault>> {
    let fault = prop_oneof![
        2 => (0..8_usize).prop_map(Fault::Kill),
        1 => (0..8_usize, 10..1_500_u64).prop_map(|(n, ms)| Fault::Blink(n, ms)),
        1 => (0..8_usize).prop_map(Fault::Fail),
        1 => (0..8_usize).prop_map(Fault::Stall),
        1 => Just(Fault::Start),
        2 => (1..9_u32).prop_map(Fault::Create),
        1 => (0..4_usize).prop_map(Fault::Drop),
        3 => (0..12_u64, any::<bool>()).prop_map(|(n, recorded)| Fault::Crash(n, recorded)),
        3 => (0..600_u64).prop_map(Fault::Wait),
    ];
    prop::collection::vec(fault, 1..25)
}

struct Player<'a> {
    stage: &'a Stage,
    servers: Vec<ServerId>,
    tables: Vec<String>,
    made: u32,
    deaths: Vec<ServerId>,
}

/// Deaths that a cluster of seven with R = 2 must stand in a row, each with its log on two others.
const DEATHS_MAX: usize = 4;

impl Player<'_> {
    /// R = 2 stands one loss at a time: a replica of every log that is not recovered yet must stay.
    fn may_lose(&self, victim: ServerId) -> bool {
        let is_safe = |owner: &ServerId| {
            let holders = self.stage.script.holders(*owner);
            holders.is_empty() || holders.iter().any(|holder| *holder != victim)
        };
        self.deaths.len() < DEATHS_MAX && self.servers.len() > 4 && self.deaths.iter().all(is_safe)
    }

    fn pick(&self, n: usize) -> ServerId {
        self.servers[n % self.servers.len()]
    }

    /// From now on replays succeed, and those that stalled go on.
    fn all_commit(&self) {
        for server in &self.servers {
            self.stage.script.on_replay(*server, ReplayScript::Commit);
            self.stage.script.finish_replay(*server);
        }
    }

    /// Live masters re-create what they lost with a backup.
    fn replicate_again(&self, lost: ServerId) {
        let others: Vec<_> = self.servers.iter().copied().filter(|s| *s != lost).collect();
        for (n, owner) in self.servers.iter().enumerate().filter(|(_, s)| **s != lost) {
            if self.stage.script.holders(*owner).len() < 2 {
                let mut on: Vec<_> = others.iter().copied().filter(|s| s != owner).collect();
                let turn = n % on.len();
                on.rotate_left(turn);
                self.stage.script.give_log(*owner, &on[..2]);
            }
        }
    }

    async fn play(&mut self, fault: Fault) {
        let script = &self.stage.script;
        match fault {
            Fault::Kill(n) if self.may_lose(self.pick(n)) => {
                let dead = self.pick(n);
                self.bury(dead);
            }
            Fault::Blink(n, ms) if ms < 100 || self.may_lose(self.pick(n)) => {
                let server = self.pick(n);
                script.cut_off(server, true);
                script.wait_for(Duration::from_millis(ms), |_| false).await;
                script.cut_off(server, false);
                self.bury_if_declared(server).await;
            }
            Fault::Fail(n) => script.on_replay(self.pick(n), ReplayScript::Fail),
            Fault::Stall(n) => script.on_replay(self.pick(n), ReplayScript::Stall),
            Fault::Start if self.servers.len() < 9 => {
                self.made += 1;
                let server = script.start(&format!("late-{}", self.made)).await;
                script.give_log(server, &self.servers[..2]);
                self.servers.push(server);
            }
            Fault::Create(tablets) => {
                // An owner that died must be recovered before the call returns.
                self.all_commit();
                self.made += 1;
                let name = format!("table-{}", self.made);
                let reply = self.stage.create(&name, tablets).await;
                let exists = Reply::Refused(Refusal::TableExists(name.clone()));
                assert!(matches!(reply, Reply::Table(_)) || reply == exists, "{reply:?}");
                self.tables.push(name);
            }
            Fault::Drop(n) if n < self.tables.len() => {
                self.all_commit();
                let name = self.tables.remove(n);
                let reply = self.stage.drop_table(&name).await;
                let missing = Reply::Refused(Refusal::NoSuchTable(name));
                assert!(reply == Reply::Done || reply == missing, "{reply:?}");
            }
            Fault::Crash(n, recorded) => {
                let recorded = if recorded { Recorded::Yes } else { Recorded::No };
                self.stage.meta.crash_after(n, recorded);
            }
            Fault::Wait(ms) => {
                script.wait_for(Duration::from_millis(ms), |_| false).await;
            }
            Fault::Kill(_) | Fault::Blink(..) | Fault::Start | Fault::Drop(_) => {}
        }
    }

    /// A cut that was long enough for a death: declared dead is final, the process ends.
    async fn bury_if_declared(&mut self, server: ServerId) {
        let script = &self.stage.script;
        script.wait_for(Duration::from_millis(400), |_| false).await;
        script.wait_for(Stage::LONG, |s| s.coordinator().is_some()).await;
        if script.coordinator().is_some_and(|c| !c.state().servers().is_up(server)) {
            self.bury(server);
        }
    }

    fn bury(&mut self, dead: ServerId) {
        self.stage.script.kill(dead);
        self.replicate_again(dead);
        self.servers.retain(|s| *s != dead);
        self.deaths.push(dead);
    }
}

fn play(faults: Vec<Fault>) -> Result<(), String> {
    let stage = Stage::new(CoordinatorConfig {
        partition_bytes: 1 << 10,
        ..CoordinatorConfig::new(ClusterSize::Replicas(2))
    });
    stage.world.block_on(async {
        let servers = stage.script.start_cluster(7, 2).await;
        let mut player = Player { stage: &stage, servers, tables: Vec::new(), made: 0, deaths: Vec::new() };
        player.play(Fault::Create(14)).await;
        for fault in faults {
            player.play(fault).await;
        }
        player.all_commit();
        stage.settles().await?;
        let state = stage.script.coordinator().ok_or("no coordinator")?.state();
        if state.partitions().next().is_some()
            || state.servers().iter().any(|s| !player.servers.contains(&s.id))
        {
            return Err("something is left over".to_owned());
        }
        let named: Vec<String> = state.map().tables().map(|t| t.name).collect();
        if named.len() != player.tables.len() {
            return Err(format!("{named:?} are there, not {:?}", player.tables));
        }
        if state.servers().up().any(|s| state.floor(LogId::of(s.id)).is_none()) {
            return Err("a floor is lost".to_owned());
        }
        let again = stage.meta.open().await.map_err(|e| e.to_string())?;
        let reread = ClusterState::rebuild(&again).map_err(|e| e.to_string())?;
        let same = (reread.servers() == state.servers(), reread.map().tablets().eq(state.map().tablets()));
        if same == (true, true) { Ok(()) } else { Err(format!("read back differs: {same:?}")) }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 4, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_history_of_faults_settles(faults in faults()) {
        prop_assert_eq!(play(faults), Ok(()));
    }
}

/// A grant that is repeated may come behind the drop of its table (F5).
#[test]
fn a_late_grant_does_not_bring_a_dropped_table_back() {
    use Fault::{Blink, Crash, Drop, Kill};
    let history = vec![Kill(0), Crash(1, false), Blink(0, 10), Crash(0, true), Blink(0, 211), Drop(0)];
    assert_eq!(play(history), Ok(()));
}
