//! What a panic comes to.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `work`; when it panics, says whose panic it was and ends the process.
pub(super) fn or_abort<T>(kind: &str, name: &str, work: impl FnOnce() -> T) -> T {
    // Nothing that the panic left half done is looked at any more.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        eprintln!("{kind} {name:?} panicked; the process ends");
        std::process::abort()
    })
}
