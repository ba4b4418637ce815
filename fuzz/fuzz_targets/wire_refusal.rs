//! Refusals of calls and lanes: one encoding.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use rekindle_cluster::wire::CallRefusal;
use rekindle_fuzz::canonical;

fuzz_target!(|data: &[u8]| {
    canonical(&Bytes::copy_from_slice(data), CallRefusal::decode, CallRefusal::encode);
});
