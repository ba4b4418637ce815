//! Brings what the network does into the world's trace.

use rekindle_cluster::{
    memory::{Message, Passage, Tap},
    wire::LaneKind,
};
use rekindle_env::memory::{Event, Tracer};

/// Tells the world of every frame.
pub(crate) struct WorldTap(pub(crate) Tracer);

impl Tap for WorldTap {
    fn message(&self, message: &Message<'_>) {
        let Message { from, to, lane, stream, place, frame, passage } = *message;
        let due = match passage {
            Passage::Sent { due } | Passage::Repeated { due } => due,
            _ => self.0.now(),
        };
        let (what, lane) = (passage_name(passage), lane_name(lane));
        self.0.record(Event::Message { what, from, to, lane, stream, place, due, frame });
    }
}

fn passage_name(passage: Passage) -> &'static str {
    match passage {
        Passage::Dialled => "dialled",
        Passage::NotConnected => "not connected",
        Passage::Sent { .. } => "sent",
        Passage::Repeated { .. } => "repeated",
        Passage::LaneBroken => "lane broken",
        Passage::Lost => "lost",
        Passage::Unheard => "unheard",
        Passage::Reset => "reset",
        Passage::Received => "received",
    }
}

fn lane_name(lane: LaneKind) -> &'static str {
    match lane {
        LaneKind::Heartbeat => "heartbeat",
        LaneKind::Control => "control",
        LaneKind::Object => "object",
        LaneKind::Replication => "replication",
        LaneKind::Recovery => "recovery",
    }
}
