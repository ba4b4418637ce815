//! A storage server that has its id: its parts, and how they hang together.

use super::{
    BackupService, FrameShortage, HeartbeatCounts, Heartbeats, MasterParts, Membership, Pulse, RoomBoard,
    ShutdownError, StorageConfig, StorageConfigError, StorageEnd, StorageStatus, Tasks, shutdown_error,
    storage::Shared, ties::Ties,
};
use crate::{
    control::Control,
    master::TabletStatus,
    wire::{Gate, Party, ServeConfig, Services, Transport, serve},
};
use futures_util::{FutureExt, future::select};
use rekindle_backup::{
    replicator::{FloorError, KnownReplica, Replication, ReplicationStats},
    store::LocalStore,
};
use rekindle_env::Env;
use rekindle_log::{Log, SegmentSource, SinkError, segment::LogTime};
use rekindle_types::{Enlisted, LogId, Position, Refusal, Reply, Request, SegmentId, ServerId, ServerList};
use std::{
    pin::pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How old the sizes of tablets may be that a new head tells.
const TABLET_STATS_EVERY: Duration = Duration::from_secs(1);

/// Everything of a server that has an id.
pub(super) struct Member {
    config: StorageConfig,
    env: Env,
    pub(super) membership: Arc<Membership>,
    pub(super) master: MasterParts,
    pub(super) backup: Arc<dyn LocalStore>,
    replication: Arc<Replication>,
    pulse: Arc<Pulse>,
    heartbeats: Arc<HeartbeatCounts>,
    room: Arc<RoomBoard>,
    /// L3: looked at once, when the number of replicas is known.
    frame_shortage: Option<FrameShortage>,
    /// Written once, when the coordinator has recorded the first head (T7).
    is_ready: AtomicBool,
    ties: Ties,
}

impl Member {
    /// Puts the parts together. Starts nothing.
    pub(super) fn assemble(
        config: StorageConfig,
        env: Env,
        transport: &Arc<dyn Transport>,
        enlisted: Enlisted,
        backup: Arc<dyn LocalStore>,
        tasks: Weak<Tasks>,
    ) -> Result<Arc<Self>, StorageConfigError> {
        let replicas = enlisted.replicas;
        let (membership, ties) = Ties::new(&config, &env, transport, enlisted, backup.clone());
        let replication = ties.replication(&config, &env, replicas)?;
        let log = Log::new(config.log(membership.own()), replication.clone())?;
        let source: Arc<dyn SegmentSource> = log.clone();
        replication.attach(Arc::downgrade(&source));
        let member = Arc::new(Self {
            frame_shortage: FrameShortage::of(&config, replicas),
            master: MasterParts::new(&config, &env, log, replicas, ties.neighbours.clone(), tasks),
            pulse: Arc::new(Pulse::new(env.clock.clone(), config.stuck_after)),
            config,
            env,
            membership,
            backup,
            replication,
            heartbeats: Arc::default(),
            room: Arc::default(),
            is_ready: AtomicBool::new(false),
            ties,
        });
        member.observe();
        Ok(member)
    }

    /// What others may call.
    fn services(&self) -> Services {
        let neighbours = self.ties.neighbours.clone();
        let control = Control {
            membership: self.membership.clone(),
            pulse: self.pulse.clone(),
            ranges: self.master.ranges.clone(),
            backup: self.backup.clone(),
            neighbours: Box::new(move |server| neighbours.control(server)),
        };
        Services {
            backup: Some(Arc::new(BackupService::new(self.backup.clone(), self.ties.list_keeper.clone()))),
            control: Some(Arc::new(control)),
            master: Some(self.master.objects.clone()),
            coordinator: None,
        }
    }

    /// Tells the parts of every list. Held weakly: the parts know the membership.
    fn observe(self: &Arc<Self>) {
        self.tell(&self.backup, |backup, list| backup.set_servers(list));
        self.tell(&self.replication, |replication, list| replication.update_servers(list));
        self.tell(&self.master.backing, |backing, list| backing.look_at_list(list));
        // L2: the share that may grow follows the servers that are up.
        self.tell(&self.master.log, |log, list| {
            log.share_among(u32::try_from(list.up().count()).unwrap_or(u32::MAX));
        });
        self.tell(&self.master.ranges, |ranges, _| ranges.look_at_list());
        self.tell(&self.ties.peers, |peers, list| peers.forget_gone(list));
        let lease = Arc::downgrade(&self.master.lease);
        self.membership.on_removal(Box::new(move || {
            // A zombie serves nothing: the lease first, since calls look at it first. The rest is for `end_removed`.
            lease.upgrade().inspect(|lease| lease.revoke());
        }));
    }

    /// What a server that was declared dead still does: it lets go of everything.
    async fn end_removed(&self, shared: Weak<Shared>) {
        self.membership.removed().await;
        shared.upgrade().inspect(|shared| shared.ending.give(StorageEnd::Removed(self.id())));
        self.replication.fail(SinkError::Fenced("this server is no member any more".into()));
        self.master.ranges.clear().await;
    }

    fn tell<P: Send + Sync + ?Sized + 'static>(&self, part: &Arc<P>, tell: fn(&P, &ServerList)) {
        let part = Arc::downgrade(part);
        self.membership.observe(Box::new(move |list| {
            part.upgrade().inspect(|part| tell(part, list));
        }));
    }

    /// Starts the tasks.
    pub(super) fn start(
        self: &Arc<Self>,
        tasks: &Tasks,
        transport: Arc<dyn Transport>,
        shared: Weak<Shared>,
    ) {
        let (env, config) = (&self.env, &self.config);
        let (own, ties) = (Party::Server(self.id()), &self.ties);
        let gate = Arc::new(Gate::new(config.cluster, own, ties.list_keeper.clone(), config.rules));
        let stamps = ties.list_watch.clone();
        let lanes = serve(env.clone(), transport, gate, self.services(), stamps, ServeConfig::default());
        tasks.start("lanes", self.pulse.watch(lanes));

        let replication = self.replication.clone().run(env.clone());
        tasks.start("replication", self.clone().last(self.pulse.watch(replication), shared.clone()));
        let log = self.master.log.clone().run();
        tasks.start("log", self.clone().last(self.pulse.watch(log), shared.clone()));
        tasks.start("backup", self.backup.clone().run(env.clone()));

        let (keeper, clock, retry_after) = (ties.list_keeper.clone(), env.clock.clone(), config.retry_after);
        let keep = async move { keeper.run(clock, retry_after).await };
        tasks.start("server list", self.pulse.watch(keep));

        let membership = self.membership.clone();
        tasks.start("news", async move { membership.run().await });
        let (ranges, membership) = (self.master.ranges.clone(), self.membership.clone());
        tasks.start("ended recoveries", async move { ranges.run(|| membership.list()).await });
        let member = self.clone();
        tasks.start("removal", async move { member.end_removed(shared).await });

        let (hints, clock, coordinator) = (ties.hints.clone(), env.clock.clone(), ties.coordinator.clone());
        let pause = config.heartbeat;
        tasks.start("hints", async move { hints.run(coordinator, clock, pause).await });

        let member = self.clone();
        tasks.start("first head", async move { member.record_first_head().await });
        let member = self.clone();
        tasks.start("entry time", async move { member.keep_time().await });

        // What ends it ends the log, too.
        let cleaning = self.master.cleaner.clone().run(env.clone());
        tasks.start("cleaner", async move { drop(cleaning.await) });
        let member = self.clone();
        tasks.start("tablet stats", async move {
            member.master.keep_tablet_stats(&*member.env.clock, TABLET_STATS_EVERY).await;
        });

        let member = self.clone();
        tasks.start("room", async move {
            let Self { room, master, backup, env, config, .. } = &*member;
            room.keep(&master.log, &**backup, &*env.clock, config.heartbeat).await;
        });

        let heartbeats = Heartbeats {
            coordinator: ties.coordinator.clone(),
            clock: env.clock.clone(),
            every: config.heartbeat,
            lease_duration: config.lease,
            lease: self.master.lease.clone(),
            membership: self.membership.clone(),
            reports: self.master.ranges.clone(),
            room: self.room.clone(),
            pulse: self.pulse.clone(),
            counts: self.heartbeats.clone(),
        };
        tasks.start_urgent("heartbeats", heartbeats.run());
    }

    /// Runs a task that ends only with an error of the log: nothing appended since can be vouched for, so this
    /// server stops serving, and renewing, and is replaced.
    async fn last(self: Arc<Self>, task: impl Future<Output = SinkError>, shared: Weak<Shared>) {
        let error = task.await;
        self.master.lease.revoke();
        self.pulse.end();
        let end = match self.membership.is_removed() {
            true => StorageEnd::Removed(self.id()),
            false => StorageEnd::LogFailed(error.to_string()),
        };
        shared.upgrade().inspect(|shared| shared.ending.give(end));
    }

    /// T7: once the first head is open on all R the coordinator records it; no tablet comes before that.
    async fn record_first_head(&self) {
        let first = Position { segment: SegmentId(0).next(), offset: 0 };
        if self.master.log.sync(first).await.is_err() {
            return;
        }
        let Some(head) = self.master.log.current_head() else { return };
        loop {
            match self.ties.floors.store_floor(LogId::of(self.membership.own()), head).await {
                Ok(()) => break,
                Err(FloorError::Fenced(_)) => return self.ties.list_watch.verify(),
                Err(FloorError::Remote(_)) => self.env.clock.sleep(self.config.retry_after).await,
            }
        }
        self.is_ready.store(true, Ordering::Release);
    }

    /// Seconds are enough for the age of entries.
    async fn keep_time(&self) {
        loop {
            let seconds = self.env.clock.now().0 / 1_000_000_000;
            self.master.store.set_time(LogTime(u32::try_from(seconds).unwrap_or(u32::MAX)));
            self.env.clock.sleep(Duration::from_secs(1)).await;
        }
    }

    /// Serves no more, waits until what was appended is durable, hands the lease back, and closes the backup.
    pub(super) async fn drain(&self) -> Result<(), ShutdownError> {
        self.master.lease.revoke();
        let clock = &self.env.clock;
        let deadline = clock.now() + self.config.drain_timeout;
        let durable = self.master.log.sync(self.master.log.end());
        // Either way the server ends now; who waits for an answer learns that it is unknown.
        select(pin!(durable), clock.sleep_until(deadline)).await;
        // For the answers to leave.
        clock.sleep(self.config.retry_after).await;
        self.replication.fail(SinkError::Closed);
        // F9: nothing is served from here on, whatever a renewal under way says: nobody needs to wait for the lease.
        // Without an answer it is waited for.
        select(pin!(self.leave()), clock.sleep_until(deadline)).await;
        // With time of its own: the log may have taken all of that, waiting for others.
        shutdown_error::close(&*self.backup, &**clock, self.config.drain_timeout).await
    }

    /// Tells the coordinator that this server ends, until it has heard.
    async fn leave(&self) {
        let leave = Request::Leave { server: self.id() };
        while !matches!(
            self.ties.coordinator.call(leave.clone()).await,
            Ok(Reply::Done | Reply::Refused(Refusal::NotInCluster(_)))
        ) {
            self.env.clock.sleep(self.config.retry_after).await;
        }
    }

    pub(super) fn id(&self) -> ServerId {
        self.membership.own()
    }

    pub(super) fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Acquire)
    }

    pub(super) fn replication_stats(&self) -> ReplicationStats {
        self.replication.stats()
    }

    pub(super) fn replicas(&self) -> Vec<KnownReplica> {
        self.replication.replicas()
    }

    pub(super) fn strays(&self) -> u64 {
        let tablets = self.master.tablets.status();
        let held = |tablet: &TabletStatus| self.master.store.tablet_stat(tablet.table, tablet.range).objects;
        self.master.store.objects().saturating_sub(tablets.iter().map(held).sum())
    }

    pub(super) fn lanes(&self) -> usize {
        self.ties.peers.lanes()
    }

    pub(super) fn status(&self) -> StorageStatus {
        let now = self.env.clock.now();
        StorageStatus {
            server: self.id(),
            is_ready: self.is_ready(),
            is_removed: self.membership.is_removed(),
            is_alive: self.pulse.is_alive(),
            term: self.membership.term(),
            list: self.membership.version(),
            has_lease: self.master.lease.is_valid(now),
            lease_left: self.master.lease.until().since(now),
            renewals_sent: self.heartbeats.sent.load(Ordering::Relaxed),
            renewals_answered: self.heartbeats.answered.load(Ordering::Relaxed),
            tablets: self.master.tablets.status(),
            replays: self.master.ranges.replays(),
            waiting: self.master.objects.waiting.requests(),
            log: self.master.log.stats(),
            cleaner: self.master.cleaner.stats(),
            replication: self.replication.stats(),
            heads: self.replication.heads(),
            backup: self.backup.stats().now_or_never(),
            reopened: self.backup.reopened(),
            frame_shortage: self.frame_shortage,
        }
    }
}
