//! Looks into the logs of masters: not into all of them each time, which would take too long.

use crate::{
    SimCluster,
    check::{check_killed, check_replayable},
    look::{Look, ServerLook},
};

/// Between two looks into a log in which nothing need have moved.
const LOOKS_PER_LOG: usize = 100;

/// Checks the logs in which something has moved since the former look, and now and then another: this is the look of such a
/// number. `has_owners` says whether both looks found the same tablets.
pub(super) fn check_logs(
    cluster: &SimCluster,
    former: &Look,
    look: &Look,
    has_owners: bool,
    number: usize,
) -> Result<(), String> {
    let turn = turn(look, number);
    for server in look.servers.iter().filter(|server| !server.is_removed) {
        let before = former.servers.iter().find(|before| before.server == server.server);
        let has_moved = before.is_some_and(|before| {
            has_moved(before, server) || !has_owners && before.tablets != server.tablets
        });
        if !has_moved && turn.is_none_or(|turn| turn.server != server.server) {
            continue;
        }
        let Some(log) = cluster.log(server) else { continue };
        check_replayable(&log).map_err(|other| other.to_string())?;
        check_killed(&log).map_err(|undead| undead.to_string())?;
    }
    Ok(())
}

/// The server whose turn it is, one after the other.
fn turn(look: &Look, number: usize) -> Option<&ServerLook> {
    let turn = (number / LOOKS_PER_LOG).checked_rem(look.servers.len())?;
    number.is_multiple_of(LOOKS_PER_LOG).then(|| &look.servers[turn])
}

/// Whether a cleaner has moved entries: its pass has ended, or goes on while heads wait for their switch (C5). Else they come by
/// clients' calls, and by recoveries together with tablets (C4).
fn has_moved(before: &ServerLook, now: &ServerLook) -> bool {
    now.passes != before.passes || now.passes_under_way > 0 && now.heads.len() > 1
}
