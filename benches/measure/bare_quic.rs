//! The limit of small calls: frames on one bare stream of quinn, in groups, with the datagram size, the cipher and the
//! acknowledgements of Rekindle's transport. Nobody looks into a frame: bytes come, and as many replies go as there were
//! whole requests.

use bytes::Bytes;
use quinn::{
    AckFrequencyConfig, ClientConfig, Connection, Endpoint, EndpointConfig, MtuDiscoveryConfig, RecvStream,
    SendStream, ServerConfig, TokioRuntime, TransportConfig, VarInt,
    crypto::rustls::{QuicClientConfig, QuicServerConfig},
};
use rekindle::cluster::{
    local::{Authority, Issued},
    quic::settings::DATAGRAM_BYTES_MAX,
    wire::Role,
};
use rekindle::env::real::Runtimes;
use rustls::{
    RootCertStore,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    version::TLS13,
};
use std::{net::UdpSocket, sync::Arc, time::Duration};

/// Bytes of a call in each direction.
#[derive(Clone, Copy)]
pub struct Sizes {
    pub request: usize,
    pub reply: usize,
}

/// Chunks taken from a stream at once.
const CHUNKS: usize = 64;

/// A connection with one stream; each side on a thread of its own, as Rekindle's.
pub struct Bare {
    stream: Option<(SendStream, RecvStream)>,
    _connections: [Connection; 2],
    _endpoints: [Endpoint; 2],
    client: Runtimes,
    _server: Runtimes,
}

impl Bare {
    pub fn start(sizes: Sizes) -> Self {
        let (server, client) = (Runtimes::start().expect("threads"), Runtimes::start().expect("threads"));
        let issued =
            Authority::new().and_then(|authority| authority.issue("s", Role::Server)).expect("issued");
        let (listen, dial) = configs(&issued);
        let near = client.main().block_on(async { endpoint(None) });
        let far = server.main().block_on(async { endpoint(Some(listen)) });
        let to = far.local_addr().expect("bound");
        let accepting = far.clone();
        let accepted = server.main().spawn(async move {
            let connection = accepting.accept().await.expect("open").await.expect("connected");
            let streams = connection.accept_bi().await.expect("opened");
            tokio::spawn(answer(streams, sizes));
            connection
        });
        let (dialled, stream) = client.main().block_on(async {
            let connecting = near.connect_with(dial, to, "server.rekindle").expect("valid");
            let connection = connecting.await.expect("connected");
            let stream = connection.open_bi().await.expect("opened");
            (connection, stream)
        });
        let mut stream = stream;
        // The other end sees a stream once something was sent on it.
        let (one, mut reply) = (Bytes::from(vec![7; sizes.request]), vec![0; sizes.reply]);
        client.main().block_on(async {
            stream.0.write_chunk(one).await.expect("written");
            stream.1.read_exact(&mut reply).await.expect("answered");
        });
        let accepted = client.main().block_on(accepted).expect("no panic");
        Self {
            stream: Some(stream),
            _connections: [dialled, accepted],
            _endpoints: [near, far],
            client,
            _server: server,
        }
    }

    /// Makes calls, so many in flight: each that is answered is followed by another.
    pub fn call(&mut self, sizes: Sizes, calls: usize, in_flight: usize) {
        let stream = self.stream.take().expect("given back");
        let work = self.client.main().spawn(call(stream, sizes, calls, in_flight));
        self.stream = Some(self.client.main().block_on(work).expect("no panic"));
    }
}

async fn answer((mut back, mut there): (SendStream, RecvStream), sizes: Sizes) {
    let replies = Bytes::from(vec![7; sizes.reply * 4096]);
    let (mut bytes, mut chunks) = (0, [const { Bytes::new() }; CHUNKS]);
    while let Ok(Some(count)) = there.read_chunks(&mut chunks).await {
        bytes += chunks[..count].iter().map(Bytes::len).sum::<usize>();
        let whole = bytes / sizes.request;
        bytes -= whole * sizes.request;
        if whole > 0 {
            back.write_chunk(replies.slice(..whole * sizes.reply)).await.expect("written");
        }
    }
}

async fn call(
    (mut there, mut back): (SendStream, RecvStream),
    sizes: Sizes,
    calls: usize,
    in_flight: usize,
) -> (SendStream, RecvStream) {
    let requests = Bytes::from(vec![7; sizes.request * in_flight]);
    let (mut sent, mut done, mut bytes) = (0, 0, 0);
    let mut chunks = [const { Bytes::new() }; CHUNKS];
    while done < calls {
        let more = (in_flight - (sent - done)).min(calls - sent);
        if more > 0 {
            there.write_chunk(requests.slice(..more * sizes.request)).await.expect("written");
            sent += more;
        }
        let count = back.read_chunks(&mut chunks).await.expect("open").expect("open");
        bytes += chunks[..count].iter().map(Bytes::len).sum::<usize>();
        done = bytes / sizes.reply;
    }
    (there, back)
}

fn transport() -> Arc<TransportConfig> {
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.upper_bound(DATAGRAM_BYTES_MAX);
    let mut acks = AckFrequencyConfig::default();
    acks.ack_eliciting_threshold(VarInt::from_u32(10)).max_ack_delay(Some(Duration::from_millis(5)));
    let mut transport = TransportConfig::default();
    transport.mtu_discovery_config(Some(discovery)).ack_frequency_config(Some(acks));
    transport.stream_receive_window(VarInt::from_u32(4 << 20));
    Arc::new(transport)
}

fn endpoint(server: Option<ServerConfig>) -> Endpoint {
    let mut config = EndpointConfig::default();
    config.max_udp_payload_size(DATAGRAM_BYTES_MAX).expect("within limits");
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    Endpoint::new(config, server, socket, Arc::new(TokioRuntime)).expect("an endpoint")
}

fn configs(issued: &Issued) -> (ServerConfig, ClientConfig) {
    let provider = Arc::new(CryptoProvider {
        cipher_suites: vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256],
        ..ring::default_provider()
    });
    let pem = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(issued.key_pem.as_bytes()).expect("a key");
    let server = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])
        .expect("supported")
        .with_no_client_auth()
        .with_single_cert(vec![pem(&issued.certificate_pem)], key)
        .expect("valid");
    let server = QuicServerConfig::try_from(server).expect("valid");
    let mut server = ServerConfig::with_crypto(Arc::new(server));
    server.transport_config(transport());
    let mut roots = RootCertStore::empty();
    roots.add(pem(&issued.authority_pem)).expect("valid");
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .expect("supported")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = QuicClientConfig::try_from(client).expect("valid");
    let mut client = ClientConfig::new(Arc::new(client));
    client.transport_config(transport());
    (server, client)
}
