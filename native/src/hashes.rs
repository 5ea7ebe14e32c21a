//! Fingerprints of the keys of a batch, as storage/key-fingerprints.ts takes them one by one: xxHash64 with two seeds.

use crate::records::COLUMNS;
use xxhash_rust::xxh64::xxh64;

const KEY_AT: usize = 1;
const KEY_LENGTH: usize = 2;
const SEEDS: [u64; 2] = [0x7661_7276, 0x6b65_7973];

/// Four words for each of the records that `rows` tables, as records.rs does; those of a record without a key stay as they are. None
/// where a key lies outside of `bytes`, or the words are too few.
pub fn fingerprints(bytes: &[u8], rows: &[i32], words: &mut [i32]) -> Option<()> {
    let (records, rest) = rows.as_chunks::<COLUMNS>();
    if !rest.is_empty() || words.len() < records.len() * 4 {
        return None;
    }
    for (row, words) in records.iter().zip(words.as_chunks_mut::<4>().0) {
        let Ok(length) = usize::try_from(row[KEY_LENGTH]) else { continue };
        let at = usize::try_from(row[KEY_AT]).ok()?;
        let key = bytes.get(at..at.checked_add(length)?)?;
        for (half, seed) in words.chunks_exact_mut(2).zip(SEEDS) {
            let hash = xxh64(key, seed);
            half[0] = hash as i32;
            half[1] = (hash >> 32) as i32;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_keys_are_left_out_and_empty_ones_are_not() {
        let rows = [0, 0, -1, 0, 0, -1, 1, 2, 0, 0, 0, -1, 2, 1, 2, 0, 0, -1];
        let mut words = [7; 12];
        fingerprints(b"abc", &rows, &mut words).unwrap();
        assert_eq!(words[..4], [7; 4]);
        assert_eq!(words[4] as u32, xxh64(b"", SEEDS[0]) as u32);
        assert_eq!(words[11] as u32, (xxh64(b"bc", SEEDS[1]) >> 32) as u32);
    }

    #[test]
    fn what_lies_outside_is_refused() {
        assert_eq!(fingerprints(b"abc", &[0, 2, 2, 0, 0, -1], &mut [0; 4]), None);
        assert_eq!(fingerprints(b"abc", &[0, -1, 2, 0, 0, -1], &mut [0; 4]), None);
        assert_eq!(fingerprints(b"abc", &[0, i32::MAX, i32::MAX, 0, 0, -1], &mut [0; 4]), None);
        assert_eq!(fingerprints(b"abc", &[0, 0, 1, 0, 0, -1], &mut [0; 3]), None);
        assert_eq!(fingerprints(b"abc", &[0, 0, 1, 0, 0], &mut [0; 4]), None);
    }
}
