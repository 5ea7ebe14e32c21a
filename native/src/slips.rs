//! What a look-up is asked, and what it answers, at the head of the memory that the record is copied to: one argument for all of it, since
//! each one of a call takes longer than most of the look-up. format/record-copies.ts draws the slip, and is the one that writes it.

use crate::lookups::{Found, Question, find};
use crate::maps;
use crate::records::{self, COLUMNS, MAX_SAFE_INTEGER};

/// In doubt: TypeScript has to look.
const IN_DOUBT: i32 = 0;
/// There is no such map any more.
const GONE: i32 = -1;
/// The record is larger than what is left of the memory; its size is on the slip.
const NO_ROOM: i32 = -2;

// float64 each, in the order of the slip.
const MAP: usize = 0;
const END: usize = 1;
const OFFSET: usize = 2;
const FROM: usize = 3;
const FROM_LAST: usize = 4;
const EXPECTED: usize = 5;
const NEXT: usize = 6;
const NEXT_LAST: usize = 7;
const ROW_AT: usize = 8;
const RECORD_AT: usize = 9;
const QUESTIONS: usize = 10;

const ANSWERS_AT: usize = QUESTIONS * 8;
const ANSWERS: usize = 9;
const SLIP_BYTES: usize = ANSWERS_AT + ANSWERS * 8;

/// The size of the record, from its length on; or one of the above.
pub fn find_record(memory: &mut [u8]) -> i32 {
    let Some(question) = memory.first_chunk::<ANSWERS_AT>().filter(|_| memory.len() >= SLIP_BYTES) else {
        return IN_DOUBT;
    };
    let mut numbers = [0.0; QUESTIONS];
    for (number, bytes) in numbers.iter_mut().zip(question.as_chunks::<8>().0) {
        *number = f64::from_ne_bytes(*bytes);
    }
    let question = Question {
        offset: numbers[OFFSET] as i64,
        from: numbers[FROM] as usize,
        from_last: numbers[FROM_LAST] as i64,
        expected: numbers[EXPECTED] as i64,
        next: numbers[NEXT] as usize,
        next_last: numbers[NEXT_LAST] as i64,
    };
    let looked = maps::read(numbers[MAP], |file| {
        let found = find(file.get(..numbers[END] as usize)?, &question)?;
        answer(memory, &found, numbers[ROW_AT] as usize, numbers[RECORD_AT] as usize)
    });
    looked.map_or(GONE, |answer| answer.unwrap_or(IN_DOUBT))
}

/// Copies the record out, with a row that says where its parts lie, and what its batch says of it.
fn answer(memory: &mut [u8], found: &Found, row_at: usize, record_at: usize) -> Option<i32> {
    let size = found.record.len();
    let is_safe = |number: i64| (-MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER).contains(&number);
    if ![found.last_offset, found.base_timestamp, found.max_timestamp, found.producer_id].into_iter().all(is_safe) {
        return None;
    }
    let mut row = [0; COLUMNS];
    let mut delta = [0.0];
    let has_room = record_at <= memory.len() && size <= memory.len() - record_at;
    if has_room {
        let copy = &mut memory[record_at..record_at + size];
        copy.copy_from_slice(found.record);
        records::table(copy, i32::try_from(record_at).ok()?, 1, &mut row, &mut delta)?;
        write(memory.get_mut(row_at..row_at.checked_add(COLUMNS * 4)?)?, row.map(i32::to_ne_bytes));
    }
    let answers: [f64; ANSWERS] = [
        size as f64,
        found.base_offset as f64,
        found.last_offset as f64,
        f64::from(found.leader_epoch),
        f64::from(found.attributes),
        found.base_timestamp as f64,
        found.max_timestamp as f64,
        delta[0],
        found.producer_id as f64,
    ];
    write(&mut memory[ANSWERS_AT..SLIP_BYTES], answers.map(f64::to_ne_bytes));
    if has_room { i32::try_from(size).ok() } else { Some(NO_ROOM) }
}

fn write<const BYTES: usize, const COUNT: usize>(memory: &mut [u8], numbers: [[u8; BYTES]; COUNT]) {
    memory.copy_from_slice(numbers.as_flattened());
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: [u8; 13] = [0x18, 0, 0, 0, 0x02, 0x6b, 0x0a, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0];

    fn found(record: &[u8]) -> Found<'_> {
        Found {
            record,
            base_offset: 7,
            last_offset: 9,
            leader_epoch: 3,
            attributes: 8,
            base_timestamp: -1,
            max_timestamp: 5,
            producer_id: 4711,
        }
    }

    fn number(memory: &[u8], index: usize) -> f64 {
        f64::from_ne_bytes(memory[index * 8..index * 8 + 8].try_into().unwrap())
    }

    #[test]
    fn an_answer_is_the_record_its_row_and_its_batch() {
        let mut memory = vec![0; 300];
        assert_eq!(answer(&mut memory, &found(&RECORD), 200, 240), Some(13));
        assert_eq!(memory[240..253], RECORD);
        let row: Vec<i32> = memory[200..224].as_chunks().0.iter().map(|bytes| i32::from_ne_bytes(*bytes)).collect();
        assert_eq!(row, [0, 245, 1, 247, 5, -1]);
        let answers: Vec<f64> = (QUESTIONS..QUESTIONS + ANSWERS).map(|index| number(&memory, index)).collect();
        assert_eq!(answers, [13.0, 7.0, 9.0, 3.0, 8.0, -1.0, 5.0, 0.0, 4711.0]);
    }

    #[test]
    fn a_record_without_room_says_how_much_it_takes() {
        for record_at in [288, 300, 301, usize::MAX] {
            let mut memory = vec![0; 300];
            assert_eq!(answer(&mut memory, &found(&RECORD), 200, record_at), Some(NO_ROOM));
            assert_eq!(number(&memory, QUESTIONS), 13.0);
        }
    }

    #[test]
    fn what_does_not_fit_or_is_not_safe_is_no_answer() {
        let mut memory = vec![0; 300];
        for row_at in [277, usize::MAX] {
            assert_eq!(answer(&mut memory, &found(&RECORD), row_at, 240), None);
        }
        assert_eq!(answer(&mut memory, &found(&RECORD[..12]), 200, 240), None);
        assert_eq!(
            answer(&mut memory, &Found { max_timestamp: MAX_SAFE_INTEGER + 1, ..found(&RECORD) }, 200, 240),
            None
        );
        assert_eq!(answer(&mut memory, &Found { base_timestamp: i64::MIN, ..found(&RECORD) }, 200, 240), None);
    }

    #[test]
    fn a_slip_of_a_map_that_is_gone_or_too_short_a_slip() {
        let mut memory = vec![0; 300];
        assert_eq!(find_record(&mut memory), GONE);
        for length in 0..SLIP_BYTES {
            assert_eq!(find_record(&mut memory[..length]), IN_DOUBT);
        }
    }
}
