//! The blocks of lz4 and snappy, and zstd as a whole. Framing, bounds and words for what is wrong are TypeScript's: what is
//! refused here is looked at there again.
//!
//! A result is the size that was written, or negative.

/// The output is too small.
pub const TOO_SMALL: i32 = -1;
/// The input is not what it should be.
pub const DAMAGED: i32 = -2;

/// zstd's own default, and Kafka's.
const ZSTD_LEVEL: i32 = 3;

pub fn lz4_compress(block: &[u8], out: &mut [u8]) -> i32 {
    let packed = lz4_flex::block::compress(block);
    let Some(room) = out.get_mut(..packed.len()) else { return TOO_SMALL };
    room.copy_from_slice(&packed);
    packed.len() as i32
}

pub fn lz4_decompress(block: &[u8], out: &mut [u8]) -> i32 {
    lz4_flex::block::decompress_into(block, out).map_or(DAMAGED, |size| size as i32)
}

pub fn snappy_compress(block: &[u8], out: &mut [u8]) -> i32 {
    snap::raw::Encoder::new().compress(block, out).map_or(TOO_SMALL, |size| size as i32)
}

pub fn snappy_decompress(block: &[u8], out: &mut [u8]) -> i32 {
    snap::raw::Decoder::new().decompress(block, out).map_or(DAMAGED, |size| size as i32)
}

pub fn zstd_compress(bytes: &[u8], out: &mut [u8]) -> i32 {
    zstd_safe::compress(out, bytes, ZSTD_LEVEL).map_or(TOO_SMALL, |size| size as i32)
}

/// All frames, end to end.
pub fn zstd_decompress(frames: &[u8], out: &mut [u8]) -> i32 {
    match zstd_safe::decompress(out, frames) {
        Ok(size) => size as i32,
        Err(code) if zstd_safe::get_error_name(code) == "Destination buffer is too small" => TOO_SMALL,
        Err(_) => DAMAGED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Codec = fn(&[u8], &mut [u8]) -> i32;
    const CODECS: [(&str, Codec, Codec); 3] = [
        ("lz4", lz4_compress, lz4_decompress),
        ("snappy", snappy_compress, snappy_decompress),
        ("zstd", zstd_compress, zstd_decompress),
    ];

    fn payload(length: usize) -> Vec<u8> {
        (0..length).map(|i| if i % 7 < 5 { b'a' + (i % 5) as u8 } else { ((i * i) >> 3) as u8 }).collect()
    }

    fn packed(compress: Codec, bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![0; bytes.len() * 2 + 200];
        let size = compress(bytes, &mut out);
        out.truncate(usize::try_from(size).unwrap());
        out
    }

    #[test]
    fn gives_back_what_it_was_given() {
        for (name, compress, decompress) in CODECS {
            for length in [0, 1, 13, 1000, 65_536] {
                let bytes = payload(length);
                let mut out = vec![0; length];
                assert_eq!(decompress(&packed(compress, &bytes), &mut out), length as i32, "{name} of {length}");
                assert_eq!(out, bytes, "{name} of {length}");
            }
        }
    }

    #[test]
    fn stays_within_its_room() {
        let bytes = payload(1000);
        for (name, compress, decompress) in CODECS {
            assert!(compress(&bytes, &mut [0; 10]) < 0, "{name}");
            assert!(decompress(&packed(compress, &bytes), &mut [0; 999]) < 0, "{name}");
        }
        assert_eq!(zstd_decompress(&packed(zstd_compress, &bytes), &mut [0; 999]), TOO_SMALL);
    }

    #[test]
    fn damage_is_refused_or_does_no_harm() {
        let bytes = payload(300);
        for (_, compress, decompress) in CODECS {
            let good = packed(compress, &bytes);
            for at in 0..good.len() {
                for change in [0x01, 0x80, 0xff] {
                    let mut bad = good.clone();
                    bad[at] ^= change;
                    assert!(decompress(&bad, &mut [0; 400]) <= 400);
                }
                assert!(decompress(&good[..at], &mut [0; 400]) <= 400);
            }
        }
        assert_eq!(zstd_decompress(b"no frame at all", &mut [0; 100]), DAMAGED);
    }
}
