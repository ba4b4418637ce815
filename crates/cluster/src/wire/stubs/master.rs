//! A master elsewhere.

use super::unreadable;
use crate::wire::{LaneKind, Peer, Peers, codec};
use async_trait::async_trait;
use rekindle_client::{Master, ObjectReply, ObjectRequest};
use rekindle_types::RemoteError;
use std::{sync::Arc, time::Duration};

/// Calls a master over its object lane.
pub struct RemoteMaster {
    peers: Arc<Peers>,
    peer: Peer,
}

impl RemoteMaster {
    /// The request's own time bounds each call.
    #[must_use]
    pub fn new(peers: Arc<Peers>, peer: Peer) -> Self {
        Self { peers, peer }
    }
}

#[async_trait]
impl Master for RemoteMaster {
    async fn call(&self, request: ObjectRequest) -> Result<ObjectReply, RemoteError> {
        if request.calls.len() > ObjectRequest::CALLS_MAX {
            return Err(RemoteError::NotDone("too many calls in one request".into()));
        }
        let deadline = self.peers.now() + Duration::from_millis(request.time_left_ms.into());
        let call = codec::encode_object_request(&request);
        let reply = self.peers.call(&self.peer, LaneKind::Object, call, deadline).await?;
        let reply = codec::decode_object_reply(&reply.body).map_err(unreadable)?;
        if reply.results.len() != request.calls.len() {
            return Err(RemoteError::Unknown("results do not match the calls".into()));
        }
        Ok(reply)
    }
}
