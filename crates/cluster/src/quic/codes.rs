//! Why connections and streams are closed. Byte table: docs/formats/quic.md.

use quinn::VarInt;

/// The process is done with it.
pub(super) const CLOSED: VarInt = VarInt::from_u32(0);
/// A certificate without exactly one name and role.
pub(super) const UNAUTHORISED: VarInt = VarInt::from_u32(1);
/// Too many connections, or lanes, are open.
pub(super) const BUSY: VarInt = VarInt::from_u32(2);
/// What came is no frame, or above the lane's largest.
pub(super) const BAD_FRAME: VarInt = VarInt::from_u32(3);
/// No lane of such a kind here.
pub(super) const BAD_LANE: VarInt = VarInt::from_u32(4);
