//! From a stream's chunks to whole frames, with one copy.

use crate::wire::{Frame, WireError};
use bytes::{Buf, Bytes, BytesMut};

/// Bytes of the length field.
const FIELD: usize = 4;
/// A frame's first memory; each further one is four times as large. So a frame takes memory as it arrives, and many
/// lanes on which large ones are announced cost little.
const FIRST_BYTES: usize = 64 << 10;

/// Puts frames together.
pub(super) struct Assembly {
    frame_bytes_max: usize,
    /// A frame whose end has not come.
    partial: BytesMut,
    /// How long `partial` has to become: first the length field's, then the frame's.
    need: usize,
}

impl Assembly {
    pub(super) fn new(frame_bytes_max: usize) -> Self {
        Self { frame_bytes_max, partial: BytesMut::new(), need: FIELD }
    }

    /// Takes bytes from the front of `chunk`: all of them, unless a frame ends before. Returns that frame.
    pub(super) fn take(&mut self, chunk: &mut Bytes) -> Result<Option<Bytes>, WireError> {
        if self.partial.is_empty() && chunk.len() >= FIELD {
            self.need = self.length(chunk)?;
            if self.need <= chunk.len() {
                // Not a view: that would keep up to 64 KiB of neighbours alive.
                let frame = Bytes::copy_from_slice(&chunk[..self.need]);
                chunk.advance(self.need);
                self.need = FIELD;
                return Ok(Some(frame));
            }
        }
        while !chunk.is_empty() {
            self.copy(chunk);
            if self.partial.len() < self.need {
                break;
            }
            if self.need == FIELD {
                self.need = self.length(&self.partial)?;
                continue;
            }
            self.need = FIELD;
            return Ok(Some(std::mem::take(&mut self.partial).freeze()));
        }
        Ok(None)
    }

    fn length(&self, bytes: &[u8]) -> Result<usize, WireError> {
        let field = bytes[..FIELD].try_into().expect("four bytes are four bytes");
        Frame::check_length(field, self.frame_bytes_max)
    }

    fn copy(&mut self, chunk: &mut Bytes) {
        let count = chunk.len().min(self.need - self.partial.len());
        let capacity = self.partial.capacity();
        if self.partial.len() + count > capacity {
            let wanted = (4 * capacity).max(FIRST_BYTES).max(self.partial.len() + count).min(self.need);
            self.partial.reserve(wanted - self.partial.len());
        }
        self.partial.extend_from_slice(&chunk[..count]);
        chunk.advance(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BufMut;

    fn frame(bytes: usize) -> Bytes {
        let mut frame = BytesMut::new();
        frame.put_u32_le(bytes as u32 - 4);
        (4..bytes).for_each(|i| frame.put_u8(i as u8));
        frame.freeze()
    }

    #[test]
    fn frames_survive_every_cut() {
        let frames = [frame(17), frame(200_000), frame(18), frame(300)];
        let stream = Bytes::from(frames.concat());
        for step in [1, 2, 3, 5, 16, 1200, 4096, 70_000, stream.len()] {
            let mut assembly = Assembly::new(1 << 20);
            let mut found = Vec::new();
            for at in (0..stream.len()).step_by(step) {
                let mut chunk = stream.slice(at..stream.len().min(at + step));
                while !chunk.is_empty() {
                    found.extend(assembly.take(&mut chunk).unwrap());
                }
            }
            assert_eq!(found, frames, "in steps of {step}");
        }
    }

    #[test]
    fn an_announced_frame_takes_no_memory_before_it_comes() {
        let mut assembly = Assembly::new(64 << 20);
        let mut chunk = frame(64 << 20).slice(..100);
        assert_eq!(assembly.take(&mut chunk), Ok(None));
        assert!(assembly.partial.capacity() <= FIRST_BYTES);
    }

    #[test]
    fn lengths_are_checked_first() {
        for field in [0, 12, 1 << 20, u32::MAX] {
            for split in 0..4 {
                let mut assembly = Assembly::new(1 << 20);
                let bytes = Bytes::copy_from_slice(&field.to_le_bytes());
                let (mut head, mut tail) = (bytes.slice(..split), bytes.slice(split..));
                assert_eq!(assembly.take(&mut head), Ok(None));
                assert!(assembly.take(&mut tail).is_err(), "{field} in two at {split}");
            }
        }
    }
}
