//! Storage servers that do as a test tells them: they enlist, renew, obey orders, and check what must never be.

mod orders;
mod script;
mod server;
mod store;

pub use script::Script;
pub use server::ReplayScript;
