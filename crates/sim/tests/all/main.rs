//! Tests of the whole: one module per behaviour.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod one_master;
mod lone_master;
mod rules;
