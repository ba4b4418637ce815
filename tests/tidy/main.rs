//! What a compiler can't see and must never slip. Each checker is a function of texts, has bad examples of its
//! own, and every complaint says what to do.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod assertions;
mod decoders;
mod dependencies;
mod outside;
mod packages;
mod rules;
mod scenarios;
mod sizes;
mod source;
mod unsafe_code;

/// Fails with all complaints at once.
fn report(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
