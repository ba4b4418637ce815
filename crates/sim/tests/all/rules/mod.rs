//! One body per starred rule of docs/protocols.md: it must pass with the rule, and fail without it.
//!
//! `cargo test -p rekindle-sim --features mutations rules` runs both and prints `N rules, N caught`.

mod file_store;

use rekindle_types::{Rule, Rules};

/// Plays the situation that the rule is for. `Err` (or a panic) says what went wrong.
type Body = fn(Rules) -> Result<(), String>;

macro_rules! bodies {
    ($($rule:ident: $module:ident),* $(,)?) => {
        $(mod $module;)*
        const BODIES: &[(Rule, Body)] = &[$((Rule::$rule, $module::body)),*];
        /// With every rule in force its situation ends well.
        mod holds {
            $(#[test] fn $module() { super::$module::body(super::Rules::default()).unwrap(); })*
        }
    };
}

// One line per rule, in the order of docs/protocols.md.
bodies!(
    H1: h1_opens_in_order,
    H2: h2_open_before_close,
    H3: h3_a_lost_head_stays_below_the_floor,
    H4: h4_only_opens_before_the_switch,
    H5: h5_a_hurt_head_acknowledges_nothing,
    P1: p1_open_until_the_close_is_seen,
    P2: p2_re_creations_are_atomic,
    P3: p3_late_creations_do_nothing,
    P4: p4_bytes_past_the_certificate_do_not_exist,
    C1: c1_overwrites_kill_inline,
    C2: c2_relocation_decides_under_the_lock,
    C3: c3_tombstones_outlive_what_they_kill,
    C4: c4_replay_kills_too,
    C5: c5_only_closed_segments_are_cleaned,
    C6: c6_ids_are_used_once,
    V1: v1_versions_never_repeat,
    V3: v3_answers_outlive_crashes,
    T1: t1_the_map_says_what_is_recovered,
    T2: t2_a_former_life_stays_out,
    T3: t3_replicas_outlive_the_last_batch,
    T4: t4_a_stale_step_is_decided_again,
    T5: t5_a_call_holds_its_tablet,
    T6: t6_one_bad_entry_damages_the_replica,
    F1: f1_inventories_fence,
    F2: f2_nothing_is_served_after_the_lease,
    F3: f3_the_batch_waits_for_the_lease,
    F4: f4_only_a_leader_renews,
    F5: f5_a_late_order_changes_nothing,
    F6: f6_calls_reach_their_target_only,
    J1: j1_answered_is_in_the_journal,
    J2: j2_damage_is_no_torn_tail,
    J4: j4_a_header_vouches_for_its_blocks,
    J6: j6_a_journal_outlives_its_frames_sync,
    O3: o3_the_record_comes_before_the_act,
);

#[test]
#[cfg(feature = "mutations")]
fn rules_that_are_switched_off_are_caught() {
    use std::{io::Write, panic};
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {})); // Mutated bodies may fail by panic: that is the wanted outcome.
    let missed: Vec<Rule> = BODIES
        .iter()
        .filter(|(rule, body)| matches!(panic::catch_unwind(|| body(Rules::without(*rule))), Ok(Ok(()))))
        .map(|(rule, _)| *rule)
        .collect();
    panic::set_hook(hook);
    // Written past the test harness, which would keep it to itself.
    let _ = writeln!(std::io::stdout(), "{} rules, {} caught", BODIES.len(), BODIES.len() - missed.len());
    assert!(missed.is_empty(), "nobody notices that these are switched off: {missed:?}");
}

#[test]
fn every_starred_rule_has_a_body() {
    let bodies: Vec<Rule> = BODIES.iter().map(|(rule, _)| *rule).collect();
    assert_eq!(bodies, Rule::ALL);
}
