//! Every function that JavaScript can call, and nothing else: the work is done in one file per muscle.
//!
//! All of them are dumb. They take numbers and buffers that JavaScript owns, check the ranges, and answer with a number; what
//! an answer means is decided in TypeScript. None keeps a reference to a buffer past its call, none starts a thread.
//!
//! A file is a descriptor that Node has opened. Such a function answers with a count, or with the negative error number of
//! the system: storage/native-disk.ts makes the error of it. A range outside its buffer is a mistake in the caller, and throws.

mod batches;
mod bytes;
mod codecs;
mod crc;
#[cfg(unix)]
mod files;
mod hashes;
#[cfg(unix)]
mod lookups;
#[cfg(unix)]
mod maps;
mod records;
#[cfg(unix)]
mod slips;

use bytes::{range, range_mut};
use napi::Result;
use napi_derive::napi;

/// A buffer that is written to. Two of one call must not overlap: src/native.ts makes them apart.
type Out<'a, T> = &'a mut [T];

/// Raised whenever a function changes: src/native.ts takes a module of the same number only.
const ABI: u32 = 7;

#[napi(catch_unwind)]
pub fn abi() -> u32 {
    ABI
}

/// CRC32C of bytes[start, end).
#[napi(catch_unwind, js_name = "crc32c")]
pub fn crc32c(bytes: &[u8], start: u32, end: u32) -> Result<u32> {
    Ok(crc::crc32c(range(bytes, start, end)?))
}

/// Where the run of whole, good batches that begins at `at` ends, at `end` at the latest.
#[napi(catch_unwind)]
pub fn good_batches(bytes: &[u8], at: u32, end: u32) -> Result<u32> {
    Ok(at + batches::good_batches(range(bytes, at, end)?) as u32)
}

/// Puts the checksum into the header of the batch bytes[at, end).
#[napi(catch_unwind)]
pub fn seal(bytes: Out<'_, u8>, at: u32, end: u32) -> Result<()> {
    batches::seal(range_mut(bytes, at, end)?);
    Ok(())
}

/// Tables the `count` records in bytes[start, end) as format/record.ts does; false when something is wrong with one.
#[napi(catch_unwind)]
pub fn table_records(
    bytes: &[u8],
    start: u32,
    end: u32,
    count: u32,
    rows: Out<'_, i32>,
    deltas: Out<'_, f64>,
) -> Result<bool> {
    let records = range(bytes, start, end)?;
    Ok(records::table(records, start as i32, count as usize, rows, deltas).is_some())
}

/// The last offset delta of the `count` records in bytes[start, end), −1 when there are none; −2 when something is wrong with one.
#[napi(catch_unwind)]
pub fn check_records(bytes: &[u8], start: u32, end: u32, count: u32) -> Result<i32> {
    Ok(records::check(range(bytes, start, end)?, count as usize).unwrap_or(-2))
}

/// The fingerprints of the keys that `rows` tables, four words each; false when one lies outside of `bytes`.
#[napi(catch_unwind)]
pub fn key_fingerprints(bytes: &[u8], rows: &[i32], words: Out<'_, i32>) -> bool {
    hashes::fingerprints(bytes, rows, words).is_some()
}

/// Writes bytes[at, at + length) to `position`: the count is smaller only when the system takes no more.
#[cfg(unix)]
#[napi(catch_unwind)]
pub fn write(descriptor: i32, bytes: &[u8], at: u32, length: u32, position: f64) -> Result<f64> {
    Ok(files::write(descriptor, range(bytes, at, at.saturating_add(length))?, position as u64))
}

/// `seal` and `write` in one call.
#[cfg(unix)]
#[napi(catch_unwind)]
pub fn write_sealed(descriptor: i32, bytes: Out<'_, u8>, at: u32, length: u32, position: f64) -> Result<f64> {
    let batch = range_mut(bytes, at, at.saturating_add(length))?;
    batches::seal(batch);
    Ok(files::write(descriptor, batch, position as u64))
}

/// Reads into[at, at + length) from `position`: the count is smaller only at the end of the file.
#[cfg(unix)]
#[napi(catch_unwind)]
pub fn read(descriptor: i32, into: Out<'_, u8>, at: u32, length: u32, position: f64) -> Result<f64> {
    Ok(files::read(descriptor, range_mut(into, at, at.saturating_add(length))?, position as u64))
}

/// `read` to the start of `into`; verdict[0] then says how far it is good batches.
#[cfg(unix)]
#[napi(catch_unwind)]
pub fn read_batches(
    descriptor: i32,
    into: Out<'_, u8>,
    length: u32,
    position: f64,
    verdict: Out<'_, i32>,
) -> Result<f64> {
    let chunk = range_mut(into, 0, length)?;
    let count = files::read(descriptor, chunk, position as u64);
    if count >= 0.0 {
        *verdict.first_mut().ok_or_else(bytes::out_of_range)? = batches::good_batches(&chunk[..count as usize]) as i32;
    }
    Ok(count)
}

/// Maps the first `length` bytes of the file: the id of the map, or negative. See maps.rs. The descriptor may be closed afterwards.
#[cfg(unix)]
#[napi(catch_unwind)]
pub fn map(descriptor: i32, length: f64, writable: bool) -> f64 {
    maps::map(descriptor, length, writable)
}

/// The map may be gone already.
#[cfg(unix)]
#[napi(catch_unwind)]
pub fn unmap(id: f64) {
    maps::unmap(id);
}

/// Looks a record up in a mapped segment and copies it out: see slips.rs.
#[cfg(unix)]
#[napi(catch_unwind)]
pub fn find_record(memory: Out<'_, u8>) -> i32 {
    slips::find_record(memory)
}

/// The file gets blocks for all of its bytes from `from` to `to`, which is its size afterwards: 0, or a negative error number.
#[cfg(target_os = "linux")]
#[napi(catch_unwind)]
pub fn allocate(descriptor: i32, from: f64, to: f64) -> i32 {
    files::allocate(descriptor, from as i64, to as i64)
}

/// `seal`, and a copy to `position` of a writable map, of the batch at the start of `bytes`: few arguments, for each costs as much as the
/// copy. False when there is no such batch, or the map is gone or too short: then it is to be written.
#[cfg(unix)]
#[napi(catch_unwind)]
pub fn copy_sealed(map: f64, bytes: Out<'_, u8>, position: f64) -> bool {
    let Some(batch) = batches::first(bytes) else { return false };
    batches::seal(batch);
    let start = position as usize;
    let copied = maps::write(map, |file| {
        let place = file.get_mut(start..start.saturating_add(batch.len()));
        place.map(|place| place.copy_from_slice(batch)).is_some()
    });
    copied.unwrap_or(false)
}

/// Compresses bytes[start, end) to out[at, limit). The size, or negative: see codecs.rs. So do all that follow.
#[napi(catch_unwind)]
pub fn lz4_compress(bytes: &[u8], start: u32, end: u32, out: Out<'_, u8>, at: u32, limit: u32) -> Result<i32> {
    Ok(codecs::lz4_compress(range(bytes, start, end)?, range_mut(out, at, limit)?))
}

/// One block.
#[napi(catch_unwind)]
pub fn lz4_decompress(bytes: &[u8], start: u32, end: u32, out: Out<'_, u8>, at: u32, limit: u32) -> Result<i32> {
    Ok(codecs::lz4_decompress(range(bytes, start, end)?, range_mut(out, at, limit)?))
}

/// As one raw block.
#[napi(catch_unwind)]
pub fn snappy_compress(bytes: &[u8], start: u32, end: u32, out: Out<'_, u8>, at: u32, limit: u32) -> Result<i32> {
    Ok(codecs::snappy_compress(range(bytes, start, end)?, range_mut(out, at, limit)?))
}

/// One raw block.
#[napi(catch_unwind)]
pub fn snappy_decompress(bytes: &[u8], start: u32, end: u32, out: Out<'_, u8>, at: u32, limit: u32) -> Result<i32> {
    Ok(codecs::snappy_decompress(range(bytes, start, end)?, range_mut(out, at, limit)?))
}

/// As one frame.
#[napi(catch_unwind)]
pub fn zstd_compress(bytes: &[u8], start: u32, end: u32, out: Out<'_, u8>, at: u32, limit: u32) -> Result<i32> {
    Ok(codecs::zstd_compress(range(bytes, start, end)?, range_mut(out, at, limit)?))
}

/// All frames.
#[napi(catch_unwind)]
pub fn zstd_decompress(bytes: &[u8], start: u32, end: u32, out: Out<'_, u8>, at: u32, limit: u32) -> Result<i32> {
    Ok(codecs::zstd_decompress(range(bytes, start, end)?, range_mut(out, at, limit)?))
}
