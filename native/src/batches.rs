//! Record batches as a whole: format/batch.ts draws the header and has the words for what is wrong with one.

use crate::bytes::read_i32;
use crate::crc::crc32c;

const BATCH_LENGTH: usize = 8;
const LOG_OVERHEAD: usize = 12;
const MAGIC: usize = 16;
const CRC: usize = 17;
const ATTRIBUTES: usize = 21;
pub const LAST_OFFSET_DELTA: usize = 23;
pub const BASE_TIMESTAMP: usize = 27;
pub const MAX_TIMESTAMP: usize = 35;
pub const PRODUCER_ID: usize = 43;
pub const RECORD_COUNT: usize = 57;
pub const HEADER_BYTES: usize = 61;

const COMPRESSION_MASK: u8 = 0x07;
const COMPRESSIONS: u8 = 5;

/// How many bytes from the start on are whole, good batches.
pub fn good_batches(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(size) = good_batch(&bytes[at..]) {
        at += size;
    }
    at
}

/// The size of the batch at the start; none unless it is whole and good, by the same rules as `batchProblem`.
pub fn good_batch(bytes: &[u8]) -> Option<usize> {
    let size = size_of_batch(bytes)?;
    let delta = i64::from(read_i32(bytes, LAST_OFFSET_DELTA));
    let count = i64::from(read_i32(bytes, RECORD_COUNT));
    let is_plausible = delta >= 0 && (0..=delta + 1).contains(&count);
    // The compression is in the second, lower byte of the attributes.
    let is_known = bytes[ATTRIBUTES + 1] & COMPRESSION_MASK < COMPRESSIONS;
    let is_intact = crc32c(&bytes[ATTRIBUTES..size]) == read_i32(bytes, CRC) as u32;
    (is_plausible && is_known && is_intact).then_some(size)
}

/// What the header says, where one can be at the start, and the batch be whole.
#[inline]
pub fn size_of_batch(bytes: &[u8]) -> Option<usize> {
    if bytes.len() < HEADER_BYTES {
        return None;
    }
    let length = usize::try_from(read_i32(bytes, BATCH_LENGTH)).ok()?;
    let size = LOG_OVERHEAD + length;
    (size >= HEADER_BYTES && size <= bytes.len() && bytes[MAGIC] == 2).then_some(size)
}

/// The batch at the start; none when it is not there as a whole.
pub fn first(bytes: &mut [u8]) -> Option<&mut [u8]> {
    let size = size_of_batch(bytes)?;
    bytes.get_mut(..size)
}

/// Puts the checksum into the header. What is shorter than a header has none, and is left as it is.
pub fn seal(batch: &mut [u8]) {
    if batch.len() >= HEADER_BYTES {
        let crc = crc32c(&batch[ATTRIBUTES..]);
        batch[CRC..ATTRIBUTES].copy_from_slice(&crc.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sealed batch of `count` records; what they are is not looked at here.
    fn batch(count: i32, records: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes.extend_from_slice(records);
        let length = (bytes.len() - LOG_OVERHEAD) as i32;
        bytes[BATCH_LENGTH..LOG_OVERHEAD].copy_from_slice(&length.to_be_bytes());
        bytes[MAGIC] = 2;
        bytes[LAST_OFFSET_DELTA..LAST_OFFSET_DELTA + 4].copy_from_slice(&(count - 1).to_be_bytes());
        bytes[RECORD_COUNT..HEADER_BYTES].copy_from_slice(&count.to_be_bytes());
        seal(&mut bytes);
        bytes
    }

    fn patched(mut bytes: Vec<u8>, at: usize, to: &[u8], sealed: bool) -> Vec<u8> {
        bytes[at..at + to.len()].copy_from_slice(to);
        if sealed {
            seal(&mut bytes);
        }
        bytes
    }

    #[test]
    fn runs_as_far_as_batches_are_good() {
        let first = batch(3, b"abc");
        let run = [first.clone(), batch(1, b""), batch(2, b"0123456789")].concat();
        assert_eq!(good_batches(&run), run.len());
        assert_eq!(good_batches(&run[..run.len() - 1]), run.len() - 71);
        assert_eq!(good_batches(&patched(run.clone(), first.len() + ATTRIBUTES, &[1], false)), first.len());
        assert_eq!(good_batches(&run[1..]), 0);
        assert_eq!(good_batches(b""), 0);
    }

    #[test]
    fn every_flipped_bit_past_the_length_is_seen_but_those_of_the_leader_epoch() {
        let good = batch(2, b"some records");
        for bit in BATCH_LENGTH * 8..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let is_epoch = (LOG_OVERHEAD..MAGIC).contains(&(bit / 8));
            assert_eq!(good_batches(&bytes) > 0, is_epoch, "bit {bit}");
        }
    }

    #[test]
    fn what_no_batch_can_be_is_refused_in_spite_of_its_checksum() {
        let cases: [(usize, &[u8]); 6] = [
            (MAGIC, &[1]),
            (LAST_OFFSET_DELTA, &(-1i32).to_be_bytes()),
            (RECORD_COUNT, &(-1i32).to_be_bytes()),
            (RECORD_COUNT, &4i32.to_be_bytes()),
            (ATTRIBUTES, &[0, 5]),
            (BATCH_LENGTH, &48i32.to_be_bytes()),
        ];
        for (at, to) in cases {
            assert_eq!(good_batches(&patched(batch(3, b"abc"), at, to, true)), 0, "{to:?} at {at}");
        }
        // A compacted batch has fewer records than offsets.
        assert!(good_batches(&patched(batch(3, b"abc"), RECORD_COUNT, &0i32.to_be_bytes(), true)) > 0);
    }

    #[test]
    fn the_first_batch_is_what_its_header_says() {
        let good = batch(1, b"abc");
        let mut more = [good.clone(), vec![1, 2, 3]].concat();
        assert_eq!(first(&mut more).unwrap(), &good[..]);
        assert!(first(&mut more[..good.len() - 1]).is_none());
        for length in [i32::MIN, -1, i32::MAX] {
            assert!(first(&mut patched(good.clone(), BATCH_LENGTH, &length.to_be_bytes(), false)).is_none());
        }
        assert!(first(&mut []).is_none());
    }

    #[test]
    fn negative_and_huge_lengths_are_no_batch() {
        for length in [i32::MIN, -1, 0, i32::MAX] {
            assert_eq!(good_batches(&patched(batch(1, b""), BATCH_LENGTH, &length.to_be_bytes(), false)), 0);
        }
    }
}
