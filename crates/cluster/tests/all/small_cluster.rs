//! A few real servers and a coordinator on one thread, and a plain caller.

use bytes::Bytes;
use rekindle_client::{
    Client, ClientConfig, Condition, Master, ObjectCall, ObjectError, ObjectOp, ObjectRequest, ObjectResult,
};
use rekindle_cluster::{
    memory::{Calm, MemoryNetwork, Weather},
    server::{CoordinatorServer, CoordinatorServerConfig, StorageConfig, StorageServer},
    wire::{
        ClusterId, Identity, NoStamps, Party, Peer, Peers, PeersConfig, RemoteCoordinator, RemoteMaster,
        RemoteMasters, Role,
    },
};
use rekindle_coordinator::{ClusterSize, CoordinatorConfig, MemoryMetaLog, MetaLog};
use rekindle_env::{Env, memory::World};
use rekindle_types::{
    CoordinatorApi, ListVersion, Refusal, Reply, Request, ServerId, TableId, TabletMap, TabletVersion,
    Version, key_hash,
};
use std::{sync::Arc, time::Duration};

const CLUSTER: ClusterId = ClusterId(9);

pub struct SmallCluster {
    pub world: World,
    pub network: MemoryNetwork,
    meta: Arc<dyn MetaLog>,
    pub coordinator: Option<CoordinatorServer>,
    pub servers: Vec<Option<StorageServer>>,
    client: Env,
    api: RemoteCoordinator,
    peers: Arc<Peers>,
}

impl SmallCluster {
    /// All enlisted, with their first heads recorded.
    pub fn of(servers: usize) -> Self {
        Self::under(servers, 3, Calm(Duration::from_micros(100)))
    }

    /// On a network with this weather; everything random is drawn from the seed.
    pub fn under(servers: usize, seed: u64, weather: impl Weather + 'static) -> Self {
        let world = World::new(seed);
        let clock = world.node("net").env().clock;
        let network = MemoryNetwork::new(clock, Arc::new(weather));
        let client = world.node("client").env();
        let identity = Identity { name: "client".into(), role: Role::Client };
        let transport = network.endpoint("client", identity);
        let config = PeersConfig::new(CLUSTER, Party::Client);
        let peers = Peers::new(config, client.clone(), transport, Arc::new(NoStamps));
        let second = Duration::from_secs(1);
        let api = RemoteCoordinator::new(peers.clone(), ["coordinator".to_owned()], second, second * 5);
        let meta: Arc<dyn MetaLog> = Arc::new(MemoryMetaLog::default());
        let mut cluster =
            Self { world, network, meta, coordinator: None, servers: Vec::new(), client, api, peers };
        cluster.start_coordinator(servers);
        (0..servers).for_each(|i| cluster.start_server(i));
        cluster.until("all servers are ready", |c| c.servers.iter().flatten().all(StorageServer::is_ready));
        cluster
    }

    /// A client of its own, over the network.
    pub fn client(&self, config: ClientConfig) -> Client {
        let second = Duration::from_secs(1);
        let addresses = ["coordinator".to_owned()];
        let api = RemoteCoordinator::new(self.peers.clone(), addresses, second, second * 5);
        let masters = RemoteMasters::new(self.peers.clone());
        Client::new(config, Arc::new(api), Arc::new(masters), self.client.clone()).unwrap()
    }

    fn start_coordinator(&mut self, servers: usize) {
        let size = ClusterSize::Servers(servers as u32);
        let config = CoordinatorServerConfig { cluster: CLUSTER, coordinator: CoordinatorConfig::new(size) };
        let identity = Identity { name: "coordinator".into(), role: Role::Coordinator };
        let transport = self.network.endpoint("coordinator", identity);
        let env = self.world.node("coordinator").env();
        self.coordinator = Some(CoordinatorServer::start(config, env, transport, self.meta.clone()).unwrap());
    }

    pub fn restart_coordinator(&mut self) {
        self.network.kill("coordinator");
        self.coordinator = None;
        self.world.node("coordinator").kill();
        self.world.node("coordinator").restart();
        self.start_coordinator(self.servers.len());
    }

    pub fn start_server(&mut self, i: usize) {
        let name = format!("server-{i}");
        let config = StorageConfig {
            segment_bytes: 64 << 10,
            memory_bytes: 200 * (64 << 10),
            ..StorageConfig::new(CLUSTER, name.clone(), name.clone(), ["coordinator".to_owned()])
        };
        let identity = Identity { name: name.clone(), role: Role::Server };
        let transport = self.network.endpoint(&name, identity);
        let env = self.world.node(&name).env();
        self.servers.push(Some(StorageServer::start(config, env, transport).unwrap()));
    }

    /// The process dies: no good-bye.
    pub fn kill(&mut self, i: usize) -> ServerId {
        let name = format!("server-{i}");
        self.network.kill(&name);
        self.world.node(&name).kill();
        let server = self.servers[i].take().unwrap();
        server.id().unwrap()
    }

    /// Runs the world until it is so, for at most a minute.
    pub fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        for _ in 0..6000 {
            if is_so(self) {
                return;
            }
            self.world.run_for(Duration::from_millis(10));
        }
        let status: Vec<_> = self.servers.iter().flatten().map(StorageServer::status).collect();
        panic!("not within a minute: {what}\n{status:#?}");
    }

    /// Asked again when the answer is lost: then it exists, or is made now.
    pub fn create_table(&self, name: &str, tablets: u32) -> TableId {
        for _ in 0..5 {
            let request = Request::CreateTable { name: name.into(), tablets };
            match self.world.block_on(self.api.call(request)) {
                Ok(Reply::Table(table)) => return table.id,
                Ok(Reply::Refused(Refusal::TableExists(_))) => return self.map().table(name).unwrap(),
                Ok(other) => panic!("no table: {other:?}"),
                Err(_) => {}
            }
        }
        panic!("no answer")
    }

    pub fn drop_table(&self, name: &str) {
        let id = self.map().table(name).unwrap();
        let reply = self.world.block_on(self.api.call(Request::DropTable { name: name.into(), id }));
        assert_eq!(reply, Ok(Reply::Done));
    }

    /// How many tablets of the map this server owns.
    pub fn owned_by(&self, server: ServerId) -> usize {
        self.map().owned_by(server).count()
    }

    /// Whether the coordinator's list calls it up.
    pub fn is_up(&self, server: ServerId) -> bool {
        let request = Request::ServerList { newer_than: ListVersion(0) };
        match self.world.block_on(self.api.call(request)) {
            Ok(Reply::ServerList(Some(list))) => list.is_up(server),
            other => panic!("no list: {other:?}"),
        }
    }

    /// Who owns a key.
    pub fn owner(&self, table: TableId, key: &str) -> ServerId {
        self.map().lookup(table, key_hash(table, key.as_bytes())).unwrap().owner
    }

    fn map(&self) -> TabletMap {
        for _ in 0..100 {
            let request = Request::TabletMap { newer_than: TabletVersion(0) };
            if let Ok(Reply::TabletMap { map: Some(map), .. }) = self.world.block_on(self.api.call(request)) {
                return map;
            }
            self.world.run_for(Duration::from_millis(20));
        }
        panic!("no map")
    }

    /// Calls the owner of a key until there is an answer.
    pub fn call(&self, table: TableId, key: &[u8], op: ObjectOp) -> ObjectResult {
        self.world.block_on(async {
            let deadline = self.client.clock.now() + Duration::from_secs(20);
            loop {
                let answer = self.try_call(table, key, op.clone()).await;
                match answer {
                    Ok(result) => return result,
                    Err(error) => assert!(self.client.clock.now() < deadline, "no answer: {error}"),
                }
                self.client.clock.sleep(Duration::from_millis(20)).await;
            }
        })
    }

    async fn try_call(&self, table: TableId, key: &[u8], op: ObjectOp) -> Result<ObjectResult, String> {
        let request = Request::TabletMap { newer_than: TabletVersion(0) };
        let reply = self.api.call(request).await.map_err(|e| e.to_string())?;
        let Reply::TabletMap { map: Some(map), servers } = reply else { return Err(format!("{reply:?}")) };
        let tablet = *map.lookup(table, key_hash(table, key)).ok_or("no such tablet")?;
        let owner = servers.entry(tablet.owner).ok_or("its owner has left the list")?;
        let peer = Peer { party: Party::Server(owner.id), address: owner.address.clone(), name: None };
        let call = ObjectCall { table, tablet: tablet.version, op };
        let request = ObjectRequest { calls: vec![call], time_left_ms: 500 };
        let reply = RemoteMaster::new(self.peers.clone(), peer).call(request).await;
        let result = reply.map_err(|e| e.to_string())?.results.remove(0);
        result.map_err(|e: ObjectError| e.to_string())
    }

    pub fn put(&self, table: TableId, key: &str, value: &str) -> Version {
        let op = ObjectOp::Put {
            key: Bytes::copy_from_slice(key.as_bytes()),
            value: Bytes::copy_from_slice(value.as_bytes()),
            condition: Condition::Always,
        };
        match self.call(table, key.as_bytes(), op) {
            ObjectResult::Written(version) => version,
            other => panic!("put {key}: {other:?}"),
        }
    }

    pub fn get(&self, table: TableId, key: &str) -> Option<(String, Version)> {
        let op = ObjectOp::Get { key: Bytes::copy_from_slice(key.as_bytes()) };
        match self.call(table, key.as_bytes(), op) {
            ObjectResult::Found { value, version } => {
                Some((String::from_utf8(value.to_vec()).unwrap(), version))
            }
            ObjectResult::Absent => None,
            other => panic!("get {key}: {other:?}"),
        }
    }

    pub fn delete(&self, table: TableId, key: &str) -> ObjectResult {
        let key = Bytes::copy_from_slice(key.as_bytes());
        let op = ObjectOp::Delete { key: key.clone(), condition: Condition::Always };
        self.call(table, &key, op)
    }
}
