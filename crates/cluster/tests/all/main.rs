//! Tests of the assembly's parts: one module per behaviour.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod calls_reach_the_right_service;
mod late_orders_are_refused;
mod support;
