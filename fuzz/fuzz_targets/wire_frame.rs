//! Frames on each lane: what decodes is within the lane's limit and finishes to the same bytes; its body is a
//! view of them.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use rekindle_cluster::wire::{Frame, FrameWriter, LaneKind};
use rekindle_fuzz::within;

fuzz_target!(|data: &[u8]| {
    let bytes = Bytes::copy_from_slice(data);
    for max in LaneKind::ALL.map(LaneKind::frame_bytes_max).into_iter().chain([40, 17]) {
        if let Some(field) = data.first_chunk() {
            let length = Frame::check_length(*field, max);
            assert!(length.is_err() || (17..=max).contains(&length.unwrap()));
        }
        // A shared handle is all that it takes.
        let Ok(frame) = within(0, 64, || Frame::decode(&bytes, max)) else { continue };
        assert!(bytes.len() <= max && frame.kind.header_bytes() + frame.body.len() == bytes.len());
        let mut writer = FrameWriter::new(frame.kind);
        writer.payload(&frame.body);
        let packet = writer.finish(frame.request, frame.time_left_ms, frame.stamp, max).expect("it fitted");
        assert_eq!(packet.len(), bytes.len());
        assert_eq!(packet.into_bytes(), bytes);
        assert!(Frame::decode(&bytes.slice(..bytes.len() - 1), max).is_err());
    }
});
