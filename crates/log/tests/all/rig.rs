//! A log under test: polled by hand, over a sink whose answers the test gives.

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use rekindle_log::segment::{
    Entries, EntryType, LogTime, ObjectEntry, Parsed, SegmentHeader, SegmentReader, entries,
};
use rekindle_log::{
    Certificate, Log, LogConfig, SegmentKind, SegmentSink, SegmentSource, SinkError, segment::EntryDraft,
};
use rekindle_types::{LogId, SegmentId, ServerId, TableId, Version};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::sync::oneshot;

/// The log of most tests: small segments.
pub fn config() -> LogConfig {
    let mut config = LogConfig::new(LogId::of(ServerId(7)));
    (config.segment_bytes, config.segments_max) = (64 << 10, 12);
    // The tests of the reserve ask for one.
    config.reserve_segments = 0;
    config
}

/// An object with a value of so many bytes.
pub fn object<'a>(key: &'a [u8], version: u64, value: &'a [u8]) -> EntryDraft<'a> {
    EntryDraft::Object(ObjectEntry {
        table: TableId(3),
        version: Version(version),
        timestamp: LogTime(1),
        replaces: None,
        expiry: None,
        key,
        value,
    })
}

/// Polls a future once.
pub fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// The result of a future that does not wait.
pub fn now<F: Future>(future: F) -> F::Output {
    match poll(&mut Box::pin(future)) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

/// A call that the log made to its sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Called {
    Open { segment: SegmentId, after: Option<SegmentId>, kind: SegmentKind, bytes: Bytes, cert: Certificate },
    Append { segment: SegmentId, offset: u32, bytes: Bytes, cert: Certificate },
    Close { segment: SegmentId, cert: Certificate },
    Free { segment: SegmentId },
}

impl Called {
    pub fn segment(&self) -> SegmentId {
        match self {
            Self::Open { segment, .. }
            | Self::Append { segment, .. }
            | Self::Close { segment, .. }
            | Self::Free { segment } => *segment,
        }
    }

    /// The same without a hold on the log's memory.
    fn detached(mut self) -> Self {
        if let Self::Open { bytes, .. } | Self::Append { bytes, .. } = &mut self {
            *bytes = Bytes::copy_from_slice(bytes);
        }
        self
    }

    /// What it is, in short: `open 1`.
    pub fn name(&self) -> String {
        let what = match self {
            Self::Open { .. } => "open",
            Self::Append { .. } => "append",
            Self::Close { .. } => "close",
            Self::Free { .. } => "free",
        };
        format!("{what} {}", self.segment().0)
    }
}

/// A replica as the calls in their order have made it.
#[derive(Default)]
pub struct Kept {
    pub bytes: Vec<u8>,
    pub cert: Certificate,
    pub is_closed: bool,
}

impl Kept {
    fn reader(&self) -> SegmentReader<'_> {
        // Bodies were verified when they came.
        SegmentReader::new(&self.bytes, self.cert).unwrap()
    }
}

/// What the backups would hold after some calls.
#[derive(Default)]
pub struct Image {
    pub kept: BTreeMap<SegmentId, Kept>,
}

/// Records calls, applies them in the order in which they were made, and answers when the test says so.
#[derive(Default)]
pub struct Scripted {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    answers_at_once: bool,
    pending: Vec<(Called, oneshot::Sender<Result<(), SinkError>>)>,
    calls: Vec<Called>,
    /// After all calls made.
    made: Image,
    /// After all calls answered, and those before them for the same segment.
    answered: Image,
    unanswered: Vec<Called>,
}

impl Scripted {
    fn called(&self, called: Called) -> Pin<Box<dyn Future<Output = Result<(), SinkError>> + Send>> {
        let (sender, receiver) = oneshot::channel();
        let mut inner = self.inner.lock();
        inner.made.apply(&called);
        let called = called.detached();
        inner.calls.push(called.clone());
        inner.unanswered.push(called.clone());
        if inner.answers_at_once {
            inner.take_effect(&called);
            let _ = sender.send(Ok(()));
        } else {
            inner.pending.push((called, sender));
        }
        Box::pin(async move { receiver.await.unwrap_or(Err(SinkError::Closed)) })
    }

    /// Names of the calls without an answer, in the order in which they were made.
    pub fn pending(&self) -> Vec<String> {
        self.inner.lock().pending.iter().map(|(called, _)| called.name()).collect()
    }

    /// All calls made so far.
    pub fn calls(&self) -> Vec<Called> {
        self.inner.lock().calls.clone()
    }

    pub fn answer_all_from_now_on(&self) {
        let pending = {
            let mut inner = self.inner.lock();
            inner.answers_at_once = true;
            std::mem::take(&mut inner.pending)
        };
        for (called, sender) in pending {
            self.inner.lock().take_effect(&called);
            sender.send(Ok(())).expect("the log waits");
        }
    }

    pub fn answer_nth(&self, at: usize, result: Result<(), SinkError>) -> Called {
        let (called, sender) = {
            let mut inner = self.inner.lock();
            let (called, sender) = inner.pending.remove(at);
            if result.is_ok() {
                inner.take_effect(&called);
            }
            (called, sender)
        };
        sender.send(result).expect("the log waits");
        called
    }

    /// Answers one of the pending calls that the sink's own order allows (H1, H2), if there is one: heads are opened in
    /// order, and closed after the next one is open.
    pub fn answer_some(&self, which: usize) {
        let pending = self.pending();
        let open: Vec<u64> = self.heads_opening().iter().map(|id| id.0).collect();
        let is_allowed = |name: &String| {
            let (call, id) = name.split_once(' ').unwrap();
            let id: u64 = id.parse().unwrap();
            let is_head = self.is_head(SegmentId(id));
            match call {
                "open" if is_head => open.iter().all(|earlier| *earlier >= id),
                "close" if is_head => {
                    let next = self.head_after(SegmentId(id)).expect("closed after the next open");
                    !open.contains(&next.0)
                }
                _ => true,
            }
        };
        let allowed: Vec<usize> = (0..pending.len()).filter(|at| is_allowed(&pending[*at])).collect();
        if !allowed.is_empty() {
            self.answer_nth(allowed[which % allowed.len()], Ok(()));
        }
    }

    /// What the calls say about a segment; the entries of its valid prefix are checked.
    pub fn keys(&self, segment: SegmentId) -> Vec<Vec<u8>> {
        let inner = self.inner.lock();
        let kept = &inner.made.kept[&segment];
        keys(&kept.bytes, kept.cert)
    }

    pub fn is_kept(&self, segment: SegmentId) -> bool {
        self.inner.lock().made.kept.contains_key(&segment)
    }

    pub fn is_closed(&self, segment: SegmentId) -> bool {
        self.inner.lock().made.kept[&segment].is_closed
    }

    /// Ids in the digest that the segment was opened with.
    pub fn digest(&self, segment: SegmentId) -> Option<Vec<SegmentId>> {
        self.inner.lock().made.kept[&segment].reader().digest()
    }

    /// Heads whose open has no answer.
    pub fn heads_opening(&self) -> Vec<SegmentId> {
        let inner = self.inner.lock();
        let opens = inner.pending.iter().map(|(called, _)| called);
        let heads = opens.filter(|called| matches!(called, Called::Open { kind: SegmentKind::Head, .. }));
        heads.map(Called::segment).collect()
    }

    /// Whether it was opened as a head.
    pub fn is_head(&self, id: SegmentId) -> bool {
        self.heads().contains(&id)
    }

    /// The head that was opened after this one.
    pub fn head_after(&self, id: SegmentId) -> Option<SegmentId> {
        self.heads().into_iter().find(|head| *head > id)
    }

    fn heads(&self) -> Vec<SegmentId> {
        let inner = self.inner.lock();
        let is_head = |called: &&Called| matches!(called, Called::Open { kind: SegmentKind::Head, .. });
        inner.calls.iter().filter(is_head).map(Called::segment).collect()
    }

    /// Keys that a recovery would find if the master died now: when all calls made have taken effect, and when
    /// only those have that were answered.
    pub fn recovered(&self) -> [BTreeSet<Vec<u8>>; 2] {
        let inner = self.inner.lock();
        [inner.made.recover(), inner.answered.recover()]
    }

    /// The same, as the segments that a recovery would replay, without their headers.
    pub fn recovered_segments(&self) -> [Vec<(SegmentId, Bytes)>; 2] {
        let inner = self.inner.lock();
        [inner.made.segments(), inner.answered.segments()]
    }
}

impl Inner {
    fn take_effect(&mut self, answered: &Called) {
        let Some(last) = self.unanswered.iter().position(|called| called == answered) else { return };
        // Earlier calls for the segment have taken effect before it; those for others need not have.
        let (before, after) = self.unanswered.split_at(last + 1);
        let (effective, waiting): (Vec<_>, Vec<_>) =
            before.iter().cloned().partition(|called| called.segment() == answered.segment());
        self.unanswered = waiting.into_iter().chain(after.iter().cloned()).collect();
        effective.iter().for_each(|called| self.answered.apply(called));
    }
}

impl Image {
    /// H6: the head is the lowest open segment with a digest, and all that the digest names must be there.
    fn recover(&self) -> BTreeSet<Vec<u8>> {
        self.log().into_iter().flat_map(|(_, kept)| objects(kept.reader().entries())).collect()
    }

    fn segments(&self) -> Vec<(SegmentId, Bytes)> {
        let entries =
            |kept: &Kept| Bytes::copy_from_slice(&kept.bytes[SegmentHeader::LEN..kept.cert.length as usize]);
        self.log().into_iter().map(|(id, kept)| (id, entries(kept))).collect()
    }

    fn log(&self) -> Vec<(SegmentId, &Kept)> {
        let mut heads = self.kept.iter().filter_map(|(id, kept)| Some((id, kept, kept.reader().digest()?)));
        let Some((head, _, digest)) = heads.find(|(_, kept, _)| !kept.is_closed) else {
            assert!(self.kept.values().all(|kept| kept.reader().digest().is_none()), "the head is gone");
            return Vec::new();
        };
        let contradiction =
            self.kept.iter().find(|(id, k)| *id > head && k.is_closed && k.reader().digest().is_some());
        assert!(contradiction.is_none(), "a closed head above the head");
        digest
            .iter()
            .map(|id| {
                let kept = self.kept.get(id).unwrap_or_else(|| panic!("{id} of {head}'s digest is missing"));
                assert!(kept.is_closed || id == head, "{id} is named but not closed");
                (*id, kept)
            })
            .collect()
    }

    /// Keeps what the call says, and holds the log to the sink's contract.
    fn apply(&mut self, called: &Called) {
        match called {
            Called::Open { segment, bytes, cert, .. } => {
                assert_eq!(bytes.len(), cert.length as usize);
                SegmentReader::verified(bytes, *cert).expect("first bytes are valid by themselves");
                let kept = Kept { bytes: bytes.to_vec(), cert: *cert, is_closed: false };
                assert!(self.kept.insert(*segment, kept).is_none(), "{segment} opened twice");
            }
            Called::Append { segment, offset, bytes, cert } => {
                let kept = self.kept.get_mut(segment).expect("opened before");
                assert!(!kept.is_closed, "append after close");
                assert_eq!(*offset as usize, kept.bytes.len(), "appends continue");
                kept.bytes.extend_from_slice(bytes);
                kept.cert = *cert;
                SegmentReader::new(&kept.bytes, *cert).expect("every append leaves a valid prefix");
                assert!(entries(bytes).all(|entry| entry.unwrap().verify().is_ok()));
                assert_eq!(kept.bytes.len(), cert.length as usize);
            }
            Called::Close { segment, cert } => {
                let kept = self.kept.get_mut(segment).expect("opened before");
                assert_eq!(kept.cert, *cert, "close names the last certificate");
                kept.is_closed = true;
            }
            Called::Free { segment } => {
                self.kept.remove(segment).expect("opened before");
            }
        }
    }
}

/// Keys of the objects in a valid prefix.
pub fn keys(bytes: &[u8], cert: Certificate) -> Vec<Vec<u8>> {
    objects(SegmentReader::verified(bytes, cert).unwrap().entries())
}

fn objects(entries: Entries<'_>) -> Vec<Vec<u8>> {
    let entries = entries.map(|e| e.unwrap()).filter(|e| e.entry_type == EntryType::OBJECT);
    entries
        .map(|entry| match entry.parse().unwrap() {
            Parsed::Object(object) => object.key.to_vec(),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[async_trait]
impl SegmentSink for Scripted {
    // Not `async fn`: the call itself enqueues.
    fn open<'a, 's>(
        &'a self,
        segment: SegmentId,
        after: Option<SegmentId>,
        kind: SegmentKind,
        bytes: Bytes,
        cert: Certificate,
    ) -> Pin<Box<dyn Future<Output = Result<(), SinkError>> + Send + 's>>
    where
        'a: 's,
        Self: 's,
    {
        self.called(Called::Open { segment, after, kind, bytes, cert })
    }

    fn append<'a, 's>(
        &'a self,
        segment: SegmentId,
        offset: u32,
        bytes: Bytes,
        cert: Certificate,
    ) -> Pin<Box<dyn Future<Output = Result<(), SinkError>> + Send + 's>>
    where
        'a: 's,
        Self: 's,
    {
        self.called(Called::Append { segment, offset, bytes, cert })
    }

    fn close<'a, 's>(
        &'a self,
        segment: SegmentId,
        cert: Certificate,
    ) -> Pin<Box<dyn Future<Output = Result<(), SinkError>> + Send + 's>>
    where
        'a: 's,
        Self: 's,
    {
        self.called(Called::Close { segment, cert })
    }

    fn free<'a, 's>(
        &'a self,
        segment: SegmentId,
    ) -> Pin<Box<dyn Future<Output = Result<(), SinkError>> + Send + 's>>
    where
        'a: 's,
        Self: 's,
    {
        self.called(Called::Free { segment })
    }
}

/// A log with its runner and its scripted sink.
pub struct Rig {
    pub log: Arc<Log>,
    pub sink: Arc<Scripted>,
    run: Option<Pin<Box<dyn Future<Output = SinkError>>>>,
    pub ended: Option<SinkError>,
}

impl Rig {
    /// Nothing is answered.
    pub fn new(config: LogConfig) -> Self {
        let sink = Arc::new(Scripted::default());
        let log = Log::new(config, sink.clone()).unwrap();
        let run = Some(Box::pin(log.clone().run()) as _);
        let mut rig = Self { log, sink, run, ended: None };
        rig.step();
        rig
    }

    /// The first head is open.
    pub fn opened() -> Self {
        let mut rig = Self::new(config());
        rig.answer("open 1");
        rig
    }

    /// Everything is answered at once.
    pub fn answering() -> Self {
        let mut rig = Self::new(config());
        rig.answer_all();
        rig
    }

    /// Lets the runner do what it can.
    pub fn step(&mut self) {
        if let Some(run) = &mut self.run
            && let Poll::Ready(error) = poll(run)
        {
            (self.run, self.ended) = (None, Some(error));
        }
    }

    /// Stops the runner.
    pub fn stop(&mut self) {
        self.run = None;
    }

    /// Answers the oldest pending call with this name.
    pub fn answer(&mut self, name: &str) {
        self.answer_with(name, Ok(()));
    }

    pub fn answer_with(&mut self, name: &str, result: Result<(), SinkError>) {
        let at = self.sink.pending().iter().position(|pending| pending == name);
        let at = at.unwrap_or_else(|| panic!("{name} is not pending: {:?}", self.sink.pending()));
        self.sink.answer_nth(at, result);
        self.step();
    }

    pub fn answer_all(&mut self) {
        self.sink.answer_all_from_now_on();
        self.step();
    }

    /// Appends one object and lets the runner see it.
    pub fn put(&mut self, key: &str, value: &[u8]) -> rekindle_log::Appended {
        let version = self.log.next_version().unwrap().0;
        let appended = self.log.append(&[object(key.as_bytes(), version, value)]).unwrap();
        self.step();
        appended
    }

    /// Rolls the head, whatever is in it.
    pub fn roll(&mut self) {
        let hurt = self.log.end().segment;
        self.log.roll(hurt);
        self.step();
    }
}
