//! How a cluster is, asked over the wire.

mod bar;
mod report;
mod view;

use crate::{Failure, args::StatusOptions};
use rekindle::{
    client::ClientConfig,
    cluster::local::{ClusterClient, ClusterDir},
    types::{ClusterStatus, RemoteError, Reply, Request},
};
use report::StatusReport;
use std::{
    io::{self, IsTerminal, Write, stdout},
    path::Path,
    thread,
    time::Duration,
};

/// A coordinator answers within this, or is not there.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// Clears the screen and goes to its beginning.
const CLEAR: &str = "\x1b[H\x1b[2J";

/// Asks and shows, once or again and again.
pub fn status(path: &Path, options: &StatusOptions) -> Result<(), Failure> {
    let (dir, mut client) = connect(path)?;
    if !options.watch {
        let shown = show(&dir, ask(&client, path)?, options);
        return print(&shown).map_err(Failure::from);
    }
    let clear = if stdout().is_terminal() && !options.json { CLEAR } else { "" };
    loop {
        let shown = match ask(&client, path) {
            Ok(status) => show(&dir, status, options),
            Err(why) => {
                // The cluster may have been started anew, elsewhere.
                if let Ok((_, anew)) = connect(path) {
                    client = anew;
                }
                if options.json {
                    format!("{}\n", serde_json::json!({ "error": why }))
                } else {
                    format!("{why}\n")
                }
            }
        };
        match print(&format!("{clear}{shown}")) {
            // Nobody reads any more.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            printed => printed?,
        }
        thread::sleep(options.every);
    }
}

fn connect(path: &Path) -> Result<(ClusterDir, ClusterClient), Failure> {
    let dir = ClusterDir::open(path)?;
    let client = dir.admin(ClientConfig::default())?;
    Ok((dir, client))
}

fn print(text: &str) -> io::Result<()> {
    let mut output = stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()
}

fn ask(client: &ClusterClient, path: &Path) -> Result<ClusterStatus, String> {
    let coordinator = client.coordinator();
    let clock = client.env().clock.clone();
    let answer = client.block_on(async {
        let answer = std::pin::pin!(coordinator.call(Request::Status));
        match futures_util::future::select(answer, clock.sleep(ANSWER_WITHIN)).await {
            futures_util::future::Either::Left((answer, _)) => Some(answer),
            futures_util::future::Either::Right(_) => None,
        }
    });
    let silent = |why: String| {
        let dir = path.display();
        format!(
            "the coordinator does not answer{why}: does it run? `cluster up --cluster {dir}` starts the cluster"
        )
    };
    match answer {
        Some(Ok(Reply::Status(status))) => Ok(*status),
        Some(Ok(other)) => Err(format!("the coordinator answers {other:?}: is it of another version?")),
        Some(Err(RemoteError::Unauthorised(why))) => Err(format!("not allowed: {why}")),
        Some(Err(RemoteError::NotDone(why) | RemoteError::Unknown(why))) => Err(silent(format!(" ({why})"))),
        None => Err(silent(format!(" within {ANSWER_WITHIN:?}"))),
    }
}

fn show(dir: &ClusterDir, status: ClusterStatus, options: &StatusOptions) -> String {
    let report = StatusReport::new(dir.record(), &status);
    if options.json {
        let json = serde_json::to_string(&report).expect("a report is plain data");
        return json + "\n";
    }
    view::text(&report, options.tablets)
}
