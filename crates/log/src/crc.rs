//! The one checksum of the crate: crc32c, that is CRC-32/ISCSI, Castagnoli. Why two ways to compute it:
//! docs/decisions/0001-crc32c-by-crc-fast.md.

use crc_fast::CrcAlgorithm::Crc32Iscsi;

/// crc32c of `bytes`.
#[inline]
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::checksum(Crc32Iscsi, bytes) as u32
}

/// crc32c of what `crc` was computed of, followed by `bytes`. For a few bytes: it takes one at a time.
#[inline]
#[must_use]
pub fn crc32c_append(crc: u32, bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!crc, |crc, byte| TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8))
}

/// Remainders of all bytes by the reflected polynomial.
static TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut remainder = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            let carry = if remainder & 1 == 1 { 0x82f6_3b78 } else { 0 };
            remainder = (remainder >> 1) ^ carry;
            bit += 1;
        }
        table[byte] = remainder;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_agree_with_the_reference() {
        let bytes: Vec<u8> = (0..5000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        assert_eq!(crc32c(b"123456789"), 0xe306_9283, "the check value of the catalogue");
        for len in (0..600).chain([1023, 1024, 4095, 4096, 4097, 5000]) {
            let expected = ::crc32c::crc32c(&bytes[..len]);
            assert_eq!(crc32c(&bytes[..len]), expected, "{len}");
            assert_eq!(crc32c_append(crc32c(&bytes[..len / 3]), &bytes[len / 3..len]), expected, "{len}");
        }
    }
}
