//! A process's open door.

use super::{Gate, LaneLimits, Stamps, accept_hello, serve_lane};
use crate::wire::{Accepted, Origin, Services, Transport};
use futures_util::{FutureExt, StreamExt, select_biased, stream::FuturesUnordered};
use rekindle_env::{Env, Time};
use std::{sync::Arc, time::Duration};

/// What all lanes to a process may use together.
#[derive(Clone, Copy, Debug)]
pub struct ServeConfig {
    /// Most lanes; further ones are closed unread.
    pub lanes_max: usize,
    /// A lane without a hello for so long is closed.
    pub hello_timeout: Duration,
}

impl Default for ServeConfig {
    /// 65,536 lanes, 1 s for the hello.
    fn default() -> Self {
        Self { lanes_max: 1 << 16, hello_timeout: Duration::from_secs(1) }
    }
}

/// Accepts lanes and answers their calls until the transport closes. Each lane is a task of its own, so that
/// none waits for another (V3). Dropping the future stops them all.
pub async fn serve(
    env: Env,
    transport: Arc<dyn Transport>,
    gate: Arc<Gate>,
    services: Services,
    stamps: Arc<dyn Stamps>,
    config: ServeConfig,
) {
    let mut lanes = FuturesUnordered::new();
    loop {
        let accepted = select_biased! {
            _ = lanes.select_next_some() => continue,
            accepted = transport.accept().fuse() => accepted,
        };
        let Some(accepted) = accepted else { break };
        if lanes.len() >= config.lanes_max {
            accepted.lane.sender.close();
            continue;
        }
        let run = run_lane(
            env.clone(),
            accepted,
            gate.clone(),
            services.clone(),
            stamps.clone(),
            config.hello_timeout,
        );
        lanes.push(env.spawn.spawn("lane calls", Box::pin(run)).join());
    }
    while lanes.next().await.is_some() {}
}

async fn run_lane(
    env: Env,
    mut accepted: Accepted,
    gate: Arc<Gate>,
    services: Services,
    stamps: Arc<dyn Stamps>,
    hello_timeout: Duration,
) {
    let deadline = env.clock.now() + hello_timeout;
    let Some(hello) = accept_hello(&mut accepted, &gate, &*env.clock, deadline).await else { return };
    let Accepted { lane, kind, identity } = accepted;
    let from = Origin { party: hello.sender, name: identity.name, lane: kind };
    let limits = LaneLimits::of(kind);
    let answer = |frame, deadline: Time| {
        let (services, from, clock) = (services.clone(), &from, &env.clock);
        async move {
            let now = clock.now();
            services.answer(from, frame, deadline.since(now)).await
        }
    };
    serve_lane(lane, kind, hello.sender, limits, env.clock.clone(), stamps, answer).await;
}
