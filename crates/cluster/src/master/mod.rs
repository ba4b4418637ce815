//! The master: object calls on the tablets that it owns, within its lease.

mod backing;
mod begin;
mod lease;
mod ledger;
mod objects;
mod tablets;
mod waiting;

pub use backing::Backing;
pub use begin::Begun;
pub use lease::Lease;
pub use ledger::{OrderLedger, OrderTag, Verdict};
pub use objects::ObjectService;
pub use tablets::{Exclusion, HeldTablet, NotHeld, TabletStatus, Tablets};
pub use waiting::{Place, Waiting};
