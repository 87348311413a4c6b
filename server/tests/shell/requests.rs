//! What happens to a request before and after its route.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{Client, Connection, get, post, text};
use crate::house::{BACK, FRONT, House};

fn header<'a>(response: &'a Response<Bytes>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// Both protocols.
fn clients(house: &House) -> [Client; 2] {
    [Client::trusting(&house.authority), Client::trusting(&house.authority).http2()]
}

/// `TL-15`, `P-29`: one certificate covers both doors, so HTTP/2 clients may use one connection for both.
#[tokio::test]
async fn a_request_for_another_authority_is_misdirected() {
    let house = House::open().await;
    for client in clients(&house) {
        for (connected, asked) in [
            (FRONT, BACK),
            (BACK, FRONT),
            (FRONT, "evil.example"),
            (FRONT, "auth.example:8443"),
            (BACK, "mtls.auth.example:444"),
        ] {
            let mut connection = client.connect(house.front, connected).await.unwrap();
            let answer = connection.send(get(asked, "/hello")).await.unwrap();
            assert_eq!(answer.status().as_u16(), 421, "TL-15 {asked} over {connected}");
            assert!(!text(&answer).contains("evil"), "nothing of the request is repeated");

            let answer = connection.send(get(connected, "/hello")).await.unwrap();
            assert_eq!(answer.status().as_u16(), 200, "the connection still serves its own door");
        }
    }
    assert!(house.metric(r#"fapi_http_refused_total{door="back",reason="other_authority"} 4"#));
}

#[tokio::test]
async fn forwarding_headers_do_not_change_who_we_are() {
    let house = House::open().await;
    for client in clients(&house) {
        let mut request = get(FRONT, "/hello");
        for name in
            ["x-forwarded-host", "x-forwarded-for", "x-forwarded-proto", "forwarded", "x-original-url"]
        {
            request.headers_mut().insert(name, "host=evil.example".parse().unwrap());
        }
        let answer = client.connect(house.front, FRONT).await.unwrap().send(request).await.unwrap();
        assert_eq!((answer.status().as_u16(), text(&answer)), (200, "front"), "B-09");
    }
}

/// `TL-01`, L5: with and without a real certificate, in every spelling.
#[tokio::test]
async fn a_certificate_in_a_header_is_refused() {
    let house = House::open().await;
    let bank = crate::pki::Authority::new("Some CA").program("https://bank.example");
    let names = [
        "Client-Cert",
        "X-SSL-Client-Cert",
        "x_ssl_client_cert",
        "X-Forwarded-Client-Cert",
        "SSL-CLIENT-CERT",
    ];
    for client in clients(&house) {
        for client in [client.clone(), client.showing(&bank)] {
            for name in names {
                let request = Request::get(format!("https://{BACK}/peer")).header(name, ":MIIB:");
                let mut request = request.body(Full::default()).unwrap();
                let mut connection = client.connect(house.front, BACK).await.unwrap();
                if matches!(connection, Connection::One(_)) {
                    // A hop that obeys this removes the header before anybody looks at it.
                    request.headers_mut().insert("connection", name.parse().unwrap());
                }
                let answer = connection.send(request).await.unwrap();
                assert_eq!(answer.status().as_u16(), 400, "TL-01 {name}");
                assert!(text(&answer).starts_with(r#"{"error":"invalid_request""#), "{}", text(&answer));
            }
        }
    }
    assert!(house.metric(r#"fapi_http_refused_total{door="back",reason="forwarded_certificate"} 20"#));
}

/// `TLS-07`, `TLS-11`, `H-07`
#[tokio::test]
async fn every_answer_has_what_every_answer_has() {
    let house = House::open().await;
    for client in clients(&house) {
        for (path, status) in [("/peer", 200), ("/nowhere", 404), ("/form", 405)] {
            let answer = client.get(house.front, FRONT, path).await.unwrap();
            assert_eq!(answer.status().as_u16(), status);
            assert!(header(&answer, "strict-transport-security").starts_with("max-age="), "TLS-07");
            assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
            assert_eq!(header(&answer, "cache-control"), "no-store", "TLS-11, H-07");
            assert!(!header(&answer, "date").is_empty());
            assert!(answer.headers().get("access-control-allow-origin").is_none(), "TLS-07");
            let id = header(&answer, "x-request-id");
            assert_eq!(id.len(), 20);
            assert!(status != 200 || text(&answer).ends_with(id), "the route knows the same name");
        }
    }
    assert!(house.metric(
        r#"fapi_http_request_duration_seconds_count{door="front",endpoint="/peer",method="GET",code="200"} 2"#
    ));
    assert!(house.metric(r#"fapi_http_request_duration_seconds_count{door="front",endpoint="unmatched",method="GET",code="404"} 2"#));
}

/// `H-04`
#[tokio::test]
async fn a_form_that_is_too_large_never_reaches_its_route() {
    let house = House::open().await;
    for (number, client) in clients(&house).into_iter().enumerate() {
        let mut connection = client.connect(house.front, BACK).await.unwrap();
        let answer = connection.send(post(BACK, "/form", vec![b'x'; 1024 * 1024])).await.unwrap();
        assert_eq!(answer.status().as_u16(), 413, "H-04");
        assert_eq!(header(&answer, "content-type"), "application/json");
        assert_eq!(house.forms(), number, "H-04: nothing has happened");

        let mut connection = client.connect(house.front, BACK).await.unwrap();
        let answer = connection.send(post(BACK, "/form", vec![b'x'; 64 * 1024])).await.unwrap();
        assert_eq!((answer.status().as_u16(), text(&answer)), (200, "65536"));
    }
}

/// `H-04`: the length is not believed, and need not be given.
#[tokio::test]
async fn a_form_without_a_length_is_counted_as_it_comes() {
    let house = House::open().await;
    let mut stream = Client::trusting(&house.authority).handshake(house.front, BACK).await.unwrap();
    let head = format!("POST /form HTTP/1.1\r\nHost: {BACK}\r\nTransfer-Encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = [b"4000\r\n".as_slice(), &[b'x'; 0x4000], b"\r\n"].concat();
    for _ in 0..5 {
        stream.write_all(&chunk).await.unwrap();
    }
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413", "H-04");
    assert_eq!(house.forms(), 0);
}

/// `H-05`
#[tokio::test]
async fn a_compressed_form_is_refused() {
    let house = House::open().await;
    for client in clients(&house) {
        let mut request = post(BACK, "/form", "x=y");
        request.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
        let answer = client.connect(house.front, BACK).await.unwrap().send(request).await.unwrap();
        assert_eq!(answer.status().as_u16(), 415, "H-05");
    }
    assert_eq!(house.forms(), 0);
}

/// `TLS-16`, `H-03`: whole request objects fit into an authorize URL, and the limit is a limit.
#[tokio::test]
async fn an_authorize_url_of_32_kib_works_and_has_an_end() {
    let house = House::open().await;
    for client in clients(&house) {
        let path = format!("/hello?request={}", "x".repeat(32 * 1024));
        let answer = client.get(house.front, FRONT, &path).await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "TLS-16");

        for (name, size) in [(FRONT, 128 * 1024), (BACK, 24 * 1024)] {
            let mut request = get(name, "/hello");
            for number in 0..size / 4096 {
                let name: http::HeaderName = format!("x-{number}").parse().unwrap();
                request.headers_mut().insert(name, "x".repeat(4096).parse().unwrap());
            }
            let refused = match client.connect(house.front, name).await.unwrap().send(request).await {
                Ok(answer) => answer.status().as_u16() == 431,
                Err(_) => true,
            };
            assert!(refused, "H-03 {name}");
        }
    }
}

/// `H-10`
#[tokio::test]
async fn a_panic_ends_one_request_and_nothing_else() {
    let house = House::open().await;
    for client in clients(&house) {
        let mut connection = client.connect(house.front, BACK).await.unwrap();
        let answer = connection.send(get(BACK, "/panic")).await.unwrap();
        assert_eq!(answer.status().as_u16(), 500, "H-10");
        assert!(text(&answer).starts_with(r#"{"error":"server_error""#) && !text(&answer).contains("secret"));
        assert_eq!(connection.send(get(BACK, "/hello")).await.unwrap().status().as_u16(), 200, "H-10");
    }
    assert!(house.metric("fapi_panics_total 2"), "H-10");
    assert!(house.metric(
        r#"fapi_http_request_duration_seconds_count{door="back",endpoint="/panic",method="GET",code="500"} 2"#
    ));
}

/// What a replayed code revokes must be revoked even if the attacker does not wait for the answer, and the server ends.
#[tokio::test]
async fn a_caller_that_hangs_up_does_not_stop_what_has_begun() {
    for http2 in [false, true] {
        let house = House::open().await;
        let client = Client::trusting(&house.authority);
        let client = if http2 { client.http2() } else { client };
        let mut connection = client.connect(house.front, BACK).await.unwrap();
        let request = tokio::spawn(async move { connection.send(get(BACK, "/slow")).await });
        house.desk.begun.notified().await;
        request.abort();
        let _ = request.await;
        house.until_metric("fapi_connections 0").await;

        let desk = house.desk.clone();
        let shutdown = house.running.shutdown();
        tokio::pin!(shutdown);
        for _ in 0..100 {
            tokio::select! {
                () = &mut shutdown => panic!("the request under way was not waited for"),
                () = tokio::task::yield_now() => {}
            }
        }
        desk.go_on.notify_one();
        tokio::join!(shutdown, desk.ended.notified());
    }
}

/// F-S01, `H-10`: what has begun is finished, and nothing new begins.
#[tokio::test]
async fn a_server_that_ends_finishes_what_has_begun() {
    for http2 in [false, true] {
        let house = House::open().await;
        let mut client = Client::trusting(&house.authority);
        if http2 {
            client = client.http2();
        }
        let mut idle = client.connect(house.front, FRONT).await.unwrap();
        idle.send(get(FRONT, "/hello")).await.unwrap();
        let mut busy = client.connect(house.front, FRONT).await.unwrap();
        let request = tokio::spawn(async move {
            let answer = busy.send(get(FRONT, "/slow")).await;
            (answer, busy.send(get(FRONT, "/hello")).await)
        });
        house.desk.begun.notified().await;

        let (front, desk) = (house.front, house.desk.clone());
        let shutdown = house.running.shutdown();
        tokio::pin!(shutdown);
        while TcpStream::connect(front).await.is_ok() {
            tokio::select! {
                () = &mut shutdown => panic!("the request under way was not waited for"),
                () = tokio::task::yield_now() => {}
            }
        }
        desk.go_on.notify_one();
        let ((), request) = tokio::join!(shutdown, request);
        let (answer, next) = request.unwrap();
        let answer = answer.unwrap();
        assert_eq!((answer.status().as_u16(), text(&answer)), (200, "done"), "F-S01");
        assert!(next.is_err(), "F-S01: the connection ends with it");
    }
}

/// `H-02`: whoever stands in front of us must not be able to read the same bytes as another number of requests.
#[tokio::test]
async fn a_request_that_can_be_read_in_two_ways_is_read_in_none() {
    let house = House::open().await;
    let client = Client::trusting(&house.authority);
    let chunked = "3\r\nx=y\r\n0\r\n\r\n";
    for (head, body) in [
        ("Content-Length: 3\r\nContent-Length: 4", "x=yz"),
        ("Content-Length: 3, 4", "x=yz"),
        ("Content-Length: +3", "x=y"),
        ("Content-Length: 0x3", "x=y"),
        ("Content-Length: -1", "x=y"),
        ("Transfer-Encoding: chunked, identity", chunked),
        ("Transfer-Encoding: xchunked", chunked),
        ("Transfer-Encoding : chunked", chunked),
        ("Content-Length : 3", "x=y"),
        ("Content-Length: 3\r\n folded: yes", "x=y"),
        ("Transfer-Encoding: chunked", "3;\n\r\nx=y\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked", "-3\r\nx=y\r\n0\r\n\r\n"),
        ("Transfer-Encoding: chunked", "10000000000000003\r\nx=y\r\n0\r\n\r\n"),
    ] {
        let mut stream = client.handshake(house.front, BACK).await.unwrap();
        let request = format!("POST /form HTTP/1.1\r\nHost: {BACK}\r\n{head}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // Refused, and the connection closed: what follows on it could be the other reading.
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "H-02 {head:?} {body:?}: {answer}");
        assert_eq!(house.forms(), 0, "H-02 {head:?}");
    }

    let mut stream = client.handshake(house.front, BACK).await.unwrap();
    let old = format!("POST /form HTTP/1.0\r\nHost: {BACK}\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}");
    stream.write_all(old.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert_eq!(house.forms(), 0, "H-02: HTTP/1.0 has no chunks");

    // RFC 9112 6.1: chunks win over a length, and nothing more is read from such a connection.
    for head in
        ["Content-Length: 3\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 3"]
    {
        let forms = house.forms();
        let mut stream = client.handshake(house.front, BACK).await.unwrap();
        let request = format!("POST /form HTTP/1.1\r\nHost: {BACK}\r\n{head}\r\n\r\n{chunked}");
        stream.write_all(request.repeat(2).as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert_eq!(String::from_utf8_lossy(&answer).matches("HTTP/1.1 ").count(), 1, "H-02 {head:?}");
        assert_eq!(house.forms(), forms + 1, "H-02 {head:?}");
    }
}
