//! Who gets in.

use super::deadline::until;
use crate::wire::{
    Accepted, CallRefusal, ClusterId, Frame, FrameKind, Hello, Identity, LaneKind, Origin, Party, Stamp,
    Track, WireError,
};
use async_trait::async_trait;
use parking_lot::RwLock;
use rekindle_env::{Clock, Time};
use rekindle_types::{Rule, Rules, ServerId};
use std::sync::Arc;

/// What a process knows about server names: the list binds them to current ids (F6).
#[async_trait]
pub trait Members: Send + Sync {
    /// The name of this server, when the list knows it. `None` for an id that the list does not know yet, or no more.
    fn name(&self, server: ServerId) -> Option<String>;

    /// Whether the list has seen this id: then it is a removed one when it has no name.
    fn has_seen(&self, server: ServerId) -> bool;

    /// Looks for a newer list if the one here has not seen this id. Without an answer the list stays as it is. There is
    /// none newer than the record.
    async fn look_for(&self, _server: ServerId) {}
}

/// Admits lanes: the right cluster, the right target (F6), a sender that its certificate backs.
pub struct Gate {
    cluster: ClusterId,
    me: RwLock<Party>,
    members: Arc<dyn Members>,
    rules: Rules,
}

impl Gate {
    /// The gate of a process.
    #[must_use]
    pub fn new(cluster: ClusterId, me: Party, members: Arc<dyn Members>, rules: Rules) -> Self {
        Self { cluster, me: RwLock::new(me), members, rules }
    }

    /// Who the process is from now on. Lanes that were admitted before stay: they were for nobody else, since a
    /// newcomer is nobody's target.
    pub fn become_party(&self, me: Party) {
        *self.me.write() = me;
    }

    /// The welcome to a hello, or why there is none.
    pub fn admit(&self, hello: &Hello, lane: LaneKind, identity: &Identity) -> Result<Hello, CallRefusal> {
        if hello.cluster != self.cluster {
            return Err(CallRefusal::WrongCluster);
        }
        if hello.lane != lane {
            return Err(CallRefusal::NotDone("the hello names another kind of lane".into()));
        }
        let me = *self.me.read();
        // F6: a late order or write for the former incarnation at this address must not reach this one.
        if self.rules.on(Rule::F6) && hello.target != me {
            return Err(CallRefusal::WrongServer(match me {
                Party::Server(id) => Some(id),
                _ => None,
            }));
        }
        self.check_sender(hello.sender, identity)?;
        Ok(Hello { sender: me, target: hello.sender, ..*hello })
    }

    fn check_sender(&self, sender: Party, identity: &Identity) -> Result<(), CallRefusal> {
        if !identity.role.backs(sender) {
            let why = format!("{sender} with the certificate of a {:?}", identity.role);
            return Err(CallRefusal::Unauthorised(why));
        }
        match sender {
            // Unknown to this list: it may be older than the server. Each call is judged, until one finds the name.
            Party::Server(id) => match self.members.name(id) {
                Some(name) if name != identity.name => Err(impostor(id, &identity.name)),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Judges who makes a call on an admitted lane; whether that holds for all later ones, since a name that is bound
    /// to an id stays so.
    ///
    /// F6: an id that the list did not know at the hello may get another name later. So the list is fetched first, and
    /// who is not in it then makes no call. Only heartbeats don't wait for that (F7): what is called there is judged
    /// by the record, or changes nothing.
    pub(super) async fn judge(&self, from: &Origin) -> Result<bool, CallRefusal> {
        let Party::Server(id) = from.party else { return Ok(true) };
        let may_wait = from.lane.track() == Track::Main;
        if may_wait {
            self.members.look_for(id).await;
        }
        match self.members.name(id) {
            Some(name) if name == from.name => Ok(true),
            Some(_) => Err(impostor(id, &from.name)),
            // A removed one: what it calls says so by itself.
            None if !may_wait || self.members.has_seen(id) => Ok(false),
            None => Err(CallRefusal::NotDone(format!("{id} is in no list that is known here: try again"))),
        }
    }
}

fn impostor(id: ServerId, name: &str) -> CallRefusal {
    CallRefusal::Unauthorised(format!("{name:?} speaks as {id}"))
}

/// Reads the hello of an accepted lane until `deadline` and answers it. `None`: the lane was refused, it is
/// closed.
pub async fn accept_hello(
    accepted: &mut Accepted,
    gate: &Gate,
    clock: &dyn Clock,
    deadline: Time,
) -> Option<Hello> {
    let greeting = until(clock, deadline, greet(accepted, gate)).await.flatten();
    if greeting.is_none() {
        accepted.lane.sender.close();
    }
    greeting
}

async fn greet(accepted: &mut Accepted, gate: &Gate) -> Option<Hello> {
    let limit = accepted.kind.frame_bytes_max();
    let bytes = accepted.lane.receiver.receive().await.ok()?;
    let admitted = read_hello(&bytes, limit)
        .and_then(|hello| Ok((hello, gate.admit(&hello, accepted.kind, &accepted.identity)?)));
    let (answer, hello) = match admitted {
        Ok((hello, welcome)) => (welcome.encode(FrameKind::HELLO.reply()), Some(hello)),
        Err(refusal) => (refusal.encode(), None),
    };
    let packet = answer.finish(0, 0, Stamp::default(), limit).ok()?;
    accepted.lane.sender.send(packet).await.ok()?;
    hello
}

fn read_hello(bytes: &bytes::Bytes, limit: usize) -> Result<Hello, CallRefusal> {
    let refuse = |e: WireError| match e {
        WireError::Version { spoken, .. } => CallRefusal::Version(spoken),
        other => CallRefusal::BadBody(other.to_string()),
    };
    let frame = Frame::decode(bytes, limit).map_err(refuse)?;
    if frame.kind != FrameKind::HELLO {
        return Err(CallRefusal::NotDone("the first frame is no hello".into()));
    }
    Hello::decode(&frame.body).map_err(refuse)
}
