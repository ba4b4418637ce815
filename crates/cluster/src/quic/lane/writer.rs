//! The task that writes a lane's queue to its stream.

use super::queue::{Batch, Queue};
use crate::{
    quic::codes,
    wire::{FrameWriter, Packet},
};
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{FutureExt, select_biased};
use quinn::{SendStream, WriteError};
use std::{pin::pin, sync::Arc, time::Duration};

/// Writes until the queue is closed and empty, then waits for what was written to arrive: `linger` at most after the
/// lane was closed, however little the other end reads.
pub(super) async fn run(mut stream: SendStream, queue: Arc<Queue>, linger: Duration) {
    let mut stopped = pin!(stream.stopped().fuse());
    let written = select_biased! {
        written = write_all(&mut stream, &queue).fuse() => written.is_ok(),
        // Nobody reads at the other end, or there is no connection any more.
        _ = stopped => false,
        () = closed_for(&queue, linger).fuse() => false,
    };
    // What the other end sent before may still be read.
    queue.close_sending();
    if !written || stream.finish().is_err() {
        let _ = stream.reset(codes::CLOSED); // Nothing is left to reset when the stream is gone.
        return;
    }
    let arrived = tokio::time::timeout(linger, stopped).await;
    if arrived.is_err() {
        let _ = stream.reset(codes::CLOSED);
    }
}

async fn closed_for(queue: &Queue, linger: Duration) {
    queue.closed().await;
    tokio::time::sleep(linger).await;
}

async fn write_all(stream: &mut SendStream, queue: &Queue) -> Result<(), WriteError> {
    let mut batch = Batch::default();
    let mut chunks = Vec::new();
    while queue.take(&mut batch).await {
        pack(&batch.frames, &mut chunks);
        batch.frames.clear();
        stream.write_all_chunks(&mut chunks).await?;
        chunks.clear();
        queue.give_back(&mut batch);
    }
    Ok(())
}

/// Puts small parts together and leaves large ones as they are: each chunk costs QUIC a little, and a copy of few bytes
/// costs less.
fn pack(frames: &[Packet], chunks: &mut Vec<Bytes>) {
    if let [frame] = frames {
        chunks.extend(frame.parts().iter().filter(|part| !part.is_empty()).cloned());
        return;
    }
    let is_small = |part: &&Bytes| part.len() < FrameWriter::SHARED_BYTES_MIN;
    let parts = || frames.iter().flat_map(Packet::parts);
    let mut small = BytesMut::with_capacity(parts().filter(is_small).map(Bytes::len).sum());
    for part in parts() {
        if is_small(&part) {
            small.put_slice(part);
            continue;
        }
        if !small.is_empty() {
            chunks.push(small.split().freeze());
        }
        chunks.push(part.clone());
    }
    if !small.is_empty() {
        chunks.push(small.freeze());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_or_moved_in_packing() {
        let frame = |sizes: &[usize]| {
            let mut writer = FrameWriter::new(crate::wire::FrameKind::OBJECT);
            for (i, size) in sizes.iter().enumerate() {
                writer.payload(&Bytes::from(vec![i as u8; *size]));
            }
            writer.finish(1, 2, Default::default(), usize::MAX).unwrap()
        };
        let frames = [frame(&[10]), frame(&[5000, 3, 2048]), frame(&[]), frame(&[2047, 9000])];
        for count in 0..=frames.len() {
            let mut wanted = Vec::new();
            frames[..count].iter().for_each(|f| wanted.extend_from_slice(&f.clone().into_bytes()));
            let mut chunks = Vec::new();
            pack(&frames[..count], &mut chunks);
            assert_eq!(chunks.concat(), wanted);
            assert!(chunks.len() <= 8 && chunks.iter().all(|c| !c.is_empty()), "{}", chunks.len());
        }
    }
}
