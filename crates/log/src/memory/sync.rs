//! What the memory's threads meet at: the real things, or the model checker's.

#[cfg(not(all(test, loom)))]
pub(super) use real::*;

#[cfg(all(test, loom))]
pub(super) use checked::*;

#[cfg(not(all(test, loom)))]
mod real {
    pub(in super::super) use parking_lot::Mutex;
    use std::ops::Range;
    pub(in super::super) use std::sync::atomic::{AtomicU64, Ordering};

    /// Nothing: the processor takes no notes.
    pub(in super::super) struct Touches;

    impl Touches {
        pub(in super::super) fn new(_bytes: usize) -> Self {
            Self
        }

        #[inline]
        pub(in super::super) fn read(&self, _range: Range<usize>) {}

        #[inline]
        pub(in super::super) fn write(&self, _range: Range<usize>) {}
    }
}

#[cfg(all(test, loom))]
mod checked {
    use loom::cell::UnsafeCell;
    use loom::sync::MutexGuard;
    pub(in super::super) use loom::sync::atomic::{AtomicU64, Ordering};
    use std::ops::Range;

    /// Loom's lock, with the interface of the real one.
    #[derive(Default)]
    pub(in super::super) struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(in super::super) fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub(in super::super) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().expect("nobody panics under it")
        }
    }

    /// Tells loom who touches which byte, each a cell of its own: it panics when a write is not ordered with
    /// every other touch.
    pub(in super::super) struct Touches(Box<[UnsafeCell<()>]>);

    impl Touches {
        pub(in super::super) fn new(bytes: usize) -> Self {
            Self((0..bytes).map(|_| UnsafeCell::new(())).collect())
        }

        pub(in super::super) fn read(&self, range: Range<usize>) {
            self.0[range].iter().for_each(|cell| cell.with(|_| ()));
        }

        pub(in super::super) fn write(&self, range: Range<usize>) {
            self.0[range].iter().for_each(|cell| cell.with_mut(|_| ()));
        }
    }
}
