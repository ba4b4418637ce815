//! Files go into a table and come out of it, on a whole cluster in this process.

use super::*;
use crate::dump::{Dumped, LineForm, write_all};
use rekindle::{
    client::ClientConfig,
    sim::{SimCluster, SimConfig},
};
use std::{cell::RefCell, collections::BTreeMap, time::Duration};

/// As [`csv`] reads them.
const RECORDS: LineForm = LineForm::Record { delimiter: b';', is_quoted: true };

const PATIENCE: Duration = Duration::from_secs(120);

/// Plays a story with a table.
fn with_table<T>(story: impl AsyncFnOnce(Table, &SimCluster) -> T) -> T {
    on_a_cluster(SimConfig { servers: 5, replicas: 2, ..SimConfig::new(11) }, story)
}

fn on_a_cluster<T>(config: SimConfig, story: impl AsyncFnOnce(Table, &SimCluster) -> T) -> T {
    let cluster = SimCluster::new(config);
    cluster.start();
    cluster.world.block_on(async {
        assert!(cluster.until(PATIENCE, SimCluster::is_ready).await);
        let client = cluster.client("client", ClientConfig { timeout: PATIENCE, ..ClientConfig::default() });
        let table = client.create_table("t", 10).await.unwrap();
        story(table, &cluster).await
    })
}

fn csv(column: usize) -> Reading {
    Reading::Csv(CsvOptions {
        delimiter: b';',
        key: KeyColumn::Number(column),
        has_header: false,
        is_quoted: true,
    })
}

/// What was loaded, and the bad lines that were told.
async fn load_text(
    table: &Table,
    text: &[u8],
    reading: Reading,
    is_strict: bool,
) -> (Loaded, Result<(), String>, Vec<u64>) {
    let mut records = reading.open(text).unwrap();
    let bad = RefCell::new(Vec::new());
    let tell = |line: &BadLine| bad.borrow_mut().push(line.number);
    let (loaded, outcome) = load_all(table, &mut *records, is_strict, tell, |_| {}).await;
    (loaded, outcome, bad.into_inner())
}

async fn dump_text(table: &Table, form: LineForm) -> (Vec<u8>, Dumped) {
    let mut output = Vec::new();
    let dumped = write_all(table, form, &mut output).await.unwrap();
    (output, dumped)
}

/// Lines in order: a dump has none.
fn sorted(text: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    lines.sort();
    lines
}

/// Quotes, empty fields, keys that come again and again, any bytes, and no line break at the end.
fn real_file(records: usize) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut last = BTreeMap::new();
    let mut text = Vec::new();
    for number in 0..records {
        let key = (number * 7919) % (records / 3 + 1);
        // The same key with quotes and without.
        let field = if number % 2 == 0 { format!("\"{key}\"") } else { key.to_string() };
        let mut line = match number % 5 {
            0 => format!("{number};{field};;").into_bytes(),
            1 => format!("{number};{field};\"a;b \"\"quoted\"\" {number}\";x").into_bytes(),
            2 => [format!("{number};{field};").as_bytes(), &[0xff, 0xfe, number as u8 | 0x80], b";\xc3\x28"]
                .concat(),
            3 => format!(";{field};\"\";\"\"").into_bytes(),
            _ => [format!("{number};{field};").as_bytes(), &vec![b'z'; number % 4096], b"\r"].concat(),
        };
        last.insert(key, line.clone());
        line.push(b'\n');
        text.extend(line);
    }
    text.pop();
    let mut lines: Vec<Vec<u8>> = last.into_values().map(|line| [line, b"\n".to_vec()].concat()).collect();
    lines.sort();
    (text, lines)
}

#[test]
fn a_dump_is_the_last_line_of_every_key_byte_for_byte() {
    with_table(async |table, _| {
        let (text, expected) = real_file(20_000);
        let (loaded, outcome, bad) = load_text(&table, &text, csv(2), true).await;
        assert_eq!((outcome, bad, loaded.lines), (Ok(()), vec![], 20_000));
        assert_eq!(loaded.bytes, text.len() as u64 + 1);
        let (dump, dumped) = dump_text(&table, RECORDS).await;
        assert_eq!((dumped.objects, dumped.left_out), (expected.len() as u64, 0));
        assert!(sorted(&dump) == expected, "the dump differs from the last lines of the keys");
    });
}

/// Every key in every round: lines of a key come in many calls.
fn rounds(rounds: usize, keys: usize) -> Vec<u8> {
    let lines = (0..rounds).flat_map(|round| (0..keys).map(move |key| format!("{key};{round}\n")));
    lines.collect::<String>().into_bytes()
}

#[test]
fn the_last_line_wins_also_when_a_server_dies_meanwhile() {
    let (text, before) = (rounds(4, 18_000), rounds(3, 18_000));
    let expected = sorted(&text[before.len()..]);
    for moment in [37_000, 42_000] {
        with_table(async |table, cluster| {
            let reads = std::cell::Cell::new(0u64);
            let mut records = csv(1).open(text.as_slice()).unwrap();
            let progress = |_| {
                reads.set(reads.get() + 1);
                if reads.get() == moment {
                    cluster.kill_storage(1);
                }
            };
            let (loaded, outcome) = load_all(&table, &mut *records, true, |_| {}, progress).await;
            assert_eq!((outcome, loaded.lines), (Ok(()), 4 * 18_000));
            let dump = dump_text(&table, RECORDS).await.0;
            assert!(sorted(&dump) == expected, "earlier lines came last");
        });
    }
}

#[test]
fn a_load_into_full_memory_tells_how_many_lines_are_there() {
    let lines = (0..20_000).map(|key| format!("{key};{}\n", "x".repeat(500)));
    let text = lines.collect::<String>().into_bytes();
    let config = SimConfig { servers: 5, replicas: 2, segments_max: 24, ..SimConfig::new(12) };
    on_a_cluster(config, async |table, _| {
        let (loaded, outcome, bad) = load_text(&table, &text, csv(1), false).await;
        assert!(outcome.unwrap_err().contains("memory is full"));
        let (dump, _) = dump_text(&table, RECORDS).await;
        assert_eq!((loaded.lines, bad.len()), (sorted(&dump).len() as u64, 0));
        assert!(loaded.lines > 1_000, "{}", loaded.lines);
    });
}

#[test]
fn records_over_several_lines_are_one_object() {
    with_table(async |table, _| {
        let text = b"1;\"a\nb\"\n2;c\n1;\"d\n\ne\"";
        let (loaded, ..) = load_text(&table, text, csv(1), true).await;
        assert_eq!((loaded.lines, loaded.replaced), (3, 1));
        let one = table.get("1").await.unwrap().unwrap();
        assert_eq!(one.value, "1;\"d\n\ne\"");
    });
}

#[test]
fn what_was_loaded_comes_back_from_its_dump_and_nothing_else_is_in_it() {
    with_table(async |table, _| {
        let text = b"1;\"a\nb\"\n2;c\n3;\"d\n\ne\"\r\n4;\"x\"\"\";\xff\n5;";
        let (loaded, ..) = load_text(&table, text, csv(1), true).await;
        assert_eq!(loaded.lines, 5);
        let before = table.scan().collect().await.unwrap();
        // Not from a file of records: a line break without quotes, a quote without its twin, nothing at all.
        for (key, value) in [("6", "6;a\n7;b"), ("8", "8;\"a"), ("9", "")] {
            table.put(key, value).await.unwrap();
        }
        let (dump, dumped) = dump_text(&table, RECORDS).await;
        assert_eq!((dumped.objects, dumped.left_out), (5, 3));
        for listed in table.scan().collect().await.unwrap() {
            table.delete(&listed.key).await.unwrap();
        }
        let (loaded, outcome, _) = load_text(&table, &dump, csv(1), true).await;
        assert_eq!((loaded.lines, outcome), (5, Ok(())));
        let pairs = |all: Vec<rekindle::client::Listed>| {
            all.into_iter().map(|listed| (listed.key, listed.value)).collect::<BTreeMap<_, _>>()
        };
        assert_eq!(pairs(table.scan().collect().await.unwrap()), pairs(before));
    });
}

#[test]
fn bad_lines_are_left_out_and_strict_stops_at_the_first() {
    let text = b"1;a\nalone\n;b\n2;c\n3;\"open\n4;d\n";
    with_table(async |table, _| {
        let (loaded, outcome, bad) = load_text(&table, text, csv(1), false).await;
        assert_eq!((outcome, loaded.bad, bad), (Ok(()), 2, vec![3, 5]));
        let (dump, _) = dump_text(&table, RECORDS).await;
        assert_eq!(sorted(&dump), sorted(b"1;a\n2;c\n4;d\nalone\n"));
    });
    with_table(async |table, _| {
        let (loaded, outcome, bad) = load_text(&table, text, csv(2), true).await;
        assert!(outcome.unwrap_err().contains("--strict"));
        assert_eq!((loaded.lines, loaded.bad, bad), (1, 1, vec![2]));
        assert_eq!(dump_text(&table, RECORDS).await.0, b"1;a\n");
    });
}

#[test]
fn what_the_cluster_does_not_take_is_a_bad_line() {
    with_table(async |table, _| {
        let text = [b"1;a\n2;".as_slice(), &vec![b'x'; 200_000], b"\n3;b\n"].concat();
        let (loaded, outcome, bad) = load_text(&table, &text, csv(1), false).await;
        assert_eq!((outcome, loaded.lines, bad), (Ok(()), 2, vec![2]));
        assert_eq!(sorted(&dump_text(&table, RECORDS).await.0), sorted(b"1;a\n3;b\n"));
    });
}

#[test]
fn json_lines_come_back_as_they_were() {
    with_table(async |table, _| {
        let text = b"{\"id\":1, \"x\":\"a\"}\n{\"id\":\"k\"}\nno\n{\"id\":1,\"x\":null}";
        let reading = Reading::Jsonl(JsonKey::Field("id".into()));
        let (loaded, _, bad) = load_text(&table, text, reading, false).await;
        assert_eq!((loaded.lines, bad), (3, vec![3]));
        table.put(b"\xff", b"\xfe\n".as_slice()).await.unwrap();
        let (dump, dumped) = dump_text(&table, LineForm::Object).await;
        assert_eq!(sorted(&dump), sorted(b"{\"id\":\"k\"}\n{\"id\":1,\"x\":null}\n"));
        assert_eq!(dumped.left_out, 1);

        // All of it, through a file, into another table.
        let (all, _) = dump_text(&table, LineForm::WithKey).await;
        for listed in table.scan().collect().await.unwrap() {
            table.delete(&listed.key).await.unwrap();
        }
        let (loaded, outcome, _) = load_text(&table, &all, Reading::Jsonl(JsonKey::WithKey), true).await;
        assert_eq!((loaded.lines, outcome), (3, Ok(())));
        assert_eq!(table.get(b"\xff").await.unwrap().unwrap().value, b"\xfe\n".as_slice());
        assert_eq!(sorted(&dump_text(&table, LineForm::WithKey).await.0), sorted(&all));
    });
}

#[test]
fn options_say_which_field_is_the_key() {
    use crate::args::{Cli, Command};
    use clap::Parser;
    let reading = |words: &str| {
        let cli = Cli::parse_from(["kv", "load", "t", "f"].into_iter().chain(words.split_whitespace()));
        let Command::Load(options) = cli.command else { unreachable!() };
        super::reading(&options).map(|_| ())
    };
    for good in
        ["--key-column 2", "--header --key id", "--format jsonl --key id", "--format jsonl --with-keys"]
    {
        assert_eq!(reading(good), Ok(()), "{good}");
    }
    for bad in ["", "--key id", "--with-keys", "--format jsonl", "--format jsonl --key-column 1"] {
        assert!(reading(bad).is_err(), "{bad}");
    }
}
