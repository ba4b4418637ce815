//! The script: what the servers do, and what happened.

use super::server::{ReplayScript, Scripted};
use super::{orders::ScriptedControl, store::ScriptedStore};
use crate::{
    Coordinator, CoordinatorConfig, Event, MetaLog, Observer, OrderKind, ServerControl, Servers, TabletGrant,
    Times,
};
use parking_lot::Mutex;
use rekindle_backup::{BackupStore, ReplicaInfo, ReplicaState};
use rekindle_env::{Env, Time};
use rekindle_log::Certificate;
use rekindle_types::{
    CoordinatorApi, CreationNumber, Former, LogId, Refusal, ReplicaId, Reply, Request, SegmentId,
    ServerEntry, ServerId, ServerRoom, TableId,
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// A cluster of scripted servers around a real coordinator.
#[derive(Clone)]
pub struct Script {
    pub(super) env: Env,
    pub(super) times: Times,
    pub(super) scene: Arc<Mutex<Scene>>,
}

/// What the script knows.
#[derive(Default)]
pub(super) struct Scene {
    pub coordinator: Option<Arc<Coordinator>>,
    pub reigns: u32,
    pub servers: BTreeMap<ServerId, Scripted>,
    pub incarnations: u64,
    /// Bytes of tables that matter; their hashes are even.
    pub contents: BTreeMap<TableId, u64>,
    pub violations: Vec<String>,
    pub events: Vec<Event>,
}

impl Script {
    /// What a server has left unless the script says otherwise.
    pub const PLENTY: ServerRoom = ServerRoom {
        segment_bytes: 64 << 10,
        memory_total_bytes: 1 << 40,
        memory_free_bytes: 1 << 40,
        frames_total: 1 << 20,
        frames_free: 1 << 20,
        read_rate: 0,
    };

    /// Nobody is there yet.
    #[must_use]
    pub fn new(env: Env, times: Times) -> Self {
        Self { env, times, scene: Arc::default() }
    }

    /// One coordinator after another on the same meta log: when one ends, the next takes office.
    pub async fn reign(self, config: CoordinatorConfig, meta: Arc<dyn MetaLog>) {
        loop {
            let (clock, observer) = (Arc::clone(&self.env.clock), Arc::new(self.clone()));
            let opened =
                Coordinator::open(config, clock, Arc::clone(&meta), Arc::new(self.clone()), observer).await;
            if let Ok(coordinator) = opened {
                self.appoint(&coordinator);
                let _vigil = self.env.urgent.spawn("vigil", Box::pin(Arc::clone(&coordinator).watch()));
                coordinator.run().await;
                self.scene.lock().coordinator = None;
            }
            self.env.clock.sleep(Duration::from_millis(20)).await;
        }
    }

    fn appoint(&self, coordinator: &Arc<Coordinator>) {
        let mut scene = self.scene.lock();
        scene.coordinator = Some(Arc::clone(coordinator));
        scene.reigns += 1;
    }

    /// Coordinators that took office so far.
    #[must_use]
    pub fn reigns(&self) -> u32 {
        self.scene.lock().reigns
    }

    /// The coordinator in office.
    #[must_use]
    pub fn coordinator(&self) -> Option<Arc<Coordinator>> {
        self.scene.lock().coordinator.clone()
    }

    /// Calls the coordinator until there is one that answers and does not say `Retry`.
    pub async fn call(&self, request: Request) -> Reply {
        loop {
            if let Some(coordinator) = self.coordinator() {
                match coordinator.call(request.clone()).await {
                    Ok(Reply::Refused(Refusal::Retry { .. })) | Err(_) => {}
                    Ok(reply) => return reply,
                }
            }
            self.env.clock.sleep(Duration::from_millis(20)).await;
        }
    }

    /// A server enlists and beats from then on; its first head is not recorded.
    pub async fn enlist(&self, name: &str, former: Option<ServerId>) -> ServerId {
        self.enlist_after(name, former.map(|server| Former { server, is_store_held: false })).await
    }

    /// The same, by a process that perhaps holds its former self's store.
    pub async fn enlist_after(&self, name: &str, former: Option<Former>) -> ServerId {
        let incarnation = {
            let mut scene = self.scene.lock();
            scene.incarnations += 1;
            scene.incarnations
        };
        let (name, domain) = (name.to_owned(), name.to_owned());
        let request =
            Request::Enlist { name: name.clone(), address: name.clone(), domain, incarnation, former };
        let Reply::Enlisted(enlisted) = self.call(request).await else { panic!("refused") };
        let id = enlisted.server;
        let server = Scripted {
            id,
            is_running: true,
            list: enlisted.list,
            next_segment: SegmentId(100),
            room: Script::PLENTY,
            ..Scripted::default()
        };
        self.scene.lock().servers.insert(id, server);
        let heart = self.env.spawn.spawn("heart", Box::pin(self.clone().beat(id)));
        if let Some(server) = self.scene.lock().servers.get_mut(&id) {
            server.heart = Some(heart);
        }
        id
    }

    /// A server enlists, and its first head is recorded.
    pub async fn start(&self, name: &str) -> ServerId {
        let server = self.enlist(name, None).await;
        let reply = self.call(Request::StoreFloor { log: LogId::of(server), floor: SegmentId(1) }).await;
        assert_eq!(reply, Reply::Done);
        server
    }

    /// Starts as many servers, each with its log on the `replicas` after it.
    pub async fn start_cluster(&self, servers: usize, replicas: usize) -> Vec<ServerId> {
        let mut ids = Vec::new();
        for n in 0..servers {
            ids.push(self.start(&format!("server-{n}")).await);
        }
        for (n, id) in ids.iter().enumerate() {
            let on = (1..=replicas).map(|r| ids[(n + r) % ids.len()]).collect::<Vec<_>>();
            self.give_log(*id, &on);
        }
        ids
    }

    async fn beat(self, id: ServerId) {
        loop {
            self.renew(id).await;
            self.env.clock.sleep(self.times.heartbeat).await;
        }
    }

    async fn renew(&self, id: ServerId) {
        let sent = self.env.clock.now();
        let (request, coordinator) = {
            let scene = self.scene.lock();
            let is_heard = |s: &&Scripted| s.answers() || s.loyal_to.is_some();
            let Some(server) = scene.servers.get(&id).filter(is_heard) else { return };
            let (list, room) = (server.list.version(), server.room_left(&scene.contents));
            let reports = server.reports.clone();
            let coordinator = server.loyal_to.clone().or(scene.coordinator.clone());
            (Request::Renew { server: id, list, room, reports, replaying: Vec::new() }, coordinator)
        };
        let Some(coordinator) = coordinator else { return };
        let reply = coordinator.call(request).await;
        let mut scene = self.scene.lock();
        let Some(server) = scene.servers.get_mut(&id) else { return };
        match reply {
            Ok(Reply::Renewed { update, lease_ms, .. }) => {
                server.lease_until = sent + Duration::from_millis(lease_ms.into());
                if let Some(update) = update {
                    // One that does not fit is sent again in full.
                    let _ = server.list.apply(&update);
                }
            }
            Ok(_) => server.serving.clear(),
            Err(_) => {}
        }
    }

    fn with<T>(&self, id: ServerId, act: impl FnOnce(&mut Scripted) -> T) -> T {
        act(self.scene.lock().servers.get_mut(&id).expect("a server of the script"))
    }

    /// The process ends.
    pub fn kill(&self, id: ServerId) {
        let heart = self.with(id, |server| {
            server.is_running = false;
            server.serving.clear();
            server.heart.take()
        });
        drop(heart);
    }

    /// What it has left from now on, but for what its tablets take.
    pub fn set_room(&self, id: ServerId, room: ServerRoom) {
        self.with(id, |server| server.room = room);
    }

    /// The network cuts it off: it serves on until its lease ends.
    pub fn cut_off(&self, id: ServerId, is_cut_off: bool) {
        self.with(id, |server| server.is_cut_off = is_cut_off);
    }

    /// The network leads its renewals to this coordinator, also after that has lost its office; everybody else is cut
    /// off from it.
    pub fn stays_with(&self, id: ServerId, coordinator: &Arc<Coordinator>) {
        self.with(id, |server| server.loyal_to = Some(Arc::clone(coordinator)));
    }

    /// What it does about `replay` from now on.
    pub fn on_replay(&self, id: ServerId, replay: ReplayScript) {
        self.with(id, |server| server.replay = replay);
    }

    /// Carries out what it was told while it stalled.
    pub fn finish_replay(&self, id: ServerId) {
        let stalled = self.with(id, |server| std::mem::take(&mut server.stalled));
        let mut scene = self.scene.lock();
        stalled.iter().for_each(|order| scene.replay(id, order));
    }

    /// The table has so many bytes, all hashes as many. What it is replayed into must have the memory.
    pub fn fill_table(&self, table: TableId, bytes: u64) {
        self.scene.lock().contents.insert(table, bytes);
    }

    /// Puts replicas of a small log of `owner` on these backups: a closed segment and the head.
    pub fn give_log(&self, owner: ServerId, on: &[ServerId]) {
        self.give_log_of(owner, on, 1 << 10);
    }

    /// The same, with so many bytes in the closed segment.
    pub fn give_log_of(&self, owner: ServerId, on: &[ServerId], bytes: u32) {
        let log = LogId::of(owner);
        let (closed, head) = (SegmentId(1), SegmentId(2));
        let info = |segment, state, digest| ReplicaInfo {
            replica: ReplicaId { log, segment, creation: CreationNumber(segment.0) },
            state,
            certificate: Certificate { length: if segment == closed { bytes } else { 1 << 10 }, checksum: 7 },
            primary: true,
            digest: Some(digest),
        };
        for backup in on {
            let closed_info = info(closed, ReplicaState::Closed, vec![closed]);
            let head_info = info(head, ReplicaState::Open, vec![closed, head]);
            self.with(*backup, |server| server.replicas.insert(log, vec![closed_info, head_info]));
        }
    }

    /// Takes the replicas of a log away from a backup, as if it had none.
    pub fn take_log(&self, owner: ServerId, from: ServerId) -> Vec<ReplicaInfo> {
        self.with(from, |server| server.replicas.remove(&LogId::of(owner))).unwrap_or_default()
    }

    /// Gives replicas back.
    pub fn return_log(&self, owner: ServerId, to: ServerId, replicas: Vec<ReplicaInfo>) {
        self.with(to, |server| server.replicas.insert(LogId::of(owner), replicas));
    }

    /// Backups that hold replicas of the log.
    #[must_use]
    pub fn holders(&self, owner: ServerId) -> Vec<ServerId> {
        let scene = self.scene.lock();
        let running = scene.servers.values().filter(|s| s.is_running);
        running.filter(|s| s.replicas.contains_key(&LogId::of(owner))).map(|s| s.id).collect()
    }

    /// What it was ordered, and when.
    #[must_use]
    pub fn orders(&self, id: ServerId) -> Vec<(Time, OrderKind)> {
        self.with(id, |server| server.orders.clone())
    }

    /// Whether it was ordered to replay a partition.
    #[must_use]
    pub fn was_told_to_replay(&self, id: ServerId) -> bool {
        self.with(id, |server| server.orders.iter().any(|(_, order)| matches!(order, OrderKind::Replay(_))))
    }

    /// What it serves.
    #[must_use]
    pub fn serving(&self, id: ServerId) -> Vec<TabletGrant> {
        self.with(id, |server| server.serving.clone())
    }

    /// Servers that run.
    #[must_use]
    pub fn running(&self) -> Vec<ServerId> {
        self.scene.lock().servers.values().filter(|s| s.is_running).map(|s| s.id).collect()
    }

    /// What coordinators have told of, in order.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.scene.lock().events.clone()
    }

    /// What must never be, and was.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.scene.lock().violations.clone()
    }

    /// Whether every tablet of the map is served by its owner, with its version, and nothing else is served.
    #[must_use]
    pub fn is_all_served(&self) -> bool {
        let Some(coordinator) = self.coordinator() else { return false };
        let state = coordinator.state();
        let scene = self.scene.lock();
        let served: usize = scene.servers.values().filter(|s| s.is_running).map(|s| s.serving.len()).sum();
        let tablets: Vec<_> = state.map().tablets().copied().collect();
        let is_served = |t: &rekindle_types::Tablet| {
            scene.servers.get(&t.owner).is_some_and(|s| {
                s.is_running
                    && s.serving
                        .iter()
                        .any(|g| (g.table, g.range, g.version) == (t.table, t.range, t.version))
            })
        };
        served == tablets.len() && tablets.iter().all(is_served)
    }

    /// Waits until it is so; `false` when it is not within `patience`.
    pub async fn wait_for(&self, patience: Duration, is_so: impl Fn(&Self) -> bool) -> bool {
        let end = self.env.clock.now() + patience;
        while !is_so(self) {
            if self.env.clock.now() >= end {
                return false;
            }
            self.env.clock.sleep(Duration::from_millis(10)).await;
        }
        true
    }

    /// Whether nothing is under way and everybody who is dead has left the list.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let Some(coordinator) = self.coordinator() else { return false };
        let state = coordinator.state();
        let running = self.running();
        let up: Vec<ServerId> = state.servers().iter().map(|s| s.id).collect();
        state.unfinished().next().is_none() && up == running
    }
}

impl Observer for Script {
    fn observe(&self, _: Time, event: &Event) {
        self.scene.lock().events.push(event.clone());
    }
}

impl Servers for Script {
    fn control(&self, server: &ServerEntry) -> Arc<dyn ServerControl> {
        Arc::new(ScriptedControl { script: self.clone(), server: server.id })
    }

    fn store(&self, server: &ServerEntry) -> Arc<dyn BackupStore> {
        Arc::new(ScriptedStore { script: self.clone(), server: server.id })
    }
}
