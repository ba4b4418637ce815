//! What a server knows of the cluster: the server list, the coordinator's term, and whether it is a member.

use parking_lot::{Mutex, RwLock};
use rekindle_types::{ListUpdate, ListVersion, Rule, Rules, ServerId, ServerList, Term};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};
use tokio::sync::Notify;

/// Told of every new list, in order, on the thread that takes the list. Must not wait, and must not change the list.
pub type Observer = Box<dyn Fn(&ServerList) + Send + Sync>;

/// Told once, when this server is no member any more, by whatever thread hears of it: sets flags and no more.
pub type RemovalHook = Box<dyn Fn() + Send + Sync>;

/// News that wait to be taken in. What does not fit comes again with the next renewal.
const NEWS_MAX: usize = 8;

/// The newest list that this server has seen, and who has to know.
///
/// Renewals read it and bring news to it from a thread of their own ([`Membership::hear`]): what they touch is
/// never held for long. Who has to know of a list is told where [`Membership::run`] and [`Membership::apply`] are
/// called, on the main thread.
pub struct Membership {
    own: ServerId,
    rules: Rules,
    list: RwLock<Arc<ServerList>>,
    /// The list's version, for readers without the lock. Written after the list, read for hints only: relaxed.
    version: AtomicU64,
    /// Held while a list is taken, so that observers see lists in order.
    observers: Mutex<Vec<Observer>>,
    /// Highest seen. Only grows; who reads an older one is refused by the next reader at the latest.
    term: AtomicU64,
    is_removed: AtomicBool,
    removal_hooks: Mutex<Vec<RemovalHook>>,
    removal: Notify,
    /// Heard, and not taken in yet. A leaf lock.
    news: Mutex<Vec<ListUpdate>>,
    heard: Notify,
}

impl Membership {
    /// Knows the list that the server enlisted with.
    #[must_use]
    pub fn new(own: ServerId, term: Term, list: ServerList, rules: Rules) -> Self {
        Self {
            own,
            rules,
            version: AtomicU64::new(list.version().0),
            list: RwLock::new(Arc::new(list)),
            observers: Mutex::default(),
            term: AtomicU64::new(term.0),
            is_removed: AtomicBool::new(false),
            removal_hooks: Mutex::default(),
            removal: Notify::new(),
            news: Mutex::default(),
            heard: Notify::new(),
        }
    }

    /// This server.
    #[must_use]
    pub fn own(&self) -> ServerId {
        self.own
    }

    /// Tells `observer` the present list, and every later one.
    pub fn observe(&self, observer: Observer) {
        let mut observers = self.observers.lock();
        observer(&self.list());
        observers.push(observer);
    }

    /// The newest list seen.
    #[must_use]
    pub fn list(&self) -> Arc<ServerList> {
        self.list.read().clone()
    }

    /// The version of the newest list seen.
    #[must_use]
    pub fn version(&self) -> ListVersion {
        ListVersion(self.version.load(Ordering::Relaxed))
    }

    /// Leaves news for [`Membership::run`] to take in: telling all who have to know takes longer than a renewal
    /// may wait (F7).
    pub fn hear(&self, update: ListUpdate) {
        let mut news = self.news.lock();
        if news.len() < NEWS_MAX {
            news.push(update);
            self.heard.notify_one();
        }
    }

    /// Takes in what was heard, for ever.
    pub async fn run(&self) {
        loop {
            self.heard.notified().await;
            let news = std::mem::take(&mut *self.news.lock());
            for update in news {
                // An increment that does not fit changes nothing: the next renewal carries the version that is here.
                let _ = self.apply(&update);
            }
        }
    }

    /// Takes news of the list. `Err` with the version that is here when an increment does not fit.
    pub fn apply(&self, update: &ListUpdate) -> Result<(), ListVersion> {
        let observers = self.observers.lock();
        let former = self.list();
        let mut list = ServerList::clone(&former);
        list.apply(update)?;
        if list.version() == former.version() {
            return Ok(());
        }
        let list = Arc::new(list);
        *self.list.write() = list.clone();
        self.version.store(list.version().0, Ordering::Relaxed);
        if list.is_gone(self.own) {
            self.remove();
        }
        observers.iter().for_each(|observer| observer(&list));
        Ok(())
    }

    /// Calls `hook` once this server is no member any more; at once when it is none now.
    pub fn on_removal(&self, hook: RemovalHook) {
        let mut hooks = self.removal_hooks.lock();
        if self.is_removed() {
            hook();
        } else {
            hooks.push(hook);
        }
    }

    /// This server is no member any more, as a list or the coordinator itself says. Declared dead is final.
    pub fn remove(&self) {
        let mut hooks = self.removal_hooks.lock();
        self.is_removed.store(true, Ordering::Release);
        hooks.drain(..).for_each(|hook| hook());
        self.removal.notify_waiters();
    }

    /// Waits until this server is no member any more.
    pub async fn removed(&self) {
        let removal = self.removal.notified();
        if !self.is_removed() {
            removal.await;
        }
    }

    /// Whether this server was declared dead: it serves nothing any more, and never will.
    #[must_use]
    pub fn is_removed(&self) -> bool {
        self.is_removed.load(Ordering::Acquire)
    }

    /// Takes notice of a coordinator's term; `Err` with the highest seen when a newer one reigns.
    pub fn observe_term(&self, term: Term) -> Result<(), Term> {
        let seen = Term(self.term.fetch_max(term.0, Ordering::AcqRel));
        // F5: what a deposed coordinator says was decided without knowing what its successor recorded.
        if term < seen && self.rules.on(Rule::F5) { Err(seen) } else { Ok(()) }
    }

    /// The highest term seen.
    #[must_use]
    pub fn term(&self) -> Term {
        Term(self.term.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use rekindle_types::{ServerEntry, ServerStatus};

    fn entry(id: u64, status: ServerStatus) -> ServerEntry {
        ServerEntry { status, ..ServerEntry::up(ServerId(id), format!("server-{id}")) }
    }

    fn list(version: u64, own: ServerStatus) -> ServerList {
        ServerList::new(ListVersion(version), ServerId(3), [entry(1, own), entry(2, ServerStatus::Up)])
    }

    fn membership() -> Membership {
        Membership::new(ServerId(1), Term(4), list(7, ServerStatus::Up), Rules::default())
    }

    #[test]
    fn observers_see_every_list_once_and_in_order() {
        let membership = membership();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = seen.clone();
        membership.observe(Box::new(move |list| log.lock().push(list.version().0)));
        for version in [8, 8, 6, 9] {
            membership.apply(&ListUpdate::Full(list(version, ServerStatus::Up))).unwrap();
        }
        assert_eq!(*seen.lock(), [7, 8, 9]);
        assert!(!membership.is_removed());
        membership.apply(&ListUpdate::Full(list(10, ServerStatus::Dead))).unwrap();
        assert!(membership.is_removed());
    }

    #[test]
    fn what_is_heard_is_told_when_taken_in_and_bounded() {
        let membership = membership();
        let mut run = Box::pin(membership.run());
        for version in 8..30 {
            membership.hear(ListUpdate::Full(list(version, ServerStatus::Up)));
        }
        assert_eq!(membership.version(), ListVersion(7), "not on the thread that brings it");
        assert!((&mut run).now_or_never().is_none());
        assert_eq!(membership.version(), ListVersion(7 + NEWS_MAX as u64));
        membership.hear(ListUpdate::Full(list(40, ServerStatus::Dead)));
        let mut removed = Box::pin(membership.removed());
        assert!((&mut removed).now_or_never().is_none());
        assert!(run.now_or_never().is_none());
        assert!(removed.now_or_never().is_some());
    }

    #[test]
    fn terms_only_grow() {
        let membership = membership();
        assert_eq!(membership.observe_term(Term(5)), Ok(()));
        assert_eq!(membership.observe_term(Term(4)), Err(Term(5)));
        assert_eq!(membership.observe_term(Term(5)), Ok(()));
        assert_eq!(membership.term(), Term(5));
    }
}
