//! Any sequence of calls, right or wrong: a refused call changes nothing, a call made twice does no more than once,
//! frames are counted right and never exceeded.

use futures_util::FutureExt;
use proptest::prelude::*;
use rekindle_backup::store::conformance::{FRAMES, Image, MASTER, OWN, replica, servers, write};
use rekindle_backup::{
    BackupError, BackupStats, BackupStore, Fill, MemoryStore, MemoryStoreConfig, ReplicaFree, ReplicaInfo,
    ReplicaWrite,
};
use rekindle_types::{ListVersion, SessionNumber};

const SEGMENTS: u64 = 12;
const CREATIONS: u64 = 4;

/// A call by a confused master.
#[derive(Clone, Debug)]
enum Call {
    Write(ReplicaWrite),
    Free(ReplicaFree),
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let fill = prop::option::of(prop::sample::select(vec![Fill::Growing, Fill::Atomic]));
    let parts = (0..4_usize, 0..4_usize, any::<bool>(), any::<bool>());
    let write = (1..=SEGMENTS, 1..=CREATIONS, fill, parts).prop_map(|(segment, creation, open, parts)| {
        let (from, to, has_certificate, close) = parts;
        let (from, to) = (prefix(segment, from.min(to)), prefix(segment, from.max(to)));
        let mut call = write(&to, creation, open, close);
        // From the start or from the end of a shorter prefix.
        if from.bytes().len() < to.bytes().len() && open.is_none() {
            call.offset = from.bytes().len() as u32;
            call.bytes = to.bytes().slice(from.bytes().len()..);
        }
        call.certificate = call.certificate.filter(|_| has_certificate);
        Call::Write(call)
    });
    let free = (1..=SEGMENTS, 1..=CREATIONS).prop_map(|(segment, creation)| {
        Call::Free(ReplicaFree { replica: replica(MASTER, segment, creation), session: SessionNumber(1) })
    });
    prop::collection::vec(prop_oneof![8 => write, 1 => free], 0..150)
}

/// Prefixes of a segment, each an append longer.
fn prefix(segment: u64, length: usize) -> Image {
    (0..length).fold(Image::head(MASTER, segment, &[]), |image, at| {
        image.object(1, &format!("key-{at}"), "value", at as u64 + 1)
    })
}

fn store() -> MemoryStore {
    let store = MemoryStore::new(MemoryStoreConfig { frames: FRAMES, ..MemoryStoreConfig::new(OWN) });
    store.set_servers(&servers(1, &[1, 9], &[]));
    store
}

fn make(store: &MemoryStore, call: &Call) -> Result<(), BackupError> {
    match call {
        Call::Write(write) => now(store.write(write.clone())),
        Call::Free(free) => now(store.free(*free)),
    }
}

fn now<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("memory never waits")
}

/// All that can be seen of a store; fences the log.
fn seen(store: &MemoryStore) -> (Vec<ReplicaInfo>, BackupStats) {
    (now(store.inventory(MASTER, ListVersion(1))).expect("always given"), now(store.stats()))
}

proptest! {
    #[test]
    fn any_calls_keep_the_memory_store_honest(calls in calls()) {
        let (all, accepted, twice, freed) = (store(), store(), store(), store());
        for call in &calls {
            let result = make(&all, call);
            prop_assert!(now(all.stats()).frames_used <= FRAMES);
            if result.is_ok() {
                prop_assert_eq!(make(&accepted, call), Ok(()));
                prop_assert_eq!(make(&twice, call), Ok(()));
                prop_assert_eq!(make(&twice, call), Ok(()), "made again");
                prop_assert_eq!(make(&freed, call), Ok(()));
            }
        }
        let (infos, stats) = seen(&all);
        prop_assert_eq!(&seen(&accepted), &(infos.clone(), stats));
        prop_assert_eq!(&seen(&twice), &(infos.clone(), stats));
        for info in &infos {
            let loaded = now(all.load(info.replica, rekindle_backup::LoadRequest::Whole));
            prop_assert!(loaded.is_ok_and(|l| l.certificate == info.certificate));
        }
        for segment in 1..=SEGMENTS {
            let last = ReplicaFree { replica: replica(MASTER, segment, CREATIONS), session: SessionNumber(1) };
            make(&freed, &Call::Free(last)).expect("frees are always taken");
        }
        let stats = now(freed.stats());
        prop_assert_eq!((stats.frames_used, stats.open, stats.bytes), (0, 0, 0));
    }
}
