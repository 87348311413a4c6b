//! `TL-17`: handshakes that are damaged anywhere end themselves, and nothing else.

use std::io::Cursor;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::client::Client;
use crate::house::{BACK, House};
use crate::pki::Authority;

/// What is done to the bytes of one flight.
#[derive(Clone, Debug)]
enum Damage {
    /// Bits are turned over.
    Flip(Vec<(usize, u8)>),
    /// It ends here.
    Cut(usize),
    /// Bytes come in between.
    Insert(usize, Vec<u8>),
    /// A part of it comes twice.
    Repeat(usize, usize),
    /// A length or a type: two bytes near the beginning of a record or message are these.
    Header(usize, u16),
    /// Something else comes instead.
    Replace(Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..64);
    prop_oneof![
        proptest::collection::vec((0_usize..4096, 1_u8..), 1..8).prop_map(Damage::Flip),
        (0_usize..4096).prop_map(Damage::Cut),
        (0_usize..4096, bytes()).prop_map(|(place, bytes)| Damage::Insert(place, bytes)),
        (0_usize..4096, 1_usize..512).prop_map(|(place, length)| Damage::Repeat(place, length)),
        (0_usize..160, any::<u16>()).prop_map(|(place, value)| Damage::Header(place, value)),
        bytes().prop_map(Damage::Replace),
    ]
}

fn damaged(mut bytes: Vec<u8>, damage: &Damage) -> Vec<u8> {
    let length = bytes.len().max(1);
    match damage {
        Damage::Flip(places) => {
            for (place, bits) in places {
                if let Some(byte) = bytes.get_mut(place % length) {
                    *byte ^= bits;
                }
            }
        }
        Damage::Cut(place) => bytes.truncate(place % length),
        Damage::Insert(place, more) => {
            bytes.splice(place % length..place % length, more.iter().copied());
        }
        Damage::Repeat(place, more) => {
            let start = place % length;
            let part = bytes[start..bytes.len().min(start + more)].to_vec();
            bytes.splice(start..start, part);
        }
        Damage::Header(place, value) => {
            for (offset, byte) in value.to_be_bytes().into_iter().enumerate() {
                if let Some(slot) = bytes.get_mut(place + offset) {
                    *slot = byte;
                }
            }
        }
        Damage::Replace(other) => bytes.clone_from(other),
    }
    bytes
}

/// A real client whose first or second flight is damaged on the way. In TLS 1.2 the second one holds its certificate in clear.
async fn call(address: SocketAddr, config: &Arc<ClientConfig>, flight: usize, damage: &Damage) {
    let name = ServerName::try_from(BACK).unwrap();
    let mut client = ClientConnection::new(Arc::clone(config), name).unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    for number in 0..=flight {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        if number == flight {
            bytes = damaged(bytes, damage);
        }
        // The server may have hung up already.
        let _ = stream.write_all(&bytes).await;
        while number < flight && !client.wants_write() {
            let mut answer = vec![0; 16 * 1024];
            let read = stream.read(&mut answer).await.unwrap();
            assert_ne!(read, 0, "an undamaged flight is answered");
            client.read_tls(&mut Cursor::new(&answer[..read])).unwrap();
            client.process_new_packets().unwrap();
        }
    }
    let _ = stream.shutdown().await;
    let mut rest = Vec::new();
    let ended = timeout(Duration::from_secs(30), stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "TL-17: the connection is over");
}

#[test]
fn a_damaged_handshake_ends_itself_and_nobody_else() {
    let runtime = Runtime::new().unwrap();
    let house = runtime.block_on(House::open());
    let shown = Authority::new("Client CA").program("spiffe://app.example/app");
    let client = |version| Client::trusting(&house.authority).version(version).showing(&shown);
    let configs = [client(&TLS12).config(), client(&TLS13).config()];

    let mut runner = TestRunner::new(Config { cases: 400, failure_persistence: None, ..Config::default() });
    let cases = (0_usize..2, 0_usize..2, damage());
    runner
        .run(&cases, |(version, flight, damage)| {
            runtime.block_on(call(house.front, &configs[version], flight, &damage));
            prop_assert!(house.metric("fapi_panics_total 0"), "TL-17");
            Ok(())
        })
        .unwrap();

    for version in [&TLS12, &TLS13] {
        let served = runtime.block_on(client(version).get(house.front, BACK, "/hello")).unwrap();
        assert_eq!(served.status().as_u16(), 200, "TL-17: others are served afterwards");
    }
    assert!(house.metric("fapi_panics_total 0"), "TL-17");
    assert!(house.metrics().contains(r#"fapi_tls_handshakes_total{outcome="failed"}"#));
}
