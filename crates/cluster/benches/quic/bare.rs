//! The limit: frames on one bare stream.

use super::{BULK_BYTES, Load, SMALL_BYTES, Sides, measured};
use bytes::Bytes;
use quinn::{
    ClientConfig, Endpoint, EndpointConfig, MtuDiscoveryConfig, RecvStream, SendStream, ServerConfig,
    TokioRuntime, TransportConfig, VarInt,
    crypto::rustls::{QuicClientConfig, QuicServerConfig},
};
use rekindle_cluster::{
    local::{Authority, Issued},
    wire::Role,
};
use rekindle_env::real::Runtimes;
use rustls::{
    RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::{net::UdpSocket, sync::Arc};

fn transport(load: Load) -> Arc<TransportConfig> {
    let mut transport = TransportConfig::default();
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.upper_bound(load.datagram_bytes_max);
    transport.mtu_discovery_config(Some(discovery)).stream_receive_window(VarInt::from_u32(4 << 20));
    Arc::new(transport)
}

fn endpoint(load: Load, server: Option<ServerConfig>) -> Endpoint {
    let mut config = EndpointConfig::default();
    config.max_udp_payload_size(load.datagram_bytes_max).unwrap();
    Endpoint::new(config, server, UdpSocket::bind("127.0.0.1:0").unwrap(), Arc::new(TokioRuntime)).unwrap()
}

struct Pair {
    _endpoints: [Endpoint; 2],
    _connections: [quinn::Connection; 2],
    client: (SendStream, RecvStream),
    server: (SendStream, RecvStream),
}

fn pair(load: Load, issued: &Issued, sides: &Sides) -> Pair {
    let chain = || vec![CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let versions = &[&rustls::version::TLS13];
    let server = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain(), key)
        .unwrap();
    let mut server = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(server).unwrap()));
    server.transport_config(transport(load));
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(issued.authority_pem.as_bytes()).unwrap()).unwrap();
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut client = ClientConfig::new(Arc::new(QuicClientConfig::try_from(client).unwrap()));
    client.transport_config(transport(load));
    let listening = sides.server.main().block_on(async { endpoint(load, Some(server)) });
    let dialling = sides.client.main().block_on(async { endpoint(load, None) });
    let to = listening.local_addr().unwrap();
    let accepting = listening.clone();
    let accepted = sides.server.main().spawn(async move {
        let connection = accepting.accept().await.unwrap().await.unwrap();
        let mut streams = connection.accept_bi().await.unwrap();
        streams.1.read_exact(&mut [0]).await.unwrap();
        (connection, streams)
    });
    let (near, streams) = sides.client.main().block_on(async {
        let connection = dialling.connect_with(client, to, "server.rekindle").unwrap().await.unwrap();
        let mut streams = connection.open_bi().await.unwrap();
        streams.0.write_all(&[0]).await.unwrap();
        (connection, streams)
    });
    let (far, accepted) = sides.client.main().block_on(accepted).unwrap();
    Pair { _endpoints: [listening, dialling], _connections: [near, far], client: streams, server: accepted }
}

fn sides() -> (Sides, Issued) {
    let sides = Sides { server: Runtimes::start().unwrap(), client: Runtimes::start().unwrap() };
    (sides, Authority::new().unwrap().issue("s", Role::Server).unwrap())
}

/// The server sends back what comes; the client sends as many frames as came back.
pub fn small(load: Load) -> (f64, f64) {
    let (sides, issued) = sides();
    let pairs: Vec<Pair> = (0..load.connections).map(|_| pair(load, &issued, &sides)).collect();
    measured(|| {
        let mut clients = Vec::new();
        let mut kept = Vec::new();
        for pair in pairs {
            let Pair { client, server, _endpoints, _connections } = pair;
            kept.push((_endpoints, _connections));
            sides.server.main().spawn(echo(server));
            let (calls, in_flight) = (load.calls / load.connections, load.in_flight / load.connections);
            clients.push(sides.client.main().spawn(call(client, calls, in_flight)));
        }
        for client in clients {
            sides.client.main().block_on(client).unwrap();
        }
    })
}

async fn echo((mut back, mut there): (SendStream, RecvStream)) {
    let mut chunks: [Bytes; 16] = Default::default();
    while let Ok(Some(count)) = there.read_chunks(&mut chunks).await {
        back.write_all_chunks(&mut chunks[..count]).await.unwrap();
    }
}

async fn call((mut there, mut back): (SendStream, RecvStream), calls: usize, in_flight: usize) {
    let frames = Bytes::from(vec![7; SMALL_BYTES * in_flight]);
    let (mut sent, mut done, mut bytes) = (0, 0, 0);
    let mut chunks: [Bytes; 16] = Default::default();
    while done < calls {
        let more = (in_flight - (sent - done)).min(calls - sent);
        if more > 0 {
            there.write_chunk(frames.slice(..more * SMALL_BYTES)).await.unwrap();
            sent += more;
        }
        let count = back.read_chunks(&mut chunks).await.unwrap().unwrap();
        bytes += chunks[..count].iter().map(Bytes::len).sum::<usize>();
        done = bytes / SMALL_BYTES;
    }
}

/// The client sends, the server reads and drops.
pub fn bulk(load: Load) -> (f64, f64) {
    let (sides, issued) = sides();
    let Pair { client, server, _endpoints, _connections } = pair(load, &issued, &sides);
    measured(|| {
        let reading = sides.server.main().spawn(async move {
            let (_back, mut there) = server;
            let (mut left, mut chunks): (_, [Bytes; 16]) = (load.calls * BULK_BYTES, Default::default());
            while left > 0 {
                let count = there.read_chunks(&mut chunks).await.unwrap().unwrap();
                left -= chunks[..count].iter().map(Bytes::len).sum::<usize>();
            }
        });
        let frame = Bytes::from(vec![7; BULK_BYTES]);
        let writing = sides.client.main().spawn(async move {
            let (mut there, back) = client;
            for _ in 0..load.calls {
                there.write_chunk(frame.clone()).await.unwrap();
            }
            (there, back)
        });
        let _streams = sides.client.main().block_on(writing).unwrap();
        sides.client.main().block_on(reading).unwrap();
    })
}
