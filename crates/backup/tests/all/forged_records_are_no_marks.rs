//! J2. A client writes a journal record into a value, and the disk tears the append that carries it: that is a torn tail,
//! whatever the client's record says.

use super::file_rig::{FileRig, appended, opened};
use rekindle_backup::Durability;
use rekindle_backup::store::{
    conformance::{Image, MASTER},
    file::RecordHeader,
};
use rekindle_env::memory::Crash;
use rekindle_log::crc32c;

const JOURNAL: &str = "journal-1-0-5-1";

/// What a client can make that knows all of a record but the secret: a mark of this journal that says that very much
/// was synced.
fn forge(journal: &[u8], secret: u64) -> Vec<u8> {
    let mut mark = journal[journal.len() - RecordHeader::LEN..].to_vec();
    mark[40..48].copy_from_slice(&1_000_u64.to_le_bytes());
    mark[48..56].copy_from_slice(&999_u64.to_le_bytes());
    mark[80..88].copy_from_slice(&secret.to_le_bytes());
    let crc = crc32c(&mark[..RecordHeader::LEN - 4]);
    mark[RecordHeader::LEN - 4..].copy_from_slice(&crc.to_le_bytes());
    assert!(RecordHeader::decode(&mark).is_ok());
    // The tear is behind it.
    mark.extend([7; 100]);
    mark
}

/// Tears an append with that value behind a head that was acknowledged; how many are listed, and damaged.
fn tear_an_append(rig: &mut FileRig, make: impl FnOnce(&[u8]) -> Vec<u8>) -> (usize, usize) {
    let life = rig.start();
    let head = Image::head(MASTER, 5, &[]);
    rig.write(&life, opened(&head, 1)).unwrap();
    rig.fall_idle();
    let journal = rig.world.block_on(rig.env().dir.read(JOURNAL)).unwrap();
    let longer = head.clone().object(1, "key", &make(&journal), 1);
    rig.write(&life, appended(&head, &longer, 1, false)).unwrap();
    rig.crash(life, Crash::KeepUnsynced);
    let dir = rig.env().dir;
    let whole = rig.world.block_on(dir.read(JOURNAL)).unwrap();
    rig.world.block_on(dir.remove(JOURNAL)).unwrap();
    rig.world.block_on(dir.append(JOURNAL, whole.slice(..whole.len() - 1))).unwrap();
    let store = rig.open().unwrap();
    let listed = rig.list(&store, MASTER);
    assert!(listed.iter().all(|info| info.certificate == head.certificate()));
    (listed.len(), store.found_damaged().len())
}

#[test]
fn a_record_in_a_value_turns_no_torn_tail_into_damage() {
    for guess in [0, 1, u64::MAX, 0x524b_4a31] {
        let mut rig = FileRig::new(Durability::Persistent);
        let found = tear_an_append(&mut rig, |journal| forge(journal, guess));
        assert_eq!(found, (1, 0), "guess {guess}");
    }
}

#[test]
fn one_with_the_secret_would() {
    let mut rig = FileRig::new(Durability::Persistent);
    let found = tear_an_append(&mut rig, |journal| {
        let secret = RecordHeader::decode(journal).unwrap().secret;
        forge(journal, secret)
    });
    assert_eq!(found, (0, 1));
}

#[test]
fn no_two_directories_have_the_same_secret() {
    let secret_of = |rig: &mut FileRig| {
        let life = rig.start();
        rig.write(&life, opened(&Image::head(MASTER, 5, &[]), 1)).unwrap();
        let journal = rig.world.block_on(rig.env().dir.read(JOURNAL)).unwrap();
        rig.crash(life, Crash::DropUnsynced);
        RecordHeader::decode(&journal).unwrap().secret
    };
    let mut rig = FileRig::new(Durability::Persistent);
    let first = secret_of(&mut rig);
    rig.node = rig.world.node("another");
    assert_ne!(first, secret_of(&mut rig));
}
