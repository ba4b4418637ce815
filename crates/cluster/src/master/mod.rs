//! The master: object calls on the tablets that it owns, within its lease.

mod lease;
mod ledger;
mod tablets;

pub use lease::Lease;
pub use ledger::{OrderLedger, OrderTag, Verdict};
pub use tablets::{Exclusion, HeldTablet, NotHeld, TabletStatus, Tablets};
