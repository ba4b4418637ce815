//! Which of a master's sessions may call (P3).

use crate::store::BackupError;
use rekindle_types::{Rule, Rules, ServerId, SessionNumber};
use std::collections::BTreeMap;

/// The highest session of every master. A call that was left behind in an older one may be delivered after the
/// master went on: it must do nothing.
#[derive(Debug, Default)]
pub(crate) struct Sessions(BTreeMap<ServerId, SessionNumber>);

impl Sessions {
    /// P3: takes calls of the highest session only. Calls run one after another here, so those of an older
    /// session have ended when a newer one begins.
    pub(crate) fn admit(
        &mut self,
        master: ServerId,
        session: SessionNumber,
        rules: Rules,
    ) -> Result<(), BackupError> {
        let newest = self.0.entry(master).or_insert(session);
        if session < *newest && rules.on(Rule::P3) {
            return Err(BackupError::StaleSession { session, newest: *newest });
        }
        *newest = session.max(*newest);
        Ok(())
    }

    /// Forgets masters whose calls are refused for good.
    pub(crate) fn retain(&mut self, keep: impl Fn(ServerId) -> bool) {
        self.0.retain(|master, _| keep(*master));
    }
}
