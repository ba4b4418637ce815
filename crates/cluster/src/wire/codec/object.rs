//! Object calls.

use super::{Reader, WireError, put};
use crate::wire::{FrameKind, FrameWriter, LaneKind};
use bytes::{BufMut, Bytes};
use rekindle_client::{
    Condition, ObjectCall, ObjectError, ObjectOp, ObjectReply, ObjectRequest, ObjectResult,
};
use rekindle_types::{KeyHash, TableId, TabletVersion, Version};

/// Bytes of the smallest call: table, tablet version, operation, empty key.
const CALL_BYTES_MIN: usize = 8 + 8 + 1 + 2;
/// Bytes of the smallest scanned object: version, empty key, empty value.
const SCANNED_BYTES_MIN: usize = 8 + 2 + 4;
/// Values end at the frame's end at the latest.
const VALUE_BYTES_MAX: usize = LaneKind::Object.frame_bytes_max();

/// A request; its time goes into the frame's header.
#[must_use]
pub fn encode_object_request(request: &ObjectRequest) -> FrameWriter {
    let mut frame = FrameWriter::new(FrameKind::OBJECT);
    // One allocation: growing step by step copies a large batch twice.
    frame.buffer().reserve(4 + request.calls.iter().map(|call| copied_bytes(&call.op)).sum::<usize>());
    put::count(frame.buffer(), request.calls.len());
    for call in &request.calls {
        let out = frame.buffer();
        out.put_u64_le(call.table.0);
        out.put_u64_le(call.tablet.0);
        encode_op(&mut frame, &call.op);
    }
    frame
}

/// Bytes of a call that are copied into the frame, at most.
fn copied_bytes(op: &ObjectOp) -> usize {
    let payload = |bytes: &Bytes| if bytes.len() < FrameWriter::SHARED_BYTES_MIN { bytes.len() } else { 0 };
    CALL_BYTES_MIN
        + match op {
            ObjectOp::Get { key } => payload(key),
            ObjectOp::Put { key, value, .. } => 1 + 8 + 4 + payload(key) + payload(value),
            ObjectOp::Delete { key, .. } => 1 + 8 + payload(key),
            ObjectOp::Scan { .. } => 8 + 8 + 4,
        }
}

fn encode_op(frame: &mut FrameWriter, op: &ObjectOp) {
    match op {
        ObjectOp::Get { key } => {
            frame.buffer().put_u8(0);
            put::short_bytes(frame, key);
        }
        ObjectOp::Put { key, value, condition } => {
            frame.buffer().put_u8(1);
            put::short_bytes(frame, key);
            encode_condition(frame, *condition);
            put::long_bytes(frame, value);
        }
        ObjectOp::Delete { key, condition } => {
            frame.buffer().put_u8(2);
            put::short_bytes(frame, key);
            encode_condition(frame, *condition);
        }
        ObjectOp::Scan { from, to, bytes_max } => {
            let out = frame.buffer();
            out.put_u8(3);
            out.put_u64_le(from.0);
            out.put_u64_le(to.0);
            out.put_u32_le(*bytes_max);
        }
    }
}

fn encode_condition(frame: &mut FrameWriter, condition: Condition) {
    let out = frame.buffer();
    match condition {
        Condition::Always => out.put_u8(0),
        Condition::IfPresent => out.put_u8(1),
        Condition::IfAbsent => out.put_u8(2),
        Condition::IfVersion(version) => {
            out.put_u8(3);
            out.put_u64_le(version.0);
        }
    }
}

/// Reads a request back; keys and values are views of `body`.
pub fn decode_object_request(body: &Bytes, time_left_ms: u32) -> Result<ObjectRequest, WireError> {
    let mut r = Reader::new(body);
    let calls = r.list("calls", ObjectRequest::CALLS_MAX, CALL_BYTES_MIN, |r| {
        Ok(ObjectCall { table: TableId(r.u64()?), tablet: TabletVersion(r.u64()?), op: decode_op(r)? })
    })?;
    r.end()?;
    Ok(ObjectRequest { calls, time_left_ms })
}

fn decode_op(r: &mut Reader<'_>) -> Result<ObjectOp, WireError> {
    match r.u8()? {
        0 => Ok(ObjectOp::Get { key: r.short_bytes()? }),
        1 => {
            let (key, condition) = (r.short_bytes()?, decode_condition(r)?);
            Ok(ObjectOp::Put { key, condition, value: r.long_bytes("value", VALUE_BYTES_MAX)? })
        }
        2 => Ok(ObjectOp::Delete { key: r.short_bytes()?, condition: decode_condition(r)? }),
        3 => Ok(ObjectOp::Scan { from: KeyHash(r.u64()?), to: KeyHash(r.u64()?), bytes_max: r.u32()? }),
        _ => Err(WireError::Invalid { what: "operation" }),
    }
}

fn decode_condition(r: &mut Reader<'_>) -> Result<Condition, WireError> {
    match r.u8()? {
        0 => Ok(Condition::Always),
        1 => Ok(Condition::IfPresent),
        2 => Ok(Condition::IfAbsent),
        3 => Ok(Condition::IfVersion(Version(r.u64()?))),
        _ => Err(WireError::Invalid { what: "condition" }),
    }
}

/// The reply.
#[must_use]
pub fn encode_object_reply(reply: &ObjectReply) -> FrameWriter {
    let mut frame = FrameWriter::new(FrameKind::OBJECT.reply());
    let copied = |result: &Result<ObjectResult, ObjectError>| match result {
        Ok(ObjectResult::Found { value, .. }) if value.len() < FrameWriter::SHARED_BYTES_MIN => {
            13 + value.len()
        }
        _ => 13,
    };
    frame.buffer().reserve(4 + reply.results.iter().map(copied).sum::<usize>());
    put::count(frame.buffer(), reply.results.len());
    for result in &reply.results {
        match result {
            Ok(result) => encode_result(&mut frame, result),
            Err(error) => encode_error(&mut frame, error),
        }
    }
    frame
}

fn encode_result(frame: &mut FrameWriter, result: &ObjectResult) {
    let out = frame.buffer();
    match result {
        ObjectResult::Found { value, version } => {
            out.put_u8(0);
            out.put_u64_le(version.0);
            put::long_bytes(frame, value);
        }
        ObjectResult::Absent => out.put_u8(1),
        ObjectResult::Written(version) => {
            out.put_u8(2);
            out.put_u64_le(version.0);
        }
        ObjectResult::Deleted(version) => {
            out.put_u8(3);
            out.put_u64_le(version.0);
        }
        ObjectResult::ConditionFailed(present) => {
            out.put_u8(4);
            put::optional_u64(out, present.map(|v| v.0));
        }
        ObjectResult::Scanned { objects, next } => {
            out.put_u8(5);
            put::optional_u64(out, next.map(|h| h.0));
            put::count(out, objects.len());
            for (key, value, version) in objects {
                frame.buffer().put_u64_le(version.0);
                put::short_bytes(frame, key);
                put::long_bytes(frame, value);
            }
        }
    }
}

fn encode_error(frame: &mut FrameWriter, error: &ObjectError) {
    let out = frame.buffer();
    match error {
        ObjectError::WrongMaster => out.put_u8(0x80),
        ObjectError::Retry { after_ms } => {
            out.put_u8(0x81);
            out.put_u32_le(*after_ms);
        }
        ObjectError::Busy { reason, is_unknown } => {
            out.put_u8(0x82);
            out.put_u8((*is_unknown).into());
            put::text(out, reason);
        }
        ObjectError::Full => out.put_u8(0x83),
        ObjectError::TooFewBackups { have, need } => {
            out.put_u8(0x85);
            put::count(out, *have);
            put::count(out, *need);
        }
        ObjectError::Invalid(why) => {
            out.put_u8(0x84);
            put::text(out, why);
        }
        // A kind without a number here: its text has to do. Refusals are never unknown but for `Busy`.
        other => {
            out.put_u8(0x84);
            put::text(out, &other.to_string());
        }
    }
}

/// Reads a reply back; keys and values are views of `body`.
pub fn decode_object_reply(body: &Bytes) -> Result<ObjectReply, WireError> {
    let mut r = Reader::new(body);
    let results = r.list("results", ObjectRequest::CALLS_MAX, 1, decode_result)?;
    r.end()?;
    Ok(ObjectReply { results })
}

fn decode_result(r: &mut Reader<'_>) -> Result<Result<ObjectResult, ObjectError>, WireError> {
    Ok(match r.u8()? {
        0 => {
            let version = Version(r.u64()?);
            Ok(ObjectResult::Found { version, value: r.long_bytes("value", VALUE_BYTES_MAX)? })
        }
        1 => Ok(ObjectResult::Absent),
        2 => Ok(ObjectResult::Written(Version(r.u64()?))),
        3 => Ok(ObjectResult::Deleted(Version(r.u64()?))),
        4 => Ok(ObjectResult::ConditionFailed(r.optional_u64()?.map(Version))),
        5 => {
            let next = r.optional_u64()?.map(KeyHash);
            let objects = r.list("objects", VALUE_BYTES_MAX, SCANNED_BYTES_MIN, |r| {
                let version = Version(r.u64()?);
                Ok((r.short_bytes()?, r.long_bytes("value", VALUE_BYTES_MAX)?, version))
            })?;
            Ok(ObjectResult::Scanned { objects, next })
        }
        0x80 => Err(ObjectError::WrongMaster),
        0x81 => Err(ObjectError::Retry { after_ms: r.u32()? }),
        0x82 => {
            let is_unknown = r.flag()?;
            Err(ObjectError::Busy { is_unknown, reason: r.text()? })
        }
        0x83 => Err(ObjectError::Full),
        0x84 => Err(ObjectError::Invalid(r.text()?)),
        0x85 => Err(ObjectError::TooFewBackups { have: r.u32()? as usize, need: r.u32()? as usize }),
        _ => return Err(WireError::Invalid { what: "result" }),
    })
}
