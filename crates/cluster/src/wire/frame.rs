//! Frames. Byte table: docs/formats/frame.md.

use super::codec::WireError;
use bytes::{BufMut, Bytes, BytesMut};
use rekindle_types::{ListVersion, Term};

/// What a frame is. Unknown ones are representable: they are answered, not dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameKind(pub u8);

#[allow(missing_docs)]
impl FrameKind {
    pub const HELLO: Self = Self(0x01);
    pub const REFUSED: Self = Self(0x02);
    pub const OBJECT: Self = Self(0x10);
    pub const REPLICA_WRITE: Self = Self(0x20);
    pub const REPLICA_FREE: Self = Self(0x21);
    pub const INVENTORY: Self = Self(0x22);
    pub const START_RECOVERY: Self = Self(0x23);
    pub const LOAD: Self = Self(0x24);
    pub const STATS: Self = Self(0x25);
    pub const COORDINATOR: Self = Self(0x30);
    pub const ORDER: Self = Self(0x31);

    const REPLY: u8 = 0x80;

    /// The kind of a reply to a request of this kind.
    #[must_use]
    pub const fn reply(self) -> Self {
        Self(self.0 | Self::REPLY)
    }

    /// Whether it carries a [`Stamp`].
    #[must_use]
    pub const fn is_stamped(self) -> bool {
        self.0 & !Self::REPLY >= 0x20
    }

    /// Bytes before the body, the length field included.
    #[must_use]
    pub const fn header_bytes(self) -> usize {
        if self.is_stamped() { STAMPED_HEADER_BYTES } else { HEADER_BYTES }
    }
}

const HEADER_BYTES: usize = 4 + 1 + 8 + 4;
const STAMPED_HEADER_BYTES: usize = HEADER_BYTES + 8 + 8;

/// What the sender knew when it sent: lets a receiver with an older view find out. No decision rests on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// The highest reign seen.
    pub term: Term,
    /// The server list's version.
    pub list: ListVersion,
}

/// A received frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub kind: FrameKind,
    /// Tells the lane's outstanding calls apart.
    pub request: u64,
    /// What was left of the caller's time when it was sent.
    pub time_left_ms: u32,
    /// Default for kinds that carry none.
    pub stamp: Stamp,
    /// A view into the received bytes.
    pub body: Bytes,
}

impl Frame {
    /// Checks a frame's length field before anything is allocated for the frame.
    ///
    /// Returns the bytes of the whole frame.
    pub fn check_length(field: [u8; 4], frame_bytes_max: usize) -> Result<usize, WireError> {
        let bytes = u32::from_le_bytes(field) as usize + 4;
        if bytes < HEADER_BYTES {
            return Err(WireError::Short { need: HEADER_BYTES, have: bytes });
        }
        if bytes > frame_bytes_max {
            return Err(WireError::TooLong { what: "frame", max: frame_bytes_max, got: bytes });
        }
        Ok(bytes)
    }

    /// Reads one whole frame; the body is a view of `bytes`.
    pub fn decode(bytes: &Bytes, frame_bytes_max: usize) -> Result<Self, WireError> {
        let need = |need: usize| {
            if bytes.len() < need { Err(WireError::Short { need, have: bytes.len() }) } else { Ok(()) }
        };
        need(HEADER_BYTES)?;
        let length = Self::check_length(le(bytes, 0), frame_bytes_max)?;
        need(length)?;
        if bytes.len() > length {
            return Err(WireError::Trailing { left: bytes.len() - length });
        }
        let kind = FrameKind(bytes[4]);
        need(kind.header_bytes())?;
        let stamp = if kind.is_stamped() {
            Stamp {
                term: Term(u64::from_le_bytes(le(bytes, 17))),
                list: ListVersion(u64::from_le_bytes(le(bytes, 25))),
            }
        } else {
            Stamp::default()
        };
        Ok(Self {
            kind,
            request: u64::from_le_bytes(le(bytes, 5)),
            time_left_ms: u32::from_le_bytes(le(bytes, 13)),
            stamp,
            body: bytes.slice(kind.header_bytes()..),
        })
    }
}

fn le<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the caller has checked the length")
}

/// An encoded frame, in parts: large payloads are not copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    parts: Vec<Bytes>,
    bytes: usize,
}

impl Packet {
    /// A packet of bytes that are a frame already, or pretend to be.
    #[must_use]
    pub fn raw(bytes: Bytes) -> Self {
        Self { bytes: bytes.len(), parts: vec![bytes] }
    }

    /// Length of the whole frame.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// What to put on the wire, in this order.
    #[must_use]
    pub fn parts(&self) -> &[Bytes] {
        &self.parts
    }

    /// The frame in one piece; copies only when it has several parts.
    #[must_use]
    pub fn into_bytes(mut self) -> Bytes {
        if self.parts.len() == 1 {
            return self.parts.remove(0);
        }
        let mut whole = BytesMut::with_capacity(self.bytes);
        self.parts.iter().for_each(|part| whole.put_slice(part));
        whole.freeze()
    }
}

/// Builds a frame: the header's room first, then the body, then [`FrameWriter::finish`].
#[derive(Debug)]
pub struct FrameWriter {
    kind: FrameKind,
    head: BytesMut,
    parts: Vec<Bytes>,
    tail: BytesMut,
}

impl FrameWriter {
    /// Payloads from this size on travel as parts of their own, not copied.
    pub const SHARED_BYTES_MIN: usize = 2048;

    /// An empty body for a frame of this kind.
    #[must_use]
    pub fn new(kind: FrameKind) -> Self {
        let mut head = BytesMut::with_capacity(128);
        head.resize(kind.header_bytes(), 0);
        Self { kind, head, parts: Vec::new(), tail: BytesMut::new() }
    }

    /// What the frame is.
    #[must_use]
    pub fn kind(&self) -> FrameKind {
        self.kind
    }

    /// Where the next bytes of the body go.
    pub fn buffer(&mut self) -> &mut BytesMut {
        if self.parts.is_empty() { &mut self.head } else { &mut self.tail }
    }

    /// Adds payload, shared when it is large.
    pub fn payload(&mut self, payload: &Bytes) {
        if payload.len() < Self::SHARED_BYTES_MIN {
            self.buffer().put_slice(payload);
            return;
        }
        if !self.tail.is_empty() {
            self.parts.push(self.tail.split().freeze());
        }
        self.parts.push(payload.clone());
    }

    /// Bytes so far, the header included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.head.len() + self.parts.iter().map(Bytes::len).sum::<usize>() + self.tail.len()
    }

    /// Never: there is always a header.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Fills the header in. A frame above the lane's limit is refused here, before it is sent.
    pub fn finish(
        mut self,
        request: u64,
        time_left_ms: u32,
        stamp: Stamp,
        frame_bytes_max: usize,
    ) -> Result<Packet, WireError> {
        let bytes = self.len();
        if bytes > frame_bytes_max {
            return Err(WireError::TooLong { what: "frame", max: frame_bytes_max, got: bytes });
        }
        let length = u32::try_from(bytes - 4).map_err(|_| WireError::TooLong {
            what: "frame",
            max: u32::MAX as usize,
            got: bytes,
        })?;
        let mut header = &mut self.head[..];
        header.put_u32_le(length);
        header.put_u8(self.kind.0);
        header.put_u64_le(request);
        header.put_u32_le(time_left_ms);
        if self.kind.is_stamped() {
            header.put_u64_le(stamp.term.0);
            header.put_u64_le(stamp.list.0);
        }
        let mut parts = Vec::with_capacity(self.parts.len() + 2);
        parts.push(self.head.freeze());
        parts.append(&mut self.parts);
        if !self.tail.is_empty() {
            parts.push(self.tail.freeze());
        }
        Ok(Packet { parts, bytes })
    }
}
