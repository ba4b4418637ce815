//! A cluster of scripted fakes on virtual time.

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use rekindle_client::{
    Client, ClientConfig, Condition, Master, Masters, ObjectCall, ObjectError, ObjectOp, ObjectReply,
    ObjectRequest, ObjectResult, Table,
};
use rekindle_env::{Env, memory::World};
use rekindle_types::{
    CoordinatorApi, KeyHash, KeyRange, ListVersion, Refusal, RemoteError, Reply, Request, SegmentId,
    ServerEntry, ServerId, ServerList, TableId, TableInfo, Tablet, TabletMap, TabletState, TabletVersion,
    Version, key_hash,
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

pub const TABLE: TableId = TableId(1);

/// What a master does with its next request, before it goes back to serving.
pub enum Act {
    /// Answers each call so.
    Refuse(ObjectError),
    /// Answers the calls at odd places so, and serves the others.
    RefuseOdd(ObjectError),
    /// Does nothing and says so.
    NotDone,
    /// Serves, but the answer is lost.
    LoseAnswer,
    /// Serves, but its answer lacks the last result.
    CutAnswer,
    /// Never answers and does nothing.
    Silence,
}

#[derive(Default)]
pub struct FakeMaster {
    pub script: Mutex<VecDeque<Act>>,
    pub requests: Mutex<Vec<Vec<ObjectOp>>>,
    pub objects: Mutex<BTreeMap<(KeyHash, Bytes), (Bytes, Version)>>,
    pub tablets: Mutex<Vec<Tablet>>,
}

impl FakeMaster {
    pub fn then(&self, acts: impl IntoIterator<Item = Act>) {
        self.script.lock().extend(acts);
    }

    fn serve(&self, call: &ObjectCall) -> Result<ObjectResult, ObjectError> {
        let hash = match &call.op {
            ObjectOp::Get { key } | ObjectOp::Put { key, .. } | ObjectOp::Delete { key, .. } => {
                key_hash(call.table, key)
            }
            ObjectOp::Scan { from, .. } => *from,
        };
        let tablets = self.tablets.lock();
        let owned = tablets.iter().find(|t| t.range.contains(hash) && t.version == call.tablet);
        let owned = owned.ok_or(ObjectError::WrongMaster)?;
        let mut objects = self.objects.lock();
        Ok(match &call.op {
            ObjectOp::Get { key } => match objects.get(&(hash, key.clone())) {
                Some((value, version)) => ObjectResult::Found { value: value.clone(), version: *version },
                None => ObjectResult::Absent,
            },
            ObjectOp::Put { key, value, condition } => {
                let present = objects.get(&(hash, key.clone())).map(|(_, v)| *v);
                let holds = match condition {
                    Condition::Always => true,
                    Condition::IfPresent => present.is_some(),
                    Condition::IfAbsent => present.is_none(),
                    Condition::IfVersion(v) => present == Some(*v),
                };
                if !holds {
                    return Ok(ObjectResult::ConditionFailed(present));
                }
                let version = Version(present.map_or(1, |v| v.0 + 1));
                objects.insert((hash, key.clone()), (value.clone(), version));
                ObjectResult::Written(version)
            }
            ObjectOp::Delete { key, .. } => match objects.remove(&(hash, key.clone())) {
                Some((_, version)) => ObjectResult::Deleted(version),
                None => ObjectResult::Absent,
            },
            ObjectOp::Scan { from, to, bytes_max } => {
                assert!(*to <= owned.range.last(), "a client asks a master for its tablet only");
                let (mut page, mut bytes, mut next) = (Vec::new(), 0, None);
                for ((hash, key), (value, version)) in objects.range((*from, Bytes::new())..) {
                    if hash > to {
                        break;
                    }
                    if bytes >= *bytes_max as usize {
                        next = Some(*hash);
                        break;
                    }
                    bytes += key.len() + value.len();
                    page.push((key.clone(), value.clone(), *version));
                }
                ObjectResult::Scanned { objects: page, next }
            }
        })
    }
}

struct Reached {
    master: Arc<FakeMaster>,
    env: Env,
}

#[async_trait]
impl Master for Reached {
    async fn call(&self, request: ObjectRequest) -> Result<ObjectReply, RemoteError> {
        self.env.clock.sleep(Duration::from_micros(100)).await;
        let master = &self.master;
        master.requests.lock().push(request.calls.iter().map(|c| c.op.clone()).collect());
        let act = master.script.lock().pop_front();
        let serve = || request.calls.iter().map(|c| master.serve(c)).collect::<Vec<_>>();
        let results = match act {
            None => serve(),
            Some(Act::Refuse(e)) => request.calls.iter().map(|_| Err(e.clone())).collect(),
            Some(Act::RefuseOdd(e)) => {
                let odd = |(i, c)| if i % 2 == 1 { Err(e.clone()) } else { master.serve(c) };
                request.calls.iter().enumerate().map(odd).collect()
            }
            Some(Act::NotDone) => return Err(RemoteError::NotDone("scripted".into())),
            Some(Act::LoseAnswer) => {
                serve();
                return Err(RemoteError::Unknown("scripted".into()));
            }
            Some(Act::CutAnswer) => {
                let mut results = serve();
                results.pop();
                results
            }
            Some(Act::Silence) => std::future::pending().await,
        };
        Ok(ObjectReply { results })
    }
}

/// Coordinator and masters.
pub struct Cluster {
    pub env: Env,
    pub map: Mutex<TabletMap>,
    pub servers: Mutex<ServerList>,
    pub masters: Vec<Arc<FakeMaster>>,
    pub requests: Mutex<Vec<Request>>,
    /// Lists that the client went by.
    pub lists: Mutex<Vec<ListVersion>>,
    /// The coordinator answers nothing.
    pub is_silent: AtomicBool,
    /// Answers to the next requests, in place of the true ones.
    pub replies: Mutex<VecDeque<Result<Reply, RemoteError>>>,
    /// So many drops of tables are carried out, and their answers lost.
    pub lost_drops: AtomicU32,
    /// How long the next map is on its way back.
    pub slow_map: Mutex<Option<Duration>>,
}

impl Cluster {
    /// Table 1, cut evenly over so many masters with ids from 1.
    pub fn new(world: &World, masters: u32) -> Arc<Self> {
        let cluster = Self {
            env: world.node("client").env(),
            map: Mutex::default(),
            servers: Mutex::default(),
            masters: (0..masters).map(|_| Arc::default()).collect(),
            requests: Mutex::default(),
            lists: Mutex::default(),
            is_silent: AtomicBool::default(),
            replies: Mutex::default(),
            lost_drops: AtomicU32::default(),
            slow_map: Mutex::default(),
        };
        let entry = |i| ServerEntry::up(ServerId(i), format!("server-{i}"));
        let entries = (1..=u64::from(masters)).map(entry);
        *cluster.servers.lock() = ServerList::new(ListVersion(1), ServerId(u64::from(masters) + 1), entries);
        cluster.map.lock().insert_table(TableInfo { name: "table".into(), id: TABLE });
        for (i, range) in KeyRange::FULL.split_even(masters).into_iter().enumerate() {
            cluster.place(range, i as u64 + 1, 1);
        }
        Arc::new(cluster)
    }

    /// Gives a range to a master, under this version, in the map and on the master.
    pub fn place(&self, range: KeyRange, owner: u64, version: u64) {
        self.place_in_map(range, owner, version, TabletState::Normal);
        let tablet = *self.map.lock().lookup(TABLE, range.first()).unwrap();
        for (i, master) in self.masters.iter().enumerate() {
            let mut tablets = master.tablets.lock();
            tablets.retain(|t| t.range != range);
            if i as u64 + 1 == owner {
                tablets.push(tablet);
            }
        }
    }

    pub fn place_in_map(&self, range: KeyRange, owner: u64, version: u64, state: TabletState) {
        let mut map = self.map.lock();
        map.version = TabletVersion(map.version.0.max(version) + 1);
        map.insert(Tablet {
            table: TABLE,
            range,
            owner: ServerId(owner),
            version: TabletVersion(version),
            state,
            created: SegmentId(0),
        });
    }

    /// Somebody else's change.
    pub fn change_map<T>(&self, change: impl FnOnce(&mut TabletMap) -> T) {
        let mut map = self.map.lock();
        change(&mut map);
        map.version = map.version.next();
    }

    /// Somebody else drops the table of this name, if there is one, and makes another.
    pub fn make_anew(&self, name: &str, id: TableId) {
        self.change_map(|map| {
            if let Some(former) = map.table(name) {
                map.remove_table(former);
            }
            map.insert_table(TableInfo { name: name.into(), id });
        });
    }

    /// The server was declared dead and left the list; the map stays as it is.
    pub fn remove(&self, server: u64) {
        let mut servers = self.servers.lock();
        let left = servers.iter().filter(|entry| entry.id != ServerId(server)).cloned().collect::<Vec<_>>();
        *servers = ServerList::new(servers.version().next(), servers.next_id(), left);
    }

    pub fn client(self: &Arc<Self>) -> Client {
        self.client_with(ClientConfig::default())
    }

    pub fn client_with(self: &Arc<Self>, config: ClientConfig) -> Client {
        Client::new(config, self.clone(), self.clone(), self.env.clone()).unwrap()
    }

    pub async fn table(self: &Arc<Self>) -> Table {
        self.client().table("table").await.unwrap()
    }

    pub fn map_fetches(&self) -> usize {
        self.requests.lock().iter().filter(|r| matches!(r, Request::TabletMap { .. })).count()
    }

    pub fn hints(&self) -> Vec<ServerId> {
        let suspect = |r: &Request| match r {
            Request::Hint { suspect, .. } => Some(*suspect),
            _ => None,
        };
        self.requests.lock().iter().filter_map(suspect).collect()
    }
}

#[async_trait]
impl CoordinatorApi for Cluster {
    async fn call(&self, request: Request) -> Result<Reply, RemoteError> {
        self.env.clock.sleep(Duration::from_micros(200)).await;
        self.requests.lock().push(request.clone());
        if self.is_silent.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        if let Some(reply) = self.replies.lock().pop_front() {
            return reply;
        }
        Ok(match request {
            Request::TabletMap { newer_than } => {
                let map = self.map.lock().clone();
                let map = (map.version > newer_than).then_some(map);
                let reply = Reply::TabletMap { map, servers: self.servers.lock().clone() };
                let slow = self.slow_map.lock().take();
                if let Some(way) = slow {
                    self.env.clock.sleep(way).await;
                }
                reply
            }
            Request::DropTable { name, id } => {
                let is_there = self.map.lock().table(&name) == Some(id);
                if is_there {
                    self.change_map(|map| map.remove_table(id));
                }
                let spend = |lost: u32| lost.checked_sub(1);
                if self.lost_drops.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).is_ok() {
                    return Err(RemoteError::Unknown("lost".into()));
                }
                if is_there { Reply::Done } else { Reply::Refused(Refusal::NoSuchTable(name)) }
            }
            Request::CreateTable { name, .. } => {
                let info = TableInfo { name, id: TableId(9) };
                self.change_map(|map| map.insert_table(info.clone()));
                Reply::Table(info)
            }
            _ => Reply::Done,
        })
    }
}

impl Masters for Cluster {
    fn master(&self, server: &ServerEntry) -> Arc<dyn Master> {
        let master = self.masters[server.id.0 as usize - 1].clone();
        Arc::new(Reached { master, env: self.env.clone() })
    }

    fn update_servers(&self, list: &ServerList) {
        self.lists.lock().push(list.version());
    }
}

pub fn keys(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("key-{i}")).collect()
}
