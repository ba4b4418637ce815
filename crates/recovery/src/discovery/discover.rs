//! The decision what the log is.

use super::{Contradiction, FoundReplica, Incomplete, LogMap, SegmentMap};
use rekindle_backup::{ReplicaInfo, ReplicaState};
use rekindle_types::{LogId, SegmentId, ServerId};
use std::collections::BTreeMap;

/// Finds the head of a dead master's log in what the backups list, and proves the log complete (H6).
///
/// The head is the lowest open segment with a valid digest at or above the floor. Open replicas past it hold
/// nothing acknowledged and are ignored; so are heads below the floor: a replica that was lost and came back
/// can't pass for the head, since the floor was raised past it before anything later was acknowledged (H3).
/// Once a head is closed on every backup that still holds it, the next one is open on all of them (H2), so the
/// lowest open one is the next.
pub fn discover(
    log: LogId,
    inventories: &[(ServerId, Vec<ReplicaInfo>)],
    floor: SegmentId,
) -> Result<LogMap, Incomplete> {
    let listed = || {
        let all = inventories.iter().flat_map(|(server, infos)| infos.iter().map(move |i| (*server, i)));
        all.filter(|(_, info)| info.replica.log == log)
    };
    let (head, digest) = find_head(log, listed().map(|(_, info)| info), floor)?;

    let mut segments: BTreeMap<SegmentId, SegmentMap> =
        digest.iter().map(|id| (*id, SegmentMap { segment: *id, replicas: Vec::new() })).collect();
    for (server, info) in listed().filter(|(_, info)| FoundReplica::is_usable(info, head)) {
        if let Some(segment) = segments.get_mut(&info.replica.segment) {
            segment.add(FoundReplica::new(server, info), info.replica.segment == head);
        }
    }
    let usable = listed().map(|(_, info)| info).filter(|info| FoundReplica::is_usable(info, head));
    check_certificates(log, usable.filter(|info| segments.contains_key(&info.replica.segment)))?;

    let missing: Vec<_> = segments.values().filter(|s| s.replicas.is_empty()).map(|s| s.segment).collect();
    if !missing.is_empty() {
        return Err(Incomplete::Missing { log, head, segments: missing });
    }
    Ok(LogMap { log, head, segments: segments.into_values().collect() })
}

/// H6: the head and its digest.
fn find_head<'a>(
    log: LogId,
    listed: impl Iterator<Item = &'a ReplicaInfo> + Clone,
    floor: SegmentId,
) -> Result<(SegmentId, Vec<SegmentId>), Incomplete> {
    let stop = |what| Err(Incomplete::Contradiction { log, what });
    let heads = listed.filter(|info| info.digest.is_some());
    let closed =
        || heads.clone().filter(|i| i.state == ReplicaState::Closed).map(|i| i.replica.segment).max();
    let open = heads.clone().filter(|i| i.state == ReplicaState::Open && i.replica.segment >= floor);
    let Some(head) = open.map(|i| i.replica.segment).min() else {
        return Err(Incomplete::NoHead { log, floor, closed: closed() });
    };
    if let Some(closed) = closed().filter(|closed| *closed > head) {
        return stop(Contradiction::ClosedAboveHead { head, closed });
    }
    let mut digests = heads.filter(|i| i.replica.segment == head).filter_map(|i| i.digest.as_ref());
    let digest = digests.next().cloned().unwrap_or_default();
    if digests.any(|other| *other != digest) {
        return stop(Contradiction::Digests(head));
    }
    if !digest.contains(&head) {
        return stop(Contradiction::DigestWithoutSelf(head));
    }
    Ok((head, digest))
}

/// Two replicas that claim the same bytes must vouch for them alike.
fn check_certificates<'a>(
    log: LogId,
    usable: impl Iterator<Item = &'a ReplicaInfo>,
) -> Result<(), Incomplete> {
    let mut checksums = BTreeMap::new();
    for info in usable {
        let (segment, certificate) = (info.replica.segment, info.certificate);
        let first = *checksums.entry((segment, certificate.length)).or_insert(certificate.checksum);
        if first != certificate.checksum {
            return Err(Incomplete::Contradiction { log, what: Contradiction::Certificates(segment) });
        }
    }
    Ok(())
}
