//! The first frame of every lane: who speaks to whom, in which cluster. Byte table: docs/formats/frame.md.

use super::{
    FrameKind, FrameWriter, LaneKind, Role,
    codec::{Reader, WireError, put},
};
use bytes::{BufMut, Bytes};
use rekindle_types::ServerId;
use std::fmt;

/// Names a cluster: processes of two clusters never talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterId(pub u128);

/// A side of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// The coordinator, whichever reigns.
    Coordinator,
    /// This incarnation of a storage server.
    Server(ServerId),
    /// An application.
    Client,
    /// A storage server that has no id yet: it may only enlist.
    Newcomer,
}

impl Party {
    /// The role that its certificate has to have, or [`Role::Admin`] in a client's place.
    #[must_use]
    pub fn role(self) -> Role {
        match self {
            Self::Coordinator => Role::Coordinator,
            Self::Server(_) | Self::Newcomer => Role::Server,
            Self::Client => Role::Client,
        }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Coordinator => f.write_str("the coordinator"),
            Self::Server(id) => write!(f, "{id}"),
            Self::Client => f.write_str("a client"),
            Self::Newcomer => f.write_str("a newcomer"),
        }
    }
}

/// The hello, and the welcome that answers it with the roles exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Which cluster.
    pub cluster: ClusterId,
    /// Who speaks.
    pub sender: Party,
    /// Who is meant (F6).
    pub target: Party,
    /// What the lane is for.
    pub lane: LaneKind,
}

impl Hello {
    /// The protocol version spoken.
    pub const VERSION: u16 = 1;
    const MAGIC: [u8; 4] = *b"RKL1";

    /// As the body of a frame of this kind: hello, or the reply to one.
    #[must_use]
    pub fn encode(&self, kind: FrameKind) -> FrameWriter {
        let mut frame = FrameWriter::new(kind);
        let out = frame.buffer();
        out.put_slice(&Self::MAGIC);
        out.put_u16_le(Self::VERSION);
        out.put_u128_le(self.cluster.0);
        put::party(out, self.sender);
        put::party(out, self.target);
        out.put_u8(self.lane as u8);
        frame
    }

    /// Reads it back.
    pub fn decode(body: &Bytes) -> Result<Self, WireError> {
        let mut r = Reader::new(body);
        if r.array::<4>()? != Self::MAGIC {
            return Err(WireError::Invalid { what: "magic" });
        }
        let version = r.u16()?;
        if version != Self::VERSION {
            return Err(WireError::Version { got: version, spoken: Self::VERSION });
        }
        let hello = Self {
            cluster: ClusterId(u128::from_le_bytes(r.array()?)),
            sender: r.party()?,
            target: r.party()?,
            lane: LaneKind::from_byte(r.u8()?).ok_or(WireError::Invalid { what: "lane kind" })?,
        };
        r.end()?;
        Ok(hello)
    }
}
