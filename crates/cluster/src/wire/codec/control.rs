//! Control bodies: postcard.

use super::WireError;
use crate::wire::{FrameKind, FrameWriter};
use bytes::{BufMut, Bytes};
use rekindle_coordinator::{ControlError, Order, Report};
use rekindle_types::{Lsn, RemoteError, ServerId, Term};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A postcard body.
#[must_use]
pub fn encode_postcard<T: Serialize>(kind: FrameKind, value: &T) -> FrameWriter {
    let mut frame = FrameWriter::new(kind);
    let bytes =
        postcard::to_stdvec(value).expect("control types serialise: no maps of unknown length, no I/O");
    frame.buffer().put_slice(&bytes);
    frame
}

/// Reads a postcard body back. Collections grow as elements arrive: a count alone allocates next to nothing.
pub fn decode_postcard<T: DeserializeOwned>(body: &Bytes) -> Result<T, WireError> {
    match postcard::take_from_bytes(body) {
        Ok((value, [])) => Ok(value),
        Ok((_, left)) => Err(WireError::Trailing { left: left.len() }),
        Err(_) => Err(WireError::Invalid { what: "control body" }),
    }
}

/// An order.
#[must_use]
pub fn encode_order(order: &Order) -> FrameWriter {
    encode_postcard(FrameKind::ORDER, order)
}

/// Reads an order back.
pub fn decode_order(body: &Bytes) -> Result<Order, WireError> {
    decode_postcard(body)
}

/// [`ControlError`] as it travels; new kinds go to the end.
#[derive(Serialize, Deserialize)]
enum OrderRefusal {
    OldTerm { sent: Term, seen: Term },
    Superseded(Lsn),
    WrongServer(ServerId),
    Refused(String),
    Remote(RemoteError),
    NoRoom { need: u64, free: u64 },
}

/// The reply to an order.
#[must_use]
pub fn encode_report(result: &Result<Report, ControlError>) -> FrameWriter {
    let wire = result.as_ref().map_err(|error| match error {
        ControlError::OldTerm { sent, seen } => OrderRefusal::OldTerm { sent: *sent, seen: *seen },
        ControlError::Superseded(by) => OrderRefusal::Superseded(*by),
        ControlError::WrongServer(id) => OrderRefusal::WrongServer(*id),
        ControlError::Refused(why) => OrderRefusal::Refused(why.clone()),
        ControlError::Remote(error) => OrderRefusal::Remote(error.clone()),
        ControlError::NoRoom { need, free } => OrderRefusal::NoRoom { need: *need, free: *free },
        other => OrderRefusal::Refused(other.to_string()),
    });
    encode_postcard(FrameKind::ORDER.reply(), &wire)
}

/// Reads the reply to an order back.
pub fn decode_report(body: &Bytes) -> Result<Result<Report, ControlError>, WireError> {
    let wire: Result<Report, OrderRefusal> = decode_postcard(body)?;
    Ok(wire.map_err(|refusal| match refusal {
        OrderRefusal::OldTerm { sent, seen } => ControlError::OldTerm { sent, seen },
        OrderRefusal::Superseded(by) => ControlError::Superseded(by),
        OrderRefusal::WrongServer(id) => ControlError::WrongServer(id),
        OrderRefusal::Refused(why) => ControlError::Refused(why),
        OrderRefusal::Remote(error) => ControlError::Remote(error),
        OrderRefusal::NoRoom { need, free } => ControlError::NoRoom { need, free },
    }))
}
