#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod ask;
mod backoff;
mod batch;
mod client;
mod config;
mod error;
mod hints;
mod master;
mod masters;
mod scan;
mod table;
mod together;
mod view;

pub use client::Client;
pub use config::{ClientConfig, ClientConfigError};
pub use error::ClientError;
pub use master::{Master, ObjectCall, ObjectError, ObjectOp, ObjectReply, ObjectRequest, ObjectResult};
pub use masters::Masters;
pub use rekindle_types::Condition;
pub use scan::{Listed, Scan};
pub use table::{Conditional, Object, Table};
