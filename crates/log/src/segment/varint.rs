//! LEB128 numbers.

use super::Corrupt;

/// Most bytes of one.
pub(super) const LEN_MAX: usize = 10;

/// Bytes that `value` takes.
#[inline]
pub(super) fn len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Writes `value` to the front of `out`, returns the bytes taken.
#[inline]
pub(super) fn put(out: &mut [u8], mut value: u64) -> usize {
    let mut at = 0;
    while value >= 0x80 {
        out[at] = value as u8 | 0x80;
        value >>= 7;
        at += 1;
    }
    out[at] = value as u8;
    at + 1
}

/// Reads a number from the front of `bytes`, returns it and the bytes taken.
#[inline]
pub(super) fn take(bytes: &[u8]) -> Result<(u64, usize), Corrupt> {
    match bytes.first() {
        Some(&byte) if byte < 0x80 => Ok((u64::from(byte), 1)),
        _ => take_long(bytes),
    }
}

fn take_long(bytes: &[u8]) -> Result<(u64, usize), Corrupt> {
    let mut value = 0_u64;
    for (i, &byte) in bytes.iter().take(LEN_MAX).enumerate() {
        if i == LEN_MAX - 1 && byte > 1 || i > 0 && byte == 0 {
            return Err(Corrupt::Value { what: "last byte of a varint", got: u64::from(byte) });
        }
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte < 0x80 {
            return Ok((value, i + 1));
        }
    }
    Err(Corrupt::Short { what: "varint", need: bytes.len() + 1, have: bytes.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_comes_back() {
        for value in (0..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit]).chain([u64::MAX]) {
            let mut out = [0; LEN_MAX];
            let n = put(&mut out, value);
            assert_eq!(n, len(value), "{value}");
            assert_eq!(take(&out).unwrap(), (value, n));
            assert!((0..n).all(|cut| take(&out[..cut]).is_err()));
        }
    }

    #[test]
    fn needless_and_overlong_forms_are_refused() {
        assert!(take(&[0x80, 0x00]).is_err());
        assert!(take(&[0xff; 11]).is_err());
        assert!(take(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]).is_err());
    }
}
