//! Client of a Rekindle cluster: tablet-map cache, retries inside a deadline, batches, listings.
//!
//! A [`Client`] knows the coordinator and nothing else at the start. It asks it who owns which keys, calls the
//! owners, and asks again when they say that they are not. A master that is being recovered is waited for: the
//! caller sees latency, not an error. Reads are repeated after any failure, writes only when they were surely not
//! done; a write whose outcome is unknown is [`ClientError::Unknown`].
//!
//! Limits: keys of 1 to 65,535 bytes; values of an eighth of a segment; 4,096 calls and about 1 MiB in one request
//! to one master (batches are cut), 64 requests outstanding. Not in here: a network (see [`Masters`]), and
//! exactly-once writes.
//!
//! ```
//! # use rekindle_client::{Client, ClientConfig, Masters};
//! # use rekindle_types::CoordinatorApi;
//! # use std::sync::Arc;
//! async fn greet(
//!     coordinator: Arc<dyn CoordinatorApi>,
//!     masters: Arc<dyn Masters>,
//!     env: rekindle_env::Env,
//! ) -> Result<(), Box<dyn std::error::Error>> {
//!     let client = Client::new(ClientConfig::default(), coordinator, masters, env)?;
//!     let table = client.create_table("greetings", 4).await?;
//!     let version = table.put("hello", "world").await?;
//!     let object = table.get("hello").await?.expect("it was just put");
//!     assert_eq!((&object.value[..], object.version), (&b"world"[..], version));
//!     Ok(())
//! }
//! ```
#![forbid(unsafe_code)]

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
mod view;

pub use client::Client;
pub use config::{ClientConfig, ClientConfigError};
pub use error::ClientError;
pub use master::{Master, ObjectCall, ObjectError, ObjectOp, ObjectReply, ObjectRequest, ObjectResult};
pub use masters::Masters;
pub use rekindle_types::Condition;
pub use scan::{Listed, Scan};
pub use table::{Conditional, Object, Table};
