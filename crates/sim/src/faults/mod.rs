//! Fault simulation: a minute of a cluster's life under faults drawn from a profile, and everything checked.
//!
//! A run has two phases. In the first, clients call, and a [`Schedule`] of faults strikes. In the second everything is
//! mended: the cluster has to settle, and every key is read. The schedule is drawn from a random stream of its own, as a
//! whole and before the run: leaving a strike out changes nothing else, so a schedule that breaks something can be made
//! shorter ([`shrink`]).

mod armed;
mod clients;
mod coverage;
mod disks;
mod fault;
mod harm;
mod log_watch;
mod outcomes;
mod profile;
mod schedule;
mod shrink;
mod step;
mod story;
mod striker;
mod watch;

pub use clients::{ClientCounts, ClientsConfig};
pub use coverage::Coverage;
pub use fault::{Fault, Kind, Pick};
pub use outcomes::Outcomes;
pub use profile::Profile;
pub use schedule::{Schedule, Strike};
pub use shrink::shrink;
pub use step::Step;
pub use story::{FaultsConfig, FaultsReport, play, play_watched};
