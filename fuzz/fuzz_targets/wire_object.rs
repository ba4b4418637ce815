//! Object requests and replies: one encoding, and never more calls or results than the limit.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use rekindle_client::ObjectRequest;
use rekindle_cluster::wire::codec::{
    decode_object_reply, decode_object_request, encode_object_reply, encode_object_request,
};
use rekindle_fuzz::canonical;

fuzz_target!(|data: &[u8]| {
    let body = Bytes::copy_from_slice(data);
    let request = |body: &Bytes| {
        let request = decode_object_request(body, 9)?;
        assert!(request.calls.len() <= ObjectRequest::CALLS_MAX && request.time_left_ms == 9);
        Ok(request)
    };
    canonical(&body, request, encode_object_request);
    let reply = |body: &Bytes| {
        let reply = decode_object_reply(body)?;
        assert!(reply.results.len() <= ObjectRequest::CALLS_MAX);
        Ok(reply)
    };
    canonical(&body, reply, encode_object_reply);
});
