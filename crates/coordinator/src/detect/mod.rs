//! Who is dead: a pure function of events and time (F7, F8).

mod detector;
mod hold;
mod running;
mod watch;

pub use detector::{Detector, DetectorAction};
