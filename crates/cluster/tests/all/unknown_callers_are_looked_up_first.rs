//! Rule F6: who calls under an id that the list here does not know is judged by a newer list, and judged anew until the
//! list has bound a name to that id.

use crate::support::*;
use async_trait::async_trait;
use parking_lot::Mutex;
use rekindle_backup::{BackupError, BackupStore, LoadRequest};
use rekindle_cluster::wire::{
    Gate, Identity, Members, NoStamps, Party, Peers, PeersConfig, RemoteBackup, RemoteControl, Role,
    ServeConfig, Services, serve,
};
use rekindle_coordinator::{Order, OrderKind, Report, ServerControl};
use rekindle_env::Task;
use rekindle_types::{RemoteError, Rules, ServerId, Term};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

/// A list that is as new as the record only after a look.
#[derive(Default)]
struct OldList {
    here: Mutex<Known>,
    record: Mutex<Known>,
    looks: Mutex<usize>,
}

#[derive(Clone, Default)]
struct Known {
    next: u64,
    names: BTreeMap<u64, String>,
}

impl OldList {
    fn enlist(&self, id: u64, name: &str) {
        let mut record = self.record.lock();
        record.next = id + 1;
        record.names.insert(id, name.into());
    }
}

#[async_trait]
impl Members for OldList {
    fn name(&self, server: ServerId) -> Option<String> {
        self.here.lock().names.get(&server.0).cloned()
    }

    fn has_seen(&self, server: ServerId) -> bool {
        self.here.lock().next > server.0
    }

    async fn look_for(&self, server: ServerId) {
        if !self.has_seen(server) {
            *self.looks.lock() += 1;
            *self.here.lock() = self.record.lock().clone();
        }
    }
}

fn serve_by(net: &Net, list: &Arc<OldList>) -> (Arc<Fake>, Task) {
    let (env, fake) = (net.world.node("s").env(), Arc::new(Fake::default()));
    let gate = Arc::new(Gate::new(CLUSTER, server(2), list.clone(), Rules::default()));
    let services =
        Services { backup: Some(fake.clone()), control: Some(fake.clone()), ..Services::default() };
    let transport = net.network.endpoint("s", identity(server(2)));
    let run = serve(env.clone(), transport, gate, services, Arc::new(NoStamps), ServeConfig::default());
    (fake, env.spawn.spawn("serve", Box::pin(run)))
}

/// Speaks as server 9 with the certificate of this name.
fn nine(net: &Net, name: &str) -> Arc<Peers> {
    let transport = net.network.endpoint(name, Identity { name: name.into(), role: Role::Server });
    let env = net.world.node(name).env();
    Peers::new(PeersConfig::new(CLUSTER, Party::Server(ServerId(9))), env, transport, Arc::new(NoStamps))
}

fn backup(peers: Arc<Peers>) -> RemoteBackup {
    RemoteBackup::new(peers, peer(server(2), "s"), SECOND, SECOND)
}

#[test]
fn a_lane_under_a_future_id_never_speaks_for_its_owner() {
    let (net, list) = (Net::calm(), Arc::new(OldList::default()));
    let (fake, _serve) = serve_by(&net, &list);
    let early = backup(nine(&net, "server-3"));
    net.world.block_on(async {
        let nobody = early.write(write(9)).await;
        assert!(matches!(nobody, Err(BackupError::Remote(RemoteError::NotDone(_)))), "{nobody:?}");
        list.enlist(9, "server-9");
        // The same lane, and one that is opened while the list here is still old.
        for impostor in [early, backup(nine(&net, "server-4"))] {
            let refused = impostor.write(write(9)).await;
            assert!(matches!(refused, Err(BackupError::Remote(RemoteError::Unauthorised(_)))), "{refused:?}");
            *list.here.lock() = Known::default();
        }
    });
    assert!(fake.seen.lock().is_empty());
}

#[test]
fn a_newcomer_is_served_after_one_look() {
    let (net, list) = (Net::calm(), Arc::new(OldList::default()));
    let (fake, _serve) = serve_by(&net, &list);
    list.enlist(9, "server-9");
    let newcomer = backup(nine(&net, "server-9"));
    net.world.block_on(async {
        newcomer.load(replica(9), LoadRequest::Whole).await.unwrap();
        // A name that was found needs no other look.
        *list.here.lock() = Known::default();
        newcomer.load(replica(9), LoadRequest::Whole).await.unwrap();
    });
    assert_eq!((fake.seen.lock().len(), *list.looks.lock()), (2, 1));
}

#[test]
fn a_probe_waits_for_no_list() {
    let (net, list) = (Net::calm(), Arc::new(OldList::default()));
    let (_fake, _serve) = serve_by(&net, &list);
    let control = RemoteControl::new(nine(&net, "server-9"), peer(server(2), "s"), SECOND, SECOND);
    let probe = Order { term: Term(1), kind: OrderKind::Probe };
    assert_eq!(net.world.block_on(control.call(probe)), Ok(Report::Done));
    assert_eq!(*list.looks.lock(), 0);
}
