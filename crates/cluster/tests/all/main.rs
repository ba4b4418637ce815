//! Behaviour of the assembly: one module per behaviour.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod late_orders_are_refused;
