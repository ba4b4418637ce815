//! Membership, failure detection, tablets and recorded operations over a meta log.
#![forbid(unsafe_code)]

mod control;

pub use control::{ControlError, Order, OrderKind, ReplayOrder, Report, ServerControl, TabletGrant};

pub use rekindle_recovery::SegmentReplicas;
