//! Control bodies. Postcard reads some longer forms of a number too: what decodes encodes to no more bytes, and
//! from then on to the same ones. What types promise of themselves holds for received ones.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use rekindle_cluster::wire::codec::{
    decode_order, decode_postcard, decode_report, encode_order, encode_postcard, encode_report,
};
use rekindle_cluster::wire::{FrameKind, FrameWriter, WireError};
use rekindle_coordinator::OrderKind;
use rekindle_fuzz::{body_of, within};
use rekindle_types::{ListUpdate, Reply, Request, ServerList, TabletMap};
use std::fmt::Debug;

/// Serde reserves at most 1 MiB for a list whose elements have not come yet, once for each list in a list.
const RESERVED: usize = 4 << 20;

fuzz_target!(|data: &[u8]| {
    let Some((which, body)) = data.split_first() else { return };
    let body = Bytes::copy_from_slice(body);
    let kind = FrameKind::COORDINATOR;
    match which % 4 {
        0 => drop(settles(&body, decode_postcard::<Request>, |r| encode_postcard(kind, r))),
        1 => {
            let reply = settles(&body, decode_postcard::<Reply>, |r| encode_postcard(kind.reply(), r));
            reply.iter().for_each(check_reply);
        }
        2 => {
            let order = settles(&body, decode_order, encode_order);
            if let Some(OrderKind::List(update)) = order.map(|order| order.kind) {
                check_update(&update);
            }
        }
        _ => drop(settles(&body, decode_report, encode_report)),
    }
});

fn settles<T: Debug + PartialEq>(
    body: &Bytes,
    decode: impl Fn(&Bytes) -> Result<T, WireError>,
    encode: impl Fn(&T) -> FrameWriter,
) -> Option<T> {
    let value = within(body.len(), RESERVED, || decode(body)).ok()?;
    let again = body_of(encode(&value));
    assert!(again.len() <= body.len(), "{value:?}");
    assert_eq!(decode(&again).as_ref(), Ok(&value));
    let longer = [&again[..], &[0]].concat().into();
    assert!(decode(&longer).is_err(), "a byte more: {value:?}");
    Some(value)
}

fn check_reply(reply: &Reply) {
    match reply {
        Reply::Enlisted(enlisted) => check_list(&enlisted.list),
        Reply::Renewed { update: Some(update), .. } => check_update(update),
        Reply::ServerList(Some(list)) => check_list(list),
        Reply::TabletMap { map, servers } => {
            check_list(servers);
            map.iter().for_each(check_map);
        }
        _ => {}
    }
}

/// Applied to a list, it leaves one that is right.
fn check_update(update: &ListUpdate) {
    let mut list = ServerList::default();
    if list.apply(update).is_ok() {
        check_list(&list);
    }
}

fn check_list(list: &ServerList) {
    for server in list.iter() {
        assert_eq!(list.entry(server.id), Some(server), "a server is listed under its own id");
    }
}

fn check_map(map: &TabletMap) {
    for tablet in map.tablets() {
        let found = map.lookup(tablet.table, tablet.range.first());
        assert_eq!(found, Some(tablet), "a tablet is found by what it says");
    }
}
