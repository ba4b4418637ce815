//! A process's open door.

use super::{Gate, LaneLimits, Stamps, accept_hello, deadline::until, serve_lane};
use crate::wire::{
    Accepted, CallRefusal, Frame, FrameWriter, LaneKind, Origin, Role, Services, Track, Transport,
};
use futures_util::{FutureExt, StreamExt, select_biased, stream::FuturesUnordered};
use rekindle_env::{Env, Time};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::Semaphore;

/// What all lanes to a process may use together.
#[derive(Clone, Copy, Debug)]
pub struct ServeConfig {
    /// Most lanes; further ones are closed unread.
    pub lanes_max: usize,
    /// Most of these for clients, so that members always find room.
    pub client_lanes_max: usize,
    /// Most requests with object calls handled at once over all lanes; further ones are told to try again.
    pub object_requests_max: usize,
    /// A lane without a hello for so long is closed.
    pub hello_timeout: Duration,
}

impl Default for ServeConfig {
    /// 65,536 lanes, half of them for clients; 4,096 requests with object calls; 1 s for the hello.
    fn default() -> Self {
        Self {
            lanes_max: 1 << 16,
            client_lanes_max: 1 << 15,
            object_requests_max: 4096,
            hello_timeout: Duration::from_secs(1),
        }
    }
}

/// Accepts lanes and answers their calls until the transport closes. Each lane is a task of its own, so that
/// none waits for another (V3); those of the urgent track are accepted and served on its thread (F7). Dropping
/// the future stops them all.
pub async fn serve(
    env: Env,
    transport: Arc<dyn Transport>,
    gate: Arc<Gate>,
    services: Services,
    stamps: Arc<dyn Stamps>,
    config: ServeConfig,
) {
    let object_requests = Semaphore::new(config.object_requests_max);
    let door = Arc::new(Door { env, gate, services, stamps, config, object_requests });
    let urgent = accept_lanes(door.clone(), transport.clone(), Track::Urgent);
    let urgent = Track::Urgent.spawn_of(&door.env).spawn("urgent lanes", Box::pin(urgent));
    accept_lanes(door, transport, Track::Main).await;
    urgent.join().await;
}

async fn accept_lanes(door: Arc<Door>, transport: Arc<dyn Transport>, track: Track) {
    let config = door.config;
    let (mut lanes, mut client_lanes) = (FuturesUnordered::new(), 0);
    loop {
        let accepted = select_biased! {
            role = lanes.select_next_some() => {
                client_lanes -= usize::from(role == Role::Client);
                continue;
            }
            accepted = transport.accept(track).fuse() => accepted,
        };
        let Some(accepted) = accepted else { break };
        let role = accepted.identity.role;
        let is_client = role == Role::Client;
        if lanes.len() >= config.lanes_max || is_client && client_lanes >= config.client_lanes_max {
            accepted.lane.sender.close();
            continue;
        }
        client_lanes += usize::from(is_client);
        let run = door.clone().run_lane(accepted);
        let lane = track.spawn_of(&door.env).spawn("lane calls", Box::pin(run));
        lanes.push(lane.join().map(move |()| role));
    }
    while lanes.next().await.is_some() {}
}

/// What all lanes share.
struct Door {
    env: Env,
    gate: Arc<Gate>,
    services: Services,
    stamps: Arc<dyn Stamps>,
    config: ServeConfig,
    object_requests: Semaphore,
}

impl Door {
    async fn run_lane(self: Arc<Self>, mut accepted: Accepted) {
        let clock = &self.env.clock;
        let deadline = clock.now() + self.config.hello_timeout;
        let Some(hello) = accept_hello(&mut accepted, &self.gate, &**clock, deadline).await else { return };
        let Accepted { lane, kind, identity } = accepted;
        let role = identity.role;
        let from = Origin { party: hello.sender, name: identity.name, role, lane: kind };
        let limits = LaneLimits::of(kind);
        let is_known = AtomicBool::new(false);
        let answer = |frame, deadline| self.answer(&from, &is_known, frame, deadline);
        serve_lane(lane, kind, hello.sender, limits, clock.clone(), self.stamps.clone(), answer).await;
    }

    /// `is_known` is set once the caller needs no further look; read and written by the lane's task alone.
    async fn answer(
        &self,
        from: &Origin,
        is_known: &AtomicBool,
        frame: Frame,
        deadline: Time,
    ) -> FrameWriter {
        // V3: what objects may use is not for other calls to wait for.
        let room = (from.lane == LaneKind::Object).then(|| self.object_requests.try_acquire());
        if matches!(room, Some(Err(_))) {
            return self.services.put_off(&frame);
        }
        if !is_known.load(Ordering::Relaxed) {
            match until(&*self.env.clock, deadline, self.gate.judge(from)).await {
                Some(Ok(stays)) => is_known.store(stays, Ordering::Relaxed),
                Some(Err(refusal)) => return refusal.encode(),
                None => return CallRefusal::NotDone("no newer list in time".into()).encode(),
            }
        }
        self.services.answer(from, frame, deadline.since(self.env.clock.now())).await
    }
}
