//! Hello and welcome: one encoding, and no other length decodes.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use rekindle_cluster::wire::{FrameKind, Hello};
use rekindle_fuzz::canonical;

fuzz_target!(|data: &[u8]| {
    let body = Bytes::copy_from_slice(data);
    canonical(&body, Hello::decode, |hello| hello.encode(FrameKind::HELLO));
    if body.len() >= 6 {
        let ours: Bytes = [b"RKL1\x01\0", &data[6..]].concat().into();
        canonical(&ours, Hello::decode, |hello| hello.encode(FrameKind::HELLO.reply()));
    }
});
