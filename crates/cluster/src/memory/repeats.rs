//! Which frames may come twice.

use crate::wire::FrameKind;

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

/// Behind the length field.
const KIND_AT: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

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
