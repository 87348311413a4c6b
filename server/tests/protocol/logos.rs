//! What a client looks like (`B-06`): a picture from this origin, and nothing else under its name.

use std::sync::LazyLock;

use fapi_config::{Logos, Png};
use fapi_core::client::Registration;
use fapi_core::logo::LogoId;
use http::Response;

use crate::client::{get, text};
use crate::server::{BACK, PASSWORD, TestServer};

/// A PNG of 96 × 96 pixels.
pub(crate) static PICTURE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let text = concat!(
        "iVBORw0KGgoAAAANSUhEUgAAAGAAAABgCAMAAADVRocKAAAAPFBMVEUAAAAOel4Oel4Oel4Oel4Oel4Oel4Oel4Oel4Oel4Oel4Oel4Oel4Oel",
        "5Km4aGvK6lzcPD3tfh7uv___9_XfXkAAAAFHRSTlMAECAwUICPn6-_z9_v_________-p7t5kAAAEmSURBVHja7ZrbDoJADESX-7Ug8P__KgYj",
        "K9UnejQhnfftSUrYbWYawpuyom7lhNq6yMJXpWUnBurK9GP5pBIzVYmun_diqD4_1q_EWNV7exoxVxO3Cai_EsD-HLqUC6Tnl056CtAnZINeTU",
        "oF1OOfLklAuQI6EtCt96egykLBAopQs4A6tCygDQLLAQ64OmCYlk3TgACGZddAAKYIMBGAJZYDHOAAB1wFMM5brXlkALe92o0AxM_L9r4YA8a4",
        "3OgABzjAAR9HZ2uAGp2tAWp0tgao0w5wgAMc8AeAuuz06HjOStBOhxp-T5oh2qs5ju-4neOWmhEAN8dxex8PKPCIBQ-J-JgLD-rwqJEPS_G4lw",
        "-s-cidXxrA1x5-sLjBr57wyzPQ-s8dIIvfHFTXJQQAAAAASUVORK5CYII",
    );
    fapi_jose::b64::decode(text).unwrap()
});

/// Registers these bytes as the picture of `app`, whatever they are.
pub(crate) fn showing(bytes: &[u8]) -> (Logos, impl FnOnce(&mut Registration)) {
    let id = LogoId::of(bytes);
    (Logos::from([(id.clone(), Png::from(bytes.to_vec()))]), move |client| client.logo = Some(id))
}

fn of_app(bytes: &[u8]) -> TestServer {
    let (logos, show) = showing(bytes);
    TestServer::fintech().with(|bundle| bundle.logos = logos).client(show)
}

fn header<'a, B>(response: &'a Response<B>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// `B-06`, `B-05`: as a picture, from here, of nobody in particular; opened by itself it is a file that can do nothing.
#[tokio::test]
async fn a_picture_is_served_from_this_origin_as_a_picture_only() {
    let served = of_app(&PICTURE).start().await;
    let path = LogoId::of(&PICTURE).path();
    let response = served.look(&path).await;
    assert_eq!((response.status().as_u16(), response.body().as_ref()), (200, PICTURE.as_slice()));
    for (name, value) in [
        ("content-type", "image/png"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
        ("content-disposition", "attachment; filename=\"logo.png\""),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "public, max-age=31536000, immutable"),
        ("set-cookie", ""),
    ] {
        assert_eq!(header(&response, name), value, "B-06 {name}");
    }
    // Nobody else's picture, no other spelling of its name, and not where programs call.
    let other = LogoId::of(b"another").path();
    let spelled = path.replace(".png", ".svg");
    for unknown in
        [other.as_str(), &spelled, &format!("{path}/"), "/logos/", "/logos/..%2Fstyle.css", "/logos/%FF.png"]
    {
        let response = served.look(unknown).await;
        assert_eq!(response.status(), 404, "B-06 {unknown}");
        assert_eq!(header(&response, "content-type"), "text/html; charset=utf-8", "B-06 {unknown}");
    }
    assert_eq!(served.ask(&served.anyone(), get(BACK, &path)).await.status(), 404);
}

/// `B-06`, `AUT-16`: where the client is named, in a box that is there before the picture is; pages without pictures load none.
#[tokio::test]
async fn the_picture_stands_beside_the_name_where_people_decide() {
    let served = of_app(&PICTURE).start().await;
    let expected = format!(
        "<img class=\"logo\" src=\"{}\" width=\"48\" height=\"48\" alt=\"\">",
        LogoId::of(&PICTURE).path()
    );
    let (app, other) = (served.app(), served.other());
    let path = app.pushed(&app.request()).await;
    let mut browser = served.browser();
    let login = browser.open(&path).await;
    let consent = browser.sign_in(&login, "alice", PASSWORD).await;
    let left = browser.decide(&consent, "approve").await;
    assert!(app.jarm(left.left()).contains_key("code"));
    let consents = browser.open("/consents").await;
    for (name, page) in [("login", &login), ("consent", &consent), ("consents", &consents)] {
        assert_eq!(page.html.matches(&expected).count(), 1, "B-06 {name}: {}", page.html);
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("default-src 'none'; style-src 'self'; img-src 'self' data:;"),
            "B-06 {policy}"
        );
    }
    let without = served.browser().open(&other.pushed(&other.request()).await).await;
    let error = served.browser().open("/error").await;
    for page in [&without, &left, &error] {
        assert!(!page.html.contains("<img"), "{}", page.html);
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("img-src data:;"), "AUT-16: none is needed: {policy}");
    }
}

/// `B-06`: pages and scripts in the place of a picture, a PNG of another name, and too much of one. Whoever published them is told,
/// and what was served before goes on.
#[tokio::test]
async fn what_is_no_picture_is_not_served_whatever_it_is_called() {
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>".to_vec();
    let html = b"<!doctype html><script>alert(1)</script>".to_vec();
    let behind = [svg.as_slice(), &PICTURE].concat();
    let long = [PICTURE.as_slice(), &vec![0; 64 * 1024]].concat();
    for hostile in [svg, html, behind, long] {
        let mut served = of_app(&PICTURE).start().await;
        let (logos, show) = showing(&hostile);
        served.bundle.logos = logos;
        show(&mut served.bundle.clients[0]);
        served.try_publish().await;
        let refused = served.running.app().pending().unwrap();
        assert!(refused.error.contains("is no PNG of this name"), "B-06 {}", refused.error);
        assert_eq!(served.look(&LogoId::of(&hostile).path()).await.status(), 404, "B-06");
        assert_eq!(served.look(&LogoId::of(&PICTURE).path()).await.status(), 200);
    }
    // Behind the end of a good one, where no browser looks: it stays a picture.
    let polyglot = [PICTURE.as_slice(), b"<script>alert(1)</script>"].concat();
    let served = of_app(&polyglot).start().await;
    let response = served.look(&LogoId::of(&polyglot).path()).await;
    assert_eq!(
        (header(&response, "content-type"), header(&response, "x-content-type-options")),
        ("image/png", "nosniff"),
        "B-06"
    );
    assert!(header(&response, "content-security-policy").contains("sandbox"), "B-06");
}

/// `B-06`, `I2`: with the client goes its picture.
#[tokio::test]
async fn the_picture_of_a_client_that_is_not_served_is_gone() {
    let mut served = of_app(&PICTURE).start().await;
    let path = LogoId::of(&PICTURE).path();
    assert_eq!(served.look(&path).await.status(), 200);
    served.publish(|bundle| bundle.clients[0].enabled = false).await;
    let response = served.look(&path).await;
    assert_eq!(response.status(), 404, "disabled");
    assert!(text(&response).contains("there is no such page"));
    served.publish(|bundle| bundle.clients[0].enabled = true).await;
    assert_eq!(served.look(&path).await.status(), 200, "and back");
    served.publish(|bundle| drop(bundle.clients.remove(0))).await;
    assert_eq!(served.look(&path).await.status(), 404, "deleted");
}
