//! Bounded allocation.

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Runs a decoder over `input` bytes. It may allocate 16 bytes for each of them, since elements are larger in
/// memory than on the wire, and `fixed` more. Everything counts, freed or not.
pub fn within<T>(input: usize, fixed: usize, decode: impl FnOnce() -> T) -> T {
    let region = Region::new(ALLOCATOR);
    let decoded = decode();
    let allocated = region.change().bytes_allocated;
    let limit = 16 * input + fixed;
    assert!(allocated <= limit, "{allocated} bytes allocated for {input} of input, {limit} are allowed");
    decoded
}
