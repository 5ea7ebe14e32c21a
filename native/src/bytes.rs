//! Ranges of a caller's buffer, checked, and the big-endian integers in them.

use napi::{Error, Result, Status};

pub fn range(bytes: &[u8], start: u32, end: u32) -> Result<&[u8]> {
    bytes.get(start as usize..end as usize).ok_or_else(out_of_range)
}

pub fn range_mut(bytes: &mut [u8], start: u32, end: u32) -> Result<&mut [u8]> {
    bytes.get_mut(start as usize..end as usize).ok_or_else(out_of_range)
}

pub fn out_of_range() -> Error {
    Error::new(Status::InvalidArg, "the range lies outside of the buffer")
}

/// The four bytes at `at` must be there.
pub fn read_i32(bytes: &[u8], at: usize) -> i32 {
    i32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The two bytes at `at` must be there.
pub fn read_i16(bytes: &[u8], at: usize) -> i16 {
    i16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// The eight bytes at `at` must be there.
#[inline]
pub fn read_i64(bytes: &[u8], at: usize) -> i64 {
    i64::from(read_i32(bytes, at)) << 32 | i64::from(read_i32(bytes, at + 4) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_must_lie_within() {
        let mut bytes = [1, 2, 3];
        assert_eq!(range(&bytes, 1, 3).unwrap(), [2, 3]);
        assert_eq!(range_mut(&mut bytes, 3, 3).unwrap(), []);
        assert!(range(&bytes, 0, 4).is_err());
        assert!(range(&bytes, 2, 1).is_err());
        assert!(range_mut(&mut bytes, u32::MAX, u32::MAX).is_err());
    }

    #[test]
    fn integers_are_big_endian() {
        assert_eq!(read_i32(&[9, 0xff, 0xff, 0xff, 0xfe], 1), -2);
    }
}
