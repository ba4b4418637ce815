//! Client of a Rekindle cluster.
#![forbid(unsafe_code)]

mod master;

pub use master::{
    Condition, Master, ObjectCall, ObjectError, ObjectOp, ObjectReply, ObjectRequest, ObjectResult,
};
