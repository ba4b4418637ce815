//! Entities of the meta log: what decodes encodes to the same bytes, except that a batch stored as zero becomes
//! the one that wrote the entity; and it is read under its own id only.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use rekindle_coordinator::entity::Entity;
use rekindle_coordinator::meta::StoredEntity;
use rekindle_fuzz::within;
use rekindle_types::Lsn;

const WRITTEN: Lsn = Lsn(77);

fuzz_target!(|data: &[u8]| {
    let decoded = within(data.len(), 1 << 10, || Entity::decode(WRITTEN, data));
    // As if no batch had written it: zeros stay zeros.
    let plain = Entity::decode(Lsn(0), data);
    assert_eq!(decoded.is_ok(), plain.is_ok());
    let (Ok(entity), Ok(plain)) = (decoded, plain) else { return };
    assert_eq!(&plain.encode()[..], data, "{plain:?}");
    assert_eq!(Entity::decode(WRITTEN, &entity.encode()).as_ref(), Ok(&entity));
    assert!(Entity::decode(WRITTEN, &data[..data.len() - 1]).is_err());
    assert!(Entity::decode(WRITTEN, &[data, &[0]].concat()).is_err());

    let stored = |id| StoredEntity { entity: id, version: WRITTEN, state: Bytes::copy_from_slice(data) };
    assert_eq!(Entity::read(&stored(entity.id())).as_ref(), Ok(&entity));
    let mut other = entity.id();
    other.second ^= 1;
    assert!(Entity::read(&stored(other)).is_err());
});
