//! Files of the meta log: whatever decodes is the same when its torn tail is cut off, and holds each entity once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rekindle_coordinator::meta::MetaFile;
use rekindle_fuzz::within;

fuzz_target!(|data: &[u8]| {
    let Ok(file) = within(data.len(), 1 << 10, || MetaFile::decode(data)) else { return };
    let torn = usize::try_from(file.torn_bytes).expect("it is a part of the data");
    let whole = MetaFile::decode(&data[..data.len() - torn]).expect("what was believed is believed alone");
    let entities = file.entities();
    assert_eq!((whole.torn_bytes, whole.last(), whole.entities()), (0, file.last(), entities.clone()));
    assert!(entities.is_sorted_by(|a, b| a.entity < b.entity));
    assert!(entities.iter().all(|e| e.version <= file.last()));
});
