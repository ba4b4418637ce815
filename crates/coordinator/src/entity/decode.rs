//! Bytes to entities. Never panics, whatever the bytes.
//!
//! A number of a batch that is stored as zero means the batch that wrote the entity: it was not known then.

use super::codec::{Corrupt, Reader};
use super::encode::LAYOUT;
use super::{
    ClusterShape, Committed, Entity, Obsolete, Operation, OperationId, OperationState, Outcome,
    PartitionPhase, PartitionRecord, RecoverPhase, ServerRecord, kind,
};
use rekindle_types::{
    Attempt, LogId, Lsn, PartitionIndex, SegmentId, ServerEntry, ServerId, ServerStatus, TableId, TableInfo,
    Tablet, TabletState, TabletVersion,
};

impl Entity {
    /// Reads an entity that the batch `version` wrote.
    pub fn decode(version: Lsn, bytes: &[u8]) -> Result<Self, Corrupt> {
        let r = &mut Reader::new(bytes);
        let kind = r.u8()?;
        if r.u8()? != LAYOUT {
            return Err(r.corrupt("unknown layout"));
        }
        let entity = match kind {
            kind::CLUSTER => Self::Cluster {
                shape: ClusterShape { replicas: r.u32()?, servers_min: r.u32()?, is_formed: r.bool()? },
                lease_ms_max: r.u32()?,
            },
            kind::MEMBERS => Self::Members { next_server: ServerId(r.u64()?) },
            kind::COUNTERS => {
                Self::Counters { next_table: TableId(r.u64()?), next_operation: OperationId(r.u64()?) }
            }
            kind::SERVER => Self::Server(server(r)?),
            kind::LOG => Self::Log { log: log_id(r)?, floor: SegmentId(r.u64()?) },
            kind::TABLE => Self::Table(table(r)?),
            kind::TABLET => Self::Tablet(tablet(r, TabletVersion(version.0))?),
            kind::OPERATION => Self::Operation(operation(r, version)?),
            kind::PARTITION => Self::Partition(partition(r, version)?),
            _ => return Err(r.corrupt("unknown kind")),
        };
        r.end()?;
        Ok(entity)
    }
}

/// Bytes of a tablet without its version.
const TABLET_BYTES: usize = 8 + 16 + 8 + 8 + 1;

fn lsn(r: &mut Reader<'_>, version: Lsn) -> Result<Lsn, Corrupt> {
    Ok(match r.u64()? {
        0 => version,
        n => Lsn(n),
    })
}

fn log_id(r: &mut Reader<'_>) -> Result<LogId, Corrupt> {
    Ok(LogId { server: ServerId(r.u64()?), index: r.u16()? })
}

fn table(r: &mut Reader<'_>) -> Result<TableInfo, Corrupt> {
    let id = TableId(r.u64()?);
    Ok(TableInfo { id, name: r.text()? })
}

fn server(r: &mut Reader<'_>) -> Result<ServerRecord, Corrupt> {
    let id = ServerId(r.u64()?);
    let incarnation = r.u64()?;
    let status = match r.u8()? {
        0 => ServerStatus::Up,
        1 => ServerStatus::Dead,
        _ => return Err(r.corrupt("unknown status")),
    };
    let (name, address, domain) = (r.text()?, r.text()?, r.text()?);
    Ok(ServerRecord { entry: ServerEntry { id, name, address, domain, status }, incarnation })
}

fn tablet(r: &mut Reader<'_>, version: TabletVersion) -> Result<Tablet, Corrupt> {
    let table = TableId(r.u64()?);
    let range = r.range()?;
    let (owner, created) = (ServerId(r.u64()?), SegmentId(r.u64()?));
    let state = match r.u8()? {
        0 => TabletState::Normal,
        1 => TabletState::Recovering,
        _ => return Err(r.corrupt("unknown tablet state")),
    };
    Ok(Tablet { table, range, owner, version, state, created })
}

fn operation(r: &mut Reader<'_>, version: Lsn) -> Result<Operation, Corrupt> {
    let id = OperationId(r.u64()?);
    let begun = lsn(r, version)?;
    let outcome = match r.u8()? {
        0 => None,
        1 => Some(Outcome::Done),
        2 => Some(Outcome::Recovered { bytes: r.u64()?, objects: r.u64()? }),
        3 => Some(Outcome::Lost { tablets: r.u32()? }),
        _ => return Err(r.corrupt("unknown outcome")),
    };
    let state = match r.u8()? {
        1 => OperationState::CreateTable { table: table(r)?, tablets: r.u32()? },
        2 => OperationState::DropTable {
            table: table(r)?,
            owners: r.list(24, |r| Ok((ServerId(r.u64()?), r.range()?)))?,
        },
        3 => OperationState::Recover { server: ServerId(r.u64()?), phase: phase(r)? },
        _ => return Err(r.corrupt("unknown operation")),
    };
    Ok(Operation { id, begun, state, outcome })
}

fn phase(r: &mut Reader<'_>) -> Result<RecoverPhase, Corrupt> {
    match r.u8()? {
        1 => Ok(RecoverPhase::Discover),
        2 => Ok(RecoverPhase::Replay),
        3 => Ok(RecoverPhase::Release),
        _ => Err(r.corrupt("unknown phase")),
    }
}

fn partition(r: &mut Reader<'_>, version: Lsn) -> Result<PartitionRecord, Corrupt> {
    let crashed = log_id(r)?;
    let index = PartitionIndex(r.u32()?);
    let operation = OperationId(r.u64()?);
    let bytes = r.u64()?;
    let (master, attempt) = (ServerId(r.u64()?), Attempt(r.u32()?));
    let cause = lsn(r, version)?;
    let phase = match r.u8()? {
        1 => PartitionPhase::Replay,
        2 => PartitionPhase::Committed(committed(r, version)?),
        3 => PartitionPhase::Ended(committed(r, version)?),
        4 => PartitionPhase::Cut,
        _ => return Err(r.corrupt("unknown phase")),
    };
    let obsolete = r.list(20, |r| {
        Ok(Obsolete { master: ServerId(r.u64()?), attempt: Attempt(r.u32()?), cause: lsn(r, version)? })
    })?;
    let pieces = r.list(TABLET_BYTES + 8, |r| {
        let mut piece = tablet(r, TabletVersion(0))?;
        piece.version = TabletVersion(lsn(r, version)?.0);
        Ok(piece)
    })?;
    Ok(PartitionRecord { crashed, index, operation, pieces, bytes, master, attempt, cause, phase, obsolete })
}

fn committed(r: &mut Reader<'_>, version: Lsn) -> Result<Committed, Corrupt> {
    Ok(Committed {
        granted: lsn(r, version)?,
        created: SegmentId(r.u64()?),
        bytes: r.u64()?,
        objects: r.u64()?,
    })
}
