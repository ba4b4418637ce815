//! Tests of the whole: one module per behaviour.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod lone_master;
mod one_master;
mod rules;
