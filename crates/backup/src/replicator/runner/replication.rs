//! The assembly of state machine, calls and waiting futures.

use super::{
    calls::{self, Done, FloorError, FloorKeeper},
    waiters::{Until, Waiters},
};
use crate::Backups;
use crate::replicator::{
    Action, CallId, Candidate, Domain, Event, FloorOutcome, KnownHead, KnownReplica, Outcome, Refusal,
    ReplicationStats, Replicator, ReplicatorConfig, ReplicatorConfigError, WriteCall,
};
use bytes::Bytes;
use futures_util::{
    FutureExt, StreamExt,
    future::{AbortHandle, BoxFuture, abortable},
    select_biased,
    stream::FuturesUnordered,
};
use parking_lot::Mutex;
use rekindle_env::{Env, Time};
use rekindle_log::{SegmentSource, SinkError};
use rekindle_types::{ListVersion, ReplicaId, SegmentId, ServerId, ServerList};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Weak},
};
use tokio::sync::{Notify, oneshot};

/// What a call of the log waits on, or why it can't.
pub(super) type Waiting = Result<oneshot::Receiver<Result<(), SinkError>>, SinkError>;

type Calls = FuturesUnordered<BoxFuture<'static, Done>>;

/// Replicates a log's segments: the log's `SegmentSink`, driven by [`Replication::run`].
///
/// Calls of the log take effect when made, even before `run` is polled. The lock inside is a leaf: nothing is
/// called while it is held, no await happens under it.
pub struct Replication {
    config: ReplicatorConfig,
    backups: Arc<dyn Backups>,
    floor: Arc<dyn FloorKeeper>,
    on_fenced: Box<dyn Fn() + Send + Sync>,
    core: Mutex<Core>,
    wake: Notify,
}

/// What the lock guards.
struct Core {
    machine: Replicator,
    waiters: Waiters,
    /// What `run` has yet to do. Bounded like the calls that the machine has in flight.
    outbox: VecDeque<Action>,
    source: Option<Weak<dyn SegmentSource>>,
    domains: BTreeMap<String, Domain>,
    list: ListVersion,
    /// Whose read rate is to be asked for.
    newcomers: BTreeSet<ServerId>,
    members: BTreeSet<ServerId>,
    failed: Option<SinkError>,
}

impl Replication {
    /// Knows no backup until [`Replication::update_servers`]. `on_fenced` is called when a backup says that
    /// this master is fenced: the server should verify its membership.
    pub fn new(
        config: ReplicatorConfig,
        backups: Arc<dyn Backups>,
        floor: Arc<dyn FloorKeeper>,
        on_fenced: impl Fn() + Send + Sync + 'static,
    ) -> Result<Arc<Self>, ReplicatorConfigError> {
        config.validate()?;
        let core = Core {
            machine: Replicator::new(config),
            waiters: Waiters::default(),
            outbox: VecDeque::new(),
            source: None,
            domains: BTreeMap::new(),
            list: ListVersion(0),
            newcomers: BTreeSet::new(),
            members: BTreeSet::new(),
            failed: None,
        };
        Ok(Arc::new(Self {
            config,
            backups,
            floor,
            on_fenced: Box::new(on_fenced),
            core: Mutex::new(core),
            wake: Notify::new(),
        }))
    }

    /// Says where the bytes are. Calls that need them wait for it.
    pub fn attach(&self, source: Weak<dyn SegmentSource>) {
        self.core.lock().source = Some(source);
    }

    /// Takes a server list; older ones than the last change nothing. A list that knows this master as gone
    /// fails everything with [`SinkError::Fenced`].
    pub fn update_servers(&self, list: &ServerList) {
        let mut core = self.core.lock();
        if list.version() <= core.list {
            return;
        }
        core.list = list.version();
        let own = self.config.log.server;
        let mut up = Vec::new();
        for entry in list.up().filter(|entry| entry.id != own) {
            let next = Domain(core.domains.len() as u32);
            let domain = *core.domains.entry(entry.domain.clone()).or_insert(next);
            up.push(Candidate { server: entry.id, domain });
        }
        let members: BTreeSet<ServerId> = up.iter().map(|candidate| candidate.server).collect();
        let newcomers: Vec<ServerId> = members.difference(&core.members).copied().collect();
        core.newcomers.extend(newcomers);
        core.newcomers.retain(|server| members.contains(server));
        core.members = members;
        core.step(Time(0), Event::Servers { up, is_member: !list.is_gone(own) });
        drop(core);
        self.wake.notify_one();
    }

    /// How it does; `too_few` is set while writes wait for backups to join.
    pub fn stats(&self) -> ReplicationStats {
        self.core.lock().machine.stats()
    }

    /// Every replica of the log that this master knows of, for inspection: all that backups hold of it.
    #[must_use]
    pub fn replicas(&self) -> Vec<KnownReplica> {
        self.core.lock().machine.replicas().collect()
    }

    /// Every head of the log that no complete switch has left, in their order, for inspection.
    #[must_use]
    pub fn heads(&self) -> Vec<KnownHead> {
        self.core.lock().machine.heads().collect()
    }

    /// Ends everything that waits, and will wait, with this error.
    pub fn fail(&self, error: SinkError) {
        self.core.lock().fail(error);
        self.wake.notify_one();
    }

    /// Makes the calls. Ends when the sink has failed, with the error. The caller owns the future; dropped, it
    /// leaves calls unanswered, as a crash does.
    pub async fn run(self: Arc<Self>, env: Env) -> SinkError {
        let mut calls = Calls::new();
        let mut handles: BTreeMap<CallId, AbortHandle> = BTreeMap::new();
        let mut pins: BTreeMap<ReplicaId, Bytes> = BTreeMap::new();
        let mut tick = env.clock.sleep(self.config.tick).fuse();
        self.with_core(|core| core.step(env.clock.now(), Event::Tick));
        loop {
            let (actions, newcomers, failed) = self.take_work();
            if let Some(error) = failed {
                return error;
            }
            for server in newcomers {
                let store = self.backups.store(server);
                let asks = async move { Done::ReadRate(server, store.stats().await.read_rate) };
                calls.push(asks.boxed());
            }
            for action in actions {
                self.act(action, &mut calls, &mut handles, &mut pins);
            }
            select_biased! {
                // Time first: else answers without a pause would keep timeouts and retries from ever coming.
                () = tick => {
                    self.with_core(|core| core.step(env.clock.now(), Event::Tick));
                    tick = env.clock.sleep(self.config.tick).fuse();
                }
                done = calls.select_next_some() => self.done(done, &mut handles),
                () = self.wake.notified().fuse() => {}
            }
        }
    }

    /// Does one thing; nothing here waits.
    fn act(
        &self,
        action: Action,
        calls: &mut Calls,
        handles: &mut BTreeMap<CallId, AbortHandle>,
        pins: &mut BTreeMap<ReplicaId, Bytes>,
    ) {
        match action {
            Action::Write(call) => {
                let store = self.backups.store(call.server);
                let write = self
                    .pinned(&call, pins)
                    .and_then(|bytes| calls::replica_write(&call, self.config.segment_bytes, &bytes));
                let made = async move {
                    match write {
                        Some(write) => Outcome::of(&store.write(write).await),
                        None => Outcome::Refused(Refusal::NoBytes),
                    }
                };
                push(calls, handles, call.call, made.boxed());
            }
            Action::Free(call) => {
                let store = self.backups.store(call.server);
                let made = async move { Outcome::of(&store.free(calls::replica_free(&call)).await) };
                push(calls, handles, call.call, made.boxed());
            }
            Action::Abandon(call) => {
                if let Some(handle) = handles.remove(&call) {
                    handle.abort();
                }
            }
            Action::Unpin(replica) => drop(pins.remove(&replica)),
            Action::StoreFloor(floor) => {
                let (keeper, log) = (Arc::clone(&self.floor), self.config.log);
                calls.push(async move { Done::Floor(floor, keeper.store_floor(log, floor).await) }.boxed());
            }
            Action::Roll(head) => {
                if let Some(source) = self.source() {
                    source.roll(head);
                }
            }
            Action::VerifyMembership => (self.on_fenced)(),
            // The others were told to those who wait, under the lock.
            _ => {}
        }
    }

    /// The segment's bytes: of a copy always the version that its first chunk was read from (P2).
    fn pinned(&self, call: &WriteCall, pins: &mut BTreeMap<ReplicaId, Bytes>) -> Option<Bytes> {
        if let Some(bytes) = pins.get(&call.replica) {
            return Some(bytes.clone());
        }
        let (bytes, _) = self.source()?.pin(call.replica.segment)?;
        if call.is_copy {
            pins.insert(call.replica, bytes.clone());
        }
        Some(bytes)
    }

    fn source(&self) -> Option<Arc<dyn SegmentSource>> {
        self.core.lock().source.as_ref().and_then(Weak::upgrade)
    }

    fn done(&self, done: Done, handles: &mut BTreeMap<CallId, AbortHandle>) {
        let event = match done {
            Done::Call(call, outcome) => {
                handles.remove(&call);
                Event::Answered { call, outcome }
            }
            Done::Floor(floor, answer) => Event::Floor { floor, outcome: floor_outcome(&answer) },
            Done::ReadRate(server, bytes_per_second) => Event::ReadRate { server, bytes_per_second },
            Done::Nothing => return,
        };
        self.with_core(|core| core.step(Time(0), event));
    }

    fn with_core<T>(&self, work: impl FnOnce(&mut Core) -> T) -> T {
        work(&mut self.core.lock())
    }

    fn take_work(&self) -> (VecDeque<Action>, BTreeSet<ServerId>, Option<SinkError>) {
        let mut core = self.core.lock();
        let newcomers = std::mem::take(&mut core.newcomers);
        (std::mem::take(&mut core.outbox), newcomers, core.failed.clone())
    }

    /// Takes a call of the log at once.
    pub(super) fn enqueue(&self, event: Event, segment: SegmentId, until: Until) -> Waiting {
        let mut core = self.core.lock();
        if let Some(error) = &core.failed {
            return Err(error.clone());
        }
        let waiting = core.waiters.wait(segment, until);
        core.step(Time(0), event);
        drop(core);
        self.wake.notify_one();
        Ok(waiting)
    }
}

impl Core {
    fn step(&mut self, now: Time, event: Event) {
        for action in self.machine.step(now, event) {
            match action {
                Action::Opened(segment) => self.waiters.resolve(segment, Until::Opened),
                Action::Acknowledged { segment, upto } => {
                    self.waiters.resolve(segment, Until::Acknowledged(upto));
                }
                Action::SwitchComplete { closed } | Action::SideClosed(closed) => {
                    self.waiters.resolve(closed, Until::Closed);
                }
                Action::Freed(segment) => self.waiters.resolve(segment, Until::Freed),
                Action::Stop => self.fail(SinkError::Fenced("this server is no member any more".into())),
                other => self.outbox.push_back(other),
            }
        }
    }

    fn fail(&mut self, error: SinkError) {
        let error = self.failed.get_or_insert(error).clone();
        self.waiters.fail_all(&error);
        self.outbox.clear();
    }
}

/// Starts a call that the machine can abandon.
fn push(
    calls: &mut Calls,
    handles: &mut BTreeMap<CallId, AbortHandle>,
    call: CallId,
    made: BoxFuture<'static, Outcome>,
) {
    let (made, handle) = abortable(made);
    handles.insert(call, handle);
    calls.push(async move { made.await.map_or(Done::Nothing, |outcome| Done::Call(call, outcome)) }.boxed());
}

fn floor_outcome(answer: &Result<(), FloorError>) -> FloorOutcome {
    match answer {
        Ok(()) => FloorOutcome::Stored,
        Err(FloorError::Fenced(_)) => FloorOutcome::Fenced,
        Err(FloorError::Remote(_)) => FloorOutcome::Unknown,
    }
}
