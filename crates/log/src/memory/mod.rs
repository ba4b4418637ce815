//! The memory of segments: one reserved range, cut into frames of one segment each, taken and given back through
//! a bounded pool. The only module of the crate with `unsafe`.
//!
//! A frame has one [`FrameWriter`], which appends, and any number of readers, which see the published prefix.
//! Published bytes never change (LOG-4) until the frame was retired *and* no reader is left: only then the pool
//! hands it out again.
//!
//! Who touches which atomic:
//! * `published` (length and running checksum in one word): the writer stores with Release after the bytes are
//!   there; readers load with Acquire before they look at them.
//! * `readers` (whether the frame is live, and how many are in it, in one word): see [`Readers`].
//! * `segment`: stored before the frame is live, and loaded by those who found it live.
//! * `dead_bytes`: a statistic; nothing follows from it.
//!
//! `model.rs` has a model checker go through the interleavings and orderings; docs/sanitizing.md says how.
#![allow(unsafe_code)]

mod readers;
mod sync;

use readers::Readers;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ops::{Deref, Range};
use std::ptr::NonNull;
use std::sync::Arc;
use sync::{AtomicU64, Mutex, Ordering, Touches};

/// The range starts at a multiple of it, so that huge pages fit.
const HUGE_PAGE: usize = 2 << 20;
/// Smaller ranges do without: a huge page would be most of them.
const HUGE_PAGES_FROM: usize = 16 * HUGE_PAGE;

/// Starts to load the cache line at `target`; waits for nothing. A hint, and nothing at all where the processor
/// has none.
#[inline]
pub(crate) fn prefetch<T>(target: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing as far as the program can tell, and faults on no address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(target.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = target;
}

/// So far ahead of a frame's end its memory is fetched: a write that misses the cache would hold up the next
/// atomic read-modify-write, which waits for all writes before it.
const FETCHED_AHEAD: usize = 2 << 10;
const CACHE_LINE: usize = 64;

/// Frames are prepared only while more than these are left: so one that is out of the pool for that never makes
/// the difference between enough and too few.
const PREPARED_ABOVE: usize = 8;

/// Frames without a segment keep pages of so many bytes for the next ones, at least of one; those of further frames go
/// back to the system.
const IDLE_BYTES_MAX: usize = 16 << 20;

/// Blocks of the heap from this size on are the system's again when they are freed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BLOCK: libc::c_int = 1 << 20;

/// Lets the heap of this process give large blocks back to the system when they are freed, and not only when nothing
/// above them is in use. To be called once, by a program whose memory is counted: buffers of whole segments come and go
/// in many threads, and would stay resident in the heaps of each. Does nothing where the C library has no such setting.
pub fn return_large_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: changes how later calls of the allocator choose among its own ways; no memory is touched.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BLOCK);
    }
}

/// Index of a frame.
pub(crate) type Slot = u32;

/// Memory that lives as long as anything that points into it. Pages come when first touched.
struct Reservation {
    base: NonNull<u8>,
    start: usize,
    layout: Layout,
    touches: Touches,
}

// SAFETY: `Reservation` is plain memory; who may read or write which part of it is settled by `Frames`.
unsafe impl Send for Reservation {}
// SAFETY: as above; `Reservation` itself offers no access.
unsafe impl Sync for Reservation {}

impl Reservation {
    /// `None` when the system refuses so much.
    fn new(bytes: usize) -> Option<Self> {
        // With a small alignment the allocator maps zero pages lazily; with a large one it would write all of
        // them. So the range is a huge page longer, and aligned by hand.
        let layout = Layout::from_size_align(bytes.checked_add(HUGE_PAGE)?, 16).ok()?;
        // SAFETY: the layout has a size above zero.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        let start = base.as_ptr().align_offset(HUGE_PAGE);
        assert!(start < HUGE_PAGE, "bytes can be aligned to anything");
        let reservation = Self { base, start, layout, touches: Touches::new(bytes) };
        if bytes >= HUGE_PAGES_FROM {
            reservation.ask_for_huge_pages(bytes);
        }
        Some(reservation)
    }

    #[cfg(target_os = "linux")]
    fn ask_for_huge_pages(&self, bytes: usize) {
        // SAFETY: `bytes` from the aligned start on are within the allocation. The advice changes the size of the
        // pages that come, not what is in them; refused advice does no harm.
        unsafe {
            libc::madvise(self.at(0).cast(), bytes, libc::MADV_HUGEPAGE);
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn ask_for_huge_pages(&self, _: usize) {}

    /// Takes the pages of a range, of whole pages, from it: it reads as zeros until it is written again.
    ///
    /// # Safety
    /// Nobody reads or writes the range meanwhile, or relies on what is in it.
    #[cfg(target_os = "linux")]
    unsafe fn give_back(&self, range: Range<usize>) {
        // SAFETY: the range is within the allocation, which is private memory of this process; refused advice does no
        // harm.
        unsafe {
            libc::madvise(self.at(range.start).cast(), range.len(), libc::MADV_DONTNEED);
        }
    }

    /// Pointer to a byte of the aligned part; `at` is within it.
    #[inline]
    fn at(&self, at: usize) -> *mut u8 {
        debug_assert!(at <= self.layout.size() - HUGE_PAGE);
        // SAFETY: `start < HUGE_PAGE` and `at` is at most the bytes asked for, so the sum is within the layout.
        unsafe { self.base.as_ptr().add(self.start + at) }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout, freed once; everything that points into it holds an
        // `Arc<Frames>` or borrows from one, and `Frames` owns this.
        unsafe { dealloc(self.base.as_ptr(), self.layout) }
    }
}

/// What is known of a frame. Readers and writer touch different cache lines.
#[repr(align(128))]
#[derive(Default)]
struct Frame {
    /// The writer's line: length in the upper half, running crc32c of the headers in the lower.
    published: AtomicU64,
    segment: AtomicU64,
    readers: Readers,
    /// Bytes in entries that were declared dead. What is live is counted from the length: an append costs no count.
    dead_bytes: AtomicU64,
}

/// Frames that no segment is in.
#[derive(Default)]
struct Pool {
    /// Those that have pages, having been used or prepared.
    touched: Vec<Slot>,
    /// Those that never were.
    untouched: Vec<Slot>,
    /// Those that readers may still be in.
    retired: Vec<Slot>,
}

/// All frames of a log.
pub(crate) struct Frames {
    reservation: Reservation,
    frame_bytes: usize,
    frames: Box<[Frame]>,
    pool: Mutex<Pool>,
}

impl Frames {
    /// Reserves `count` frames of `frame_bytes` each. `None` when the system refuses so much.
    pub(crate) fn new(count: u32, frame_bytes: u32) -> Option<Arc<Self>> {
        let frame_bytes = frame_bytes as usize;
        Some(Arc::new(Self {
            reservation: Reservation::new((count as usize).checked_mul(frame_bytes)?)?,
            frame_bytes,
            frames: (0..count).map(|_| Frame::default()).collect(),
            pool: Mutex::new(Pool { untouched: (0..count).rev().collect(), ..Pool::default() }),
        }))
    }

    /// Frames that can be taken now.
    pub(crate) fn free_count(&self) -> usize {
        let mut pool = self.pool.lock();
        self.reclaim(&mut pool);
        pool.touched.len() + pool.untouched.len()
    }

    /// Gives the next frame its pages, ahead of need: the first touch costs more than the writing. Blocks for the
    /// time that it takes to clear one frame, and does nothing when one is ready. When far more are ready than needed,
    /// it takes the pages of one of them away.
    pub(crate) fn prepare(&self) {
        const PAGE: usize = 4096;
        let slot = {
            let mut pool = self.pool.lock();
            self.reclaim(&mut pool);
            self.give_one_back(&mut pool);
            if !pool.touched.is_empty() || pool.untouched.len() < PREPARED_ABOVE {
                return;
            }
            pool.untouched.pop().expect("more than that are left")
        };
        let start = slot as usize * self.frame_bytes;
        for at in (start..start + self.frame_bytes).step_by(PAGE) {
            // SAFETY: the byte is in a frame that was just taken out of the pool and had no segment yet: it has
            // no writer, no reader, and is zero already. Volatile, so that the write is not left out.
            unsafe { self.reservation.at(at).write_volatile(0) }
        }
        self.pool.lock().touched.push(slot);
    }

    /// Of more frames with pages than are soon needed, one loses them. Under the lock, so that free frames are always
    /// counted right.
    #[cfg(target_os = "linux")]
    fn give_one_back(&self, pool: &mut Pool) {
        if pool.touched.len() <= (IDLE_BYTES_MAX / self.frame_bytes).max(1) {
            return;
        }
        let slot = pool.touched.pop().expect("more than one");
        let start = slot as usize * self.frame_bytes;
        // SAFETY: a frame in the pool has no writer and no reader, and its next writer comes by way of the pool. Its
        // bytes stay initialised, as zeros.
        unsafe { self.reservation.give_back(start..start + self.frame_bytes) };
        pool.untouched.push(slot);
    }

    #[cfg(not(target_os = "linux"))]
    fn give_one_back(&self, _: &mut Pool) {}

    /// Moves what no reader is left in from `retired` to `touched`.
    fn reclaim(&self, pool: &mut Pool) {
        let Pool { touched, retired, .. } = pool;
        retired.retain(|&slot| {
            let is_left = self.frames[slot as usize].readers.have_left();
            if is_left {
                touched.push(slot);
            }
            !is_left
        });
    }

    /// Takes a frame for a segment, empty and readable. `None` when all are in use.
    pub(crate) fn take(self: &Arc<Self>, segment: u64) -> Option<FrameWriter> {
        let slot = {
            let mut pool = self.pool.lock();
            self.reclaim(&mut pool);
            pool.touched.pop().or_else(|| pool.untouched.pop())?
        };
        let frame = &self.frames[slot as usize];
        frame.published.store(0, Ordering::Relaxed);
        frame.segment.store(segment, Ordering::Relaxed);
        frame.dead_bytes.store(0, Ordering::Relaxed);
        // Releases the three stores above to readers that find it live.
        frame.readers.admit();
        Some(FrameWriter { frames: Arc::clone(self), slot, len: 0 })
    }

    /// Published length and running checksum of the frame's present life.
    #[inline]
    pub(crate) fn published(&self, slot: Slot) -> Option<(u32, u32)> {
        Some(unpack(self.frames.get(slot as usize)?.published.load(Ordering::Acquire)))
    }

    /// Counts bytes as dead.
    #[inline]
    pub(crate) fn add_dead(&self, slot: Slot, bytes: u64) {
        self.frames[slot as usize].dead_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Says how many bytes are not dead, after a count.
    pub(crate) fn set_live(&self, slot: Slot, bytes: u64) {
        let frame = &self.frames[slot as usize];
        let (len, _) = unpack(frame.published.load(Ordering::Acquire));
        frame.dead_bytes.store(u64::from(len).saturating_sub(bytes), Ordering::Relaxed);
    }

    /// Bytes published and not counted as dead.
    pub(crate) fn live_bytes(&self, slot: Slot) -> u64 {
        let frame = &self.frames[slot as usize];
        let (len, _) = unpack(frame.published.load(Ordering::Acquire));
        u64::from(len).saturating_sub(frame.dead_bytes.load(Ordering::Relaxed))
    }

    /// Pins what is published of a frame, if it is live.
    #[inline]
    pub(crate) fn read(self: &Arc<Self>, slot: Slot) -> Option<FrameRead<'_>> {
        let frame = self.frames.get(slot as usize)?;
        if !frame.readers.enter() {
            return None;
        }
        let (len, _) = unpack(frame.published.load(Ordering::Acquire));
        Some(FrameRead { frames: self, slot, len: len as usize })
    }

    /// Pins a published range of a frame for as long as the answer lives.
    pub(crate) fn pin(self: &Arc<Self>, slot: Slot, range: Range<usize>) -> Option<FramePin> {
        Some(self.read(slot)?.pin(range))
    }

    /// Asks the processor to fetch what lies there. Harmless for any numbers.
    #[inline]
    pub(crate) fn prefetch(&self, slot: Slot, offset: u32) {
        let at = (slot as usize).wrapping_mul(self.frame_bytes).wrapping_add(offset as usize);
        if at < self.frames.len() * self.frame_bytes {
            prefetch(self.reservation.at(at));
        }
    }

    fn release(&self, slot: Slot) {
        self.frames[slot as usize].readers.leave();
    }

    /// The bytes of a range of a frame.
    ///
    /// # Safety
    /// The range is published in the frame's present life, and the caller is counted among its readers for as
    /// long as the answer is used.
    #[inline]
    unsafe fn slice(&self, slot: Slot, range: Range<usize>) -> &[u8] {
        let at = slot as usize * self.frame_bytes + range.start;
        self.reservation.touches.read(at..at + range.len());
        // SAFETY: the range lies within the frame; its bytes were initialised (zeroed at first, written later)
        // and, being published, are not written again before the caller has left.
        unsafe { std::slice::from_raw_parts(self.reservation.at(at), range.len()) }
    }
}

#[inline]
fn unpack(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}

/// Appends to one frame: the only one that does. Dropping it ends writing, not the frame.
pub(crate) struct FrameWriter {
    frames: Arc<Frames>,
    slot: Slot,
    len: usize,
}

/// Proof that a frame's writer is gone, and the right to end the frame's life, once.
pub(crate) struct FrameEnd {
    frames: Arc<Frames>,
    slot: Slot,
}

impl FrameEnd {
    /// Ends the frame's life: no new readers from now on; its memory is used again once the present ones left.
    pub(crate) fn retire(self) {
        let Self { frames, slot } = self;
        frames.frames[slot as usize].readers.dismiss();
        frames.pool.lock().retired.push(slot);
    }
}

impl FrameWriter {
    #[inline]
    pub(crate) fn slot(&self) -> Slot {
        self.slot
    }

    /// Bytes published.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Bytes left.
    #[inline]
    pub(crate) fn room(&self) -> usize {
        self.frames.frame_bytes - self.len
    }

    /// The next `len` bytes, not yet published; what they hold is arbitrary.
    ///
    /// # Panics
    /// When there is less room.
    #[inline]
    pub(crate) fn next_bytes(&mut self, len: usize) -> &mut [u8] {
        assert!(len <= self.room(), "checked before: the entries fit");
        let at = self.slot as usize * self.frames.frame_bytes + self.len;
        self.frames.reservation.touches.write(at..at + len);
        // SAFETY: the bytes lie within the frame and behind the published prefix, which is all that readers
        // look at; this writer is the frame's only one and is borrowed mutably for as long as the slice lives.
        // They are initialised: zeroed when the range was made, written since. Readers of the frame's former
        // life are gone: the pool hands a frame out only then.
        unsafe { std::slice::from_raw_parts_mut(self.frames.reservation.at(at), len) }
    }

    /// Publishes the next `len` bytes, together with the running checksum that covers them.
    #[inline]
    pub(crate) fn publish(&mut self, len: usize, headers_crc: u32) {
        assert!(len <= self.room());
        self.fetch_ahead(len);
        self.len += len;
        let frame = &self.frames.frames[self.slot as usize];
        frame.published.store((self.len as u64) << 32 | u64::from(headers_crc), Ordering::Release);
    }

    /// Fetches the next `len` bytes of those that lie [`FETCHED_AHEAD`] behind the end.
    #[inline]
    fn fetch_ahead(&self, len: usize) {
        let first = (self.len + FETCHED_AHEAD).next_multiple_of(CACHE_LINE);
        let end = (self.len + FETCHED_AHEAD + len).min(self.frames.frame_bytes);
        let frame = self.slot as usize * self.frames.frame_bytes;
        for at in (first..end).step_by(CACHE_LINE) {
            prefetch(self.frames.reservation.at(frame + at));
        }
    }

    /// Ends writing.
    pub(crate) fn end(self) -> FrameEnd {
        FrameEnd { frames: self.frames, slot: self.slot }
    }
}

/// A reader's short hold on a frame: derefs to the prefix that was published when it was made.
pub(crate) struct FrameRead<'a> {
    frames: &'a Arc<Frames>,
    slot: Slot,
    len: usize,
}

impl FrameRead<'_> {
    /// A long hold on a part of what this one sees, also when the frame was retired meanwhile.
    pub(crate) fn pin(&self, range: Range<usize>) -> FramePin {
        assert!(range.start <= range.end && range.end <= self.len, "only what is published can be pinned");
        self.frames.frames[self.slot as usize].readers.enter_beside();
        FramePin { frames: Arc::clone(self.frames), slot: self.slot, range }
    }

    /// The segment in the frame.
    #[inline]
    pub(crate) fn segment(&self) -> u64 {
        self.frames.frames[self.slot as usize].segment.load(Ordering::Relaxed)
    }
}

impl Deref for FrameRead<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: `len` was published, and this reader is counted until it is dropped.
        unsafe { self.frames.slice(self.slot, 0..self.len) }
    }
}

impl Drop for FrameRead<'_> {
    #[inline]
    fn drop(&mut self) {
        self.frames.release(self.slot);
    }
}

/// A reader's long hold on a range of a frame; owns a share of the memory, so it may outlive the log.
pub(crate) struct FramePin {
    frames: Arc<Frames>,
    slot: Slot,
    range: Range<usize>,
}

impl AsRef<[u8]> for FramePin {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the range was published when the pin was made, and the pin is counted until it is dropped.
        unsafe { self.frames.slice(self.slot, self.range.clone()) }
    }
}

impl Drop for FramePin {
    fn drop(&mut self) {
        self.frames.release(self.slot);
    }
}

#[cfg(all(test, loom))]
mod model;
#[cfg(all(test, not(loom)))]
mod tests;
