//! Positioned reads and writes on a descriptor that Node has opened, with the count checked.

use std::fs::File;
use std::io::ErrorKind;
use std::mem::ManuallyDrop;
use std::os::fd::FromRawFd;
use std::os::unix::fs::FileExt;

/// The count, smaller than the length only when the system takes no more; or its error number, negative.
pub fn write(descriptor: i32, bytes: &[u8], position: u64) -> f64 {
    let file = borrow(descriptor);
    transfer(bytes.len(), |done| file.write_at(&bytes[done..], position + done as u64))
}

/// The count, smaller than the length only at the end of the file; or the system's error number, negative.
pub fn read(descriptor: i32, into: &mut [u8], position: u64) -> f64 {
    let file = borrow(descriptor);
    transfer(into.len(), |done| file.read_at(&mut into[done..], position + done as u64))
}

/// Blocks for the bytes from `from` to `to`, which read as zeros: 0, or the error number, negative. `fallocate`, not `posix_fallocate`,
/// which writes to every block where the file system has no such thing.
#[cfg(target_os = "linux")]
pub fn allocate(descriptor: i32, from: i64, to: i64) -> i32 {
    loop {
        // SAFETY: no memory is touched; a number that is no open descriptor makes the system answer EBADF.
        if unsafe { libc::fallocate(descriptor, 0, from, to.saturating_sub(from)) } == 0 {
            return 0;
        }
        match std::io::Error::last_os_error() {
            error if error.kind() == ErrorKind::Interrupted => {}
            error => return -error.raw_os_error().unwrap_or(EIO),
        }
    }
}

/// The system may do a part of what it was asked: it is asked for the rest until it does nothing, or says why.
fn transfer(length: usize, mut part: impl FnMut(usize) -> std::io::Result<usize>) -> f64 {
    let mut done = 0;
    while done < length {
        match part(done) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return f64::from(-error.raw_os_error().unwrap_or(EIO)),
        }
    }
    done as f64
}

/// What is said where the system has no word for an error, the same number on every Unix.
const EIO: i32 = 5;

fn borrow(descriptor: i32) -> ManuallyDrop<File> {
    // SAFETY: the descriptor stays Node's. It is not closed here (ManuallyDrop), and it is open throughout the call, because
    // JavaScript, which alone closes it, runs on the thread that this call holds. A number that is no open descriptor makes
    // the system answer EBADF.
    ManuallyDrop::new(unsafe { File::from_raw_fd(descriptor) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    fn temporary(name: &str) -> (std::path::PathBuf, File) {
        let path = std::env::temp_dir().join(format!("varve-native-{}-{name}", std::process::id()));
        let file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
        (path, file)
    }

    #[test]
    fn reads_what_was_written_and_less_at_the_end() {
        let (path, file) = temporary("reads");
        assert_eq!(write(file.as_raw_fd(), b"hello", 3), 5.0);
        let mut into = [9; 10];
        assert_eq!(read(file.as_raw_fd(), &mut into, 2), 6.0);
        assert_eq!(&into, b"\0hello\x09\x09\x09\x09");
        assert_eq!(read(file.as_raw_fd(), &mut into, 100), 0.0);
        std::fs::remove_file(path).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn allocated_bytes_are_zeros_with_blocks() {
        use std::os::unix::fs::MetadataExt;
        let (path, file) = temporary("allocates");
        assert_eq!(write(file.as_raw_fd(), b"hello", 0), 5.0);
        assert_eq!(allocate(file.as_raw_fd(), 5, 65536), 0);
        let read = std::fs::read(&path).unwrap();
        assert_eq!((&read[..5], read.len()), (&b"hello"[..], 65536));
        assert!(read[5..].iter().all(|&byte| byte == 0));
        assert!(file.metadata().unwrap().blocks() * 512 >= 65536);
        assert_eq!(allocate(file.as_raw_fd(), 65536, 65536), -libc::EINVAL);
        assert_eq!(allocate(1 << 30, 0, 1), -libc::EBADF);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn an_error_is_its_number() {
        let (path, file) = temporary("errors");
        let descriptor = file.as_raw_fd();
        let reader = File::open(&path).unwrap();
        const EBADF: f64 = -9.0;
        assert_eq!(write(reader.as_raw_fd(), b"x", 0), EBADF);
        assert_eq!(read(1 << 30, &mut [0], 0), EBADF);
        assert_eq!(write(descriptor, b"", 0), 0.0);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn parts_are_put_together_and_interruptions_are_no_errors() {
        let mut answers = vec![Ok(2), Err(ErrorKind::Interrupted.into()), Ok(3)].into_iter();
        assert_eq!(transfer(5, |_| answers.next().unwrap()), 5.0);
        let mut answers = vec![Ok(2), Ok(0)].into_iter();
        assert_eq!(transfer(5, |_| answers.next().unwrap()), 2.0);
    }
}
