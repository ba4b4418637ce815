//! Tables are made and dropped while servers and coordinators die: every call is answered, what exists is served
//! by its one owner, and nothing of a dropped table or of an ended recovery stays anywhere.

use futures_util::{FutureExt, future::join};
use rekindle_client::{Client, ClientConfig};
use rekindle_coordinator::meta::Recorded;
use rekindle_env::{Env, Rng};
use rekindle_sim::{SimCluster, SimConfig, check_settled, check_single_owner};
use std::{cell::Cell, collections::BTreeSet, sync::Arc, time::Duration};

const PATIENCE: Duration = Duration::from_secs(60);
const SEEDS: u64 = 3;

/// Makes and drops tables until told to stop; the names of those that are left.
async fn churn(client: Client, env: Env, rng: Arc<dyn Rng>, is_over: &Cell<bool>) -> BTreeSet<String> {
    let mut tables = BTreeSet::new();
    for n in 0.. {
        if is_over.get() {
            break;
        }
        env.clock.sleep(Duration::from_millis(rng.below(60))).await;
        let name = format!("t{n}");
        let tablets = 1 + u32::try_from(rng.below(12)).unwrap();
        match client.create_table(&name, tablets).await {
            Ok(table) => {
                let objects = (0..20).map(|i| (format!("{name}-{i}"), format!("{i}")));
                for written in table.multi_put(objects).await {
                    assert!(
                        matches!(written, Ok(_) | Err(rekindle_client::ClientError::Unknown(_))),
                        "{written:?}"
                    );
                }
            }
            Err(rekindle_client::ClientError::Unknown(_)) => {}
            Err(other) => panic!("{name}: {other}"),
        }
        tables.insert(name);
        if tables.len() > 2 {
            let at = rng.below(tables.len() as u64) as usize;
            let old = tables.iter().nth(at).unwrap().clone();
            client.drop_table(&old).await.unwrap();
            tables.remove(&old);
        }
    }
    tables
}

async fn faults(cluster: &SimCluster, rng: Arc<dyn Rng>) {
    let clock = cluster.world.node("network").env().clock;
    for _ in 0..6 {
        clock.sleep(Duration::from_millis(rng.below(400))).await;
        let running = cluster.running();
        let victim = running[rng.below(running.len() as u64) as usize];
        if rng.below(2) == 0 {
            let recorded = if rng.below(2) == 0 { Recorded::Yes } else { Recorded::No };
            cluster.crash_coordinator_after(rng.below(12), recorded);
        }
        let pauses = rng.below(3) == 0;
        if pauses {
            cluster.pause_storage(victim);
            clock.sleep(Duration::from_millis(rng.below(2_500))).await;
            cluster.resume_storage(victim);
            clock.sleep(Duration::from_millis(rng.below(50))).await;
        }
        cluster.kill_storage(victim);
        clock.sleep(Duration::from_millis(rng.below(600))).await;
        cluster.start_storage(victim);
        let settled = cluster
            .until(PATIENCE, |c| {
                check_single_owner(c).unwrap();
                c.is_ready() && recovered(c)
            })
            .await;
        assert!(settled, "after {victim}: {:?}\n{:#?}", check_settled(cluster).err(), last_events(cluster));
    }
}

fn recovered(cluster: &SimCluster) -> bool {
    let state = cluster.coordinator(|c| c.coordinator().map(|c| c.state())).flatten();
    state.is_some_and(|s| s.servers().iter().all(|e| s.servers().is_up(e.id)))
        && cluster
            .statuses()
            .values()
            .all(|s| s.replication.too_few.is_none() && s.replication.unsettled <= 1)
}

fn last_events(cluster: &SimCluster) -> Vec<String> {
    let events = cluster.timeline.events();
    events[events.len().saturating_sub(40)..].iter().map(|(at, e)| format!("{at:?} {e:?}")).collect()
}

fn play(seed: u64) {
    let cluster = SimCluster::new(SimConfig::new(seed));
    cluster.start();
    cluster.world.block_on(cluster.supervised(async {
        assert!(cluster.until(PATIENCE, SimCluster::is_ready).await);
        let (one, two) = (cluster.world.rng("churn"), cluster.world.rng("faults"));
        let client = cluster.client("client", ClientConfig { timeout: PATIENCE, ..ClientConfig::default() });
        let is_over = Cell::new(false);
        let work = churn(client.clone(), cluster.world.node("client").env(), one, &is_over);
        let faults = faults(&cluster, two).map(|()| is_over.set(true));
        let (left, ()) = join(work, faults).await;
        assert!(
            cluster.until(PATIENCE, |c| check_settled(c).is_ok()).await,
            "{:?}\n{:#?}",
            check_settled(&cluster).err(),
            last_events(&cluster)
        );
        let state = cluster.coordinator(|c| c.coordinator().unwrap().state()).unwrap();
        assert!(state.unfinished().next().is_none());
        for name in &left {
            let table = client.table(name).await.unwrap();
            for i in 0..20 {
                let _ = table.get(format!("{name}-{i}")).await.unwrap();
            }
        }
        for status in cluster.statuses().values() {
            let known =
                |t: &rekindle_cluster::master::TabletStatus| state.map().table_name(t.table).is_some();
            assert!(status.tablets.iter().all(known), "{}: {:?}", status.server, status.tablets);
            assert!(status.replays.is_empty(), "{}: {:?}", status.server, status.replays);
        }
    }));
}

#[test]
fn tables_come_and_go_while_servers_die() {
    for seed in 0..SEEDS {
        play(seed);
    }
}
