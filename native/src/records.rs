//! The records inside a batch: where each one lies, by one walk. format/record.ts draws a record and names the columns.
//!
//! What is in doubt is refused here, also the rare number outside the safe integers: TypeScript then walks the batch again,
//! and has the last word.

pub const COLUMNS: usize = 6;
pub const MIN_RECORD_BYTES: usize = 7;
pub const MAX_SAFE_INTEGER: i64 = (1 << 53) - 1;

/// Fills a row and a timestamp delta for each record. Positions are counted from `base`, where the records begin.
pub fn table(bytes: &[u8], base: i32, count: usize, rows: &mut [i32], deltas: &mut [f64]) -> Option<()> {
    if rows.len() != count.checked_mul(COLUMNS)? || deltas.len() != count {
        return None;
    }
    let mut at = 0;
    let mut previous = -1;
    for (row, delta) in rows.chunks_exact_mut(COLUMNS).zip(deltas) {
        let record = Record::short(bytes, at).or_else(|| Record::any(bytes, at))?;
        if record.offset_delta <= previous {
            return None;
        }
        previous = record.offset_delta;
        *delta = record.timestamp_delta as f64;
        row[0] = record.offset_delta;
        row[1] = base + record.key_at as i32;
        row[2] = record.key_length;
        row[3] = base + record.value_at as i32;
        row[4] = record.value_length;
        row[5] = record.headers_at.map_or(-1, |headers_at| base + headers_at as i32);
        at = record.next;
    }
    (at == bytes.len()).then_some(())
}

/// The offset delta of the last record, −1 when there are none.
pub fn check(bytes: &[u8], count: usize) -> Option<i32> {
    let mut at = 0;
    let mut previous = -1;
    for _ in 0..count {
        let record = Record::short(bytes, at).or_else(|| Record::any(bytes, at))?;
        if record.offset_delta <= previous {
            return None;
        }
        previous = record.offset_delta;
        at = record.next;
    }
    (at == bytes.len()).then_some(previous)
}

/// A record whose lengths are right, and where what it holds lies.
struct Record {
    timestamp_delta: i64,
    offset_delta: i32,
    key_at: usize,
    key_length: i32,
    value_at: usize,
    value_length: i32,
    headers_at: Option<usize>,
    next: usize,
}

impl Record {
    /// One whose numbers take one or two bytes each and that has no headers, as nearly all. Everything up to the key length lies in the
    /// first eight bytes then, but for the end of a long one.
    #[inline(always)]
    fn short(bytes: &[u8], at: usize) -> Option<Record> {
        let mut head = Head { bits: u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?), taken: 0 };
        let length = head.varint()?;
        let next = at + head.taken + usize::try_from(length).ok()?;
        head.skip(8);
        let timestamp_delta = i64::from(head.varint()?);
        let offset_delta = head.varint()?;
        let key_length = head.varint()?;
        if head.taken > 8 || key_length < -1 {
            return None;
        }
        let key_at = at + head.taken;
        let at = key_at + key_length.max(0) as usize;
        let mut head = Head { bits: u64::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)), taken: 0 };
        let value_length = head.varint()?;
        let value_at = at + head.taken;
        let end = value_at + value_length.max(0) as usize;
        let is_whole = value_length >= -1 && end + 1 == next && bytes.get(end) == Some(&0);
        let headers_at = None;
        is_whole.then_some(Record {
            timestamp_delta,
            offset_delta,
            key_at,
            key_length,
            value_at,
            value_length,
            headers_at,
            next,
        })
    }

    #[cold]
    fn any(bytes: &[u8], at: usize) -> Option<Record> {
        let mut rest = Reader { bytes, at };
        let length = usize::try_from(rest.varint()?).ok()?;
        let next = rest.at.checked_add(length)?;
        if length < MIN_RECORD_BYTES - 1 || next > bytes.len() {
            return None;
        }
        let mut record = Reader { bytes: &bytes[..next], at: rest.at + 1 };
        let timestamp_delta = record.varlong()?;
        let offset_delta = record.varint()?;
        let (key_at, key_length) = record.field()?;
        let (value_at, value_length) = record.field()?;
        let headers_at = record.headers()?;
        Some(Record { timestamp_delta, offset_delta, key_at, key_length, value_at, value_length, headers_at, next })
    }
}

/// The first bytes of something, least significant first.
struct Head {
    bits: u64,
    taken: usize,
}

impl Head {
    /// One of at most two bytes.
    #[inline(always)]
    fn varint(&mut self) -> Option<i32> {
        let bits = self.bits as u32;
        if bits & 0x80 == 0 {
            self.skip(8);
            return Some(unzigzag(bits & 0x7f));
        }
        if bits & 0x8000 != 0 {
            return None;
        }
        self.skip(16);
        Some(unzigzag(bits & 0x7f | (bits >> 1) & 0x3f80))
    }

    #[inline(always)]
    fn skip(&mut self, bits: usize) {
        self.bits >>= bits;
        self.taken += bits / 8;
    }
}

/// Takes one number after the other, as far as there are bytes.
pub struct Reader<'a> {
    bytes: &'a [u8],
    pub at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, at: 0 }
    }

    #[inline(always)]
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// An int32, in five bytes at the most.
    #[inline(always)]
    pub fn varint(&mut self) -> Option<i32> {
        let first = self.byte()?;
        if first < 0x80 {
            return Some(unzigzag(u32::from(first)));
        }
        let mut zigzag = u32::from(first & 0x7f);
        for shift in [7, 14, 21, 28] {
            let byte = self.byte()?;
            zigzag |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return (shift < 28 || byte <= 0x0f).then_some(unzigzag(zigzag));
            }
        }
        None
    }

    /// An int64 that is a safe integer, in eight bytes at the most, which is as long as those are written.
    #[inline(always)]
    pub fn varlong(&mut self) -> Option<i64> {
        let mut zigzag = 0;
        for shift in (0..56).step_by(7) {
            let byte = self.byte()?;
            zigzag |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                let value = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
                return (value.abs() <= MAX_SAFE_INTEGER).then_some(value);
            }
        }
        None
    }

    /// A length, −1 for null, and as many bytes: where they lie, and the length.
    fn field(&mut self) -> Option<(usize, i32)> {
        let length = self.varint()?;
        let at = self.at;
        if length > 0 {
            self.skip(length as usize)?;
        }
        (length >= -1).then_some((at, length))
    }

    /// The header count and the headers, which must reach to the end: where they stand, or none when there are none.
    fn headers(&mut self) -> Option<Option<usize>> {
        let at = self.at;
        if self.bytes.get(at..) == Some(&[0]) {
            return Some(None);
        }
        let count = usize::try_from(self.varint()?).ok()?;
        for _ in 0..count {
            let name_length = usize::try_from(self.varint()?).ok()?;
            self.skip(name_length)?;
            self.field()?;
        }
        (self.at == self.bytes.len()).then_some(Some(at))
    }

    #[inline(always)]
    fn skip(&mut self, length: usize) -> Option<()> {
        if length > self.bytes.len() - self.at {
            return None;
        }
        self.at += length;
        Some(())
    }
}

fn unzigzag(zigzag: u32) -> i32 {
    (zigzag >> 1) as i32 ^ -((zigzag & 1) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The record of the example in format/record.ts: key "k", value "hello", no headers.
    const HELLO: [u8; 13] = [0x18, 0, 0, 0, 0x02, 0x6b, 0x0a, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0];

    fn tabled(bytes: &[u8], count: usize) -> Option<(Vec<i32>, Vec<f64>)> {
        let mut rows = vec![0; count * COLUMNS];
        let mut deltas = vec![0.0; count];
        table(bytes, 100, count, &mut rows, &mut deltas)?;
        Some((rows, deltas))
    }

    #[test]
    fn the_example_lies_where_it_should() {
        let (rows, deltas) = tabled(&HELLO, 1).unwrap();
        assert_eq!(rows, [0, 105, 1, 107, 5, -1]);
        assert_eq!(deltas, [0.0]);
    }

    #[test]
    fn nulls_headers_and_a_large_timestamp() {
        // Timestamp delta 300, offset delta 1, no key, no value, one header "h" without a value.
        let second = [0x14, 0, 0xd8, 0x04, 0x02, 0x01, 0x01, 0x02, 0x02, 0x68, 0x01];
        let (rows, deltas) = tabled(&[&HELLO[..], &second[..]].concat(), 2).unwrap();
        assert_eq!(rows[6..], [1, 119, -1, 120, -1, 120]);
        assert_eq!(deltas, [0.0, 300.0]);
    }

    #[test]
    fn no_cut_is_taken_for_whole() {
        for length in 0..HELLO.len() {
            assert_eq!(tabled(&HELLO[..length], 1), None, "length {length}");
        }
        assert_eq!(tabled(&[&HELLO[..], &[0]].concat(), 1), None);
        assert!(tabled(&[], 0).is_some());
    }

    #[test]
    fn no_byte_value_anywhere_makes_it_panic() {
        for at in 0..HELLO.len() {
            for value in 0..=255 {
                let mut bytes = HELLO;
                bytes[at] = value;
                if let Some((rows, _)) = tabled(&bytes, 1) {
                    assert!(rows[1] + rows[2].max(0) <= 113 && rows[3] + rows[4].max(0) <= 113);
                }
            }
        }
    }

    #[test]
    fn offsets_must_ascend() {
        assert_eq!(tabled(&[HELLO, HELLO].concat(), 2), None);
    }

    #[test]
    fn a_check_takes_what_a_table_takes() {
        // Twice the example, the second with a header "h" without a value; then a key of 64 bytes, whose length takes two.
        let second = [0x14, 0, 0xd8, 0x04, 0x02, 0x01, 0x01, 0x02, 0x02, 0x68, 0x01];
        let third = [&[0x8e, 0x01, 0, 0, 0x04, 0x80, 0x01][..], &[7; 64], &[0x01, 0]].concat();
        let good = [&HELLO[..], &second, &third].concat();
        for at in 0..good.len() {
            for value in 0..=255 {
                let mut bytes = good.clone();
                bytes[at] = value;
                let last = tabled(&bytes, 3).map(|(rows, _)| rows[2 * COLUMNS]);
                assert_eq!(check(&bytes, 3), last, "{value} at {at}");
            }
            assert_eq!(check(&good[..at], 3), None, "length {at}");
        }
        assert_eq!((check(&good, 3), check(&[], 0), check(&[0], 0)), (Some(2), Some(-1), None));
    }

    #[test]
    fn integers_at_their_bounds() {
        let long = |bytes: &[u8]| Reader { bytes, at: 0 }.varlong();
        assert_eq!(long(&[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f]), Some(MAX_SAFE_INTEGER));
        assert_eq!(long(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20]), None);
        let int = |bytes: &[u8]| Reader { bytes, at: 0 }.varint();
        assert_eq!(int(&[0xfe, 0xff, 0xff, 0xff, 0x0f]), Some(i32::MAX));
        assert_eq!(int(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Some(i32::MIN));
        assert_eq!(int(&[0xff, 0xff, 0xff, 0xff, 0x10]), None);
        assert_eq!(int(&[0x80]), None);
    }
}
