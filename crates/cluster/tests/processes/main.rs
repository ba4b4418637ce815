//! Clusters whose servers are processes.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod starts_that_can_not_work_say_why;
