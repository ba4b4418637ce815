//! The cluster's directory: found or made, and how its cluster is set up.

use crate::{Failure, args::Shape, size::Size};
use rekindle::cluster::local::{
    ClusterDir, ClusterRecord, ClusterSettings, DirectoryError, Durability, NodeTimes, new_id,
};
use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

const SERVERS: u32 = 5;
const MEMORY: u64 = 512 << 20;
const SEGMENT_BYTES_MAX: u64 = 8 << 20;
/// A log of fewer segments has more heads, side logs and reserves than room for data.
const SEGMENTS: u64 = 64;
/// The smallest log.
const MEMORY_MIN: u64 = SEGMENTS * (64 << 10);

/// Opens the directory, or makes it; takes over what was asked for.
pub fn open_or_create(path: &Path, shape: &Shape) -> Result<ClusterDir, Failure> {
    let mut dir = match ClusterDir::open(path) {
        Ok(dir) => dir,
        // Made anew when it is empty; `create` refuses it when it holds something else.
        Err(DirectoryError::Missing(_) | DirectoryError::NotACluster(_)) => {
            let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
            let settings = fresh(shape)?;
            return Ok(ClusterDir::create(path, ClusterRecord::new(new_id(), created, settings))?);
        }
        Err(error) => return Err(error.into()),
    };
    let settings = changed(&dir.record().settings, shape)?;
    dir.change(|record| record.settings = settings)?;
    Ok(dir)
}

/// A new cluster.
fn fresh(shape: &Shape) -> Result<ClusterSettings, String> {
    let servers = shape.servers.unwrap_or(SERVERS);
    // One server more than R + 1, so that a death is recovered by those that are left (L1).
    let suitable = if servers <= 2 { servers - 1 } else { 3.min(servers - 2) };
    let replicas = match (shape.replicas, shape.servers) {
        (Some(replicas), None) => replicas,
        (replicas, _) => replicas.unwrap_or(suitable),
    };
    let servers = shape.servers.unwrap_or(servers.max(replicas + 2));
    let memory = memory(shape.memory)?.unwrap_or(MEMORY);
    let segment_bytes = segment_bytes(memory);
    let settings = ClusterSettings {
        servers,
        replicas,
        durability: shape.durability.map(Durability::from).unwrap_or_default(),
        segment_bytes: u32::try_from(segment_bytes).expect("at most 8 MiB"),
        memory_bytes: memory / segment_bytes * segment_bytes,
        // Of a full server eight partitions, so that a recovery is shared by many.
        partition_bytes: (memory / 8).max(1 << 20),
        times: NodeTimes::of_one_machine(),
    };
    check(&settings)
}

/// A cluster that was there before.
fn changed(before: &ClusterSettings, shape: &Shape) -> Result<ClusterSettings, String> {
    if let Some(replicas) = shape.replicas
        && replicas != before.replicas
    {
        return Err(format!(
            "this cluster was made with R = {}, for good: leave --replicas {replicas} out, or give a new directory",
            before.replicas
        ));
    }
    if let Some(servers) = shape.servers
        && servers < before.servers
    {
        return Err(format!(
            "this cluster has {} servers, and all of them hold data: give --servers {} or more, or leave it out",
            before.servers, before.servers
        ));
    }
    let segment_bytes = u64::from(before.segment_bytes);
    let memory = memory(shape.memory)?.map(|memory| memory / segment_bytes * segment_bytes);
    check(&ClusterSettings {
        servers: shape.servers.unwrap_or(before.servers),
        memory_bytes: memory.unwrap_or(before.memory_bytes),
        durability: shape.durability.map_or(before.durability, Durability::from),
        ..before.clone()
    })
}

fn check(settings: &ClusterSettings) -> Result<ClusterSettings, String> {
    let ClusterSettings { servers, replicas, .. } = *settings;
    if servers <= replicas {
        return Err(format!(
            "{servers} servers are too few for R = {replicas}: each segment is kept on {replicas} servers besides its \
             own; give --servers {} or more ({} to recover from a death), or fewer --replicas",
            replicas + 1,
            replicas + 2
        ));
    }
    Ok(settings.clone())
}

fn memory(asked: Option<Size>) -> Result<Option<u64>, String> {
    match asked {
        Some(size) if size.0 < MEMORY_MIN => Err(format!(
            "--memory {size} is too small: a log needs {SEGMENTS} segments of 64 KiB; give {} or more",
            Size(MEMORY_MIN)
        )),
        asked => Ok(asked.map(|size| size.0)),
    }
}

/// A power of two, so that the memory makes enough of them.
fn segment_bytes(memory: u64) -> u64 {
    let most = memory / SEGMENTS;
    (1 << most.ilog2()).clamp(64 << 10, SEGMENT_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(shape: Shape) -> ClusterSettings {
        fresh(&shape).unwrap()
    }

    #[test]
    fn a_new_cluster_recovers_from_a_death_when_it_can() {
        let of = |servers| settings(Shape { servers: Some(servers), ..Shape::default() }).replicas;
        assert_eq!([1, 2, 3, 4, 5, 6].map(of), [0, 1, 1, 2, 3, 3]);
        let grown = settings(Shape { replicas: Some(5), ..Shape::default() });
        assert_eq!((grown.servers, grown.replicas), (7, 5));
        assert_eq!(settings(Shape::default()).servers, 5);
    }

    #[test]
    fn segments_follow_from_the_memory() {
        let of = |memory| settings(Shape { memory: Some(Size(memory)), ..Shape::default() });
        assert_eq!(of(512 << 20).segment_bytes, 8 << 20);
        assert_eq!(of(4 << 30).segment_bytes, 8 << 20);
        assert_eq!(of(64 << 20).segment_bytes, 1 << 20);
        assert_eq!(of(100_000_000).memory_bytes % u64::from(of(100_000_000).segment_bytes), 0);
        let why = fresh(&Shape { memory: Some(Size(1 << 20)), ..Shape::default() }).unwrap_err();
        assert!(why.contains("4MiB or more"), "{why}");
    }

    #[test]
    fn too_few_servers_are_refused_with_the_number_that_would_do() {
        let why = fresh(&Shape { servers: Some(3), replicas: Some(3), ..Shape::default() }).unwrap_err();
        assert!(why.contains("--servers 4 or more"), "{why}");
    }

    #[test]
    fn what_was_chosen_for_good_stays() {
        let before = settings(Shape::default());
        assert_eq!(changed(&before, &Shape::default()).unwrap(), before);
        assert!(changed(&before, &Shape { replicas: Some(2), ..Shape::default() }).is_err());
        assert!(changed(&before, &Shape { servers: Some(4), ..Shape::default() }).is_err());
        let shape = Shape {
            servers: Some(6),
            memory: Some(Size(1 << 30)),
            durability: Some(crate::durability::Durability::Buffered),
            replicas: Some(3),
        };
        let after = changed(&before, &shape).unwrap();
        assert_eq!((after.servers, after.memory_bytes, after.durability), (6, 1 << 30, Durability::Buffered));
        assert_eq!(after.segment_bytes, before.segment_bytes);
    }
}
