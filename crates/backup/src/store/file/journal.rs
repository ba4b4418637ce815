//! Reading an open replica's journal file back (J2).

use super::format::{RecordHeader, RecordKind};
use crate::store::{Fill, ReplicaWrite, replica::Replica};
use bytes::Bytes;
use rekindle_log::segment::Corrupt;
use rekindle_types::{ReplicaId, Rule, Rules, SessionNumber};

/// What is in a journal file.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) records: Vec<(RecordHeader, Bytes)>,
    /// Where the first record is that is none, and why.
    pub(super) bad: Option<(usize, String)>,
    /// That record was synced: it is no torn tail, something damaged it.
    pub(super) is_damaged: bool,
    pub(super) rules: Rules,
}

/// Reads records up to the first bad one.
///
/// J2: a bad record at or below the synced mark of any later record is damage; above it is a torn tail, which was
/// never acknowledged. Only records with the directory's secret are records: the bytes of a torn one are a client's,
/// who may have written a record into a value.
pub(super) fn scan(id: ReplicaId, secret: u64, file: &Bytes, rules: Rules) -> Scan {
    let mut scan = Scan { records: Vec::new(), bad: None, is_damaged: false, rules };
    let mut at = 0;
    while at < file.len() {
        match record(id, secret, scan.records.last().map(|(header, _)| header), &file[at..]) {
            Ok(header) => {
                let start = at + RecordHeader::LEN;
                at = start + header.length as usize;
                scan.records.push((header, file.slice(start..at)));
            }
            Err(why) => {
                scan.bad = Some((at, why.to_string()));
                break;
            }
        }
    }
    let last = scan.records.last().map_or(0, |(header, _)| header.sequence);
    if scan.bad.is_some() && rules.on(Rule::J2) {
        scan.is_damaged = later_mark(id, secret, &file[at + 1..]).is_some_and(|synced| synced > last);
    }
    scan
}

/// How many records a file has, and whether it is damaged, for fuzzing.
#[cfg(feature = "testing")]
#[must_use]
pub fn scan_records(id: ReplicaId, secret: u64, file: &Bytes) -> (usize, bool) {
    let scan = scan(id, secret, file, Rules::default());
    let _ = replay(id, &scan);
    (scan.records.len(), scan.is_damaged)
}

/// The record at the start of these bytes, if it is the one that follows `last`.
fn record(
    id: ReplicaId,
    secret: u64,
    last: Option<&RecordHeader>,
    bytes: &[u8],
) -> Result<RecordHeader, Corrupt> {
    let header = RecordHeader::decode(bytes)?;
    header.body(&bytes[RecordHeader::LEN..])?;
    if header.secret != secret {
        return Err(Corrupt::Value { what: "secret of another directory's record", got: header.secret });
    }
    let expected = last.map_or(1, |last| last.sequence + 1);
    if header.replica != id {
        return Err(Corrupt::Value {
            what: "segment of another replica's record",
            got: header.replica.segment.0,
        });
    }
    if header.sequence != expected || header.synced >= expected {
        return Err(Corrupt::Value { what: "sequence", got: header.sequence });
    }
    if last.is_some_and(|last| last.generation != header.generation) {
        return Err(Corrupt::Value { what: "generation", got: header.generation });
    }
    Ok(header)
}

/// The highest synced mark of the records behind a bad one; where they begin is not known.
fn later_mark(id: ReplicaId, secret: u64, bytes: &[u8]) -> Option<u64> {
    let starts = bytes.windows(4).enumerate().filter(|(_, four)| *four == RecordHeader::MAGIC);
    let headers = starts.filter_map(|(at, _)| RecordHeader::decode(&bytes[at..]).ok());
    headers
        .filter(|header| header.secret == secret)
        .filter(|header| header.replica == id && header.synced < header.sequence)
        .map(|header| header.synced)
        .max()
}

/// Carries the records out again, as they were when they were taken. `None`: nothing was ever opened.
pub(super) fn replay(id: ReplicaId, scan: &Scan) -> Result<Option<Replica>, String> {
    let mut replica = None;
    for (header, body) in &scan.records {
        let RecordKind::Write { open, close, primary } = header.kind else { continue };
        let write = ReplicaWrite {
            replica: id,
            session: SessionNumber(0),
            open: open.then_some(Fill::Growing),
            capacity: header.capacity,
            offset: header.offset,
            bytes: body.clone(),
            certificate: header.certificate,
            close,
            primary,
        };
        if open && replica.is_none() {
            replica = Some(Replica::new(&write, Fill::Growing, scan.rules));
        }
        let here =
            replica.as_mut().ok_or_else(|| format!("record {} comes before the open", header.sequence))?;
        here.apply(&write).map_err(|error| format!("record {}: {error}", header.sequence))?;
    }
    Ok(replica)
}
