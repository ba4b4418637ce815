//! Storage servers that do as a test tells them: they enlist, renew, obey orders, and check what must never be.

mod orders;
mod script;
mod server;
mod stage;
mod store;

pub use script::Script;
pub use server::ReplayScript;
pub use stage::Stage;
