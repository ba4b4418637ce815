//! Which frames may come twice.

use crate::wire::FrameKind;
use bytes::{Bytes, BytesMut};

/// When a frame may come again: what the protocol bears, and a network with lanes that break can bring about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeats {
    /// It never does.
    Never,
    /// Right behind itself: its lane keeps the order, and who repeats it later does so in another session (P3).
    AtOnce,
    /// At any time (F5).
    Late,
}

impl Repeats {
    /// Looks at the frame's kind. Bytes that are no frame are let through once.
    pub(super) fn of(frame: &[u8]) -> Self {
        match frame.get(KIND_AT).map(|kind| FrameKind(*kind)) {
            Some(FrameKind::REPLICA_WRITE | FrameKind::REPLICA_FREE) => Self::AtOnce,
            Some(
                FrameKind::COORDINATOR
                | FrameKind::ORDER
                | FrameKind::INVENTORY
                | FrameKind::START_RECOVERY
                | FrameKind::LOAD
                | FrameKind::STATS,
            ) => Self::Late,
            _ => Self::Never,
        }
    }
}

/// The frame as its sender would send it again: a call of its own, whose answer is not that of the first.
pub(super) fn again(frame: &[u8]) -> Bytes {
    let mut again = BytesMut::from(frame);
    if let Some(highest) = again.get_mut(REQUEST_AT + 7) {
        *highest |= (REPEATED >> 56) as u8;
    }
    again.freeze()
}

/// Set in the number of a request that comes again.
pub const REPEATED: u64 = 1 << 63;

/// Behind the length field.
const KIND_AT: usize = 4;
/// Behind that, its lowest byte first.
const REQUEST_AT: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Frame, FrameWriter, Stamp};

    #[test]
    fn a_call_that_comes_again_has_another_number() {
        let frame = FrameWriter::new(FrameKind::STATS)
            .finish(7, 100, Stamp::default(), 1 << 10)
            .unwrap()
            .into_bytes();
        let (first, second) = (Frame::decode(&frame, 1 << 10), Frame::decode(&again(&frame), 1 << 10));
        assert_eq!(second, first.map(|first| Frame { request: 7 | REPEATED, ..first }));
        assert_eq!(*again(&[1, 2]), [1, 2]);
    }

    #[test]
    fn greetings_objects_and_answers_come_once() {
        let of = |kind: FrameKind| Repeats::of(&[0, 0, 0, 0, kind.0]);
        assert_eq!(of(FrameKind::HELLO), Repeats::Never);
        assert_eq!(of(FrameKind::OBJECT), Repeats::Never);
        assert_eq!(of(FrameKind::ORDER.reply()), Repeats::Never);
        assert_eq!(of(FrameKind::ORDER), Repeats::Late);
        assert_eq!(of(FrameKind::REPLICA_WRITE), Repeats::AtOnce);
        assert_eq!(Repeats::of(&[1, 2]), Repeats::Never);
    }
}
