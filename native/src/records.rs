//! The records inside a batch: where each one lies, by one walk. format/record.ts draws a record and names the columns.
//!
//! What is in doubt is refused here, also the rare number outside the safe integers: TypeScript then walks the batch again,
//! and has the last word.

const COLUMNS: usize = 6;
const MIN_RECORD_BYTES: usize = 7;
const MAX_SAFE_INTEGER: i64 = (1 << 53) - 1;

/// Fills a row and a timestamp delta for each record. Positions are counted from `base`, where the records begin.
pub fn table(bytes: &[u8], base: i32, count: usize, rows: &mut [i32], deltas: &mut [f64]) -> Option<()> {
    if rows.len() != count.checked_mul(COLUMNS)? || deltas.len() != count {
        return None;
    }
    let mut rest = Reader { bytes, at: 0 };
    let mut previous = -1;
    for (row, delta) in rows.chunks_exact_mut(COLUMNS).zip(deltas) {
        let length = usize::try_from(rest.varint()?).ok()?;
        let next = rest.at.checked_add(length)?;
        if length < MIN_RECORD_BYTES - 1 || next > bytes.len() {
            return None;
        }
        let mut record = Reader { bytes: &bytes[..next], at: rest.at + 1 };
        *delta = record.varlong()? as f64;
        let offset_delta = record.varint()?;
        if offset_delta <= previous {
            return None;
        }
        previous = offset_delta;
        row[0] = offset_delta;
        (row[1], row[2]) = record.field(base)?;
        (row[3], row[4]) = record.field(base)?;
        row[5] = record.headers(base)?;
        rest.at = next;
    }
    (rest.at == bytes.len()).then_some(())
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    #[inline(always)]
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    /// An int32, in five bytes at the most.
    #[inline(always)]
    fn varint(&mut self) -> Option<i32> {
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
    fn varlong(&mut self) -> Option<i64> {
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
    #[inline(always)]
    fn field(&mut self, base: i32) -> Option<(i32, i32)> {
        let length = self.varint()?;
        let at = self.at;
        if length > 0 {
            self.skip(length as usize)?;
        }
        (length >= -1).then_some((base + at as i32, length))
    }

    /// The header count and the headers, which must reach to the end: where they stand, or −1 when there are none.
    #[inline(always)]
    fn headers(&mut self, base: i32) -> Option<i32> {
        let at = self.at;
        if self.bytes.get(at..) == Some(&[0]) {
            return Some(-1);
        }
        let count = usize::try_from(self.varint()?).ok()?;
        for _ in 0..count {
            let name_length = usize::try_from(self.varint()?).ok()?;
            self.skip(name_length)?;
            self.field(base)?;
        }
        (self.at == self.bytes.len()).then_some(base + at as i32)
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
