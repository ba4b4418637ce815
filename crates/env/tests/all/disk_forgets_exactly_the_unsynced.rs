use proptest::prelude::*;
use rekindle_env::{
    Dir,
    memory::{Crash, SECTOR_BYTES, World},
};
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
enum Op {
    Append(u8, Vec<u8>),
    SyncFile(u8),
    Rename(u8, u8),
    Remove(u8),
    SyncDir,
    Crash,
}

fn op() -> impl Strategy<Value = Op> {
    let name = 0..4_u8;
    prop_oneof![
        4 => (name.clone(), prop::collection::vec(any::<u8>(), 0..40)).prop_map(|(n, b)| Op::Append(n, b)),
        3 => name.clone().prop_map(Op::SyncFile),
        2 => (name.clone(), name.clone()).prop_map(|(a, b)| Op::Rename(a, b)),
        1 => name.prop_map(Op::Remove),
        2 => Just(Op::SyncDir),
        1 => Just(Op::Crash),
    ]
}

/// The plainest disk there is: files by number, each with its seen and its durable bytes.
#[derive(Clone, Default)]
struct Model {
    files: Vec<(Vec<u8>, usize)>,
    seen: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
}

impl Model {
    fn append(&mut self, name: &str, bytes: &[u8]) {
        let next = self.files.len();
        let id = *self.seen.entry(name.to_owned()).or_insert(next);
        if id == next {
            self.files.push(Default::default());
        }
        self.files[id].0.extend_from_slice(bytes);
    }

    fn crash(&mut self) {
        self.files.iter_mut().for_each(|(bytes, synced)| bytes.truncate(*synced));
        self.seen = self.durable.clone();
    }

    fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        self.seen.iter().map(|(name, id)| (name.clone(), self.files[*id].0.clone())).collect()
    }
}

fn name(number: u8) -> String {
    format!("f{number}")
}

async fn contents(dir: &dyn Dir) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for name in dir.list().await.unwrap() {
        let bytes = dir.read(&name).await.unwrap().to_vec();
        all.insert(name, bytes);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn files_and_names_are_as_the_model_says(ops in prop::collection::vec(op(), 0..60)) {
        let world = World::new(1);
        let node = world.node("a");
        let (mut dir, mut model) = (node.env().dir, Model::default());
        for op in ops.into_iter().chain([Op::Crash]) {
            match op {
                Op::Append(n, bytes) => {
                    world.block_on(dir.append(&name(n), bytes.clone().into())).unwrap();
                    model.append(&name(n), &bytes);
                }
                Op::SyncFile(n) => {
                    let synced = world.block_on(dir.sync_file(&name(n)));
                    let id = model.seen.get(&name(n)).copied();
                    prop_assert_eq!(synced.is_ok(), id.is_some());
                    if let Some(id) = id {
                        model.files[id].1 = model.files[id].0.len();
                    }
                }
                Op::Rename(from, to) => {
                    let renamed = world.block_on(dir.rename(&name(from), &name(to)));
                    let id = model.seen.remove(&name(from));
                    prop_assert_eq!(renamed.is_ok(), id.is_some());
                    model.seen.extend(id.map(|id| (name(to), id)));
                }
                Op::Remove(n) => {
                    let removed = world.block_on(dir.remove(&name(n)));
                    prop_assert_eq!(removed.is_ok(), model.seen.remove(&name(n)).is_some());
                }
                Op::SyncDir => {
                    world.block_on(dir.sync()).unwrap();
                    model.durable = model.seen.clone();
                }
                Op::Crash => {
                    node.kill();
                    dir = node.restart().dir;
                    model.crash();
                }
            }
            prop_assert_eq!(world.block_on(contents(&*dir)), model.contents());
        }
    }

    #[test]
    fn subsets_keep_all_that_was_synced_and_invent_nothing(
        seed: u64,
        synced in prop::collection::vec(1..=255_u8, 0..2000),
        unsynced in prop::collection::vec(1..=255_u8, 0..2000),
        is_torn: bool,
    ) {
        let world = World::new(seed);
        let node = world.node("a");
        let dir = node.env().dir;
        let all = [synced.clone(), unsynced.clone()].concat();
        world.block_on(async {
            dir.append("f", synced.clone().into()).await.unwrap();
            dir.sync_file("f").await.unwrap();
            dir.sync().await.unwrap();
            dir.append("f", unsynced.into()).await.unwrap();
        });
        node.kill_with(if is_torn { Crash::Torn } else { Crash::Subset });
        let found = world.block_on(node.restart().dir.read("f")).unwrap();
        prop_assert!(found.len() >= synced.len() && found.len() <= all.len());
        prop_assert_eq!(&found[..synced.len()], &synced[..]);
        prop_assert!(found.iter().zip(&all).all(|(found, written)| *found == 0 || found == written));
    }

    #[test]
    fn each_sector_of_a_device_is_one_of_its_versions(
        seed: u64,
        writes in prop::collection::vec((0..4_usize, 1..200_u8, any::<bool>()), 1..12),
        crash in prop_oneof![
            Just(Crash::DropUnsynced), Just(Crash::KeepUnsynced), Just(Crash::Subset), Just(Crash::Torn)
        ],
    ) {
        let world = World::new(seed);
        let node = world.node("a");
        let dir = node.env().dir;
        let mut possible = [(); 4].map(|()| vec![0_u8]);
        world.block_on(async {
            let device = dir.device("d", 4 * SECTOR_BYTES as u64).await.unwrap();
            dir.sync().await.unwrap();
            for (sector, fill, is_synced) in writes {
                let at = (sector * SECTOR_BYTES) as u64;
                device.write_at(at, vec![fill; SECTOR_BYTES].into()).await.unwrap();
                possible[sector].push(fill);
                if is_synced {
                    device.sync().await.unwrap();
                    possible.iter_mut().for_each(|versions| drop(versions.drain(..versions.len() - 1)));
                }
            }
        });
        node.kill_with(crash);
        let dir = node.restart().dir;
        let found = world.block_on(async {
            let device = dir.device("d", 0).await.unwrap();
            device.read_at(0, 4 * SECTOR_BYTES).await.unwrap()
        });
        for (sector, versions) in found.chunks(SECTOR_BYTES).zip(&possible) {
            match crash {
                Crash::DropUnsynced => prop_assert!(sector.iter().all(|byte| *byte == versions[0])),
                Crash::KeepUnsynced => prop_assert!(sector.iter().all(|byte| byte == versions.last().unwrap())),
                Crash::Subset => {
                    prop_assert!(versions.contains(&sector[0]));
                    prop_assert!(sector.iter().all(|byte| *byte == sector[0]));
                }
                Crash::Torn => prop_assert!(sector.iter().all(|byte| versions.contains(byte))),
            }
        }
    }
}

#[test]
fn a_rename_is_durable_only_with_the_directory_and_never_in_half() {
    let mut outcomes = BTreeMap::new();
    for seed in 0..200 {
        let world = World::new(seed);
        let node = world.node("a");
        let dir = node.env().dir;
        world.block_on(async {
            for (name, text) in [("current", "old"), ("next", "new")] {
                dir.append(name, text.into()).await.unwrap();
                dir.sync_file(name).await.unwrap();
            }
            dir.sync().await.unwrap();
            dir.rename("next", "current").await.unwrap();
        });
        node.kill_with(Crash::Subset);
        let found = world.block_on(contents(&*node.restart().dir));
        *outcomes.entry(found).or_insert(0) += 1;
    }
    let before = BTreeMap::from([("current".into(), b"old".to_vec()), ("next".into(), b"new".to_vec())]);
    let after = BTreeMap::from([("current".into(), b"new".to_vec())]);
    assert_eq!(outcomes.keys().collect::<Vec<_>>(), [&after, &before]);
}

#[test]
fn a_synced_file_without_a_synced_name_is_gone() {
    let world = World::new(1);
    let node = world.node("a");
    let dir = node.env().dir;
    world.block_on(async {
        dir.append("f", "x".into()).await.unwrap();
        dir.sync_file("f").await.unwrap();
    });
    node.kill();
    assert!(world.block_on(node.restart().dir.list()).unwrap().is_empty());
    assert_eq!(node.disk().used_bytes(), 0);
}

#[test]
fn removed_files_come_back_until_the_directory_is_synced() {
    for is_synced in [false, true] {
        let world = World::new(1);
        let node = world.node("a");
        let dir = node.env().dir;
        world.block_on(async {
            dir.append("f", "x".into()).await.unwrap();
            dir.sync_file("f").await.unwrap();
            dir.sync().await.unwrap();
            dir.remove("f").await.unwrap();
            if is_synced {
                dir.sync().await.unwrap();
            }
        });
        node.kill();
        assert_eq!(world.block_on(node.restart().dir.list()).unwrap().is_empty(), is_synced);
    }
}
