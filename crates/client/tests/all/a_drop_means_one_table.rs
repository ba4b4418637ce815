//! A drop means the table that has the name when it is called for. Neither its repeats nor what the client knew before
//! touch another table of that name.

use crate::support::*;
use futures_util::future::join;
use rekindle_client::ClientError;
use rekindle_env::memory::World;
use rekindle_types::{Request, TableId, TableInfo};
use std::{sync::atomic::Ordering, time::Duration};

const OTHER: TableId = TableId(2);

fn drops(cluster: &Cluster) -> usize {
    cluster.requests.lock().iter().filter(|r| matches!(r, Request::DropTable { .. })).count()
}

/// The drop is done, its answer is lost, and the name is taken anew before it is repeated.
#[test]
fn a_repeat_leaves_the_table_alone_that_has_the_name_since() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    cluster.lost_drops.store(1, Ordering::Relaxed);
    world.block_on(async {
        let client = cluster.client();
        let others = async {
            while cluster.map.lock().table("table").is_some() {
                cluster.env.clock.sleep(Duration::from_micros(50)).await;
            }
            cluster.make_anew("table", OTHER);
        };
        assert_eq!(join(client.drop_table("table"), others).await.0, Ok(()));
        assert_eq!(drops(&cluster), 2, "it is repeated");
        assert_eq!(cluster.map.lock().table("table"), Some(OTHER));
        assert_eq!(client.table("table").await.unwrap().id(), OTHER);
    });
}

#[test]
fn what_the_client_knew_before_does_not_count() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    world.block_on(async {
        let client = cluster.client();
        assert_eq!(client.table("table").await.unwrap().id(), TABLE);
        cluster.make_anew("table", OTHER);
        assert_eq!(client.drop_table("table").await, Ok(()));
        assert_eq!(cluster.map.lock().table("table"), None);
        assert!(matches!(client.drop_table("table").await, Err(ClientError::NoSuchTable(_))));
    });
}

/// A map that was on its way back already when the call began says nothing of what was made before the call.
#[test]
fn a_table_made_before_the_call_is_found_in_spite_of_an_older_map_on_its_way() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 1);
    let ms = Duration::from_millis;
    *cluster.slow_map.lock() = Some(ms(10));
    world.block_on(async {
        let client = cluster.client();
        let calls = async {
            cluster.env.clock.sleep(ms(5)).await;
            cluster.change_map(|map| map.insert_table(TableInfo { name: "new".into(), id: OTHER }));
            let (found, dropped) = join(client.table("new"), client.drop_table("new")).await;
            (found.map(|table| table.id()), dropped)
        };
        let (earlier, (found, dropped)) = join(client.table("table"), calls).await;
        assert_eq!(earlier.map(|table| table.id()), Ok(TABLE));
        assert_eq!((found, dropped), (Ok(OTHER), Ok(())));
    });
}
