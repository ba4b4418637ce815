//! Lanes over QUIC on 127.0.0.1.

mod bad_peers_break_their_own_lane;
mod binding_says_what_to_do;
mod calls_are_answered;
mod dead_peers_are_reached_again;
mod frames_arrive_whole_and_in_order;
mod heartbeats_do_not_wait;
mod host;
mod one_connection_for_all;
mod raw;
mod strangers_get_no_lane;
