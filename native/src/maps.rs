//! Maps of files, for reads and writes in place: a bounded set of them, of which only the native side ever sees a byte.
//!
//!   map(descriptor, length, writable)   an id; or the system's error number, negative: then do without
//!   unmap(id)                           nothing when it is gone already
//!   read(id, |bytes| …)                 what the closure makes of the bytes; None when the map is gone, or a page cannot be had
//!   write(id, |bytes| …)                the same of a writable map; after None the bytes may be in the file, or some of them
//!
//! Promises. A map covers what the file has when it is made, and never more; a writable one only where all of that has blocks, so that no
//! write needs room. It outlives its descriptor. The least recently used one
//! goes when there are too many, at any call of `map`: an id is a right to ask, not to be answered, and is never given twice. Each thread
//! has maps of its own, which go with it. Who cuts a file back, removes or closes it unmaps it first.
//!
//! **No bus error ends the process.** A page that cannot be read any more (an error of the disk, a file that somebody else has
//! cut) or written (a hole, and the disk is full) raises SIGBUS, whatever was checked before. A map that is read
//! or written is guarded: the handler puts zeros in its place, and the answer is None, as if it had gone. What was made of the
//! zeros is thrown away. Anybody else's bus error goes on to whoever had the signal before; where somebody has taken it away from us
//! there are no new maps.

use std::cell::RefCell;
use std::io::Error;
use std::mem::MaybeUninit;
use std::os::raw::{c_int, c_void};
use std::ptr;
use std::slice;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, compiler_fence};

/// The system allows 65,530 in a process (`vm.max_map_count`).
const MAX_MAPS: usize = 256;

/// What `st_blocks` counts, whatever the file system's own blocks are.
const BLOCK_BYTES: usize = 512;

/// More threads than these do without maps.
const MAX_THREADS: usize = 64;

thread_local! {
    static MAPS: RefCell<Maps> = RefCell::new(Maps::new());
}

/// The id of a map of the first `length` bytes of the file; or an error number, negative.
pub fn map(descriptor: i32, length: f64, writable: bool) -> f64 {
    let made = MAPS.with_borrow_mut(|maps| maps.add(descriptor, length as usize, writable));
    made.unwrap_or_else(|errno| f64::from(-errno))
}

pub fn unmap(id: f64) {
    MAPS.with_borrow_mut(|maps| maps.remove(id));
}

/// The closure may be given zeros at any byte, and must not come back here.
#[inline]
pub fn read<T>(id: f64, work: impl FnOnce(&[u8]) -> T) -> Option<T> {
    MAPS.with_borrow_mut(|maps| {
        maps.guarded(id, |map| {
            // SAFETY: the range is mapped for as long as `map` is borrowed, and nobody has a slice to write to it: that takes a borrow of
            // all maps. The file under it is written by this thread alone, or by nobody; a page that goes away becomes zeros.
            work(unsafe { slice::from_raw_parts(map.start, map.length) })
        })
    })
}

/// None also where the map is read-only.
pub fn write<T>(id: f64, work: impl FnOnce(&mut [u8]) -> T) -> Option<T> {
    MAPS.with_borrow_mut(|maps| {
        maps.guarded(id, |map| {
            // SAFETY: as above; and the range may be written to, since the map says so, and nobody else has a slice of it.
            map.writable.then(|| work(unsafe { slice::from_raw_parts_mut(map.start, map.length) }))
        })?
    })
}

struct Maps {
    slots: Vec<Option<Map>>,
    /// How many maps were ever made in this thread.
    made: usize,
    uses: u64,
    guard: Option<&'static Guard>,
}

struct Map {
    id: f64,
    start: *mut u8,
    length: usize,
    writable: bool,
    last_use: u64,
}

impl Maps {
    fn new() -> Self {
        Maps { slots: Vec::new(), made: 0, uses: 0, guard: Guard::take() }
    }

    fn add(&mut self, descriptor: i32, length: usize, writable: bool) -> Result<f64, i32> {
        if self.guard.is_none() || !handles_bus_errors() {
            return Err(libc::ENOTSUP);
        }
        let mut map = Map::new(descriptor, length, writable)?;
        let slot = self.free_slot();
        self.made += 1;
        // By its remainder an id tells its slot.
        map.id = (self.made * MAX_MAPS + slot) as f64;
        map.last_use = self.tick();
        let id = map.id;
        self.slots[slot] = Some(map);
        Ok(id)
    }

    fn remove(&mut self, id: f64) {
        if let Some(slot) = self.slot_of(id) {
            self.slots[slot] = None;
        }
    }

    #[inline]
    fn guarded<T>(&mut self, id: f64, work: impl FnOnce(&mut Map) -> T) -> Option<T> {
        let slot = self.slot_of(id)?;
        let guard = self.guard?;
        let now = self.tick();
        let map = self.slots[slot].as_mut()?;
        map.last_use = now;
        let watch = guard.watch(map);
        let made = work(map);
        if watch.end() {
            return Some(made);
        }
        self.slots[slot] = None;
        None
    }

    fn slot_of(&self, id: f64) -> Option<usize> {
        let slot = id as usize % MAX_MAPS;
        self.slots.get(slot)?.as_ref().is_some_and(|map| map.id == id).then_some(slot)
    }

    /// One that is free: new, left, or that of the map which nobody has used for the longest time.
    fn free_slot(&mut self) -> usize {
        if let Some(slot) = self.slots.iter().position(Option::is_none) {
            return slot;
        }
        if self.slots.len() < MAX_MAPS {
            self.slots.push(None);
            return self.slots.len() - 1;
        }
        let uses = self.slots.iter().map(|slot| slot.as_ref().map_or(0, |map| map.last_use));
        let (slot, _) = uses.enumerate().min_by_key(|&(_, last_use)| last_use).unwrap_or_default();
        self.slots[slot] = None;
        slot
    }

    fn tick(&mut self) -> u64 {
        self.uses += 1;
        self.uses
    }
}

impl Drop for Maps {
    fn drop(&mut self) {
        if let Some(guard) = self.guard {
            guard.give_back();
        }
    }
}

impl Map {
    fn new(descriptor: i32, length: usize, writable: bool) -> Result<Self, i32> {
        let stat = stat_of(descriptor)?;
        if length == 0 || length > stat.st_size as usize {
            return Err(libc::EINVAL);
        }
        // A file system may take an allocation for a wish.
        if writable && length > stat.st_blocks as usize * BLOCK_BYTES {
            return Err(libc::ENOTSUP);
        }
        let protection = protection(writable);
        // SAFETY: a new range of the system's choosing, so no memory that anybody has is touched.
        let start = unsafe { libc::mmap(ptr::null_mut(), length, protection, libc::MAP_SHARED, descriptor, 0) };
        if start == libc::MAP_FAILED {
            return Err(last_error());
        }
        Ok(Map { id: 0.0, start: start.cast(), length, writable, last_use: 0 })
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: the range was mapped by `new`, as one, and nobody has a slice of it: `read` and `write` keep none past their calls.
        unsafe { libc::munmap(self.start.cast(), self.length) };
    }
}

fn protection(writable: bool) -> c_int {
    if writable { libc::PROT_READ | libc::PROT_WRITE } else { libc::PROT_READ }
}

fn stat_of(descriptor: i32) -> Result<libc::stat, i32> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the system fills what it is given room for; a number that is no open descriptor makes it answer EBADF.
    if unsafe { libc::fstat(descriptor, stat.as_mut_ptr()) } != 0 {
        return Err(last_error());
    }
    // SAFETY: filled, since the call has gone well.
    Ok(unsafe { stat.assume_init() })
}

fn last_error() -> i32 {
    Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

/// What a thread is at: read by the handler, wherever that runs, and so made of atomics. One thread writes to it.
struct Guard {
    taken: AtomicBool,
    start: AtomicUsize,
    /// 0: the thread is at no map.
    length: AtomicUsize,
    writable: AtomicBool,
    faulted: AtomicBool,
}

static GUARDS: [Guard; MAX_THREADS] = [const { Guard::new() }; MAX_THREADS];

impl Guard {
    const fn new() -> Self {
        Guard {
            taken: AtomicBool::new(false),
            start: AtomicUsize::new(0),
            length: AtomicUsize::new(0),
            writable: AtomicBool::new(false),
            faulted: AtomicBool::new(false),
        }
    }

    fn take() -> Option<&'static Self> {
        GUARDS.iter().find(|guard| !guard.taken.swap(true, Ordering::AcqRel))
    }

    fn give_back(&self) {
        self.taken.store(false, Ordering::Release);
    }

    // The handler interrupts the very thread that touches the map, so what keeps the compiler from moving these is all they need.

    /// Until the watch is over.
    #[inline]
    fn watch(&self, map: &Map) -> Watch<'_> {
        self.start.store(map.start as usize, Ordering::Relaxed);
        self.writable.store(map.writable, Ordering::Relaxed);
        self.length.store(map.length, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        Watch(self)
    }

    fn covers(&self, address: usize) -> bool {
        address.wrapping_sub(self.start.load(Ordering::Relaxed)) < self.length.load(Ordering::Relaxed)
    }

    /// Zeros in the place of the whole map. False when the system refuses even that.
    fn blank(&self) -> bool {
        let start = self.start.load(Ordering::Relaxed) as *mut c_void;
        let length = self.length.load(Ordering::Relaxed);
        let protection = protection(self.writable.load(Ordering::Relaxed));
        let flags = libc::MAP_FIXED | libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        self.faulted.store(true, Ordering::Relaxed);
        // SAFETY: just the range of a map that this thread holds, so nobody else's memory is replaced; and the thread is inside of
        // `guarded`, which drops the map, zeros and all.
        let blanked = unsafe { libc::mmap(start, length, protection, flags, -1, 0) };
        blanked != libc::MAP_FAILED
    }
}

struct Watch<'a>(&'a Guard);

impl Watch<'_> {
    /// False when a page was missing since it began.
    #[inline]
    fn end(self) -> bool {
        compiler_fence(Ordering::SeqCst);
        !self.0.faulted.load(Ordering::Relaxed) || !self.0.faulted.swap(false, Ordering::Relaxed)
    }
}

impl Drop for Watch<'_> {
    /// Also when what was done at the map has panicked.
    #[inline]
    fn drop(&mut self) {
        compiler_fence(Ordering::SeqCst);
        self.0.length.store(0, Ordering::Relaxed);
    }
}

/// Who had the signal before us; set once, before ours is.
static PREVIOUS: OnceLock<libc::sigaction> = OnceLock::new();

/// Whether bus errors come to us. The handler is put in place at the first call, for good.
fn handles_bus_errors() -> bool {
    static IS_INSTALLED: OnceLock<bool> = OnceLock::new();
    *IS_INSTALLED.get_or_init(|| stays_loaded() && install().is_some())
        && current_action().is_some_and(|action| action.sa_sigaction == address_of_handler())
}

fn install() -> Option<()> {
    PREVIOUS.get_or_init(|| current_action().unwrap_or(default_action()));
    let mut action = default_action();
    action.sa_sigaction = address_of_handler();
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    set_action(&action).then_some(())
}

fn address_of_handler() -> usize {
    on_bus_error as extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) as usize
}

fn default_action() -> libc::sigaction {
    // SAFETY: all zeros is the default action (SIG_DFL is 0), without flags and with an empty mask.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

fn current_action() -> Option<libc::sigaction> {
    let mut action = default_action();
    // SAFETY: only asks, and the system fills what it is given room for.
    (unsafe { libc::sigaction(libc::SIGBUS, ptr::null(), &mut action) } == 0).then_some(action)
}

fn set_action(action: &libc::sigaction) -> bool {
    // SAFETY: the handler is this file's, which stays loaded, or that of whoever set it before.
    unsafe { libc::sigaction(libc::SIGBUS, action, ptr::null_mut()) == 0 }
}

/// Node unloads a module with the worker that was the last to load it: a handler has to stay.
fn stays_loaded() -> bool {
    let mut info = MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: the system fills what it is given room for, and the name that it gives lasts as long as the module is loaded, which is now.
    unsafe {
        if libc::dladdr(address_of_handler() as *const c_void, info.as_mut_ptr()) == 0 {
            return false;
        }
        let flags = libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE;
        !libc::dlopen(info.assume_init().dli_fname, flags).is_null() || cfg!(test)
    }
}

/// Calls nothing but what may be called in a handler: loads and stores, `mmap`, `sigaction`, `raise`, and the handler before it.
extern "C" fn on_bus_error(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the system hands over a valid `info`, since the handler was set with SA_SIGINFO.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr() as usize) };
    // A signal that some process has sent has no address.
    let is_fault = code > 0;
    if is_fault && GUARDS.iter().any(|guard| guard.covers(address) && guard.blank()) {
        return;
    }
    let Some(previous) = PREVIOUS.get() else { return };
    match previous.sa_sigaction {
        libc::SIG_IGN if !is_fault => {}
        libc::SIG_DFL | libc::SIG_IGN => {
            set_action(&default_action());
            // SAFETY: it comes when this handler returns, and ends the process as it would have without us.
            unsafe { libc::raise(signal) };
        }
        handler if previous.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: with SA_SIGINFO a handler is such a function, and it gets what it would have got.
            let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) =
                unsafe { std::mem::transmute(handler) };
            handler(signal, info, context);
        }
        handler => {
            // SAFETY: without SA_SIGINFO a handler is such a function.
            let handler: extern "C" fn(c_int) = unsafe { std::mem::transmute(handler) };
            handler(signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::path::PathBuf;

    struct Temporary {
        path: PathBuf,
        file: File,
    }

    impl Temporary {
        fn new(name: &str, bytes: &[u8]) -> Self {
            let path = std::env::temp_dir().join(format!("varve-maps-{}-{name}", std::process::id()));
            let mut file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
            file.write_all(bytes).unwrap();
            Temporary { path, file }
        }

        fn map(&self, length: usize, writable: bool) -> f64 {
            map(self.file.as_raw_fd(), length as f64, writable)
        }
    }

    impl Drop for Temporary {
        fn drop(&mut self) {
            std::fs::remove_file(&self.path).unwrap();
        }
    }

    fn copy(id: f64) -> Option<Vec<u8>> {
        read(id, |bytes| bytes.to_vec())
    }

    fn live() -> usize {
        MAPS.with_borrow(|maps| maps.slots.iter().flatten().count())
    }

    #[test]
    fn a_map_has_what_the_file_has_also_when_that_is_written_later_or_closed() {
        let Temporary { ref path, ref file } = *std::mem::ManuallyDrop::new(Temporary::new("has", b"hello"));
        let writer = File::options().write(true).open(path).unwrap();
        let id = map(file.as_raw_fd(), 5.0, false);
        assert!(id > 0.0);
        assert_eq!(copy(id).unwrap(), b"hello");
        std::os::unix::fs::FileExt::write_at(&writer, b"J", 0).unwrap();
        std::fs::remove_file(path).unwrap();
        assert_eq!(copy(id).unwrap(), b"Jello");
        unmap(id);
        unmap(id);
        assert_eq!(copy(id), None);
    }

    #[test]
    fn no_more_is_mapped_than_there_is() {
        let file = Temporary::new("more", b"hello");
        let refused = f64::from(-libc::EINVAL);
        assert_eq!(file.map(6, false), refused);
        assert_eq!(file.map(0, false), refused);
        assert_eq!(map(1 << 30, 1.0, false), f64::from(-libc::EBADF));
        assert_eq!(copy(file.map(2, false)).unwrap(), b"he");
    }

    #[test]
    fn a_writable_map_writes_to_the_file() {
        let file = Temporary::new("writes", b"hello");
        let id = file.map(5, true);
        write(id, |bytes| bytes[0] = b'J').unwrap();
        assert_eq!(std::fs::read(&file.path).unwrap(), b"Jello");
        assert_eq!(write(file.map(5, false), |bytes| bytes[0] = b'x'), None);
    }

    #[test]
    fn a_file_with_holes_is_not_mapped_for_writes() {
        let file = Temporary::new("holes", b"hello");
        file.file.set_len(1 << 20).unwrap();
        assert_eq!(file.map(1 << 20, true), f64::from(-libc::ENOTSUP));
        assert!(file.map(1 << 20, false) > 0.0);
    }

    #[test]
    fn the_least_recently_used_one_goes_and_no_id_comes_twice() {
        let file = Temporary::new("bound", b"hello");
        let ids: Vec<f64> = (0..MAX_MAPS).map(|_| file.map(5, false)).collect();
        assert!(copy(ids[0]).is_some());
        let more = file.map(5, false);
        assert_eq!(live(), MAX_MAPS);
        assert_eq!(copy(ids[1]), None);
        assert!(copy(ids[0]).is_some() && copy(more).is_some());
        unmap(more);
        let again = file.map(5, false);
        assert!(again != more && copy(more).is_none());
        unmap(more);
        assert!(copy(again).is_some());
    }

    #[test]
    fn strange_ids_are_no_maps() {
        for id in [0.0, -1.0, 1.0, f64::NAN, f64::INFINITY, 1e300, 256.5] {
            unmap(id);
            assert_eq!(copy(id), None);
        }
    }

    #[test]
    fn a_page_that_is_gone_is_no_bus_error() {
        let bytes = vec![7; 3 * 65536];
        for (name, writable) in [("cut", false), ("cut-writable", true)] {
            let file = Temporary::new(name, &bytes);
            let id = file.map(bytes.len(), writable);
            assert!(copy(id).is_some());
            file.file.set_len(65536).unwrap();
            assert_eq!(read(id, |bytes| bytes[0]), Some(7));
            if writable {
                assert_eq!(write(id, |bytes| bytes[65536 * 2] = 1), None);
            } else {
                assert_eq!(read(id, |bytes| assert_eq!(bytes[65536 * 2], 0)), None);
            }
            // The map is gone, and another one is as good as ever.
            assert_eq!(copy(id), None);
            assert_eq!(copy(file.map(65536, writable)).unwrap(), &bytes[..65536]);
        }
    }

    #[test]
    fn maps_go_with_their_thread() {
        let file = Temporary::new("thread", b"hello");
        let id = file.map(5, false);
        for _ in 0..2 * MAX_THREADS {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    assert_eq!(copy(id), None);
                    assert!(file.map(5, false) > 0.0);
                });
            });
        }
        assert!(copy(id).is_some());
    }
}
