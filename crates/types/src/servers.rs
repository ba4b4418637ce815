//! The server list: who is up, who is dead, under which version.

use crate::{ListVersion, ServerId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Whether a server takes part. Declared dead is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ServerStatus {
    /// A member.
    Up,
    /// Declared dead; its recovery has not ended. Afterwards it leaves the list.
    Dead,
}

/// A storage server as everybody sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServerEntry {
    /// Its id, never reused.
    pub id: ServerId,
    /// Its name: what its certificate says; names are bound to the current id (F6).
    pub name: String,
    /// Where to dial it.
    pub address: String,
    /// Failure domain: two replicas avoid sharing one.
    pub domain: String,
    /// Member or declared dead.
    pub status: ServerStatus,
}

impl ServerEntry {
    /// One that is up, and whose address and failure domain are its name: the fields are there to be changed.
    #[must_use]
    pub fn up(id: ServerId, name: impl Into<String>) -> Self {
        let name = name.into();
        Self { id, address: name.clone(), domain: name.clone(), name, status: ServerStatus::Up }
    }
}

/// All servers that are up, or dead and not yet recovered. Each is listed under its own id, received ones too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "ReceivedList")]
pub struct ServerList {
    version: ListVersion,
    next_id: ServerId,
    servers: BTreeMap<ServerId, ServerEntry>,
}

/// A list before it is checked.
#[derive(Deserialize)]
struct ReceivedList {
    version: ListVersion,
    next_id: ServerId,
    servers: BTreeMap<ServerId, ServerEntry>,
}

impl TryFrom<ReceivedList> for ServerList {
    type Error = &'static str;

    fn try_from(received: ReceivedList) -> Result<Self, Self::Error> {
        let ReceivedList { version, next_id, servers } = received;
        let is_right = servers.iter().all(|(id, entry)| *id == entry.id);
        is_right.then_some(Self { version, next_id, servers }).ok_or("a server under another id")
    }
}

/// One change of the list, or all of it. A receiver at an older version than `from` asks for the full list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListUpdate {
    /// The whole list.
    Full(ServerList),
    /// What changed from one version to a later one.
    Increment {
        /// The version that it applies to.
        from: ListVersion,
        /// The version afterwards.
        to: ListVersion,
        /// The next id to be given out, afterwards.
        next_id: ServerId,
        /// New states of servers; `None` means that it left the list.
        changes: Vec<(ServerId, Option<ServerEntry>)>,
    },
}

impl ServerList {
    /// A list read back from its parts.
    #[must_use]
    pub fn new(
        version: ListVersion,
        next_id: ServerId,
        servers: impl IntoIterator<Item = ServerEntry>,
    ) -> Self {
        Self { version, next_id, servers: servers.into_iter().map(|s| (s.id, s)).collect() }
    }

    /// Grows with every change.
    #[must_use]
    pub fn version(&self) -> ListVersion {
        self.version
    }

    /// The id that the next server will get: an id below it that is not in the list was removed.
    #[must_use]
    pub fn next_id(&self) -> ServerId {
        self.next_id
    }

    /// The server's entry, while it is up or not yet recovered.
    #[must_use]
    pub fn entry(&self, id: ServerId) -> Option<&ServerEntry> {
        self.servers.get(&id)
    }

    /// Whether the server is a member.
    #[must_use]
    pub fn is_up(&self, id: ServerId) -> bool {
        self.servers.get(&id).is_some_and(|s| s.status == ServerStatus::Up)
    }

    /// Whether this list knows that the server is no member: dead, or recovered and removed. An id that this
    /// list has not seen yet is neither up nor gone.
    #[must_use]
    pub fn is_gone(&self, id: ServerId) -> bool {
        id < self.next_id && !self.is_up(id)
    }

    /// All entries, by id.
    pub fn iter(&self) -> impl Iterator<Item = &ServerEntry> {
        self.servers.values()
    }

    /// The members, by id.
    pub fn up(&self) -> impl Iterator<Item = &ServerEntry> {
        self.iter().filter(|s| s.status == ServerStatus::Up)
    }

    /// Takes an update. `Err` with the version present when an increment does not fit and the full list is
    /// needed; older or equal updates change nothing.
    pub fn apply(&mut self, update: &ListUpdate) -> Result<(), ListVersion> {
        match update {
            ListUpdate::Full(list) if list.version > self.version => *self = list.clone(),
            ListUpdate::Full(_) => {}
            ListUpdate::Increment { to, .. } if *to <= self.version => {}
            ListUpdate::Increment { from, .. } if *from > self.version => return Err(self.version),
            ListUpdate::Increment { to, next_id, changes, .. } => {
                for (id, entry) in changes {
                    match entry {
                        // Under its own id, whatever the sender says.
                        Some(entry) => self.servers.insert(entry.id, entry.clone()),
                        None => self.servers.remove(id),
                    };
                }
                (self.version, self.next_id) = (*to, *next_id);
            }
        }
        Ok(())
    }
}
