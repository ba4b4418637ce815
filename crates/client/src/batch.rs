//! Carries calls to their masters and tries again what may be tried again, until a deadline.

use crate::{
    ClientError, ObjectCall, ObjectError, ObjectOp, ObjectReply, ObjectRequest, ObjectResult,
    ask::{ask, bytes_of, is_read},
    backoff::backoff,
    client::Shared,
    together::Answer,
    view::{Pause, Route},
};
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use rekindle_env::Time;
use rekindle_types::{KeyHash, RemoteError, ServerEntry, ServerId, TableId, TabletVersion, key_hash};
use std::{collections::BTreeMap, mem, sync::Arc, time::Duration};

/// One call on its way.
struct Item {
    index: usize,
    op: ObjectOp,
    hash: KeyHash,
    /// Last hash of the tablet that it was routed by: a listing gets no further in one call.
    tablet_last: KeyHash,
    tries: u32,
    /// Number of the view by which it was last routed, or could not be: a newer one is needed.
    stale: u64,
    /// Why it is not done yet.
    reason: String,
}

impl Item {
    /// Routed once by the view of number `stale`, or not at all.
    fn new(index: usize, op: ObjectOp, hash: KeyHash, stale: u64) -> Self {
        Self { index, op, hash, tablet_last: hash, tries: 0, stale, reason: String::new() }
    }

    /// What to ask the tablet's master: a listing ends with the tablet.
    fn call_op(&self) -> ObjectOp {
        match self.op {
            ObjectOp::Scan { from, to, bytes_max } => {
                ObjectOp::Scan { from, to: to.min(self.tablet_last), bytes_max }
            }
            _ => self.op.clone(),
        }
    }

    /// The master speaks for its tablet, the outcome for the table: a listing goes on behind the tablet.
    fn complete(&self, result: ObjectResult) -> ObjectResult {
        match (&self.op, result) {
            (ObjectOp::Scan { to, .. }, ObjectResult::Scanned { objects, next: None })
                if self.tablet_last < *to =>
            {
                let next = Some(KeyHash(self.tablet_last.0 + 1));
                ObjectResult::Scanned { objects, next }
            }
            (_, result) => result,
        }
    }
}

/// Calls that go to one master in one request.
struct Group {
    server: ServerEntry,
    calls: Vec<(Item, TabletVersion)>,
    bytes: usize,
}

impl Group {
    fn is_full(&self, bytes: usize, bytes_max: usize) -> bool {
        let count = self.calls.len();
        count == ObjectRequest::CALLS_MAX || count > 0 && self.bytes + bytes > bytes_max
    }

    fn take(&mut self) -> Self {
        Self {
            server: self.server.clone(),
            calls: mem::take(&mut self.calls),
            bytes: mem::take(&mut self.bytes),
        }
    }
}

/// What the futures of a batch bring.
enum Event {
    /// Calls to be routed (again).
    Route(Vec<Item>),
    /// A request came to its end.
    Answered { calls: Vec<Item>, answer: Result<ObjectReply, RemoteError> },
}

pub(crate) type Outcome = Result<ObjectResult, ClientError>;

/// The outcome of one call, which `make` gives. It travels with others that are made now; should it need another try, it
/// goes its own way.
pub(crate) async fn one(
    shared: &Arc<Shared>,
    table: TableId,
    name: &str,
    deadline: Time,
    make: impl Fn() -> ObjectOp,
) -> Outcome {
    let op = make();
    let hash = hash_of(table, &op)?;
    let view = shared.views.present();
    let answer = match view.route(table, hash) {
        Route::Ask(tablet, server) => {
            let call = ObjectCall { table, tablet: tablet.version, op };
            shared.together.ask(shared, server, call, deadline).await
        }
        _ => None,
    };
    if let Some(Ok(Ok(result))) = answer {
        return Ok(result);
    }
    let item = Item::new(0, make(), hash, view.number);
    Batch::new(shared, table, name, deadline).go_on(item, answer).await
}

/// Carries out calls on one table. Each outcome stands for itself.
pub(crate) struct Batch<'a> {
    shared: &'a Arc<Shared>,
    table: TableId,
    name: &'a str,
    deadline: Time,
    started: u64,
    outcomes: Vec<Option<Outcome>>,
    events: FuturesUnordered<BoxFuture<'a, Event>>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(shared: &'a Arc<Shared>, table: TableId, name: &'a str, deadline: Time) -> Self {
        let started = shared.views.asked();
        let events = FuturesUnordered::new();
        Self { shared, table, name, deadline, started, outcomes: Vec::new(), events }
    }

    /// The outcome of one call, which was sent once already when it has an answer.
    async fn go_on(mut self, item: Item, answer: Option<Answer>) -> Outcome {
        self.outcomes.push(None);
        match answer {
            Some(answer) => {
                let answer = answer.map(|result| ObjectReply { results: vec![result] });
                self.settle(vec![item], answer);
            }
            None => self.route(vec![item]),
        }
        self.finish().await.pop().expect("a batch has an outcome for every call")
    }

    /// The outcome of each call, in their order.
    pub(crate) async fn run(mut self, ops: Vec<ObjectOp>) -> Vec<Outcome> {
        self.outcomes.resize_with(ops.len(), || None);
        let mut items = Vec::with_capacity(ops.len());
        for (index, op) in ops.into_iter().enumerate() {
            match hash_of(self.table, &op) {
                Ok(hash) => items.push(Item::new(index, op, hash, 0)),
                Err(error) => self.outcomes[index] = Some(Err(error)),
            }
        }
        self.route(items);
        self.finish().await
    }

    async fn finish(mut self) -> Vec<Outcome> {
        while let Some(event) = self.events.next().await {
            match event {
                Event::Route(items) => self.route(items),
                Event::Answered { calls, answer } => self.settle(calls, answer),
            }
        }
        let settled = self.outcomes.into_iter();
        settled.map(|o| o.expect("a call is settled before its last future ends")).collect()
    }

    /// Sends what can be sent; the rest waits for a newer view.
    fn route(&mut self, items: Vec<Item>) {
        let view = self.shared.views.present();
        let now = self.shared.env.clock.now();
        let mut waiting = Vec::new();
        let mut groups: BTreeMap<ServerId, Group> = BTreeMap::new();
        for mut item in items {
            if now >= self.deadline {
                self.time_out(item);
                continue;
            }
            item.stale = view.number;
            match view.route(self.table, item.hash) {
                // Only a view fetched since the call began proves that the table is gone.
                Route::NoTable if view.number > self.started => {
                    let error = ClientError::NoSuchTable(format!("{:?}", self.name));
                    self.outcomes[item.index] = Some(Err(error));
                }
                Route::Ask(tablet, server) => {
                    let group = groups.entry(server.id).or_insert_with(|| Group {
                        server: server.clone(),
                        calls: Vec::new(),
                        bytes: 0,
                    });
                    let bytes = bytes_of(&item.op);
                    if group.is_full(bytes, self.shared.config.request_bytes_max) {
                        let full = group.take();
                        self.send(full);
                    }
                    group.bytes += bytes;
                    item.tablet_last = tablet.range.last();
                    group.calls.push((item, tablet.version));
                }
                _ => {
                    if item.reason.is_empty() {
                        "no master serves the key at present".clone_into(&mut item.reason);
                    }
                    waiting.push(item);
                }
            }
        }
        groups.into_values().for_each(|group| self.send(group));
        self.pause(waiting, Duration::ZERO, true);
    }

    fn send(&mut self, group: Group) {
        let (shared, deadline, table) = (self.shared, self.deadline, self.table);
        self.events.push(
            async move {
                let (items, versions): (Vec<Item>, Vec<_>) = group.calls.into_iter().unzip();
                let call =
                    |(item, tablet): (&Item, TabletVersion)| ObjectCall { table, tablet, op: item.call_op() };
                let calls = items.iter().zip(versions).map(call).collect();
                let answer = ask(shared, &group.server, calls, deadline).await;
                Event::Answered { calls: items, answer }
            }
            .boxed(),
        );
    }

    fn settle(&mut self, calls: Vec<Item>, answer: Result<ObjectReply, RemoteError>) {
        let results = match answer {
            Ok(reply) if reply.results.len() == calls.len() => reply.results,
            Ok(_) => return self.fail(calls, RemoteError::Unknown("results do not match the calls".into())),
            Err(error) => return self.fail(calls, error),
        };
        let (mut refresh, mut wait, mut at_least) = (Vec::new(), Vec::new(), 0);
        for (mut item, result) in calls.into_iter().zip(results) {
            let error = match result {
                Ok(result) => {
                    self.outcomes[item.index] = Some(Ok(item.complete(result)));
                    continue;
                }
                Err(error) => error,
            };
            item.reason = error.to_string();
            match error {
                ObjectError::WrongMaster => refresh.push(item),
                ObjectError::Full => self.outcomes[item.index] = Some(Err(ClientError::Full)),
                ObjectError::Invalid(why) => self.outcomes[item.index] = Some(Err(ClientError::Invalid(why))),
                ObjectError::Busy { is_unknown: true, .. } if !is_read(&item.op) => self.lose(item),
                ObjectError::Retry { after_ms } => {
                    at_least = at_least.max(after_ms);
                    wait.push(item);
                }
                // Every other refusal means: surely not done.
                _ => wait.push(item),
            }
        }
        self.pause(refresh, Duration::ZERO, true);
        self.pause(wait, Duration::from_millis(at_least.into()).max(self.shared.config.backoff_min), false);
    }

    /// A request without a reply: what was surely not done, and reads, are tried again.
    fn fail(&mut self, calls: Vec<Item>, error: RemoteError) {
        let is_unknown = matches!(error, RemoteError::Unknown(_));
        let mut again = Vec::new();
        for mut item in calls {
            item.reason = error.to_string();
            if is_unknown && !is_read(&item.op) {
                self.lose(item);
            } else {
                again.push(item);
            }
        }
        self.pause(again, Duration::ZERO, true);
    }

    /// Routes the items again after `wait` and a pause that grows with their tries; the first try comes at once
    /// when there is news of the map. Without need for news the map is looked at now and then all the same: what
    /// is in the way may be that the tablet went elsewhere.
    fn pause(&mut self, mut items: Vec<Item>, mut wait: Duration, needs_news: bool) {
        let Some(tries) = items.iter().map(|item| item.tries).min() else { return };
        let stale = items.iter().map(|item| item.stale).max().unwrap_or(0);
        items.iter_mut().for_each(|item| item.tries += 1);
        let (shared, deadline) = (self.shared, self.deadline);
        let fetches = needs_news || tries % 4 == 3;
        self.events.push(
            async move {
                if tries > 0 || !wait.is_zero() {
                    wait += backoff(&shared.config, tries, &*shared.env.rng);
                    shared.sleep(wait, deadline).await;
                }
                // After the pause, so that the view is new when it is used.
                if fetches {
                    let view = shared.until(deadline, shared.views.newer_than(stale)).await;
                    if let Some(Err(Pause { at_least, reason, .. })) = view {
                        items.iter_mut().for_each(|item| item.reason.clone_from(&reason));
                        shared.sleep(at_least.max(shared.config.backoff_min), deadline).await;
                    }
                }
                Event::Route(items)
            }
            .boxed(),
        );
    }

    fn lose(&mut self, item: Item) {
        self.outcomes[item.index] = Some(Err(ClientError::Unknown(item.reason)));
    }

    fn time_out(&mut self, item: Item) {
        self.outcomes[item.index] = Some(Err(ClientError::TimedOut(item.reason)));
    }
}

fn hash_of(table: TableId, op: &ObjectOp) -> Result<KeyHash, ClientError> {
    let key = match op {
        ObjectOp::Get { key } | ObjectOp::Put { key, .. } | ObjectOp::Delete { key, .. } => key,
        ObjectOp::Scan { from, .. } => return Ok(*from),
    };
    match key.len() {
        1..=KEY_BYTES_MAX => Ok(key_hash(table, key)),
        bytes => {
            Err(ClientError::Invalid(format!("a key of {bytes} bytes: 1 to {KEY_BYTES_MAX} are allowed")))
        }
    }
}

/// A master checks this too.
const KEY_BYTES_MAX: usize = u16::MAX as usize;
