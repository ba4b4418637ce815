//! F7: suspect after two missed heartbeats or a hint; dead when all probes stay unanswered, or after long silence;
//! and always one more heartbeat is waited for.

use rekindle_coordinator::{Detector, DetectorAction, Times};
use rekindle_env::Time;
use rekindle_types::ServerId;
use std::time::Duration;

const S: [ServerId; 5] = [ServerId(1), ServerId(2), ServerId(3), ServerId(4), ServerId(5)];

/// A detector with a clock: ticks as it wants to be ticked, and all servers but some renew.
struct Watch {
    detector: Detector,
    now: Time,
    tick_every: Duration,
    silent: Vec<ServerId>,
    answers_probes: bool,
    probes: Vec<(Time, ServerId, Vec<ServerId>)>,
    declared: Vec<(Time, ServerId)>,
}

impl Watch {
    fn new(servers: &[ServerId]) -> Self {
        let mut detector = Detector::new(Times::default(), Time(0), []);
        for server in servers {
            detector.enlisted(*server, Time(0));
            detector.renewed(*server, Time(0));
        }
        let (tick_every, silent) = (detector.tick_every(), Vec::new());
        let (probes, declared) = (Vec::new(), Vec::new());
        Self { detector, now: Time(0), tick_every, silent, answers_probes: false, probes, declared }
    }

    fn act(&mut self, actions: impl IntoIterator<Item = DetectorAction>) {
        for action in actions {
            match action {
                DetectorAction::Probe { suspect, round, through } => {
                    self.probes.push((self.now, suspect, through));
                    if self.answers_probes {
                        self.detector.answered(suspect, round, self.now);
                    }
                }
                DetectorAction::Declare(server) => {
                    self.declared.push((self.now, server));
                    self.detector.declared(server, self.now);
                }
            }
        }
    }

    fn run(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        while self.now < end {
            self.now = self.now + self.tick_every;
            let servers = S.into_iter().filter(|s| !self.silent.contains(s));
            servers.for_each(|s| self.detector.renewed(s, self.now));
            self.tick();
        }
    }

    fn tick(&mut self) {
        let actions = self.detector.tick(self.now);
        self.act(actions);
    }

    /// The coordinator's process stands still; then it is its detector's turn first.
    fn stand_still(&mut self, time: Duration) {
        self.now = self.now + time;
        self.tick();
    }

    fn hint(&mut self, suspect: ServerId) {
        let action = self.detector.hint(suspect, self.now);
        self.act(action);
    }
}

fn ms(time: Time) -> u64 {
    time.0 / 1_000_000
}

#[test]
fn a_killed_server_is_declared_after_suspicion_probes_and_one_more_heartbeat() {
    let mut watch = Watch::new(&S);
    watch.run(500);
    assert!(watch.probes.is_empty() && watch.declared.is_empty());
    watch.silent = vec![S[1]];
    watch.run(2_000);
    let (probed, suspect, through) = watch.probes[0].clone();
    assert_eq!((suspect, through), (S[1], vec![S[2], S[3]]), "two others probe too");
    assert!((600..=650).contains(&ms(probed)), "{probed:?}");
    let [(declared, dead)] = watch.declared[..] else { panic!("{:?}", watch.declared) };
    assert_eq!(dead, S[1]);
    assert!((800..=900).contains(&ms(declared)), "{declared:?}: 150 ms of probes, 50 ms more");
}

#[test]
fn a_hint_starts_probes_at_once_and_only_one_round() {
    let mut watch = Watch::new(&S);
    watch.run(100);
    watch.silent = vec![S[0]];
    watch.hint(S[0]);
    watch.hint(S[0]);
    assert_eq!(watch.probes.len(), 1);
    watch.hint(ServerId(99));
    assert_eq!(watch.probes.len(), 1, "unknown servers are ignored");
    watch.run(225);
    assert_eq!(watch.declared.len(), 1, "faster than by silence");
}

#[test]
fn a_storm_of_hints_about_who_lives_costs_few_probes() {
    let mut watch = Watch::new(&S);
    watch.answers_probes = true;
    for _ in 0..400 {
        watch.run(25);
        watch.hint(S[0]);
    }
    assert!((2..=10).contains(&watch.probes.len()), "{} rounds in ten seconds", watch.probes.len());
    // Who misses heartbeats is looked at again soon.
    watch.probes.clear();
    (watch.silent, watch.answers_probes) = (vec![S[0]], false);
    watch.run(75);
    watch.hint(S[0]);
    assert_eq!(watch.probes.len(), 1);
}

#[test]
fn the_only_server_is_probed_by_nobody_else_and_no_server_by_nobody() {
    let mut detector = Detector::new(Times::default(), Time(0), []);
    let (tick, mut now) = (detector.tick_every(), Time(0));
    assert_eq!(detector.hint(S[0], now), None);
    while now < Time(0) + Duration::from_secs(60) {
        now = now + tick;
        assert_eq!(detector.tick(now), []);
    }
    assert!(!detector.is_held());

    let mut watch = Watch::new(&S[..1]);
    watch.silent = S.to_vec();
    watch.run(300);
    let probed: Vec<_> =
        watch.probes.iter().map(|(_, suspect, through)| (*suspect, through.clone())).collect();
    assert_eq!(probed, [(S[0], vec![])], "by the coordinator alone");
    watch.run(200);
    assert_eq!(watch.declared.len(), 1, "one death is no mass death (F8)");
}

#[test]
fn a_server_that_was_declared_dead_is_neither_probed_nor_declared_again() {
    let mut watch = Watch::new(&S);
    watch.silent = vec![S[0]];
    watch.run(1_000);
    assert_eq!((watch.probes.len(), watch.declared.len()), (1, 1));
    watch.hint(S[0]);
    watch.detector.renewed(S[0], watch.now);
    watch.run(2_000);
    assert_eq!((watch.probes.len(), watch.declared.len()), (1, 1), "F6: not by a late renewal either");
}

#[test]
fn a_renewal_or_an_answer_meanwhile_saves_the_suspect() {
    let mut watch = Watch::new(&S);
    watch.run(100);
    watch.hint(S[0]);
    watch.run(1_000);
    assert_eq!(watch.declared, [], "it renews: a false hint");

    watch.silent = vec![S[0]];
    watch.answers_probes = true;
    watch.run(900);
    assert!(!watch.probes.is_empty() && watch.declared.is_empty(), "it answers probes");
    watch.silent.clear();
    watch.run(2_000);
    assert_eq!(watch.declared, []);
}

#[test]
fn a_renewal_in_the_last_heartbeat_saves_it() {
    let mut watch = Watch::new(&S);
    watch.silent = vec![S[0]];
    // Silent for 100 ms, probes unanswered for 150: doomed, not yet declared.
    watch.run(300);
    assert_eq!(watch.declared, []);
    watch.silent.clear();
    watch.run(2_000);
    assert_eq!(watch.declared, []);
}

#[test]
fn long_silence_is_death_though_probes_are_answered() {
    let mut watch = Watch::new(&S);
    watch.silent = vec![S[0]];
    watch.answers_probes = true;
    watch.run(1_200);
    let [(declared, _)] = watch.declared[..] else { panic!("{:?}", watch.declared) };
    assert!((1_050..=1_100).contains(&ms(declared)), "{declared:?}");
}

#[test]
fn silence_counts_only_while_the_coordinator_ran() {
    let mut watch = Watch::new(&S);
    watch.silent = S.to_vec();
    watch.run(75);
    watch.stand_still(Duration::from_secs(10));
    assert_eq!(watch.declared, []);
    watch.silent = vec![S[0]];
    watch.run(1_000);
    let [(_, dead)] = watch.declared[..] else { panic!("{:?}", watch.declared) };
    assert_eq!(dead, S[0], "then it goes on");
}

#[test]
fn nobody_is_declared_who_is_heard_within_a_heartbeat_after_the_coordinator_stood_still() {
    // Wherever in a silence it is: calm, suspected, all but dead.
    for ticks in 0.. {
        let mut watch = Watch::new(&S);
        watch.silent = vec![S[0]];
        watch.run(25 * ticks);
        if !watch.declared.is_empty() {
            assert!(ticks > 10, "{ticks}");
            return;
        }
        watch.stand_still(Duration::from_secs(10));
        watch.run(25);
        watch.silent.clear();
        watch.run(2_000);
        assert_eq!(watch.declared, [], "after {ticks} ticks of silence");
    }
}

#[test]
fn the_dead_are_declared_though_each_tick_is_late() {
    let heartbeat = Times::default().heartbeat;
    for late in [3, 4, 10, 100] {
        let mut watch = Watch::new(&S);
        watch.tick_every = heartbeat * late;
        watch.run(5_000);
        watch.silent = vec![S[0]];
        let began = watch.now;
        watch.run(60_000);
        let [(declared, dead)] = watch.declared[..] else { panic!("{late}: {:?}", watch.declared) };
        assert_eq!(dead, S[0]);
        let ticks = declared.since(began).as_nanos() / watch.tick_every.as_nanos();
        // Suspected after three, unanswered after three more, and the last heartbeat.
        assert!((7..=9).contains(&ticks), "{ticks} ticks, each {late} heartbeats after the last");
        assert!(watch.probes.iter().all(|(_, suspect, _)| *suspect == S[0]), "{:?}", watch.probes);
    }
}

#[test]
fn nobody_alive_is_declared_though_each_tick_is_late_and_comes_before_the_renewals() {
    let heartbeat = Times::default().heartbeat;
    for late in [1, 2, 3, 10, 100] {
        let mut watch = Watch::new(&S);
        for _ in 0..200 {
            watch.stand_still(heartbeat * late);
            S.into_iter().for_each(|s| watch.detector.renewed(s, watch.now));
        }
        assert!(watch.probes.is_empty() && watch.declared.is_empty(), "{late}: {:?}", watch.declared);
    }
}

#[test]
fn a_hold_ends_though_each_tick_is_late() {
    let mut watch = Watch::new(&S);
    watch.tick_every = Times::default().heartbeat * 3;
    watch.silent = S[..3].to_vec();
    watch.run(10_000);
    assert!(watch.detector.is_held() && watch.declared.is_empty());
    watch.run(10_000);
    assert_eq!(watch.declared.len(), 3);
}

#[test]
fn many_silent_servers_are_held_back_and_return() {
    let mut watch = Watch::new(&S);
    watch.silent = S[..2].to_vec();
    watch.run(3_000);
    assert!(watch.detector.is_held() && watch.declared.is_empty(), "two of five are more than a third");
    watch.silent = vec![S[0]];
    watch.run(100);
    assert!(!watch.detector.is_held(), "one of five is not");
    watch.run(150);
    assert_eq!(watch.declared, [], "it may be about to be heard, too");
    watch.run(200);
    assert_eq!(watch.declared.len(), 1, "it had the time that any silent server has");
}

#[test]
fn who_is_heard_soon_after_a_hold_is_not_declared_dead() {
    let mut watch = Watch::new(&S);
    watch.silent = S.to_vec();
    watch.run(500);
    assert!(watch.detector.is_held());
    for back in (1..=5).rev() {
        watch.silent = S[..back - 1].to_vec();
        watch.run(50);
    }
    watch.run(1_000);
    assert_eq!(watch.declared, [], "their first renewals came one after the other");
}

#[test]
fn nor_who_is_heard_soon_after_the_first_one_of_a_new_reign() {
    let mut watch = Watch::new(&S);
    watch.detector = Detector::new(Times::default(), watch.now, S[..2].iter().copied());
    watch.silent = S.to_vec();
    watch.run(2_000);
    assert!(watch.detector.is_held() && watch.declared.is_empty());
    watch.silent = S[1..].to_vec();
    watch.run(100);
    watch.silent = S[2..].to_vec();
    watch.run(1_000);
    assert_eq!(watch.declared, []);
}

#[test]
fn one_that_comes_and_goes_saves_nobody_else() {
    let mut watch = Watch::new(&S);
    for _ in 0..4 {
        watch.silent = S[..2].to_vec();
        watch.run(200);
        watch.silent = vec![S[0]];
        watch.run(50);
    }
    assert_eq!(watch.declared.iter().map(|(_, server)| *server).collect::<Vec<_>>(), [S[0]]);
}

#[test]
fn a_hold_ends_with_its_grace_or_with_the_operator() {
    let mut watch = Watch::new(&S);
    watch.silent = S[..3].to_vec();
    watch.run(4_900);
    assert_eq!(watch.declared, []);
    watch.run(400);
    assert_eq!(watch.declared.len(), 3, "5 s are over");

    let mut watch = Watch::new(&S);
    watch.silent = S[..3].to_vec();
    watch.run(1_500);
    watch.detector.release_hold();
    watch.run(50);
    assert_eq!(watch.declared.len(), 3);
}

#[test]
fn proven_deaths_do_not_count_towards_a_hold() {
    let mut watch = Watch::new(&S);
    watch.run(100);
    watch.detector.proven(S[0], watch.now);
    watch.detector.declared(S[0], watch.now);
    watch.silent = vec![S[0], S[1]];
    watch.run(400);
    assert!(!watch.detector.is_held());
    assert_eq!(watch.declared.len(), 1);
}

#[test]
fn a_proven_death_neither_counts_nor_is_held_before_it_is_recorded() {
    let mut watch = Watch::new(&S);
    watch.run(100);
    watch.silent = S[..3].to_vec();
    watch.run(1_500);
    assert!(watch.detector.is_held() && watch.declared.is_empty());
    watch.detector.proven(S[0], watch.now);
    assert!(watch.detector.is_held(), "two of four are left");
    let actions = watch.detector.tick(watch.now);
    assert_eq!(actions, [DetectorAction::Declare(S[0])]);
    watch.silent.retain(|server| *server != S[2]);
    watch.run(50);
    assert!(!watch.detector.is_held(), "one of four is no mass death");
    watch.silent.push(S[2]);
    watch.detector.proven(S[1], watch.now);
    assert!(!watch.detector.is_held(), "one of three");
}

#[test]
fn who_renews_before_its_death_is_recorded_is_not_proven_dead() {
    let mut watch = Watch::new(&S);
    watch.run(100);
    watch.detector.proven(S[0], watch.now);
    assert!(watch.detector.is_proven(S[0]) && watch.detector.hint(S[0], watch.now).is_none());
    watch.run(1_000);
    assert!(!watch.detector.is_proven(S[0]) && watch.declared.is_empty());
}

#[test]
fn a_new_coordinator_takes_all_for_silent_and_waits_for_them() {
    let mut detector = Detector::new(Times::default(), Time(0), S);
    assert!(detector.is_held());
    let tick = detector.tick_every();
    let mut now = Time(0);
    while now < Time(0) + Duration::from_secs(29) {
        now = now + tick;
        let declared = detector.tick(now).iter().any(|a| matches!(a, DetectorAction::Declare(_)));
        assert!(!declared, "a cold boot has 30 s: {now:?}");
    }
    for (n, server) in S.into_iter().enumerate() {
        detector.renewed(server, now);
        assert_eq!(detector.is_held(), n < 3, "{} are back", n + 1);
    }
}

#[test]
fn the_grace_counts_only_while_the_coordinator_ran() {
    let times = Times::default();
    let mut watch = Watch::new(&[]);
    watch.detector = Detector::new(times, Time(0), S);
    watch.silent = S.to_vec();
    watch.run(100);
    assert!(watch.detector.is_held());
    // All of them stood still, as on a suspended host.
    watch.now = watch.now + times.mass_grace_cold;
    watch.run(5_000);
    assert_eq!(watch.declared, []);
    watch.run(30_000);
    assert_eq!(watch.declared.len(), S.len());
}

#[test]
fn a_renewal_that_comes_before_the_late_tick_ends_no_grace() {
    let times = Times::default();
    let mut watch = Watch::new(&[]);
    watch.detector = Detector::new(times, Time(0), S);
    watch.silent = S[1..].to_vec();
    watch.run(100);
    watch.now = watch.now + times.mass_grace;
    watch.detector.renewed(S[0], watch.now);
    watch.run(2_000);
    assert_eq!(watch.declared, []);
}

#[test]
fn a_newcomer_has_as_long_as_a_call_to_be_heard() {
    let times = Times::default();
    let mut watch = Watch::new(&S[1..]);
    watch.detector.enlisted(S[0], watch.now);
    watch.silent = vec![S[0]];
    watch.run(u64::try_from(times.call_deadline.as_millis()).unwrap() - 100);
    // Its disk is slow: it is no suspect, whatever peers say, and asked to probe nobody.
    watch.hint(S[0]);
    assert!(watch.probes.is_empty() && watch.declared.is_empty(), "{:?} {:?}", watch.probes, watch.declared);
    watch.hint(S[1]);
    assert_eq!(
        watch.probes.pop().map(|(_, suspect, through)| (suspect, through)),
        Some((S[1], vec![S[2], S[3]]))
    );
    watch.run(1_000);
    assert_eq!(watch.declared.iter().map(|(_, server)| *server).collect::<Vec<_>>(), [S[0]]);
}

#[test]
fn a_newcomer_that_was_heard_is_watched_like_the_others() {
    let mut watch = Watch::new(&S[1..]);
    watch.detector.enlisted(S[0], watch.now);
    watch.run(1_000);
    watch.silent = vec![S[0]];
    watch.run(1_000);
    assert_eq!(watch.declared.iter().map(|(_, server)| *server).collect::<Vec<_>>(), [S[0]]);
    assert!(!watch.probes.is_empty());
}

#[test]
fn newcomers_hold_no_declaration_back() {
    let mut watch = Watch::new(&S[..2]);
    for newcomer in &S[2..] {
        watch.detector.enlisted(*newcomer, watch.now);
    }
    watch.silent = S[1..].to_vec();
    watch.run(1_000);
    assert!(!watch.detector.is_held());
    assert_eq!(watch.declared.iter().map(|(_, server)| *server).collect::<Vec<_>>(), [S[1]]);
}
