//! What a client may be told.

use std::time::Duration;
use tokio::sync::Semaphore;

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

/// A configuration that can't work: raise or lower what it names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ClientConfigError(&'static str);

impl ClientConfig {
    /// Checks all of it.
    pub fn validate(&self) -> Result<(), ClientConfigError> {
        let wrong = [
            (self.timeout.is_zero(), "timeout is zero"),
            (self.attempt_timeout.is_zero(), "attempt_timeout is zero"),
            (
                self.backoff_min.is_zero(),
                "backoff_min is zero: tries would follow each other without a pause",
            ),
            (self.backoff_max < self.backoff_min, "backoff_max is below backoff_min"),
            (self.requests_max == 0, "requests_max is zero"),
            (self.requests_max > Semaphore::MAX_PERMITS, "requests_max is beyond what can be counted"),
        ];
        match wrong.into_iter().find(|(is_wrong, _)| *is_wrong) {
            None => Ok(()),
            Some((_, why)) => Err(ClientConfigError(why)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_work_is_refused() {
        let good = ClientConfig::default();
        assert_eq!(good.validate(), Ok(()));
        let zero = Duration::ZERO;
        let bad = [
            ClientConfig { timeout: zero, ..good.clone() },
            ClientConfig { attempt_timeout: zero, ..good.clone() },
            ClientConfig { backoff_min: zero, ..good.clone() },
            ClientConfig { backoff_max: good.backoff_min / 2, ..good.clone() },
            ClientConfig { requests_max: 0, ..good.clone() },
            ClientConfig { requests_max: usize::MAX, ..good },
        ];
        let whys: std::collections::BTreeSet<_> =
            bad.iter().map(|config| config.validate().unwrap_err().0).collect();
        assert_eq!(whys.len(), bad.len(), "each says what it is: {whys:?}");
    }
}
