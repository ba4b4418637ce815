//! One replica as its master knows it.

use rekindle_env::Time;
use rekindle_types::{CreationNumber, ServerId, SessionNumber};

/// A write or free in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Call {
    pub(super) attempt: u32,
    pub(super) session: SessionNumber,
    /// Bytes that the backup has when it succeeds.
    pub(super) to: u32,
    /// Bytes that are valid when it succeeds.
    pub(super) valid: Option<u32>,
    pub(super) close: bool,
}

/// A replica that counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Replica {
    pub(super) server: ServerId,
    pub(super) creation: CreationNumber,
    pub(super) is_primary: bool,
    /// Re-created to be closed (P2); otherwise opened and filled.
    pub(super) is_copy: bool,
    /// Its first write was acknowledged.
    pub(super) is_begun: bool,
    /// Bytes acknowledged, with or without certificate.
    pub(super) have: u32,
    /// Bytes acknowledged with a certificate.
    pub(super) valid: Option<u32>,
    /// Its close was acknowledged; until then it counts as open (P1).
    pub(super) is_closed: bool,
    /// Its close was sent.
    pub(super) is_close_sent: bool,
    /// Calls made for it.
    pub(super) attempts: u32,
    pub(super) call: Option<Call>,
    /// When the write that has no answer yet was sent first.
    pub(super) since: Option<Time>,
    /// Not before this.
    pub(super) retry_at: Option<Time>,
}

impl Replica {
    pub(super) fn new(server: ServerId, creation: CreationNumber, is_primary: bool, is_copy: bool) -> Self {
        Self {
            server,
            creation,
            is_primary,
            is_copy,
            is_begun: false,
            have: 0,
            valid: None,
            is_closed: false,
            is_close_sent: false,
            attempts: 0,
            call: None,
            since: None,
            retry_at: None,
        }
    }

    /// Whether recovery finds it: as open or as closed.
    pub(super) fn is_listed(&self) -> bool {
        self.valid.is_some()
    }

    /// Whether its open is still to be acknowledged, so that an unknown outcome loses it (P1).
    pub(super) fn is_opening(&self) -> bool {
        !self.is_begun || (!self.is_copy && self.valid.is_none())
    }

    /// Whether a write may go out: at most one is in flight.
    pub(super) fn is_idle(&self, ran: Time) -> bool {
        self.call.is_none() && self.retry_at.is_none_or(|at| at <= ran)
    }
}

/// A replica that no longer counts but may be there: freed once the segment has R others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Garbage {
    pub(super) server: ServerId,
    pub(super) creation: CreationNumber,
    pub(super) attempts: u32,
    pub(super) call: Option<Call>,
    pub(super) since: Option<Time>,
    pub(super) retry_at: Option<Time>,
}

impl Garbage {
    pub(super) fn of(replica: &Replica) -> Self {
        Self {
            server: replica.server,
            creation: replica.creation,
            attempts: replica.attempts,
            call: None,
            since: None,
            retry_at: None,
        }
    }

    pub(super) fn is_idle(&self, ran: Time) -> bool {
        self.call.is_none() && self.retry_at.is_none_or(|at| at <= ran)
    }
}
