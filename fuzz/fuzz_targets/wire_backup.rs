//! All bodies of calls to a backup and of their replies: one encoding each, within the named limits.
#![no_main]

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use rekindle_backup::ReplicaWrite;
use rekindle_cluster::wire::FrameKind;
use rekindle_cluster::wire::codec::*;
use rekindle_fuzz::canonical;

fuzz_target!(|data: &[u8]| {
    // The first byte chooses, so that the fuzzer learns one format at a time.
    let Some((which, body)) = data.split_first() else { return };
    let body = Bytes::copy_from_slice(body);
    match which % 10 {
        0 => canonical(
            &body,
            |body| {
                let write = decode_write(body)?;
                assert!(write.bytes.len() <= ReplicaWrite::BYTES_MAX);
                Ok(write)
            },
            encode_write,
        ),
        1 => canonical(&body, decode_free, encode_free),
        2 => canonical(&body, decode_inventory_call, |(log, at)| encode_inventory_call(*log, *at)),
        3 => canonical(
            &body,
            |body| {
                let (log, plan) = decode_start_recovery(body)?;
                assert!(plan.replicas.len() <= REPLICAS_MAX && plan.partitions.len() <= PARTITIONS_MAX);
                assert!(plan.partitions.iter().all(|partition| partition.pieces.len() <= PIECES_MAX));
                Ok((log, plan))
            },
            |(log, plan)| encode_start_recovery(*log, plan),
        ),
        4 => canonical(&body, decode_load, |(replica, want)| encode_load(*replica, want)),
        5 => canonical(&body, decode_outcome, |result| encode_outcome(FrameKind::REPLICA_FREE, result)),
        6 => canonical(&body, decode_inventory, encode_inventory),
        7 => canonical(&body, decode_loaded, encode_loaded),
        8 => canonical(&body, decode_stats, encode_stats),
        _ => {
            let Ok(error) = decode_backup_error(&mut Reader::new(&body)) else { return };
            let mut again = BytesMut::new();
            encode_backup_error(&mut again, &error);
            assert!(body.starts_with(&again), "{error:?}");
        }
    }
});
