//! Just enough HTTP/2 for many unary gRPC calls on one connection. Replies are told by their frames; their headers are
//! not read: a call that was carried out has data, one that was refused has none.

use std::{collections::BTreeSet, io};
use tokio::{io::Interest, net::TcpStream};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;
const FRAME_HEADER: usize = 9;

/// A client's connection.
pub struct Connection {
    stream: TcpStream,
    out: Vec<u8>,
    input: Vec<u8>,
    headers: Vec<u8>,
    next: u32,
    /// Bytes that may be sent before the other end allows more, on all streams together.
    window: i64,
    /// Streams on which data came.
    with_data: BTreeSet<u32>,
}

impl Connection {
    /// For calls of this method.
    pub fn new(stream: TcpStream, path: &str) -> Self {
        let mut out = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        frame(&mut out, SETTINGS, 0, 0, &[]);
        // Room for all replies of a run.
        frame(&mut out, WINDOW_UPDATE, 0, 0, &(1u32 << 30).to_be_bytes());
        // HPACK without a table of one's own: POST and http, then literals; names by their place in the static table.
        let mut headers = vec![0x83, 0x86];
        for (name, value) in
            [(&[0x04][..], path), (&[0x01], "127.0.0.1"), (&[0x0f, 0x10], "application/grpc")]
        {
            headers.extend_from_slice(name);
            text(&mut headers, value);
        }
        headers.push(0);
        text(&mut headers, "te");
        text(&mut headers, "trailers");
        Self { stream, out, input: Vec::new(), headers, next: 1, window: 65_535, with_data: BTreeSet::new() }
    }

    /// Whether a call of so many bytes may be sent now.
    pub fn has_room(&self, message: &[u8]) -> bool {
        self.window >= (message.len() + 5) as i64
    }

    /// Queues a call; its stream.
    pub fn call(&mut self, message: &[u8]) -> u32 {
        let stream = self.next;
        self.next += 2;
        frame(&mut self.out, HEADERS, END_HEADERS, stream, &self.headers);
        let mut data = vec![0];
        data.extend_from_slice(&(message.len() as u32).to_be_bytes());
        data.extend_from_slice(message);
        self.window -= data.len() as i64;
        frame(&mut self.out, DATA, END_STREAM, stream, &data);
        stream
    }

    /// Sends what is queued, then reads; returns the streams of calls that were answered.
    pub async fn turn(&mut self) -> io::Result<Vec<u32>> {
        loop {
            let interest = if self.out.is_empty() {
                Interest::READABLE
            } else {
                Interest::READABLE | Interest::WRITABLE
            };
            let ready = self.stream.ready(interest).await?;
            if ready.is_writable() && !self.out.is_empty() {
                match self.stream.try_write(&self.out) {
                    Ok(bytes) => drop(self.out.drain(..bytes)),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
            if ready.is_readable() {
                let mut piece = [0; 64 << 10];
                match self.stream.try_read(&mut piece) {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(bytes) => self.input.extend_from_slice(&piece[..bytes]),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                    Err(error) => return Err(error),
                }
                return Ok(self.take_in());
            }
        }
    }

    fn take_in(&mut self) -> Vec<u32> {
        let (mut at, mut answered) = (0, Vec::new());
        let input = std::mem::take(&mut self.input);
        while let Some(header) = input.get(at..at + FRAME_HEADER) {
            let length = u32::from_be_bytes([0, header[0], header[1], header[2]]) as usize;
            let (kind, flags) = (header[3], header[4]);
            let stream = u32::from_be_bytes(header[5..9].try_into().expect("four bytes"));
            let Some(body) = input.get(at + FRAME_HEADER..at + FRAME_HEADER + length) else { break };
            at += FRAME_HEADER + length;
            match kind {
                DATA => {
                    self.with_data.insert(stream);
                }
                HEADERS if flags & END_STREAM != 0 => {
                    assert!(self.with_data.remove(&stream), "the call was refused");
                    answered.push(stream);
                }
                SETTINGS if flags & ACK == 0 => frame(&mut self.out, SETTINGS, ACK, 0, &[]),
                PING if flags & ACK == 0 => frame(&mut self.out, PING, ACK, 0, body),
                WINDOW_UPDATE if stream == 0 => {
                    self.window += i64::from(u32::from_be_bytes(body.try_into().expect("four bytes")));
                }
                RESET | GO_AWAY => panic!("the other end gave up"),
                _ => {}
            }
        }
        self.input = input[at..].to_vec();
        answered
    }
}

fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, body: &[u8]) {
    out.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(body);
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(text.len() as u8);
    out.extend_from_slice(text.as_bytes());
}
