//! A connection that somebody else dialled.

use super::{
    QuicLimits, codes,
    connect::{GREETING, peer_of},
    endpoint::Handshake,
    guests::Guests,
    lane,
    settings::Windows,
    tasks::Tasks,
};
use crate::wire::{Accepted, Identity, LaneKind, Track};
use futures_util::{FutureExt, StreamExt, select_biased, stream::FuturesUnordered};
use quinn::{Connecting, Connection, RecvStream, SendStream};
use std::sync::Arc;
use tokio::sync::mpsc;

/// What all connections to an endpoint share.
pub(super) struct Door {
    pub(super) track: Track,
    pub(super) limits: QuicLimits,
    pub(super) guests: Arc<Guests>,
    pub(super) tasks: Arc<Tasks>,
    /// Accepted lanes of each track.
    pub(super) main: mpsc::Sender<Accepted>,
    pub(super) urgent: mpsc::Sender<Accepted>,
}

impl Door {
    /// Serves one connection until it is closed. No stream is looked at before the handshake is over: then both
    /// certificates are verified.
    pub(super) async fn run(self: Arc<Self>, connecting: Connecting, handshake: Handshake) {
        // Dropping it on a time-out closes it.
        let Ok(Ok(connection)) = tokio::time::timeout(self.limits.handshake_timeout, connecting).await else {
            return;
        };
        drop(handshake);
        let Some(identity) = peer_of(&connection) else {
            connection.close(codes::UNAUTHORISED, b"it does not name one process in one role");
            return;
        };
        let Some(guest) = self.guests.admit(&identity) else {
            connection.close(codes::BUSY, b"too many connections");
            return;
        };
        let windows = Windows::of(identity.role);
        connection.set_max_concurrent_bi_streams(windows.lanes);
        connection.set_receive_window(windows.receive);
        connection.set_send_window(windows.send);
        if greet(&connection).await.is_some() {
            self.accept_lanes(&connection, &guest.identity).await;
        }
    }

    async fn accept_lanes(&self, connection: &Connection, identity: &Identity) {
        let mut opening = FuturesUnordered::new(); // As many as streams may be open.
        loop {
            select_biased! {
                () = opening.select_next_some() => {}
                streams = connection.accept_bi().fuse() => match streams {
                    Ok(streams) => opening.push(self.open(streams, identity)),
                    Err(_) => return,
                }
            }
        }
    }

    /// Learns the lane's kind and hands it up.
    async fn open(&self, (sending, mut receiving): (SendStream, RecvStream), identity: &Identity) {
        let mut byte = [0];
        let read = tokio::time::timeout(self.limits.lane_timeout, receiving.read_exact(&mut byte)).await;
        let kind = match read {
            Ok(Ok(())) => LaneKind::from_byte(byte[0]).filter(|kind| self.has(*kind)),
            _ => None,
        };
        let Some(kind) = kind else { return refuse((sending, receiving), codes::BAD_LANE) };
        let backlog = match kind.track() {
            Track::Main => &self.main,
            Track::Urgent => &self.urgent,
        };
        let Ok(room) = backlog.try_reserve() else { return refuse((sending, receiving), codes::BUSY) };
        let lane = lane::open((sending, receiving), kind, None, None, &self.tasks, self.limits.linger);
        room.send(Accepted { lane, kind, identity: identity.clone() });
    }

    /// Whether lanes of this kind may come here. F7: nothing else gets onto the heartbeats' thread.
    fn has(&self, kind: LaneKind) -> bool {
        self.track == Track::Main || kind.track() == Track::Urgent
    }
}

async fn greet(connection: &Connection) -> Option<()> {
    let mut stream = connection.open_uni().await.ok()?;
    stream.write_all(&GREETING).await.ok()?;
    stream.finish().ok()
}

fn refuse((mut sending, mut receiving): (SendStream, RecvStream), code: quinn::VarInt) {
    let _ = sending.reset(code); // Both fail only on streams that are closed anyway.
    let _ = receiving.stop(code);
}
