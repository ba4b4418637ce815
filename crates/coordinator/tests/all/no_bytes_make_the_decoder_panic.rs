//! Entities come from disk: whatever the bytes, the decoder answers, and what it accepts it writes back alike.

use rekindle_coordinator::entity::{
    ClusterShape, Committed, Entity, Obsolete, Operation, OperationId, OperationState, Outcome,
    PartitionPhase, PartitionRecord, RecoverPhase, ServerRecord,
};
use rekindle_types::{
    Attempt, KeyRange, LogId, Lsn, PartitionIndex, SegmentId, ServerEntry, ServerId, ServerStatus, TableId,
    TableInfo, Tablet, TabletState, TabletVersion,
};

const WRITTEN: Lsn = Lsn(77);

fn tablet(state: TabletState) -> Tablet {
    let range = KeyRange::FULL.split_even(3)[1];
    let version = TabletVersion(WRITTEN.0);
    Tablet { table: TableId(4), range, owner: ServerId(9), version, state, created: SegmentId(12) }
}

fn operation(state: OperationState, outcome: Option<Outcome>) -> Entity {
    Entity::Operation(Operation { id: OperationId(8), begun: Lsn(70), state, outcome })
}

fn entities() -> Vec<Entity> {
    let name = "a table".to_owned();
    let table = TableInfo { name: name.clone(), id: TableId(4) };
    let entry = ServerEntry {
        id: ServerId(9),
        name,
        address: "10.0.0.1:70".into(),
        domain: "rack 1".into(),
        status: ServerStatus::Dead,
    };
    let committed = Committed { granted: Lsn(70), created: SegmentId(3), bytes: 1 << 40, objects: 5 };
    let partition = PartitionRecord {
        crashed: LogId::of(ServerId(9)),
        index: PartitionIndex(3),
        operation: OperationId(8),
        pieces: vec![tablet(TabletState::Recovering), tablet(TabletState::Normal)],
        bytes: 7 << 20,
        master: ServerId(2),
        attempt: Attempt(2),
        cause: Lsn(60),
        phase: PartitionPhase::Committed(committed),
        obsolete: vec![Obsolete { master: ServerId(1), attempt: Attempt(1), cause: Lsn(60) }],
    };
    let owners = vec![(ServerId(1), KeyRange::FULL), (ServerId(2), KeyRange::FULL)];
    let recover = OperationState::Recover { server: ServerId(9), phase: RecoverPhase::Replay };
    vec![
        Entity::Cluster {
            shape: ClusterShape { replicas: 3, servers_min: 5, is_formed: true },
            lease_ms_max: 250,
        },
        Entity::Members { next_server: ServerId(10) },
        Entity::Counters { next_table: TableId(5), next_operation: OperationId(9) },
        Entity::Server(ServerRecord { entry, incarnation: u64::MAX }),
        Entity::Log { log: LogId { server: ServerId(9), index: 3 }, floor: SegmentId(100) },
        Entity::Table(table.clone()),
        Entity::Tablet(tablet(TabletState::Recovering)),
        operation(OperationState::CreateTable { table: table.clone(), tablets: 3 }, Some(Outcome::Done)),
        operation(OperationState::DropTable { table, owners }, Some(Outcome::Lost { tablets: 2 })),
        operation(recover, Some(Outcome::Recovered { bytes: 9, objects: 8 })),
        Entity::Partition(partition.clone()),
        Entity::Partition(PartitionRecord { phase: PartitionPhase::Cut, ..partition.clone() }),
        Entity::Partition(PartitionRecord { phase: PartitionPhase::Ended(committed), ..partition }),
    ]
}

#[test]
fn entities_are_read_back_as_they_were() {
    for entity in entities() {
        assert_eq!(Entity::decode(WRITTEN, &entity.encode()), Ok(entity));
    }
}

#[test]
fn what_was_not_known_when_it_was_written_is_the_batch_that_wrote_it() {
    let state = OperationState::Recover { server: ServerId(1), phase: RecoverPhase::Discover };
    let new = Entity::Operation(Operation { id: OperationId(1), begun: Lsn(0), state, outcome: None });
    let Entity::Operation(read) = Entity::decode(WRITTEN, &new.encode()).unwrap() else { unreachable!() };
    assert_eq!(read.begun, WRITTEN);
}

#[test]
fn every_cut_is_refused_and_no_flip_panics() {
    for entity in entities() {
        let bytes = entity.encode().to_vec();
        for length in 0..bytes.len() {
            assert!(Entity::decode(WRITTEN, &bytes[..length]).is_err(), "{entity:?} cut to {length}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(Entity::decode(WRITTEN, &longer).is_err(), "{entity:?} and a byte more");
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                if let Ok(other) = Entity::decode(WRITTEN, &flipped) {
                    assert_ne!(other, entity, "byte {at}, bit {bit} does not count");
                }
            }
        }
    }
}

#[test]
fn a_huge_count_is_refused_before_anything_is_allocated() {
    let owners = vec![(ServerId(1), KeyRange::FULL)];
    let table = TableInfo { name: "t".into(), id: TableId(1) };
    let bytes = operation(OperationState::DropTable { table, owners }, None).encode().to_vec();
    let count_at = bytes.len() - 24 - 4;
    let mut huge = bytes;
    huge[count_at..count_at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(Entity::decode(WRITTEN, &huge).is_err());
}
