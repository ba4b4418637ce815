//! Entities to bytes.

use super::codec::Writer;
use super::{
    Committed, Entity, Operation, OperationState, Outcome, PartitionPhase, PartitionRecord, RecoverPhase,
};
use super::{ServerRecord, kind};
use bytes::Bytes;
use rekindle_types::{ServerStatus, Tablet, TabletState};

/// Version of every entity's layout so far.
pub(super) const LAYOUT: u8 = 1;

impl Entity {
    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        match self {
            Self::Cluster { shape, lease_ms_max } => Writer::new(kind::CLUSTER, LAYOUT)
                .u32(shape.replicas)
                .u32(shape.servers_min)
                .u8(u8::from(shape.is_formed))
                .u32(*lease_ms_max)
                .finish(),
            Self::Members { next_server } => Writer::new(kind::MEMBERS, LAYOUT).u64(next_server.0).finish(),
            Self::Counters { next_table, next_operation } => {
                Writer::new(kind::COUNTERS, LAYOUT).u64(next_table.0).u64(next_operation.0).finish()
            }
            Self::Server(server) => encode_server(server),
            Self::Log { log, floor } => {
                Writer::new(kind::LOG, LAYOUT).u64(log.server.0).u16(log.index).u64(floor.0).finish()
            }
            Self::Table(table) => Writer::new(kind::TABLE, LAYOUT).u64(table.id.0).text(&table.name).finish(),
            Self::Tablet(tablet) => {
                let mut w = Writer::new(kind::TABLET, LAYOUT);
                put_tablet(&mut w, tablet);
                w.finish()
            }
            Self::Operation(operation) => encode_operation(operation),
            Self::Partition(partition) => encode_partition(partition),
        }
    }
}

fn encode_server(server: &ServerRecord) -> Bytes {
    let entry = &server.entry;
    let status = match entry.status {
        ServerStatus::Up => 0,
        ServerStatus::Dead => 1,
    };
    Writer::new(kind::SERVER, LAYOUT)
        .u64(entry.id.0)
        .u64(server.incarnation)
        .u8(status)
        .text(&entry.name)
        .text(&entry.address)
        .text(&entry.domain)
        .finish()
}

/// A tablet without its version: that is the batch which wrote it.
fn put_tablet(w: &mut Writer, tablet: &Tablet) {
    let state = match tablet.state {
        TabletState::Normal => 0,
        TabletState::Recovering => 1,
    };
    w.u64(tablet.table.0).range(tablet.range).u64(tablet.owner.0).u64(tablet.created.0).u8(state);
}

fn encode_operation(operation: &Operation) -> Bytes {
    let mut w = Writer::new(kind::OPERATION, LAYOUT);
    w.u64(operation.id.0).u64(operation.begun.0);
    match &operation.outcome {
        None => w.u8(0),
        Some(Outcome::Done) => w.u8(1),
        Some(Outcome::Recovered { bytes, objects }) => w.u8(2).u64(*bytes).u64(*objects),
        Some(Outcome::Lost { tablets }) => w.u8(3).u32(*tablets),
    };
    match &operation.state {
        OperationState::CreateTable { table, tablets } => {
            w.u8(1).u64(table.id.0).text(&table.name).u32(*tablets);
        }
        OperationState::DropTable { table, owners } => {
            w.u8(2).u64(table.id.0).text(&table.name).count(owners.len());
            for (owner, range) in owners {
                w.u64(owner.0).range(*range);
            }
        }
        OperationState::Recover { server, phase } => {
            let phase = match phase {
                RecoverPhase::Discover => 1,
                RecoverPhase::Replay => 2,
                RecoverPhase::Release => 3,
            };
            w.u8(3).u64(server.0).u8(phase);
        }
    }
    w.finish()
}

fn encode_partition(partition: &PartitionRecord) -> Bytes {
    let mut w = Writer::new(kind::PARTITION, LAYOUT);
    w.u64(partition.crashed.server.0).u16(partition.crashed.index).u32(partition.index.0);
    w.u64(partition.operation.0)
        .u64(partition.bytes)
        .u64(partition.master.0)
        .u32(partition.attempt.0)
        .u64(partition.cause.0);
    match &partition.phase {
        PartitionPhase::Replay => w.u8(1),
        PartitionPhase::Committed(committed) => put_committed(w.u8(2), committed),
        PartitionPhase::Ended(committed) => put_committed(w.u8(3), committed),
        PartitionPhase::Cut => w.u8(4),
    };
    w.count(partition.obsolete.len());
    for old in &partition.obsolete {
        w.u64(old.master.0).u32(old.attempt.0).u64(old.cause.0);
    }
    w.count(partition.pieces.len());
    for piece in &partition.pieces {
        put_tablet(&mut w, piece);
        w.u64(piece.version.0);
    }
    w.finish()
}

fn put_committed<'a>(w: &'a mut Writer, committed: &Committed) -> &'a mut Writer {
    w.u64(committed.granted.0).u64(committed.created.0).u64(committed.bytes).u64(committed.objects)
}
