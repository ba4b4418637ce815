//! A backup's refusals.

use super::{Reader, WireError, put};
use bytes::{BufMut, BytesMut};
use rekindle_backup::{BackupError, Misfit};
use rekindle_types::{CreationNumber, ListVersion, RemoteError, SessionNumber};

/// Writes an error.
pub fn encode_backup_error(out: &mut BytesMut, error: &BackupError) {
    match error {
        BackupError::NoRoom { frames } => {
            out.put_u8(0);
            out.put_u64_le(*frames);
        }
        BackupError::Fenced { log, since } => {
            out.put_u8(1);
            put::log(out, *log);
            out.put_u64_le(since.0);
        }
        BackupError::NotReady(why) => tagged_text(out, 2, why),
        BackupError::Removed => out.put_u8(3),
        BackupError::StaleCreation { replica, newest } => {
            out.put_u8(4);
            put::replica(out, *replica);
            out.put_u64_le(newest.0);
        }
        BackupError::StaleSession { session, newest } => {
            out.put_u8(5);
            out.put_u64_le(session.0);
            out.put_u64_le(newest.0);
        }
        BackupError::NotOpen(replica) => {
            out.put_u8(6);
            put::replica(out, *replica);
        }
        BackupError::Closed(replica) => {
            out.put_u8(7);
            put::replica(out, *replica);
        }
        BackupError::Overflow { replica, why, offset, length, present } => {
            out.put_u8(8);
            put::replica(out, *replica);
            out.put_u32_le(*offset);
            out.put_u32_le(*length);
            out.put_u32_le(*present);
            out.put_u8(why.number());
        }
        BackupError::Damaged { replica, at, why } => {
            out.put_u8(9);
            put::replica(out, *replica);
            out.put_u32_le(*at);
            put::text(out, why);
        }
        BackupError::Poisoned(why) => tagged_text(out, 10, why),
        BackupError::Remote(RemoteError::NotDone(why)) => tagged_text(out, 11, why),
        BackupError::Remote(RemoteError::Unknown(why)) => tagged_text(out, 12, why),
        // A kind without a number here: every refusal but `Remote(Unknown)` means "surely not done".
        other => tagged_text(out, 11, &other.to_string()),
    }
}

fn tagged_text(out: &mut BytesMut, tag: u8, text: &str) {
    out.put_u8(tag);
    put::text(out, text);
}

/// Reads an error back.
pub fn decode_backup_error(r: &mut Reader<'_>) -> Result<BackupError, WireError> {
    Ok(match r.u8()? {
        0 => BackupError::NoRoom { frames: r.u64()? },
        1 => BackupError::Fenced { log: r.log()?, since: ListVersion(r.u64()?) },
        2 => BackupError::NotReady(r.text()?),
        3 => BackupError::Removed,
        4 => BackupError::StaleCreation { replica: r.replica()?, newest: CreationNumber(r.u64()?) },
        5 => BackupError::StaleSession { session: SessionNumber(r.u64()?), newest: SessionNumber(r.u64()?) },
        6 => BackupError::NotOpen(r.replica()?),
        7 => BackupError::Closed(r.replica()?),
        8 => {
            let replica = r.replica()?;
            let (offset, length, present) = (r.u32()?, r.u32()?, r.u32()?);
            let why = Misfit::of_number(r.u8()?).ok_or(WireError::Invalid { what: "misfit" })?;
            BackupError::Overflow { replica, why, offset, length, present }
        }
        9 => BackupError::Damaged { replica: r.replica()?, at: r.u32()?, why: r.text()? },
        10 => BackupError::Poisoned(r.text()?),
        11 => BackupError::Remote(RemoteError::NotDone(r.text()?)),
        12 => BackupError::Remote(RemoteError::Unknown(r.text()?)),
        _ => return Err(WireError::Invalid { what: "backup error" }),
    })
}
