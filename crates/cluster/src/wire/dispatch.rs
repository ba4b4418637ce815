//! From a call's frame to the service that it is for, and back.

use super::{CallRefusal, Frame, FrameKind, FrameWriter, LaneKind, Party, Role, WireError, codec};
use rekindle_backup::BackupStore;
use rekindle_client::{Master, ObjectError, ObjectReply};
use rekindle_coordinator::{Order, OrderKind, ServerControl};
use rekindle_types::{CoordinatorApi, Request};
use std::{sync::Arc, time::Duration};

/// A process with too much to do puts object calls off for so long.
const PUT_OFF_MS: u32 = 20;

/// What a process serves; calls for what it does not serve are unknown to it.
#[derive(Clone, Default)]
pub struct Services {
    /// A storage server's backup.
    pub backup: Option<Arc<dyn BackupStore>>,
    /// A storage server's control.
    pub control: Option<Arc<dyn ServerControl>>,
    /// A storage server's master.
    pub master: Option<Arc<dyn Master>>,
    /// The coordinator.
    pub coordinator: Option<Arc<dyn CoordinatorApi>>,
}

/// Who calls, over which lane: as admitted by the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Who.
    pub party: Party,
    /// Its certificate's name.
    pub name: String,
    /// Its certificate's role: operators speak as clients.
    pub role: Role,
    /// Which lane.
    pub lane: LaneKind,
}

impl Services {
    /// Answers one call. `time_left` is the caller's.
    pub async fn answer(&self, from: &Origin, frame: Frame, time_left: Duration) -> FrameWriter {
        let answer = match frame.kind {
            FrameKind::OBJECT => self.object(from, &frame, time_left).await,
            FrameKind::COORDINATOR => self.coordinator(from, &frame).await,
            FrameKind::ORDER => self.order(from, &frame).await,
            kind => self.backup(kind, from, &frame).await,
        };
        answer.unwrap_or_else(|refusal| refusal.encode())
    }

    /// Answers a request with object calls without a look at them: come again a little later.
    pub(super) fn put_off(&self, frame: &Frame) -> FrameWriter {
        match codec::decode_object_request(&frame.body, 0) {
            Ok(request) => {
                let retry = |_| Err(ObjectError::Retry { after_ms: PUT_OFF_MS });
                codec::encode_object_reply(&ObjectReply {
                    results: request.calls.iter().map(retry).collect(),
                })
            }
            Err(error) => bad_body(error).encode(),
        }
    }

    async fn object(
        &self,
        from: &Origin,
        frame: &Frame,
        time_left: Duration,
    ) -> Result<FrameWriter, CallRefusal> {
        let master = service(&self.master, frame, from.lane, &[LaneKind::Object])?;
        allow(matches!(from.party, Party::Client | Party::Server(_)), from, "call objects")?;
        let time_left_ms = u32::try_from(time_left.as_millis()).unwrap_or(u32::MAX);
        let request = codec::decode_object_request(&frame.body, time_left_ms).map_err(bad_body)?;
        let reply = master.call(request).await?;
        Ok(codec::encode_object_reply(&reply))
    }

    async fn coordinator(&self, from: &Origin, frame: &Frame) -> Result<FrameWriter, CallRefusal> {
        let lanes = [LaneKind::Control, LaneKind::Heartbeat];
        let coordinator = service(&self.coordinator, frame, from.lane, &lanes)?;
        let request: Request = codec::decode_postcard(&frame.body).map_err(bad_body)?;
        check_request(from, &request)?;
        let reply = coordinator.call(request).await?;
        Ok(codec::encode_postcard(FrameKind::COORDINATOR.reply(), &reply))
    }

    async fn order(&self, from: &Origin, frame: &Frame) -> Result<FrameWriter, CallRefusal> {
        let lanes = [LaneKind::Control, LaneKind::Heartbeat];
        let control = service(&self.control, frame, from.lane, &lanes)?;
        let order: Order = codec::decode_order(&frame.body).map_err(bad_body)?;
        // F7: servers probe each other for the coordinator; nothing else is theirs to order.
        let is_probe = matches!(order.kind, OrderKind::Probe);
        let is_urgent = is_probe || matches!(order.kind, OrderKind::ProbeFor { .. });
        let is_allowed = match from.party {
            Party::Coordinator => true,
            Party::Server(_) => is_probe,
            Party::Client | Party::Newcomer => false,
        };
        allow(is_allowed, from, "give orders")?;
        // V3: the heartbeat lane stays free for what it is for.
        allow(is_urgent || from.lane == LaneKind::Control, from, "give such orders on the heartbeat lane")?;
        Ok(codec::encode_report(&control.call(order).await))
    }

    async fn backup(
        &self,
        kind: FrameKind,
        from: &Origin,
        frame: &Frame,
    ) -> Result<FrameWriter, CallRefusal> {
        let lane = match kind {
            FrameKind::REPLICA_WRITE | FrameKind::REPLICA_FREE => LaneKind::Replication,
            FrameKind::INVENTORY | FrameKind::START_RECOVERY | FrameKind::LOAD | FrameKind::STATS => {
                LaneKind::Recovery
            }
            _ => return Err(CallRefusal::UnknownKind(kind.0)),
        };
        let backup = service(&self.backup, frame, from.lane, &[lane])?;
        allow(matches!(from.party, Party::Coordinator | Party::Server(_)), from, "call backups")?;
        let body = &frame.body;
        match kind {
            FrameKind::REPLICA_WRITE => {
                let write = codec::decode_write(body).map_err(bad_body)?;
                // F1: fencing goes by the log's owner, so nobody may write in another's name.
                allow(from.party == Party::Server(write.replica.log.server), from, "write this log")?;
                Ok(codec::encode_outcome(kind, &backup.write(write).await))
            }
            FrameKind::REPLICA_FREE => {
                let free = codec::decode_free(body).map_err(bad_body)?;
                allow(from.party == Party::Server(free.replica.log.server), from, "free from this log")?;
                Ok(codec::encode_outcome(kind, &backup.free(free).await))
            }
            FrameKind::INVENTORY => {
                let (log, at) = codec::decode_inventory_call(body).map_err(bad_body)?;
                // It fences the log: only the authority over deaths may ask (F1).
                allow(from.party == Party::Coordinator, from, "take inventories")?;
                Ok(codec::encode_inventory(&backup.inventory(log, at).await))
            }
            FrameKind::START_RECOVERY => {
                let (log, plan) = codec::decode_start_recovery(body).map_err(bad_body)?;
                allow(from.party == Party::Coordinator, from, "start recoveries")?;
                Ok(codec::encode_outcome(kind, &backup.start_recovery(log, plan).await))
            }
            FrameKind::LOAD => {
                let (replica, want) = codec::decode_load(body).map_err(bad_body)?;
                Ok(codec::encode_loaded(&backup.load(replica, want).await))
            }
            _ => Ok(codec::encode_stats(&backup.stats().await)),
        }
    }
}

/// The service, if the process has it and the lane is right for it.
fn service<'a, S: ?Sized>(
    service: &'a Option<Arc<S>>,
    frame: &Frame,
    lane: LaneKind,
    allowed: &[LaneKind],
) -> Result<&'a Arc<S>, CallRefusal> {
    let service = service.as_ref().filter(|_| allowed.contains(&lane));
    service.ok_or(CallRefusal::UnknownKind(frame.kind.0))
}

/// Nobody speaks for another, and only members do what members do.
fn check_request(from: &Origin, request: &Request) -> Result<(), CallRefusal> {
    let is_server = |id| from.party == Party::Server(id);
    let is_allowed = match request {
        Request::Enlist { name, .. } => {
            matches!(from.party, Party::Newcomer | Party::Server(_)) && *name == from.name
        }
        Request::Renew { server, .. } | Request::Leave { server } => is_server(*server),
        Request::StoreFloor { log, .. } => is_server(log.server),
        // Clients have no id: they hint as nobody.
        Request::Hint { from: hinter, .. } => is_server(*hinter) || from.party == Party::Client,
        // F9: it ends the wait for a lease, so a client's word is not enough.
        Request::ReportExit { .. } => from.role == Role::Admin,
        // Everything about everybody, at the cost of a look at all of it.
        Request::Status => from.role == Role::Admin,
        Request::CreateTable { .. }
        | Request::DropTable { .. }
        | Request::TabletMap { .. }
        | Request::ServerList { .. } => true,
    };
    allow(is_allowed, from, "ask this")?;
    // V3: the heartbeat lane stays free for renewals.
    let is_renewal = matches!(request, Request::Renew { .. });
    allow(is_renewal == (from.lane == LaneKind::Heartbeat), from, "ask this on this lane")
}

fn allow(is_allowed: bool, from: &Origin, what: &str) -> Result<(), CallRefusal> {
    if is_allowed {
        return Ok(());
    }
    Err(CallRefusal::Unauthorised(format!("{} ({:?}) may not {what}", from.party, from.name)))
}

fn bad_body(error: WireError) -> CallRefusal {
    CallRefusal::BadBody(error.to_string())
}
