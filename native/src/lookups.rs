//! One record out of a mapped segment, by its offset: from where the index says along the headers to the batch that holds it, that
//! batch checked in full, and a copy of the record. storage/batch-lookup.ts says what makes an offset right, and is its twin up to
//! the batch; format/single-record.ts is from there on.
//!
//! Whatever is not just as it should be, or not this simple (compressed records, a number that is not safe), is no answer: TypeScript
//! then looks again, and has the last word.

use crate::batches::{self, BASE_TIMESTAMP, HEADER_BYTES, LAST_OFFSET_DELTA, MAX_TIMESTAMP, PRODUCER_ID, RECORD_COUNT};
use crate::bytes::{read_i16, read_i32, read_i64};
use crate::records::{MIN_RECORD_BYTES, Reader};

/// Between index entries that lie further apart stands a large batch; most likely the next one is as large.
const NEAR_BYTES: usize = 8 * 1024;

/// What is asked for ahead of a batch, at the most: much more would drive out its own beginning.
const MAX_AHEAD_BYTES: usize = 64 * 1024;

const PAGE_BYTES: usize = 4096;
const LINE_BYTES: usize = 64;

const LEADER_EPOCH: usize = 12;
const ATTRIBUTES: usize = 21;
const COMPRESSION_MASK: i32 = 0x07;

/// What the index has to say about an offset.
pub struct Question {
    pub offset: i64,
    /// The last entry before the offset: where its batch stands, and the last offset of that. Where there is none: the start of the
    /// segment, and −1.
    pub from: usize,
    pub from_last: i64,
    /// The base offset of the segment, where there is no entry before; else −1.
    pub expected: i64,
    /// The entry behind that one; where there is none: the end, and −1.
    pub next: usize,
    pub next_last: i64,
}

/// Where the record is, and what its batch says of it.
pub struct Found<'a> {
    /// From its length on.
    pub record: &'a [u8],
    pub base_offset: i64,
    pub last_offset: i64,
    pub leader_epoch: i32,
    pub attributes: i32,
    pub base_timestamp: i64,
    pub max_timestamp: i64,
    pub producer_id: i64,
}

/// In the good bytes of a segment.
pub fn find<'a>(segment: &'a [u8], question: &Question) -> Option<Found<'a>> {
    let position = position_of_batch(segment, question)?;
    let batch = &segment[position..];
    let size = batches::good_batch(batch)?;
    let batch = &batch[..size];
    let attributes = i32::from(read_i16(batch, ATTRIBUTES));
    if attributes & COMPRESSION_MASK != 0 {
        return None;
    }
    let base_offset = read_i64(batch, 0);
    let wanted = i32::try_from(question.offset.checked_sub(base_offset)?).ok()?;
    Some(Found {
        record: record_at(&batch[HEADER_BYTES..], read_i32(batch, RECORD_COUNT), wanted)?,
        base_offset,
        last_offset: base_offset + i64::from(read_i32(batch, LAST_OFFSET_DELTA)),
        leader_epoch: read_i32(batch, LEADER_EPOCH),
        attributes,
        base_timestamp: read_i64(batch, BASE_TIMESTAMP),
        max_timestamp: read_i64(batch, MAX_TIMESTAMP),
        producer_id: read_i64(batch, PRODUCER_ID),
    })
}

/// Where the batch stands that holds the offset.
fn position_of_batch(segment: &[u8], question: &Question) -> Option<usize> {
    let Question { offset, from, from_last, next, next_last, .. } = *question;
    let distance = next.saturating_sub(from);
    if distance > NEAR_BYTES && next_last >= 0 {
        fetch_ahead(segment, next, distance);
        let header = Header::at(segment, next);
        if header.is_some_and(|header| header.last_offset == next_last && header.base_offset <= offset) {
            return Some(next);
        }
    }
    let mut expected = question.expected;
    let mut position = from;
    while let Some(header) = Header::at(segment, position) {
        // A dense index has an entry for the first batch, too; where there is an entry, it is what counts.
        let named = match position {
            _ if position == next => next_last,
            _ if position == from => from_last,
            _ => -1,
        };
        let is_witnessed = if named < 0 { header.base_offset == expected } else { header.last_offset == named };
        if !is_witnessed {
            return None;
        }
        if header.last_offset >= offset {
            return (header.base_offset <= offset).then_some(position);
        }
        expected = header.last_offset + 1;
        position += header.size;
    }
    None
}

struct Header {
    base_offset: i64,
    last_offset: i64,
    size: usize,
}

impl Header {
    /// None where no whole batch can be.
    #[inline]
    fn at(segment: &[u8], position: usize) -> Option<Header> {
        let bytes = segment.get(position..)?;
        let size = batches::size_of_batch(bytes)?;
        let base_offset = read_i64(bytes, 0);
        let last_offset = base_offset.checked_add(i64::from(read_i32(bytes, LAST_OFFSET_DELTA)))?;
        (base_offset >= 0 && last_offset >= base_offset).then_some(Header { base_offset, last_offset, size })
    }
}

/// The record with that offset delta, from its length on. Those before it are stepped over.
fn record_at(records: &[u8], count: i32, wanted: i32) -> Option<&[u8]> {
    let mut rest = Reader::new(records);
    for index in 0..count {
        let start = rest.at;
        let length = usize::try_from(rest.varint()?).ok()?;
        let next = rest.at.checked_add(length)?;
        if length < MIN_RECORD_BYTES - 1 || next > records.len() {
            return None;
        }
        rest.at += 1;
        rest.varlong()?;
        let delta = rest.varint()?;
        if delta < index || delta > wanted || rest.at > next {
            return None;
        }
        if delta == wanted {
            return Some(&records[start..next]);
        }
        rest.at = next;
    }
    None
}

/// Asks for memory that is about to be read, for all of its pages side by side: on its way from one end to the other the processor
/// would ask for one page after the other. A checksum of 12 KB that nobody has looked at for a while takes 0.75 µs so, not 1.05.
fn fetch_ahead(segment: &[u8], at: usize, length: usize) {
    let bytes = segment.get(at..).unwrap_or_default();
    let bytes = &bytes[..bytes.len().min(length).min(MAX_AHEAD_BYTES)];
    for line in (0..PAGE_BYTES).step_by(LINE_BYTES) {
        for at in (line..bytes.len()).step_by(PAGE_BYTES) {
            prefetch(bytes.as_ptr().wrapping_add(at));
        }
    }
}

/// Into the second level of its cache: the first one has too few lines on their way at a time.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn prefetch(byte: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
    // SAFETY: a hint; at an address that is no memory, or not readable, it does nothing.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(byte.cast()) };
}

#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn prefetch(_: *const u8) {}

#[cfg(test)]
mod tests {
    use super::*;

    /// A batch of records that are their numbers, from the given offset on, the deltas given.
    fn batch(base: i64, deltas: &[u8], padding: usize) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_BYTES];
        for &delta in deltas {
            let value = vec![delta; 10 + padding];
            // Its length, attributes, no timestamp delta, the offset delta, no key, the value, no headers: one or two bytes each.
            let mut record = vec![0, 0, delta * 2, 1];
            push_varint(&mut record, value.len());
            record.extend_from_slice(&value);
            record.push(0);
            push_varint(&mut bytes, record.len());
            bytes.extend_from_slice(&record);
        }
        let length = (bytes.len() - 12) as i32;
        let last_delta = i32::from(*deltas.last().unwrap());
        bytes[0..8].copy_from_slice(&base.to_be_bytes());
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        bytes[16] = 2;
        bytes[23..27].copy_from_slice(&last_delta.to_be_bytes());
        bytes[57..61].copy_from_slice(&(deltas.len() as i32).to_be_bytes());
        batches::seal(&mut bytes);
        bytes
    }

    fn push_varint(bytes: &mut Vec<u8>, number: usize) {
        let mut zigzag = number * 2;
        while zigzag >= 0x80 {
            bytes.push(zigzag as u8 | 0x80);
            zigzag >>= 7;
        }
        bytes.push(zigzag as u8);
    }

    /// Three batches at offsets 100 to 109, of which compaction has left some in the last one.
    fn segment(padding: usize) -> Vec<Vec<u8>> {
        vec![batch(100, &[0, 1, 2], padding), batch(103, &[0, 1], padding), batch(105, &[0, 2, 4], padding)]
    }

    fn from_start(offset: i64, end: usize) -> Question {
        Question { offset, from: 0, from_last: -1, expected: 100, next: end, next_last: -1 }
    }

    fn value(found: &Found) -> u8 {
        found.record[found.record.len() - 2]
    }

    #[test]
    fn every_record_is_found_from_the_start_and_by_entries() {
        for padding in [0, 5000] {
            let batches = segment(padding);
            let bytes = batches.concat();
            let second = batches[0].len();
            let third = second + batches[1].len();
            for (offset, base, number) in
                [(100, 100, 0), (102, 100, 2), (103, 103, 0), (104, 103, 1), (107, 105, 2), (109, 105, 4)]
            {
                let mut questions = vec![from_start(offset, bytes.len())];
                if base > 100 {
                    questions.push(Question {
                        from: second,
                        from_last: 104,
                        expected: -1,
                        ..from_start(offset, bytes.len())
                    });
                    if base == 103 {
                        questions.push(Question { next: second, next_last: 104, ..from_start(offset, bytes.len()) });
                    }
                }
                if base == 105 {
                    let entries =
                        Question { from: second, from_last: 104, expected: -1, next: third, next_last: 109, offset };
                    questions.push(entries);
                }
                for question in questions {
                    let found = find(&bytes, &question).unwrap();
                    assert_eq!((found.base_offset, value(&found)), (base, number), "offset {offset}");
                }
            }
        }
    }

    #[test]
    fn there_is_nothing_between_records_or_outside_of_the_segment() {
        let bytes = segment(0).concat();
        for offset in [i64::MIN, -1, 99, 106, 108, 110, i64::MAX] {
            assert!(find(&bytes, &from_start(offset, bytes.len())).is_none(), "offset {offset}");
        }
        for end in 0..bytes.len() {
            assert!(find(&bytes[..end], &from_start(109, end)).is_none(), "end {end}");
        }
    }

    #[test]
    fn an_offset_without_a_witness_is_in_doubt() {
        let batches = segment(0);
        let bytes = batches.concat();
        let second = batches[0].len();
        for (expected, from, from_last) in
            [(99, 0, -1), (-1, 0, 101), (-1, second, 103), (-1, second + 1, 104), (-1, second, -1)]
        {
            let question = Question { from, from_last, expected, ..from_start(104, bytes.len()) };
            assert!(find(&bytes, &question).is_none(), "{expected} {from} {from_last}");
        }
        // An entry that lies in the way must name what is there.
        let question = Question { next: second, next_last: 105, ..from_start(107, bytes.len()) };
        assert!(find(&bytes, &question).is_none());
    }

    #[test]
    fn no_flipped_bit_is_served() {
        let batches = segment(0);
        let good = batches.concat();
        let (start, end) = (batches[0].len(), batches[0].len() + batches[1].len());
        for bit in start * 8..end * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let found = find(&bytes, &from_start(104, bytes.len()));
            // Whose epoch it has is for TypeScript to see.
            let is_epoch = (start + 12..start + 16).contains(&(bit / 8));
            assert_eq!(found.is_some(), is_epoch, "bit {bit}");
        }
    }

    #[test]
    fn what_is_compressed_or_no_record_is_in_doubt() {
        let mut bytes = batch(100, &[0, 1], 0);
        bytes[ATTRIBUTES + 1] = 1;
        batches::seal(&mut bytes);
        assert!(find(&bytes, &from_start(101, bytes.len())).is_none());
        for at in HEADER_BYTES..HEADER_BYTES + 4 {
            let mut bytes = batch(100, &[0, 1], 0);
            bytes[at] = 0xff;
            batches::seal(&mut bytes);
            let found = find(&bytes, &from_start(101, bytes.len()));
            // The attributes of a record mean nothing.
            assert_eq!(found.is_some(), at == HEADER_BYTES + 1, "byte {at}");
        }
    }

    #[test]
    fn no_byte_anywhere_makes_it_panic() {
        let good = segment(0).concat();
        for at in 0..good.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = good.clone();
                bytes[at] = value;
                for resealed in [false, true] {
                    if resealed {
                        batches::seal(&mut bytes);
                    }
                    for offset in [100, 104, 109] {
                        let _ = find(&bytes, &from_start(offset, bytes.len()));
                    }
                }
            }
        }
        let strange = Question {
            offset: 0,
            from: usize::MAX,
            from_last: i64::MAX,
            expected: i64::MIN,
            next: usize::MAX,
            next_last: 7,
        };
        assert!(find(&good, &strange).is_none());
    }
}
