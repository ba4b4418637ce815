//! Lanes over QUIC on 127.0.0.1.

mod calls_are_answered;
mod frames_arrive_whole_and_in_order;
mod host;
