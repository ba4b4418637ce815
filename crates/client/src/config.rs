//! What a client may be told.

use std::time::Duration;

/// How a client behaves. The defaults suit a cluster on one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// Time for a call unless [`crate::Table::within`] says otherwise. Default: 10 s.
    pub timeout: Duration,
    /// A read without an answer for so long is tried again; a master without an answer for so long is reported
    /// to the coordinator. Default: 500 ms.
    pub attempt_timeout: Duration,
    /// First pause before trying again; doubles with every try, half of it random. Default: 2 ms.
    pub backoff_min: Duration,
    /// Longest pause: what a recovery's end may go unnoticed. Default: 100 ms.
    pub backoff_max: Duration,
    /// Two fetches of the tablet map are so far apart at least. Default: 5 ms.
    pub refresh_interval: Duration,
    /// Most requests outstanding at all masters together; further ones wait. Default: 64.
    pub requests_max: usize,
    /// Most bytes of keys and values in one request; one larger call goes alone. Default: 1 MiB.
    pub request_bytes_max: usize,
    /// Bytes of a scan's page. Default: 256 KiB.
    pub page_bytes: u32,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            attempt_timeout: Duration::from_millis(500),
            backoff_min: Duration::from_millis(2),
            backoff_max: Duration::from_millis(100),
            refresh_interval: Duration::from_millis(5),
            requests_max: 64,
            request_bytes_max: 1 << 20,
            page_bytes: 256 << 10,
        }
    }
}
