//! Brings the server list up to date when somebody knows more.

use super::Membership;
use crate::wire::{Members, Party, Stamp, Stamps};
use async_trait::async_trait;
use rekindle_env::Clock;
use rekindle_types::{CoordinatorApi, ListUpdate, RemoteError, Reply, Request, ServerId};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Mutex, Notify};

/// Notices that a newer list exists.
pub struct ListWatch {
    membership: Arc<Membership>,
    /// Set by who notices, cleared before a fetch. The notification orders them.
    is_wanted: AtomicBool,
    wanted: Notify,
}

impl ListWatch {
    /// Nothing was noticed yet.
    #[must_use]
    pub fn new(membership: Arc<Membership>) -> Arc<Self> {
        Arc::new(Self { membership, is_wanted: AtomicBool::new(false), wanted: Notify::new() })
    }

    /// Whose list it is.
    #[must_use]
    pub fn own(&self) -> ServerId {
        self.membership.own()
    }

    /// The list has to be fetched: somebody treats this server as if it were no member.
    pub fn verify(&self) {
        self.is_wanted.store(true, Ordering::Release);
        self.wanted.notify_one();
    }
}

impl Stamps for ListWatch {
    fn stamp(&self) -> Stamp {
        Stamp { term: self.membership.term(), list: self.membership.version() }
    }

    fn seen(&self, _: Party, stamp: Stamp) {
        if stamp.list > self.membership.version() {
            self.verify();
        }
    }
}

/// Fetches the list, one fetch at a time however many ask.
pub struct ListKeeper {
    watch: Arc<ListWatch>,
    coordinator: Arc<dyn CoordinatorApi>,
    /// Taken by who fetches: those who waited for it find the list new enough.
    fetching: Mutex<()>,
}

impl ListKeeper {
    /// Fetches from this coordinator.
    #[must_use]
    pub fn new(watch: Arc<ListWatch>, coordinator: Arc<dyn CoordinatorApi>) -> Self {
        Self { watch, coordinator, fetching: Mutex::new(()) }
    }

    /// Fetches whenever the watch has noticed something, until this server is no member any more.
    pub async fn run(&self, clock: Arc<dyn Clock>, retry_after: Duration) {
        while !self.watch.membership.is_removed() {
            self.watch.wanted.notified().await;
            while self.watch.is_wanted.swap(false, Ordering::AcqRel) {
                let fetching = self.fetching.lock().await;
                let fetched = self.fetch().await;
                drop(fetching);
                if fetched.is_err() {
                    self.watch.is_wanted.store(true, Ordering::Release);
                    clock.sleep(retry_after).await;
                }
            }
        }
    }

    /// F1: a caller unknown to an older list is judged by a newer one. Fetches it if the list here has not seen
    /// this id yet; without an answer the list stays as it is.
    pub async fn know(&self, server: ServerId) -> Result<(), RemoteError> {
        if self.knows(server) {
            return Ok(());
        }
        let _fetching = self.fetching.lock().await;
        if self.knows(server) { Ok(()) } else { self.fetch().await }
    }

    fn knows(&self, server: ServerId) -> bool {
        self.watch.membership.list().next_id() > server
    }

    async fn fetch(&self) -> Result<(), RemoteError> {
        let newer_than = self.watch.membership.version();
        let reply = self.coordinator.call(Request::ServerList { newer_than }).await?;
        if let Reply::ServerList(Some(list)) = reply {
            // A full list always fits.
            let _ = self.watch.membership.apply(&ListUpdate::Full(list));
        }
        Ok(())
    }
}

#[async_trait]
impl Members for ListKeeper {
    fn name(&self, server: ServerId) -> Option<String> {
        self.watch.membership.list().entry(server).map(|entry| entry.name.clone())
    }

    fn has_seen(&self, server: ServerId) -> bool {
        self.knows(server)
    }

    async fn look_for(&self, server: ServerId) {
        let _ = self.know(server).await; // Judged by the list that is here.
    }
}
