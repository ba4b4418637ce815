//! Bodies of frames.

use crate::within;
use bytes::Bytes;
use rekindle_cluster::wire::{Frame, FrameWriter, Stamp, WireError};
use std::fmt::Debug;

/// What a frame carries.
pub fn body_of(frame: FrameWriter) -> Bytes {
    let packet = frame.finish(1, 2, Stamp::default(), usize::MAX).expect("no limit");
    Frame::decode(&packet.into_bytes(), usize::MAX).expect("just written").body
}

/// Room beside what the bytes at hand explain: 4,096 results of one byte each, texts of errors.
const FIXED: usize = 1 << 20;

/// Whatever decodes has one encoding: the bytes that it was decoded from. And no part of it decodes.
pub fn canonical<T: Debug>(
    body: &Bytes,
    decode: impl Fn(&Bytes) -> Result<T, WireError>,
    encode: impl Fn(&T) -> FrameWriter,
) {
    let Ok(value) = within(body.len(), FIXED, || decode(body)) else { return };
    assert_eq!(body_of(encode(&value)), *body, "{value:?}");
    for cut in [body.len() / 2, body.len().saturating_sub(1)] {
        assert!(cut == body.len() || decode(&body.slice(..cut)).is_err(), "cut to {cut}: {value:?}");
    }
    let longer = [&body[..], &[0]].concat().into();
    assert!(decode(&longer).is_err(), "a byte more: {value:?}");
}
