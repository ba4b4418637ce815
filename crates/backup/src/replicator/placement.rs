//! Where a replica goes.

use super::{
    Domain,
    backups::{Backup, BackupSet},
};
use rekindle_types::ServerId;

/// Backups that a primary is chosen from (RAMCloud, section 4.3 of the fast recovery paper: best of five).
const PRIMARY_CHOICES: usize = 5;
/// Assumed read rate of a backup that has not measured one, in bytes per second.
const READ_RATE_UNKNOWN: u64 = 200 << 20;

/// A stream of random words from a seed and what is being placed: the same placement draws the same words.
pub(super) struct Words(u64);

impl Words {
    pub(super) fn new(seed: u64, segment: u64, placed: u32) -> Self {
        Self(seed ^ segment.wrapping_mul(0xd6e8_feb8_6659_fd93) ^ u64::from(placed).rotate_left(40))
    }

    /// splitmix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

/// Chooses a backup for one more replica of a segment that has replicas on `taken`. Avoided backups get none,
/// and none gets a second one of the segment; failure domains are shared only when there is no other choice.
pub(super) fn choose(
    backups: &BackupSet,
    taken: &[ServerId],
    is_primary: bool,
    words: &mut Words,
) -> Option<ServerId> {
    let domains: Vec<Domain> = taken.iter().filter_map(|s| backups.get(*s)).map(|b| b.domain).collect();
    let mut choices: Vec<(ServerId, &Backup)> = backups
        .iter()
        .filter(|(server, backup)| backup.avoid_until.is_none() && !taken.contains(server))
        .collect();
    if choices.iter().any(|(_, b)| !domains.contains(&b.domain)) {
        choices.retain(|(_, b)| !domains.contains(&b.domain));
    }
    if choices.is_empty() {
        return None;
    }
    let mut chosen = words.below(choices.len());
    if is_primary {
        for _ in 1..PRIMARY_CHOICES {
            let other = words.below(choices.len());
            if read_time(choices[other].1) < read_time(choices[chosen].1) {
                chosen = other;
            }
        }
    }
    Some(choices[chosen].0)
}

/// Expected time, in units that cancel out, to read the backup's primaries and one more.
fn read_time(backup: &Backup) -> u64 {
    let rate = if backup.read_rate == 0 { READ_RATE_UNKNOWN } else { backup.read_rate };
    (u64::from(backup.primaries) + 1).saturating_mul(1 << 40) / rate
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replicator::Candidate;
    use rekindle_env::Time;

    fn backups(domains: &[u32]) -> BackupSet {
        let mut set = BackupSet::default();
        let members: Vec<Candidate> = (1u64..)
            .zip(domains)
            .map(|(id, domain)| Candidate { server: ServerId(id), domain: Domain(*domain) })
            .collect();
        set.update(&members);
        set
    }

    fn chosen(set: &BackupSet, taken: &[ServerId], is_primary: bool) -> Vec<u64> {
        let mut all: Vec<u64> = (0..200)
            .filter_map(|seed| choose(set, taken, is_primary, &mut Words::new(seed, 1, 0)))
            .map(|s| s.0)
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    #[test]
    fn shares_a_domain_only_without_another_choice() {
        let set = backups(&[1, 1, 2]);
        assert_eq!(chosen(&set, &[ServerId(1)], false), [3]);
        assert_eq!(chosen(&set, &[ServerId(1), ServerId(3)], false), [2]);
        assert_eq!(chosen(&set, &[ServerId(1), ServerId(2), ServerId(3)], false), Vec::<u64>::new());
    }

    #[test]
    fn avoided_backups_get_nothing() {
        let mut set = backups(&[1, 2]);
        set.avoid(ServerId(1), Time(5));
        assert_eq!(chosen(&set, &[], false), [2]);
        set.tick(Time(5));
        assert_eq!(chosen(&set, &[], false), [1, 2]);
    }

    #[test]
    fn primaries_prefer_backups_that_read_sooner() {
        let mut set = backups(&[1, 2]);
        set.get_mut(ServerId(1)).unwrap().read_rate = 100 << 20;
        set.get_mut(ServerId(2)).unwrap().read_rate = 101 << 20;
        let count = (0..1_000)
            .filter(|seed| choose(&set, &[], true, &mut Words::new(*seed, 1, 0)) == Some(ServerId(2)))
            .count();
        assert!(count > 900, "the faster one in all draws but those that never saw it: {count}");
        for _ in 0..3 {
            set.add_primary(ServerId(2));
        }
        let count = (0..1_000)
            .filter(|seed| choose(&set, &[], true, &mut Words::new(*seed, 1, 0)) == Some(ServerId(1)))
            .count();
        assert!(count > 900, "the idle one: {count}");
    }
}
