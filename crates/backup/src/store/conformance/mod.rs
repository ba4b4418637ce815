//! What every [`BackupStore`] must do, as cases that each implementation runs.
//!
//! Make a fresh [`Subject`] for every one of [`cases`] and drive its future on whatever executor suits.

mod creations;
mod fencing;
mod image;
mod loads;
mod room;
mod writes;

pub use image::{Image, partition_of};

use crate::store::{BackupError, BackupStore, Fill, ReplicaFree, ReplicaInfo, ReplicaState, ReplicaWrite};
use rekindle_types::{
    CreationNumber, ListVersion, LogId, ReplicaId, SegmentId, ServerEntry, ServerId, ServerList,
    ServerStatus, SessionNumber,
};
use std::{future::Future, pin::Pin, sync::Arc};

/// An empty store under test: it stands for [`OWN`], has [`FRAMES`] frames, and saw no server list yet.
pub trait Subject: Send + Sync {
    /// The store, or the stub of it.
    fn store(&self) -> Arc<dyn BackupStore>;

    /// Tells it a server list.
    fn set_servers(&self, list: &ServerList);

    /// Spoils a byte of what it keeps of a replica; `false` when there is no such byte.
    fn damage(&self, replica: ReplicaId, at: usize) -> bool;
}

/// The server whose backup is tested.
pub const OWN: ServerId = ServerId(9);
/// Replicas that the subject must be able to hold, and no more.
pub const FRAMES: u64 = 8;
/// A master that writes.
pub const MASTER: LogId = LogId::of(ServerId(1));
/// Another one.
pub const OTHER: LogId = LogId::of(ServerId(2));

/// One thing that a store must do. Panics when it does not.
pub type Case = fn(Arc<dyn Subject>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

macro_rules! cases {
    ($($module:ident: $($name:ident),* $(,)?;)*) => {
        /// All cases, by name.
        #[must_use]
        pub fn cases() -> Vec<(&'static str, Case)> {
            vec![$($((stringify!($name), (|s| Box::pin($module::$name(s))) as Case)),*),*]
        }
    };
}

cases! {
    writes:
        grows_append_by_append,
        repeats_change_nothing,
        bytes_past_the_certificate_do_not_exist,
        wrong_order_is_refused_and_changes_nothing,
        spoiled_writes_are_refused,
        closed_replicas_take_nothing,
        replicas_without_certificate_are_not_listed;
    creations:
        higher_creation_replaces_lower_is_stale,
        re_creation_leaves_what_is_there_until_it_is_complete,
        re_creation_takes_certificate_and_close_in_one_write,
        frees_reach_older_creations_only,
        older_sessions_do_nothing;
    fencing:
        no_writes_before_a_list_with_itself,
        unknown_masters_have_to_wait,
        dead_masters_are_refused_every_call,
        inventory_fences_before_it_lists,
        inventories_show_the_digests_that_a_recovery_needs,
        a_removed_backup_takes_nothing,
        recovered_masters_are_freed_and_not_before,
        a_master_that_left_between_two_lists_is_fenced_and_freed;
    loads:
        whole_replicas_come_as_written,
        open_replicas_are_read_only_when_fenced,
        filtered_by_partition_and_creation_position,
        read_ahead_gives_what_a_load_gives,
        another_plan_replaces_the_former,
        one_bad_entry_damages_it_for_every_partition,
        every_spoiled_byte_is_noticed;
    room:
        full_stores_refuse_opens_only,
        stats_count_what_is_held;
}

/// A list of servers, all ids below ten given out: those named are up or dead, the others have left.
#[must_use]
pub fn servers(version: u64, up: &[u64], dead: &[u64]) -> ServerList {
    let entry = |id: &u64| ServerEntry::up(ServerId(*id), format!("server-{id}"));
    let dead = dead.iter().map(|id| ServerEntry { status: ServerStatus::Dead, ..entry(id) });
    let entries = up.iter().map(entry).chain(dead);
    ServerList::new(ListVersion(version), ServerId(10), entries)
}

/// A subject that knows that everybody is up.
fn ready(subject: &Arc<dyn Subject>) -> Arc<dyn BackupStore> {
    subject.set_servers(&servers(1, &[1, 2, 9], &[]));
    subject.store()
}

/// A replica's id.
#[must_use]
pub fn replica(log: LogId, segment: u64, creation: u64) -> ReplicaId {
    ReplicaId { log, segment: SegmentId(segment), creation: CreationNumber(creation) }
}

/// A write of all of an image, with its certificate.
#[must_use]
pub fn write(image: &Image, creation: u64, open: Option<Fill>, close: bool) -> ReplicaWrite {
    ReplicaWrite {
        replica: replica(image.log(), image.segment().0, creation),
        session: SessionNumber(1),
        open,
        capacity: image.capacity(),
        offset: 0,
        bytes: image.bytes(),
        certificate: Some(image.certificate()),
        close,
        primary: false,
    }
}

/// An open, of nothing yet.
fn open(image: &Image, creation: u64, fill: Fill) -> ReplicaWrite {
    let bytes = bytes::Bytes::new();
    ReplicaWrite { bytes, certificate: None, ..write(image, creation, Some(fill), false) }
}

fn free(replica: ReplicaId) -> ReplicaFree {
    ReplicaFree { replica, session: SessionNumber(1) }
}

/// The list after everybody's fate is known: what an inventory tells, with the log fenced by it.
async fn list(store: &Arc<dyn BackupStore>, log: LogId) -> Vec<ReplicaInfo> {
    store.inventory(log, ListVersion(1)).await.expect("inventories are always given")
}

fn states(infos: &[ReplicaInfo]) -> Vec<(u64, u64, ReplicaState, u32)> {
    let line = |i: &ReplicaInfo| (i.replica.segment.0, i.replica.creation.0, i.state, i.certificate.length);
    infos.iter().map(line).collect()
}

fn is_overflow(result: &Result<(), BackupError>) -> bool {
    matches!(result, Err(BackupError::Overflow { .. }))
}
