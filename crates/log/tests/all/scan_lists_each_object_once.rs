//! While nothing is written a scan lists every object of its range once, by (hash, key), whatever the pages.

use crate::stores::{StoreRig, TABLE};
use rekindle_log::store::Condition;
use rekindle_types::{KeyHash, KeyRange, TableId, key_hash};

#[test]
fn pages_of_any_size_list_all_in_order() {
    let mut store = StoreRig::large();
    let key = |n: u32| n.to_le_bytes();
    for n in 0..5_000 {
        let _ = store.store.put(TABLE, &key(n), b"12345678", Condition::Always).unwrap();
        let _ = store.store.put(TableId(1), &key(n), b"another table's", Condition::Always).unwrap();
        if n % 500 == 0 {
            store.rig.step();
        }
    }
    let ranges = KeyRange::FULL.split_even(3);
    for (range, bytes_max) in ranges.into_iter().zip([0, 1_000, usize::MAX]) {
        let mut expected: Vec<(KeyHash, Vec<u8>)> =
            (0..5_000).map(|n| (key_hash(TABLE, &key(n)), key(n).to_vec())).collect();
        expected.retain(|(hash, _)| range.contains(*hash));
        expected.sort();
        let (mut listed, mut pages, mut rest) = (Vec::new(), 0, Some(range));
        while let Some(part) = rest {
            let (page, _) = store.store.scan(TABLE, part, bytes_max).into_parts();
            let bytes: usize = page.objects.iter().map(|o| o.key.len() + o.value.len()).sum();
            assert!(bytes <= bytes_max || page.objects.len() == 1);
            listed.extend(page.objects.into_iter().map(|o| (key_hash(TABLE, &o.key), o.key.to_vec())));
            rest = page.next.map(|next| KeyRange::new(next, part.last()).expect("within the range"));
            pages += 1;
        }
        assert_eq!(listed, expected);
        assert!(bytes_max == usize::MAX || pages > 10);
        assert!(bytes_max != usize::MAX || pages == 1);
    }
}

#[test]
fn a_page_looks_at_a_bounded_part_of_the_index() {
    let mut store = StoreRig::large();
    for n in 0..70_000_u32 {
        let _ = store.store.put(TableId(1), &n.to_le_bytes(), b"", Condition::Always).unwrap();
        if n % 500 == 0 {
            store.rig.step();
        }
    }
    let (page, _) = store.store.scan(TABLE, KeyRange::FULL, usize::MAX).into_parts();
    assert!(page.objects.is_empty());
    let next = page.next.expect("an empty page may have a successor");
    let (page, _) = store.store.scan(TABLE, KeyRange::new(next, KeyHash(u64::MAX)).unwrap(), 1).into_parts();
    assert_eq!(page.next, None);
}
