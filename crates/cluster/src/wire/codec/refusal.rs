//! Why a call got no reply of its own kind.

use super::{Reader, WireError, put};
use crate::wire::{FrameKind, FrameWriter};
use bytes::{BufMut, Bytes};
use rekindle_types::{RemoteError, ServerId};

/// Why a call, or a whole lane, was refused. All but `Unknown` mean: surely not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallRefusal {
    /// This peer may not make this call.
    #[error("unauthorised: {0}")]
    Unauthorised(String),
    /// The other side does not know this kind of frame, or not on this lane.
    #[error("unknown call {0:#04x}")]
    UnknownKind(u8),
    /// The body does not decode.
    #[error("the call does not decode: {0}")]
    BadBody(String),
    /// Too many calls at once.
    #[error("busy, try again in {after_ms} ms")]
    Busy {
        /// Wait at least this long.
        after_ms: u32,
    },
    /// Not done, for another reason.
    #[error("{0}")]
    NotDone(String),
    /// It may have been done.
    #[error("{0}")]
    Unknown(String),
    /// The process is not the one that was meant (F6), but this one, if it has an id.
    #[error("the wrong server answers: {0:?}")]
    WrongServer(Option<ServerId>),
    /// The process belongs to another cluster.
    #[error("another cluster answers")]
    WrongCluster,
    /// The process speaks another version of the protocol.
    #[error("the other side speaks protocol version {0}")]
    Version(u16),
}

impl CallRefusal {
    /// As a frame.
    #[must_use]
    pub fn encode(&self) -> FrameWriter {
        let (code, number, text) = match self {
            Self::Unauthorised(why) => (1, 0, why.as_str()),
            Self::UnknownKind(kind) => (2, u64::from(*kind), ""),
            Self::BadBody(why) => (3, 0, why.as_str()),
            Self::Busy { after_ms } => (4, u64::from(*after_ms), ""),
            Self::NotDone(why) => (5, 0, why.as_str()),
            Self::Unknown(why) => (6, 0, why.as_str()),
            Self::WrongServer(this) => (7, this.map_or(0, |id| id.0), ""),
            Self::WrongCluster => (8, 0, ""),
            Self::Version(spoken) => (9, u64::from(*spoken), ""),
        };
        let mut frame = FrameWriter::new(FrameKind::REFUSED);
        let out = frame.buffer();
        out.put_u8(code);
        out.put_u64_le(number);
        put::text(out, text);
        frame
    }

    /// Reads it back.
    pub fn decode(body: &Bytes) -> Result<Self, WireError> {
        let mut r = Reader::new(body);
        let (code, number, text) = (r.u8()?, r.u64()?, r.text()?);
        r.end()?;
        let has_text = matches!(code, 1 | 3 | 5 | 6);
        if has_text && number != 0 || !has_text && !text.is_empty() || code == 8 && number != 0 {
            return Err(WireError::Invalid { what: "refusal" });
        }
        let out_of_range = |_| WireError::Invalid { what: "number of a refusal" };
        Ok(match code {
            1 => Self::Unauthorised(text),
            2 => Self::UnknownKind(u8::try_from(number).map_err(out_of_range)?),
            3 => Self::BadBody(text),
            4 => Self::Busy { after_ms: u32::try_from(number).map_err(out_of_range)? },
            5 => Self::NotDone(text),
            6 => Self::Unknown(text),
            7 => Self::WrongServer((number != 0).then_some(ServerId(number))),
            8 => Self::WrongCluster,
            9 => Self::Version(u16::try_from(number).map_err(out_of_range)?),
            _ => return Err(WireError::Invalid { what: "code of a refusal" }),
        })
    }
}

impl From<RemoteError> for CallRefusal {
    fn from(error: RemoteError) -> Self {
        match error {
            RemoteError::NotDone(why) => Self::NotDone(why),
            RemoteError::Unknown(why) => Self::Unknown(why),
            RemoteError::Unauthorised(why) => Self::Unauthorised(why),
        }
    }
}

impl From<CallRefusal> for RemoteError {
    fn from(refusal: CallRefusal) -> Self {
        match refusal {
            CallRefusal::Unknown(why) => Self::Unknown(why),
            CallRefusal::Unauthorised(why) => Self::Unauthorised(why),
            other => Self::NotDone(other.to_string()),
        }
    }
}
