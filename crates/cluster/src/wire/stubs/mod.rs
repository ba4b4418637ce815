//! Remote servers behind the traits of local ones.

mod backup;
mod control;
mod coordinator;
mod master;
mod masters;

pub use backup::RemoteBackup;
pub use control::RemoteControl;
pub use coordinator::RemoteCoordinator;
pub use master::RemoteMaster;
pub use masters::RemoteMasters;

use super::WireError;
use rekindle_types::RemoteError;

/// A reply came, so the call was made, but what came of it can't be read.
fn unreadable(error: WireError) -> RemoteError {
    RemoteError::Unknown(format!("the reply does not decode: {error}"))
}
