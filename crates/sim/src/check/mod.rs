//! What a run must be like: a checker a file, each a pure function over what was recorded.

mod acknowledged;
mod addressed;
mod apart;
mod bounded;
mod certified;
mod closed;
mod closing;
mod fenced;
mod heads;
mod late_calls;
mod lease_end;
mod linearizable;
mod map;
mod one_owner;
mod progress;
mod register;
mod restored;
mod tables;

pub use acknowledged::{LostWrite, check_acknowledged};
pub use addressed::{Addressed, End, Misaddressed, check_addressed};
pub use apart::{Overlap, check_apart};
pub use bounded::{Left, LeftMost, LeftOnServer, TooMany, check_bounded, check_left};
pub use certified::{NotCertified, check_certified};
pub use closed::{Reopened, check_closed};
pub use closing::{ClosedEarly, check_closing};
pub use fenced::{ReplicaAnswer, Unfenced, check_fenced};
pub use heads::{HeadsAtOnce, check_heads};
pub use late_calls::{LateCall, RunCall, SentCall, check_run, check_sent};
pub use lease_end::{Answer, ServedTooLate, check_lease_end};
pub use linearizable::{NotLinearizable, STEPS_MAX, check_linearizable};
pub use map::{WrongEntry, check_map};
pub use one_owner::{TwoOwners, check_one_owner};
pub use progress::{Patience, Progress, Stuck, check_progress};
pub use register::Register;
pub use restored::{Astray, HeldReplica, NotRestored, Replicas, check_replicas, check_restored};
pub use tables::{WrongTable, check_tables};
