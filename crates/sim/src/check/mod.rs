//! What a history must be like: a checker a file.

mod acknowledged;
mod linearizable;
mod register;

pub use acknowledged::{LostWrite, check_acknowledged};
pub use linearizable::{NotLinearizable, STEPS_MAX, check_linearizable};
pub use register::Register;
