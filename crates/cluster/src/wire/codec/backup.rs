//! Calls of a backup store, and their replies.

use super::{
    DIGEST_SEGMENTS_MAX, PARTITIONS_MAX, REPLICAS_MAX, Reader, WireError, decode_backup_error,
    encode_backup_error, put,
};
use crate::wire::{FrameKind, FrameWriter, LaneKind};
use bytes::{BufMut, Bytes};
use rekindle_backup::{
    BackupError, BackupStats, Fill, LoadRequest, Loaded, PrimaryReplica, ReadPlan, ReplicaFree, ReplicaInfo,
    ReplicaState, ReplicaWrite,
};
use rekindle_types::{ListVersion, LogId, PartitionIndex, ReplicaId, SegmentId, SessionNumber};

const CLOSE: u8 = 1;
const PRIMARY: u8 = 2;
const REPLICA_BYTES: usize = 26;
const CERTIFICATE_BYTES: usize = 8;

/// A write.
#[must_use]
pub fn encode_write(write: &ReplicaWrite) -> FrameWriter {
    let mut frame = FrameWriter::new(FrameKind::REPLICA_WRITE);
    let out = frame.buffer();
    put::replica(out, write.replica);
    out.put_u64_le(write.session.0);
    out.put_u8(match write.open {
        None => 0,
        Some(Fill::Growing) => 1,
        Some(Fill::Atomic) => 2,
        Some(Fill::Side) => 3,
    });
    out.put_u32_le(write.capacity);
    out.put_u32_le(write.offset);
    out.put_u8(write.certificate.is_some().into());
    if let Some(certificate) = write.certificate {
        put::certificate(out, certificate);
    }
    out.put_u8(if write.close { CLOSE } else { 0 } | if write.primary { PRIMARY } else { 0 });
    put::long_bytes(&mut frame, &write.bytes);
    frame
}

/// Reads a write back; its bytes are a view of `body`.
pub fn decode_write(body: &Bytes) -> Result<ReplicaWrite, WireError> {
    let mut r = Reader::new(body);
    let (replica, session) = (r.replica()?, SessionNumber(r.u64()?));
    let open = match r.u8()? {
        0 => None,
        1 => Some(Fill::Growing),
        2 => Some(Fill::Atomic),
        3 => Some(Fill::Side),
        _ => return Err(WireError::Invalid { what: "fill" }),
    };
    let (capacity, offset) = (r.u32()?, r.u32()?);
    let certificate = r.flag()?.then(|| r.certificate()).transpose()?;
    let flags = r.u8()?;
    if flags & !(CLOSE | PRIMARY) != 0 {
        return Err(WireError::Invalid { what: "flags" });
    }
    let bytes = r.long_bytes("replica write", ReplicaWrite::BYTES_MAX)?;
    r.end()?;
    let (close, primary) = (flags & CLOSE != 0, flags & PRIMARY != 0);
    Ok(ReplicaWrite { replica, session, open, capacity, offset, bytes, certificate, close, primary })
}

/// A free.
#[must_use]
pub fn encode_free(free: &ReplicaFree) -> FrameWriter {
    let mut frame = FrameWriter::new(FrameKind::REPLICA_FREE);
    put::replica(frame.buffer(), free.replica);
    frame.buffer().put_u64_le(free.session.0);
    frame
}

/// Reads a free back.
pub fn decode_free(body: &Bytes) -> Result<ReplicaFree, WireError> {
    let mut r = Reader::new(body);
    let free = ReplicaFree { replica: r.replica()?, session: SessionNumber(r.u64()?) };
    r.end()?;
    Ok(free)
}

/// A call for an inventory.
#[must_use]
pub fn encode_inventory_call(log: LogId, at: ListVersion) -> FrameWriter {
    let mut frame = FrameWriter::new(FrameKind::INVENTORY);
    put::log(frame.buffer(), log);
    frame.buffer().put_u64_le(at.0);
    frame
}

/// Reads a call for an inventory back.
pub fn decode_inventory_call(body: &Bytes) -> Result<(LogId, ListVersion), WireError> {
    let mut r = Reader::new(body);
    let call = (r.log()?, ListVersion(r.u64()?));
    r.end()?;
    Ok(call)
}

/// A read plan for a log.
#[must_use]
pub fn encode_start_recovery(log: LogId, plan: &ReadPlan) -> FrameWriter {
    let mut frame = FrameWriter::new(FrameKind::START_RECOVERY);
    let out = frame.buffer();
    put::log(out, log);
    put::count(out, plan.replicas.len());
    for primary in &plan.replicas {
        put::replica(out, primary.replica);
        put::certificate(out, primary.certificate);
    }
    put::count(out, plan.partitions.len());
    plan.partitions.iter().for_each(|partition| put::partition(out, partition));
    frame
}

/// Reads a read plan back.
pub fn decode_start_recovery(body: &Bytes) -> Result<(LogId, ReadPlan), WireError> {
    let mut r = Reader::new(body);
    let log = r.log()?;
    let replicas = r.list("replicas", REPLICAS_MAX, REPLICA_BYTES + CERTIFICATE_BYTES, |r| {
        Ok(PrimaryReplica { replica: r.replica()?, certificate: r.certificate()? })
    })?;
    let partitions = r.list("partitions", PARTITIONS_MAX, 4, Reader::partition)?;
    r.end()?;
    Ok((log, ReadPlan { replicas, partitions }))
}

/// A load.
#[must_use]
pub fn encode_load(replica: ReplicaId, want: &LoadRequest) -> FrameWriter {
    let mut frame = FrameWriter::new(FrameKind::LOAD);
    let out = frame.buffer();
    put::replica(out, replica);
    match want {
        LoadRequest::Whole => out.put_u8(0),
        LoadRequest::Filtered { index, partition } => {
            out.put_u8(1);
            out.put_u32_le(index.0);
            put::partition(out, partition);
        }
    }
    frame
}

/// Reads a load back.
pub fn decode_load(body: &Bytes) -> Result<(ReplicaId, LoadRequest), WireError> {
    let mut r = Reader::new(body);
    let replica = r.replica()?;
    let want = match r.flag()? {
        false => LoadRequest::Whole,
        true => LoadRequest::Filtered { index: PartitionIndex(r.u32()?), partition: r.partition()? },
    };
    r.end()?;
    Ok((replica, want))
}

/// Writes "it went well, and this follows", or the error.
fn outcome<T>(
    kind: FrameKind,
    outcome: &Result<T, BackupError>,
    value: impl FnOnce(&mut FrameWriter, &T),
) -> FrameWriter {
    let mut frame = FrameWriter::new(kind.reply());
    frame.buffer().put_u8(outcome.is_err().into());
    match outcome {
        Ok(ok) => value(&mut frame, ok),
        Err(error) => encode_backup_error(frame.buffer(), error),
    }
    frame
}

fn read_outcome<T>(
    body: &Bytes,
    value: impl FnOnce(&mut Reader<'_>) -> Result<T, WireError>,
) -> Result<Result<T, BackupError>, WireError> {
    let mut r = Reader::new(body);
    let outcome = match r.flag()? {
        false => Ok(value(&mut r)?),
        true => Err(decode_backup_error(&mut r)?),
    };
    r.end()?;
    Ok(outcome)
}

/// The reply to a write, a free or a start of recovery, which are named by `kind`.
#[must_use]
pub fn encode_outcome(kind: FrameKind, result: &Result<(), BackupError>) -> FrameWriter {
    outcome(kind, result, |_, ()| {})
}

/// Reads such a reply back.
pub fn decode_outcome(body: &Bytes) -> Result<Result<(), BackupError>, WireError> {
    read_outcome(body, |_| Ok(()))
}

/// The reply to a call for an inventory.
#[must_use]
pub fn encode_inventory(result: &Result<Vec<ReplicaInfo>, BackupError>) -> FrameWriter {
    outcome(FrameKind::INVENTORY, result, |frame, replicas| {
        let out = frame.buffer();
        put::count(out, replicas.len());
        for info in replicas {
            put::replica(out, info.replica);
            out.put_u8((info.state == ReplicaState::Closed).into());
            put::certificate(out, info.certificate);
            out.put_u8(info.primary.into());
            out.put_u8(info.digest.is_some().into());
            if let Some(digest) = &info.digest {
                put::count(out, digest.len());
                digest.iter().for_each(|segment| out.put_u64_le(segment.0));
            }
        }
    })
}

/// Reads an inventory back.
pub fn decode_inventory(body: &Bytes) -> Result<Result<Vec<ReplicaInfo>, BackupError>, WireError> {
    let info = |r: &mut Reader<'_>| {
        Ok(ReplicaInfo {
            replica: r.replica()?,
            state: if r.flag()? { ReplicaState::Closed } else { ReplicaState::Open },
            certificate: r.certificate()?,
            primary: r.flag()?,
            digest: match r.flag()? {
                false => None,
                true => Some(r.list("digest", DIGEST_SEGMENTS_MAX, 8, |r| Ok(SegmentId(r.u64()?)))?),
            },
        })
    };
    read_outcome(body, |r| r.list("inventory", REPLICAS_MAX, REPLICA_BYTES + CERTIFICATE_BYTES + 3, info))
}

/// The reply to a load.
#[must_use]
pub fn encode_loaded(result: &Result<Loaded, BackupError>) -> FrameWriter {
    outcome(FrameKind::LOAD, result, |frame, loaded| {
        put::certificate(frame.buffer(), loaded.certificate);
        put::long_bytes(frame, &loaded.bytes);
    })
}

/// Reads the reply to a load back; its bytes are a view of `body`.
pub fn decode_loaded(body: &Bytes) -> Result<Result<Loaded, BackupError>, WireError> {
    read_outcome(body, |r| {
        let certificate = r.certificate()?;
        Ok(Loaded { certificate, bytes: r.long_bytes("load", LaneKind::Recovery.frame_bytes_max())? })
    })
}

/// The reply to a call for statistics.
#[must_use]
pub fn encode_stats(stats: &BackupStats) -> FrameWriter {
    let mut frame = FrameWriter::new(FrameKind::STATS.reply());
    let out = frame.buffer();
    for number in [stats.frames, stats.frames_used, stats.open, stats.bytes, stats.read_rate] {
        out.put_u64_le(number);
    }
    out.put_u8(stats.is_poisoned.into());
    frame
}

/// Reads statistics back.
pub fn decode_stats(body: &Bytes) -> Result<BackupStats, WireError> {
    let mut r = Reader::new(body);
    let stats = BackupStats {
        frames: r.u64()?,
        frames_used: r.u64()?,
        open: r.u64()?,
        bytes: r.u64()?,
        read_rate: r.u64()?,
        is_poisoned: r.flag()?,
    };
    r.end()?;
    Ok(stats)
}
