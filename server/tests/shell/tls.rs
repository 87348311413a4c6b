//! What is agreed on in a handshake, and what is refused there.

use std::net::SocketAddr;

use rustls::HandshakeKind;
use rustls::crypto::aws_lc_rs::cipher_suite;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{Client, Connection, get, handshake, text};
use crate::house::{BACK, FRONT, House};
use crate::pki::{Authority, Identity};

/// A `ClientHello` of TLS 1.2 or earlier, written by hand: no library would send it.
fn hello(version: u16, suites: &[u16], name: Option<&str>) -> Vec<u8> {
    fn with_length(bytes: &[u8]) -> Vec<u8> {
        let length = u16::try_from(bytes.len()).unwrap();
        [&length.to_be_bytes(), bytes].concat()
    }
    fn extension(kind: u16, bytes: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes(), with_length(bytes).as_slice()].concat()
    }
    let mut extensions = Vec::new();
    if let Some(name) = name {
        let entry = [&[0], with_length(name.as_bytes()).as_slice()].concat();
        extensions.extend(extension(0, &with_length(&entry)));
    }
    extensions.extend(extension(10, &with_length(&[0, 23, 0, 29]))); // groups: P-256, X25519
    extensions.extend(extension(11, &[1, 0])); // points: uncompressed
    extensions.extend(extension(13, &with_length(&[8, 4, 4, 1, 4, 3, 2, 1]))); // PSS, PKCS#1, ECDSA, PKCS#1 with SHA-1
    extensions.extend(extension(23, &[])); // extended master secret
    let suites: Vec<u8> = suites.iter().flat_map(|suite| suite.to_be_bytes()).collect();
    let body = [
        &version.to_be_bytes(),
        [7; 32].as_slice(),
        &[0],
        &with_length(&suites),
        &[1, 0],
        &with_length(&extensions),
    ]
    .concat();
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    let message = [&[1], &length[1..], &body].concat();
    [&[22, 3, 1], with_length(&message).as_slice()].concat()
}

/// What the server answers to a hello: the type of its first record, and the alert if it is one.
async fn answer(address: SocketAddr, hello: &[u8]) -> (u8, Option<(u8, u8)>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(hello).await.unwrap();
    let mut record = [0; 7];
    stream.read_exact(&mut record).await.unwrap();
    let [kind, _, _, _, _, level, description] = record;
    (kind, (kind == 21).then_some((level, description)))
}

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const HANDSHAKE_FAILURE: u8 = 40;
const PROTOCOL_VERSION: u8 = 70;
const UNRECOGNIZED_NAME: u8 = 112;
const ECDHE_RSA_AES128_GCM: u16 = 0xc02f;

/// `TLS-01`, `TLS-06`: refused in the handshake, with the alert that says why, at both doors.
#[tokio::test]
async fn versions_before_tls_1_2_are_refused_with_an_alert() {
    let house = House::open().await;
    for name in [FRONT, BACK] {
        for version in [0x0300, 0x0301, 0x0302] {
            let answer =
                answer(house.front, &hello(version, &[ECDHE_RSA_AES128_GCM, 0x002f], Some(name))).await;
            assert_eq!(answer, (ALERT, Some((2, PROTOCOL_VERSION))), "TLS-01, TLS-06 {version:04x} {name}");
        }
        let answer = answer(house.front, &hello(0x0303, &[ECDHE_RSA_AES128_GCM], Some(name))).await;
        assert_eq!(answer, (HANDSHAKE, None), "the same hello in TLS 1.2 is understood");
    }
}

/// `TLS-02`
#[tokio::test]
async fn tls_1_3_is_chosen_whenever_it_is_offered() {
    let house = House::open().await;
    let client = Client::trusting(&house.authority);
    for name in [FRONT, BACK] {
        let answer = client.get(house.front, name, "/peer").await.unwrap();
        assert!(text(&answer).contains("TLSv1_3"), "TLS-02 {}", text(&answer));
    }
}

/// `TLS-03`, `TLS-04`, `TLS-05`, `TLS-06`, `TL-14`, `INV-06`.
#[tokio::test]
async fn only_the_two_suites_of_fapi_are_spoken_in_tls_1_2() {
    let house = House::open().await;
    for (suite, name) in [
        (cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
        (cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    ] {
        let client = Client::trusting(&house.authority).version(&TLS12).suite(suite);
        let answer = client.get(house.front, BACK, "/peer").await.unwrap();
        assert!(text(&answer).contains(name), "TLS-03 {}", text(&answer));
    }

    let refused = [
        (0xcca8, "ECDHE_RSA_CHACHA20"),
        (0xcca9, "ECDHE_ECDSA_CHACHA20"),
        (0xc02b, "ECDHE_ECDSA_AES128_GCM"),
        (0xc02c, "ECDHE_ECDSA_AES256_GCM"),
        (0x009e, "DHE_RSA_AES128_GCM"),
        (0xc027, "ECDHE_RSA_AES128_CBC_SHA256"),
        (0xc013, "ECDHE_RSA_AES128_CBC_SHA"),
        (0xc09c, "RSA_AES128_CCM"),
        (0x009c, "RSA_AES128_GCM"),
        (0x0005, "RSA_RC4"),
        (0x0002, "RSA_NULL"),
    ];
    for (suite, name) in refused {
        let answer = answer(house.front, &hello(0x0303, &[suite], Some(BACK))).await;
        assert_eq!(answer, (ALERT, Some((2, HANDSHAKE_FAILURE))), "TLS-03, TLS-06 {name}");
    }
}

/// `MTL-09`: browsers that are asked for a certificate show a chooser.
#[tokio::test]
async fn only_the_back_door_asks_for_a_certificate() {
    for version in [&TLS12, &TLS13] {
        let house = House::open().await;
        let browser = Client::trusting(&house.authority).version(version);
        let answer = browser.get(house.front, FRONT, "/peer").await.unwrap();
        assert!(text(&answer).starts_with("front none"), "{}", text(&answer));
        assert!(!browser.was_asked(), "MTL-09");

        let program = Client::trusting(&house.authority).version(version);
        let answer = program.get(house.front, BACK, "/peer").await.unwrap();
        assert!(
            text(&answer).starts_with("back none"),
            "MTL-04: it is let in without one: {}",
            text(&answer)
        );
        assert!(program.was_asked(), "MTL-09");
    }
}

/// Whoever issued it, and if nobody did: what it is worth is decided for the client it is used for (`MTL-09`).
#[tokio::test]
async fn a_certificate_reaches_the_routes_when_its_key_has_signed() {
    let house = House::open().await;
    let bank = Authority::new("Some CA").program("https://bank.example");
    for version in [&TLS12, &TLS13] {
        let program = Client::trusting(&house.authority).version(version).showing(&bank);
        let answer = program.get(house.front, BACK, "/peer").await.unwrap();
        let thumbprint = fapi_jose::b64::encode(fapi_jose::sha256(&bank.certificates()[0]));
        assert!(text(&answer).starts_with(&format!("back {thumbprint}")), "{}", text(&answer));
    }
}

/// `TL-02`: certificates are public.
#[tokio::test]
async fn somebody_elses_certificate_without_its_key_gets_no_connection() {
    let house = House::open().await;
    let authority = Authority::new("Some CA");
    let (bank, mallory) =
        (authority.program("https://bank.example"), authority.program("https://mallory.example"));
    for version in [&TLS12, &TLS13] {
        let thief = Client::trusting(&house.authority).version(version).showing_with_key_of(&bank, &mallory);
        assert!(thief.get(house.front, BACK, "/peer").await.is_err(), "TL-02");
    }
    assert!(house.metric(r#"fapi_tls_handshakes_total{outcome="failed"} 2"#));
}

/// `TL-16`
#[tokio::test]
async fn a_chain_that_is_too_long_gets_no_connection() {
    let house = House::open().await;
    let bank = Authority::new("Some CA").program("https://bank.example");
    let client = |certificates| {
        let mut long = bank.clone();
        long.chain = bank.chain.repeat(certificates);
        Client::trusting(&house.authority).showing_with_key_of(&long, &bank)
    };
    assert!(client(5).get(house.front, BACK, "/peer").await.is_ok());
    assert!(client(6).get(house.front, BACK, "/peer").await.is_err(), "TL-16");
}

/// `TL-15`
#[tokio::test]
async fn a_name_that_is_not_ours_gets_an_alert_and_no_http() {
    let house = House::open().await;
    for name in [None, Some("other.example"), Some("example"), Some("x.auth.example")] {
        let answer = answer(house.front, &hello(0x0303, &[ECDHE_RSA_AES128_GCM], name)).await;
        assert_eq!(answer, (ALERT, Some((2, UNRECOGNIZED_NAME))), "TL-15 {name:?}");
    }
    // Where names tell the doors apart, nothing is behind the other port.
    let answer = answer(house.back, &hello(0x0303, &[ECDHE_RSA_AES128_GCM], Some(BACK))).await;
    assert_eq!(answer, (ALERT, Some((2, UNRECOGNIZED_NAME))), "TL-15");
    assert!(house.metric(r#"fapi_tls_handshakes_total{outcome="unknown_name"} 5"#));
}

#[tokio::test]
async fn ports_tell_the_doors_apart_where_they_are_to() {
    let house = House::with_ports().await;
    for client in [Client::trusting(&house.authority), Client::trusting(&house.authority).without_name()] {
        let front = client.get(house.front, FRONT, "/hello").await.unwrap();
        assert_eq!((front.status().as_u16(), text(&front)), (200, "front"));
        assert!(!client.was_asked(), "MTL-09");

        let mut back = client.connect(house.back, FRONT).await.unwrap();
        let back = back.send(get("auth.example:8444", "/hello")).await.unwrap();
        assert_eq!((back.status().as_u16(), text(&back)), (200, "back"));
        assert!(client.was_asked(), "MTL-09");
    }
    let answer = answer(house.back, &hello(0x0303, &[ECDHE_RSA_AES128_GCM], Some(BACK))).await;
    assert_eq!(answer, (ALERT, Some((2, UNRECOGNIZED_NAME))), "TL-15");
}

/// `TL-12`, L6: whoever comes again proves everything again.
#[tokio::test]
async fn no_connection_is_ever_resumed() {
    let house = House::open().await;
    let bank = Authority::new("Some CA").program("https://bank.example");
    for version in [&TLS12, &TLS13] {
        for name in [FRONT, BACK] {
            let config = Client::trusting(&house.authority).version(version).showing(&bank).config();
            for _ in 0..3 {
                let stream = handshake(config.clone(), house.front, name).await.unwrap();
                // A ticket would come with the first answer.
                assert_eq!(stream.get_ref().1.handshake_kind().unwrap(), HandshakeKind::Full, "TL-12 {name}");
                assert_eq!(stream.get_ref().1.tls13_tickets_received(), 0, "TL-12");
                let mut connection = Connection::over(stream, false).await.unwrap();
                assert_eq!(connection.send(get(name, "/hello")).await.unwrap().status().as_u16(), 200);
            }
        }
    }
}

/// Certificates are renewed while connections come in.
#[tokio::test]
async fn a_new_certificate_is_shown_to_the_next_connection() {
    let house = House::open().await;
    let next = Authority::new("Next CA");
    let (old_client, new_client) = (Client::trusting(&house.authority), Client::trusting(&next));
    let mut standing = old_client.connect(house.front, FRONT).await.unwrap();
    assert!(new_client.get(house.front, FRONT, "/hello").await.is_err());

    house.show(&next.server(&[FRONT, BACK]));
    while new_client.get(house.front, FRONT, "/hello").await.is_err() {}

    assert!(old_client.get(house.front, FRONT, "/hello").await.is_err());
    assert!(standing.send(get(FRONT, "/hello")).await.is_ok(), "a connection that stands is not disturbed");
}

/// `TL-18`: a renewal that went wrong changes nothing.
#[tokio::test]
async fn a_certificate_with_another_key_is_not_shown() {
    let house = House::open().await;
    let (one, other) = (house.authority.program("https://a.example"), house.authority.server(&[FRONT, BACK]));
    for (count, chain, key) in [(1, &one.chain, &other.key), (2, &other.chain, &one.key)] {
        house.show(&Identity { chain: chain.clone(), key: key.clone() });
        house.until_metric(&format!(r#"fapi_certificates_refused_total{{door="front"}} {count}"#)).await;
    }
    let answer = Client::trusting(&house.authority).get(house.front, FRONT, "/hello").await.unwrap();
    assert_eq!(answer.status().as_u16(), 200, "TL-18: the one before is still shown");
}
