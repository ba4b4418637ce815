//! A scan goes from tablet to tablet and page to page: every object once while nothing moves.

use crate::support::*;
use rekindle_client::{ClientConfig, ObjectError};
use rekindle_env::memory::World;
use rekindle_types::{KeyHash, KeyRange, key_hash};

fn listed(masters: u32, page_bytes: u32, disturb: impl Fn(&Cluster)) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let world = World::new(1);
    let cluster = Cluster::new(&world, masters);
    let config = ClientConfig { page_bytes, ..ClientConfig::default() };
    world.block_on(async {
        let table = cluster.client_with(config).table("table").await.unwrap();
        let puts = table.multi_put(keys(200).into_iter().map(|k| (k, "value"))).await;
        assert!(puts.iter().all(Result::is_ok));
        disturb(&cluster);
        let listed = table.scan().collect().await.unwrap();
        let mut expected: Vec<_> = keys(200).into_iter().map(String::into_bytes).collect();
        expected.sort_by_key(|k| (key_hash(TABLE, k), k.clone()));
        (listed.into_iter().map(|o| o.key.to_vec()).collect(), expected)
    })
}

#[test]
fn across_tablets_and_pages() {
    for (masters, page_bytes) in [(1, 1 << 20), (1, 50), (5, 1 << 20), (5, 50), (3, 1)] {
        let (listed, expected) = listed(masters, page_bytes, |_| {});
        assert_eq!(listed, expected, "{masters} masters, pages of {page_bytes}");
    }
}

#[test]
fn past_refusals_and_lost_answers() {
    let (listed, expected) = listed(2, 100, |cluster| {
        cluster.masters[0].then([
            Act::LoseAnswer,
            Act::Refuse(ObjectError::Retry { after_ms: 1 }),
            Act::NotDone,
        ]);
        cluster.masters[1].then([Act::Refuse(ObjectError::WrongMaster), Act::Silence]);
    });
    assert_eq!(listed, expected);
}

#[test]
fn of_a_range_only() {
    let world = World::new(1);
    let cluster = Cluster::new(&world, 3);
    world.block_on(async {
        let table = cluster.table().await;
        table.multi_put(keys(100).into_iter().map(|k| (k, "value"))).await;
        let range = KeyRange::new(KeyHash(u64::MAX / 4), KeyHash(u64::MAX / 4 * 3)).unwrap();
        let listed = table.scan_range(range).collect().await.unwrap();
        let inside = keys(100).iter().filter(|k| range.contains(key_hash(TABLE, k.as_bytes()))).count();
        assert_eq!(listed.len(), inside);
        assert!(inside > 0 && listed.iter().all(|o| range.contains(key_hash(TABLE, &o.key))));
    });
}
