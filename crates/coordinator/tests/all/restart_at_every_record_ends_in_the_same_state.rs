//! COO-4: the coordinator may be killed at any record, recorded or not: the next one ends in the same state.

use rekindle_coordinator::meta::{MemoryMetaLog, MetaLog, Recorded};
use rekindle_coordinator::scripted::Stage;
use rekindle_coordinator::{ClusterSize, ClusterState, CoordinatorConfig};
use rekindle_types::{Refusal, Reply, Request, Rules, TabletState};

/// What the history comes to, whatever the ids: names of the members, and each table with its tablets and
/// whether their owners are members.
type End = (Vec<String>, Vec<(String, usize, bool)>);

fn end_of(state: &ClusterState) -> End {
    let members = state.servers().iter().map(|s| s.name.clone()).collect();
    let table = |t: rekindle_types::TableInfo| {
        let tablets: Vec<_> = state.map().tablets_of(t.id).collect();
        let widths = tablets.iter().map(|t| u128::from(t.range.last().0 - t.range.first().0) + 1);
        assert_eq!(widths.sum::<u128>(), 1 << 64, "the tablets of {} cover all", t.name);
        let is_well =
            |t: &&rekindle_types::Tablet| t.state == TabletState::Normal && state.servers().is_up(t.owner);
        (t.name, tablets.len(), tablets.iter().all(is_well))
    };
    (members, state.map().tables().map(table).collect())
}

/// Enlist, create, kill, recover, enlist again, drop: in a world of its own, with at most one crash.
fn play(crash: Option<(u64, Recorded)>) -> (End, u64) {
    let meta = MemoryMetaLog::new(Rules::default());
    if let Some((at, recorded)) = crash {
        meta.crash_after(at, recorded);
    }
    let stage = Stage::on(meta, CoordinatorConfig::new(ClusterSize::Servers(4)));
    let end = stage.world.block_on(async {
        let ids = stage.script.start_cluster(4, 2).await;
        for table in ["kept", "dropped"] {
            let reply = stage.create(table, 5).await;
            // After a crash the repeated call may find the table there.
            let exists = Reply::Refused(Refusal::TableExists(table.into()));
            assert!(matches!(reply, Reply::Table(_)) || reply == exists, "{reply:?}");
        }
        stage.settled().await;
        stage.script.kill(ids[1]);
        stage.settled().await;
        let again = stage.script.enlist("server-1", Some(ids[1])).await;
        let floor = Request::StoreFloor {
            log: rekindle_types::LogId::of(again),
            floor: rekindle_types::SegmentId(1),
        };
        assert_eq!(stage.script.call(floor).await, Reply::Done);
        let reply = stage.drop_table("dropped").await;
        let missing = Reply::Refused(Refusal::NoSuchTable("dropped".into()));
        assert!(reply == Reply::Done || reply == missing, "{reply:?}");
        stage.settled().await;
        let state = stage.script.coordinator().unwrap().state();
        assert_eq!(state.unfinished().count(), 0);
        assert_eq!(state.partitions().count(), 0);
        assert!(stage.script.holders(ids[1]).is_empty(), "replicas of the dead server are left");
        let reread = ClusterState::rebuild(&stage.meta.open().await.unwrap()).unwrap();
        assert_eq!(end_of(&reread), end_of(&state));
        end_of(&state)
    });
    assert_eq!(stage.meta.has_crashed(), crash.is_some(), "the crash {crash:?} must happen");
    // A crash at the very first record ends the attempt to take office.
    let crashes = u32::from(crash.is_some_and(|(at, _)| at > 0));
    assert_eq!(stage.script.reigns(), 1 + crashes);
    (end, stage.meta.last().0)
}

#[test]
fn restart_at_every_record_ends_in_the_same_state() {
    let (end, records) = play(None);
    assert_eq!(end.0.len(), 4);
    assert_eq!(end.1, [("kept".to_owned(), end.1[0].1, true)]);
    assert!(records > 20, "{records} records");
    let tables = |end: &End| end.1.iter().map(|(name, _, well)| (name.clone(), *well)).collect::<Vec<_>>();
    for at in 0..records {
        for recorded in [Recorded::Yes, Recorded::No] {
            let (other, _) = play(Some((at, recorded)));
            assert_eq!(other.0, end.0, "members after a crash at record {at} ({recorded:?})");
            assert_eq!(tables(&other), tables(&end), "tables after a crash at record {at} ({recorded:?})");
        }
    }
}
