//! What slow and many callers can take from others: nothing.

use std::time::Duration;

use fapi_server::listen::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{Client, get, post, text};
use crate::house::{BACK, FRONT, House};

/// Short enough to wait for, long enough for a request to get through on a busy machine.
const SHORT: Duration = Duration::from_secs(2);

async fn is_closed(stream: &mut (impl tokio::io::AsyncRead + Unpin)) {
    let mut rest = Vec::new();
    // An end or a reset: either way it is over. What counts is that this returns.
    let _ = stream.read_to_end(&mut rest).await;
}

/// `H-01`, L14
#[tokio::test]
async fn slow_headers_are_cut_off_while_others_are_served() {
    let house = House::limited(Limits { head: SHORT, ..Limits::default() }).await;
    let client = Client::trusting(&house.authority);
    let mut slow = Vec::new();
    for number in 0..20 {
        let mut stream = client.handshake(house.front, FRONT).await.unwrap();
        // Some say nothing, some begin, some have been served before.
        if number % 3 == 1 {
            stream.write_all(b"GET /hello HTTP/1.1\r\nHost: auth").await.unwrap();
        }
        if number % 3 == 2 {
            stream
                .write_all(format!("GET /hello HTTP/1.1\r\nHost: {FRONT}\r\n\r\n").as_bytes())
                .await
                .unwrap();
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"HTTP/1.1 200");
            stream.write_all(b"GET /hello HTTP/1.1\r\nHost: auth").await.unwrap();
        }
        slow.push(stream);
    }
    assert_eq!(client.get(house.front, FRONT, "/hello").await.unwrap().status().as_u16(), 200, "H-01");
    for stream in &mut slow {
        is_closed(stream).await;
    }
    assert!(house.metrics().contains(r#"fapi_connections_closed_total{reason="slow_header"}"#));
}

/// `H-01`: the same in HTTP/2, which has no idle connections without a first request either.
#[tokio::test]
async fn a_connection_that_never_asks_for_anything_is_cut_off() {
    let house = House::limited(Limits { head: SHORT, ..Limits::default() }).await;
    let client = Client::trusting(&house.authority).http2();
    let mut silent = client.handshake(house.front, FRONT).await.unwrap();
    let mut stalled = client.handshake(house.front, FRONT).await.unwrap();
    stalled.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00").await.unwrap();
    assert_eq!(client.get(house.front, FRONT, "/hello").await.unwrap().status().as_u16(), 200, "H-01");
    is_closed(&mut silent).await;
    is_closed(&mut stalled).await;
}

/// `H-01`: a body, once announced, must come.
#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let house = House::limited(Limits { body: SHORT, ..Limits::default() }).await;
    let mut stream = Client::trusting(&house.authority).handshake(house.front, BACK).await.unwrap();
    let head = format!("POST /form HTTP/1.1\r\nHost: {BACK}\r\nContent-Length: 10\r\n\r\nhalf");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408", "H-01");
    is_closed(&mut stream).await;
    assert_eq!(house.forms(), 0);
}

/// `TL-16`
#[tokio::test]
async fn slow_handshakes_are_cut_off_while_others_are_served() {
    let house = House::limited(Limits { handshake: SHORT, ..Limits::default() }).await;
    let mut slow = Vec::new();
    for number in 0..20 {
        let mut stream = TcpStream::connect(house.front).await.unwrap();
        if number % 2 == 1 {
            stream.write_all(&[22, 3, 1, 2, 0, 1, 0]).await.unwrap();
        }
        slow.push(stream);
    }
    let client = Client::trusting(&house.authority);
    assert_eq!(client.get(house.front, FRONT, "/hello").await.unwrap().status().as_u16(), 200, "TL-16");
    for stream in &mut slow {
        is_closed(stream).await;
    }
    assert!(house.metric(r#"fapi_tls_handshakes_total{outcome="too_slow"} 20"#), "TL-16");
}

/// `TL-16`: more of them than fit, and none of them over yet.
#[tokio::test]
async fn a_flood_of_handshakes_does_not_keep_others_out() {
    let house = House::limited(Limits { handshakes: 4, ..Limits::default() }).await;
    let mut flood = Vec::new();
    for _ in 0..50 {
        flood.push(TcpStream::connect(house.front).await.unwrap());
    }
    let client = Client::trusting(&house.authority);
    assert_eq!(client.get(house.front, FRONT, "/hello").await.unwrap().status().as_u16(), 200, "TL-16");
    for stream in flood.iter_mut().take(46) {
        is_closed(stream).await;
    }
}

/// `H-01`, F-S07
#[tokio::test]
async fn idle_connections_make_room_for_new_ones() {
    let house = House::limited(Limits { connections: 8, ..Limits::default() }).await;
    let client = Client::trusting(&house.authority);
    let mut busy = client.connect(house.front, FRONT).await.unwrap();
    let request = tokio::spawn(async move { busy.send(get(FRONT, "/slow")).await });
    house.desk.begun.notified().await;

    for _ in 0..30 {
        let mut connection = client.connect(house.front, FRONT).await.unwrap();
        assert_eq!(connection.send(get(FRONT, "/hello")).await.unwrap().status().as_u16(), 200, "H-01");
        std::mem::forget(connection);
    }
    house.desk.go_on.notify_one();
    assert_eq!(text(&request.await.unwrap().unwrap()), "done", "what has begun is not disturbed");
}

/// F-S03: told to come back, not kept waiting.
#[tokio::test]
async fn more_requests_than_fit_are_told_to_come_back() {
    let house = House::limited(Limits { requests: 1, ..Limits::default() }).await;
    let client = Client::trusting(&house.authority).http2();
    let mut first = client.connect(house.front, BACK).await.unwrap();
    let request = tokio::spawn(async move { first.send(get(BACK, "/slow")).await });
    house.desk.begun.notified().await;

    let mut second = client.connect(house.front, BACK).await.unwrap();
    let answer = second.send(post(BACK, "/form", "x=y")).await.unwrap();
    assert_eq!(answer.status().as_u16(), 503, "F-S03");
    assert_eq!(answer.headers()["retry-after"], "1", "F-S03");
    assert_eq!(house.forms(), 0);

    house.desk.go_on.notify_one();
    assert_eq!(text(&request.await.unwrap().unwrap()), "done");
    let answer = second.send(post(BACK, "/form", "x=y")).await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_not_waited_for() {
    let house = House::limited(Limits { answer: Duration::from_millis(50), ..Limits::default() }).await;
    let answer = Client::trusting(&house.authority).get(house.front, BACK, "/forever").await.unwrap();
    assert_eq!(answer.status().as_u16(), 503);
}

/// The frames of a flood, by number.
type Flood<'a> = &'a dyn Fn(u32) -> Vec<u8>;

/// A frame of HTTP/2 (RFC 9113 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `H-03`, RUSTSEC-2023-0034, RUSTSEC-2024-0332, RUSTSEC-2024-0003
#[tokio::test]
async fn floods_of_http2_frames_end_their_own_connection_and_no_other() {
    const DATA: u8 = 0;
    const HEADERS: u8 = 1;
    const RST_STREAM: u8 = 3;
    const SETTINGS: u8 = 4;
    const PING: u8 = 6;
    const CONTINUATION: u8 = 9;
    // :method GET, :scheme https, :path /, and an :authority
    let head = [&[0x82, 0x87, 0x84, 0x41, 12], FRONT.as_bytes()].concat();
    let resets = |number: u32| {
        let stream = 2 * number + 1;
        [frame(HEADERS, 4, stream, &head), frame(RST_STREAM, 0, stream, &[0, 0, 0, 8])].concat()
    };
    let continuations = |number: u32| match number {
        0 => frame(HEADERS, 0, 1, &head),
        _ => frame(CONTINUATION, 0, 1, &[&[0, 1, b'x', 0x7f, 0x81, 7][..], &[b'x'; 1024]].concat()),
    };
    let empty = |number: u32| match number {
        0 => frame(HEADERS, 4, 1, &head),
        _ => frame(DATA, 0, 1, &[]),
    };
    let pings = |_: u32| frame(PING, 0, 0, &[7; 8]);
    let settings = |_: u32| frame(SETTINGS, 0, 0, &[]);

    let house = House::limited(Limits { head: SHORT, idle: SHORT, ..Limits::default() }).await;
    let client = Client::trusting(&house.authority).http2();
    let floods: [(&str, Flood<'_>); 5] = [
        ("rapid resets", &resets),
        ("continuations", &continuations),
        ("empty data", &empty),
        ("pings", &pings),
        ("settings", &settings),
    ];
    for (name, flood) in floods {
        let stream = client.handshake(house.front, FRONT).await.unwrap();
        let (mut reader, mut writer) = tokio::io::split(stream);
        let preface = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &frame(SETTINGS, 0, 0, &[])].concat();
        writer.write_all(&preface).await.unwrap();
        let flooding = async {
            let mut number = 0;
            while writer.write_all(&flood(number)).await.is_ok() {
                number += 1;
            }
        };
        let others = async {
            let answer = client.get(house.front, FRONT, "/hello").await.unwrap();
            assert_eq!(answer.status().as_u16(), 200, "H-03 {name}");
        };
        // What is sent back is read, so that it is the flood that ends the connection.
        let mut sent_back = Vec::new();
        let reading = reader.read_to_end(&mut sent_back);
        let ((), (), _) = tokio::join!(flooding, others, reading);
        assert_eq!(sent_back.get(3), Some(&SETTINGS), "{name}: HTTP/2 was spoken");
    }
}
