//! Formats of a segment and its entries. Byte tables: docs/formats/segment.md.

mod certificate;

pub use certificate::Certificate;
