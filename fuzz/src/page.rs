//! Pages with a right checksum out of any bytes.

use rekindle_log::crc32c;

/// `len` bytes that begin with `data`, with this magic, version 1 and the checksum that fits in the last four.
#[must_use]
pub fn sealed_page(data: &[u8], magic: [u8; 4], len: usize) -> Vec<u8> {
    let mut page = data[..data.len().min(len)].to_vec();
    page.resize(len, 0);
    page[..4].copy_from_slice(&magic);
    page[4..6].copy_from_slice(&1_u16.to_le_bytes());
    let crc = crc32c(&page[..len - 4]);
    page[len - 4..].copy_from_slice(&crc.to_le_bytes());
    page
}
