//! F6: a lane names the server that is meant, and a process answers to nothing but its own id.

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use rekindle_client::{
    Condition, Master, ObjectCall, ObjectError, ObjectOp, ObjectReply, ObjectRequest, ObjectResult,
};
use rekindle_cluster::{
    memory::{Calm, MemoryNetwork},
    wire::{
        ClusterId, Gate, Identity, Members, NoStamps, Party, Peer, Peers, PeersConfig, RemoteControl, RemoteMaster,
        Role, ServeConfig, Services, serve,
    },
};
use rekindle_coordinator::{ControlError, Order, OrderKind, Report, ServerControl, TabletGrant};
use rekindle_env::{
    Task,
    memory::World,
};
use rekindle_types::{
    KeyRange, Lsn, RemoteError, Rules, SegmentId, ServerId, TableId, TabletVersion, Term, Version,
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

const SECOND: Duration = Duration::from_secs(1);
const CLUSTER: ClusterId = ClusterId(1);

/// Server 1 is told to serve a tablet and acknowledges a write. Its process dies, and one with an empty memory, server
/// 2, starts at the same address. The coordinator, which does not know yet, repeats its order to server 1, and a
/// client with the old map reads: the new process must neither take the order nor answer the read. Otherwise it
/// serves a tablet of which it has nothing, and the acknowledged object is absent.
pub fn body(rules: Rules) -> Result<(), String> {
    let world = World::new(6);
    let network = MemoryNetwork::new(world.node("a").env().clock, Arc::new(Calm(Duration::from_micros(50))));
    let first = start(&world, &network, ServerId(1), rules);
    let target = || Peer { party: Party::Server(ServerId(1)), address: "a".into(), name: None };
    let control =
        RemoteControl::new(peers(&world, &network, Party::Coordinator, rules), target(), SECOND, SECOND);
    let client = RemoteMaster::new(peers(&world, &network, Party::Client, rules), target());
    world.block_on(async {
        control.call(order()).await.map_err(|e| format!("the first order: {e}"))?;
        let put = ObjectOp::Put { key: KEY, value: KEY, condition: Condition::Always };
        match ask(&client, put).await {
            Ok(Ok(ObjectResult::Written(_))) => Ok(()),
            other => Err(format!("the put is not acknowledged: {other:?}")),
        }
    })?;

    network.kill("a");
    drop(first);
    let _second = start(&world, &network, ServerId(2), rules);
    world.block_on(async {
        // The old lanes break first, so that both dial anew.
        for _ in 0..2 {
            let _ = control.call(order()).await;
            if let Ok(Ok(answer)) = ask(&client, ObjectOp::Get { key: KEY }).await {
                return Err(format!("an acknowledged object is answered with {answer:?}"));
            }
        }
        Ok(())
    })
}

const KEY: Bytes = Bytes::from_static(b"key");
const TABLE: TableId = TableId(1);
const VERSION: TabletVersion = TabletVersion(1);

fn order() -> Order {
    let grant = TabletGrant {
        table: TABLE,
        range: KeyRange::FULL,
        version: VERSION,
        created: SegmentId(0),
        replayed: None,
    };
    Order { term: Term(1), kind: OrderKind::Serve { cause: Lsn(1), tablets: vec![grant] } }
}

async fn ask(
    master: &RemoteMaster,
    op: ObjectOp,
) -> Result<Result<ObjectResult, ObjectError>, RemoteError> {
    let calls = vec![ObjectCall { table: TABLE, tablet: VERSION, op }];
    let mut reply = master.call(ObjectRequest { calls, time_left_ms: 1000 }).await?;
    Ok(reply.results.remove(0))
}

/// A process's memory: does what it is told, and forgets all when it dies.
#[derive(Default)]
struct Memory {
    serves: Mutex<bool>,
    objects: Mutex<BTreeMap<Bytes, Bytes>>,
}

#[async_trait]
impl ServerControl for Memory {
    async fn call(&self, _: Order) -> Result<Report, ControlError> {
        *self.serves.lock() = true;
        Ok(Report::Done)
    }
}

#[async_trait]
impl Master for Memory {
    async fn call(&self, request: ObjectRequest) -> Result<ObjectReply, RemoteError> {
        let answer = |call: &ObjectCall| {
            if !*self.serves.lock() {
                return Err(ObjectError::WrongMaster);
            }
            let mut objects = self.objects.lock();
            Ok(match &call.op {
                ObjectOp::Put { key, value, .. } => {
                    objects.insert(key.clone(), value.clone());
                    ObjectResult::Written(Version(1))
                }
                ObjectOp::Get { key } if objects.contains_key(key) => {
                    ObjectResult::Found { value: objects[key].clone(), version: Version(1) }
                }
                _ => ObjectResult::Absent,
            })
        };
        Ok(ObjectReply { results: request.calls.iter().map(answer).collect() })
    }
}

/// Knows no names: this body is about ids.
struct Nobody;

impl Members for Nobody {
    fn name(&self, _: ServerId) -> Option<String> {
        None
    }

    fn has_seen(&self, _: ServerId) -> bool {
        true
    }
}

fn start(world: &World, network: &MemoryNetwork, id: ServerId, rules: Rules) -> Task {
    let env = world.node("a").env();
    let memory = Arc::new(Memory::default());
    let services =
        Services { control: Some(memory.clone()), master: Some(memory), ..Services::default() };
    let gate = Gate::new(CLUSTER, Party::Server(id), Arc::new(Nobody), rules);
    let transport = network.endpoint("a", Identity { name: "a".into(), role: Role::Server });
    let config = ServeConfig::default();
    let run = serve(env.clone(), transport, Arc::new(gate), services, Arc::new(NoStamps), config);
    env.spawn.spawn("serve", Box::pin(run))
}

fn peers(world: &World, network: &MemoryNetwork, party: Party, rules: Rules) -> Arc<Peers> {
    let (name, role) = match party {
        Party::Coordinator => ("coordinator", Role::Coordinator),
        _ => ("client", Role::Client),
    };
    let transport = network.endpoint(name, Identity { name: name.into(), role });
    let config = PeersConfig { rules, ..PeersConfig::new(CLUSTER, party) };
    Peers::new(config, world.node(name).env(), transport, Arc::new(NoStamps))
}
