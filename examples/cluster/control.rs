//! Wishes to the `up` that keeps a cluster, over a socket in the cluster's directory.
//!
//! Only who may write there can connect, and only `up` kills: its own children, which it holds. No process id is ever
//! written down, so nobody else's process can be hit.

use crate::{Failure, target::Target};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, Permissions},
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// The socket's name: short, since the system allows paths of some hundred bytes.
const SOCKET: &str = "up.sock";
/// Longest line that is read.
const LINE_BYTES_MAX: u64 = 4096;
/// Wishes that wait.
const WAITING_MAX: usize = 8;
/// Who connects says what it wants within this.
const SAY_WITHIN: Duration = Duration::from_secs(5);
/// A process is started within this.
const DONE_WITHIN: Duration = Duration::from_secs(300);

/// What somebody wants, as a JSON line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    Kill(Target),
    Restart(Target),
}

/// What came of it, as a JSON line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Done(String),
    Refused(String),
}

/// A wish, and where its answer goes.
pub type Asked = (Wish, SyncSender<Answer>);

/// Listens for wishes until it is dropped.
pub struct Controls {
    path: PathBuf,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Controls {
    /// Whoever calls this has made sure that it is the only one in this directory.
    pub fn listen(dir: &Path) -> io::Result<(Self, Receiver<Asked>)> {
        let path = dir.join(SOCKET);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path).map_err(|error| {
            io::Error::new(error.kind(), format!("{path:?}: {error}; try a shorter path"))
        })?;
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        let (wishes, waiting) = sync_channel(WAITING_MAX);
        // Written when this is dropped, read by the thread after each connection; nothing else hangs on it.
        let is_over = Arc::new(AtomicBool::new(false));
        let ends = is_over.clone();
        let thread = thread::Builder::new().name("control".into()).spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::Relaxed) {
                    return;
                }
                // Who hangs up, or says nothing, gets no answer.
                let _ = stream.and_then(|stream| serve(stream, &wishes));
            }
        })?;
        Ok((Self { path, is_over, thread: Some(thread) }, waiting))
    }
}

impl Drop for Controls {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let is_woken = UnixStream::connect(&self.path).is_ok();
        let _ = fs::remove_file(&self.path);
        if let Some(thread) = self.thread.take().filter(|_| is_woken) {
            let _ = thread.join();
        }
    }
}

fn serve(mut stream: UnixStream, wishes: &SyncSender<Asked>) -> io::Result<()> {
    stream.set_read_timeout(Some(SAY_WITHIN))?;
    stream.set_write_timeout(Some(SAY_WITHIN))?;
    let answer = match read_line(&stream)? {
        Ok(wish) => {
            let (answer, answered) = sync_channel(1);
            // A keeper that is gone answers nothing.
            let asked = wishes.send((wish, answer)).ok();
            let gone = || Answer::Refused("`cluster up` is stopping".into());
            asked.and_then(|()| answered.recv_timeout(DONE_WITHIN).ok()).unwrap_or_else(gone)
        }
        Err(why) => Answer::Refused(format!("no wish: {why}")),
    };
    let json = serde_json::to_string(&answer)?;
    writeln!(stream, "{json}")
}

fn read_line<T: for<'a> Deserialize<'a>>(stream: &UnixStream) -> io::Result<Result<T, serde_json::Error>> {
    let mut line = String::new();
    BufReader::new(stream.take(LINE_BYTES_MAX)).read_line(&mut line)?;
    Ok(serde_json::from_str(&line))
}

/// Tells the `up` of this directory, and prints what came of it.
pub fn ask(dir: &Path, wish: &Wish) -> Result<(), Failure> {
    match ask_up(dir, wish)? {
        Answer::Done(what) => {
            println!("{what}");
            Ok(())
        }
        Answer::Refused(why) => Err(why.into()),
    }
}

fn ask_up(dir: &Path, wish: &Wish) -> Result<Answer, String> {
    let path = dir.join(SOCKET);
    let mut stream = UnixStream::connect(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => format!(
            "no `cluster up` runs in {}: it kills and starts only processes of its own; start it with `cluster up \
             --cluster {}`, or give its directory with --cluster",
            dir.display(),
            dir.display()
        ),
        _ => format!("{path:?}: {error}"),
    })?;
    let mut asked = || -> io::Result<Result<Answer, serde_json::Error>> {
        stream.set_read_timeout(Some(DONE_WITHIN))?;
        let json = serde_json::to_string(wish)?;
        writeln!(stream, "{json}")?;
        read_line(&stream)
    };
    match asked() {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) => Err("`cluster up` ended before it answered".into()),
        Err(error) => Err(format!("`cluster up` does not answer: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_heard_and_answered() {
        let dir = tempfile::tempdir().unwrap();
        let (controls, wishes) = Controls::listen(dir.path()).unwrap();
        let keeper = thread::spawn(move || {
            let (wish, answer) = wishes.recv().unwrap();
            answer.send(Answer::Done(format!("{wish:?}"))).unwrap();
        });
        let wish = Wish::Kill(Target::Storage(2));
        assert_eq!(ask_up(dir.path(), &wish).unwrap(), Answer::Done(format!("{wish:?}")));
        keeper.join().unwrap();
        let refused = ask_up(dir.path(), &wish).unwrap();
        assert!(matches!(refused, Answer::Refused(_)), "the keeper is gone: {refused:?}");
        drop(controls);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "the socket goes with it");
    }

    #[test]
    fn noise_is_refused_and_the_next_one_is_heard() {
        let dir = tempfile::tempdir().unwrap();
        let (_controls, _wishes) = Controls::listen(dir.path()).unwrap();
        let longer = "x".repeat(2 * LINE_BYTES_MAX as usize);
        for noise in ["\n", "{\"kill\":\"everything\"}\n", &longer] {
            let mut stream = UnixStream::connect(dir.path().join(SOCKET)).unwrap();
            let _ = stream.write_all(noise.as_bytes());
            if noise.len() < LINE_BYTES_MAX as usize {
                let answer: Answer = read_line(&stream).unwrap().unwrap();
                assert!(matches!(answer, Answer::Refused(why) if why.contains("no wish")));
            }
        }
    }

    #[test]
    fn without_up_the_message_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let why = ask_up(dir.path(), &Wish::Restart(Target::Coordinator)).unwrap_err();
        assert!(why.contains("cluster up --cluster"), "{why}");
    }

    #[test]
    fn a_socket_that_a_killed_up_has_left_is_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        drop(UnixListener::bind(dir.path().join(SOCKET)).unwrap());
        assert!(ask_up(dir.path(), &Wish::Kill(Target::Coordinator)).unwrap_err().contains("cluster up"));
        Controls::listen(dir.path()).unwrap();
    }
}
