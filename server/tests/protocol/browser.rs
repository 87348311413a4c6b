//! A person's browser: cookies, forms, and no JavaScript. It stops before it leaves for the client.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;

use crate::client::text;
use crate::server::{FRONT, PASSWORD, Served};

/// A browser.
pub(crate) struct Browser<'a> {
    served: &'a Served,
    cookies: BTreeMap<String, String>,
    languages: &'static str,
}

/// What the browser shows, or where it was sent.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) html: String,
    pub(crate) headers: http::HeaderMap,
    /// The URL outside of the server that it was sent to.
    pub(crate) left: Option<String>,
}

impl Page {
    fn of(response: &Response<Bytes>) -> Self {
        let html = text(response).to_owned();
        let refresh = html.split("http-equiv=\"refresh\" content=\"0;url=").nth(1);
        let left = refresh.and_then(|rest| rest.split('"').next()).map(unescape);
        Self { status: response.status().as_u16(), html, headers: response.headers().clone(), left }
    }

    /// The text of the element with this id.
    pub(crate) fn by_id(&self, id: &str) -> Option<&str> {
        self.html.split(&format!("id=\"{id}\"")).nth(1)?.split('>').nth(1)?.split('<').next()
    }

    /// The value of a hidden field.
    pub(crate) fn hidden(&self, name: &str) -> String {
        let field = format!("type=\"hidden\" name=\"{name}\" value=\"");
        let rest = self.html.split(&field).nth(1).unwrap_or_else(|| panic!("{name} in {}", self.html));
        unescape(rest.split('"').next().unwrap())
    }

    pub(crate) fn asks_for_sign_in(&self) -> bool {
        self.html.contains("id=\"password\"")
    }

    pub(crate) fn asks_for_consent(&self) -> bool {
        self.html.contains("id=\"approve\"")
    }

    /// The OAuth code of an error page.
    pub(crate) fn error(&self) -> &str {
        self.by_id("error-code").unwrap_or_else(|| panic!("no error page: {} {}", self.status, self.html))
    }

    pub(crate) fn left(&self) -> &str {
        self.left.as_deref().unwrap_or_else(|| panic!("still here: {} {}", self.status, self.html))
    }
}

fn unescape(text: &str) -> String {
    text.replace("&#x2f;", "/")
        .replace("&#x27;", "'")
        .replace("&quot;", "\"")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

impl<'a> Browser<'a> {
    pub(crate) fn new(served: &'a Served) -> Self {
        Self { served, cookies: BTreeMap::new(), languages: "en" }
    }

    pub(crate) fn speaking(mut self, languages: &'static str) -> Self {
        self.languages = languages;
        self
    }

    pub(crate) fn cookies(&self) -> &BTreeMap<String, String> {
        &self.cookies
    }

    pub(crate) fn forget(&mut self, name: &str) {
        self.cookies.remove(name);
    }

    /// Takes a cookie that somebody else was given.
    pub(crate) fn keep(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) async fn open(&mut self, path: &str) -> Page {
        let request = Request::get(format!("https://{FRONT}{path}"));
        self.go(request.body(Full::default()).unwrap()).await
    }

    pub(crate) async fn post(&mut self, path: &str, pairs: &[(&str, &str)]) -> Page {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let request = Request::post(format!("https://{FRONT}{path}"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", format!("https://{FRONT}"));
        self.go(request.body(Full::new(form.into())).unwrap()).await
    }

    /// One answer, redirects not followed.
    pub(crate) async fn send(&mut self, mut request: Request<Full<Bytes>>) -> Response<Bytes> {
        let all: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !all.is_empty() {
            request.headers_mut().insert("cookie", all.join("; ").parse().unwrap());
        }
        request.headers_mut().insert("accept-language", self.languages.parse().unwrap());
        let mut connection = self.served.anyone().connect(self.served.address, FRONT).await.unwrap();
        let response = connection.send(request).await.unwrap();
        for cookie in response.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            assert!(
                cookie.contains("; Secure; HttpOnly; SameSite=Lax") && cookie.starts_with("__Host-"),
                "B-12 {cookie}"
            );
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        response
    }

    async fn go(&mut self, mut request: Request<Full<Bytes>>) -> Page {
        for _ in 0..8 {
            let response = self.send(request).await;
            let Some(location) = response.headers().get("location") else { return Page::of(&response) };
            assert_eq!(response.status(), 303, "TLS-09, P-16");
            let location = location.to_str().unwrap().to_owned();
            if !location.starts_with('/') {
                return Page { left: Some(location), ..Page::of(&response) };
            }
            request = Request::get(format!("https://{FRONT}{location}")).body(Full::default()).unwrap();
        }
        panic!("too many redirects");
    }

    pub(crate) async fn sign_in(&mut self, page: &Page, username: &str, password: &str) -> Page {
        let (i, csrf) = (page.hidden("i"), page.hidden("csrf"));
        self.post("/login", &[("i", &i), ("csrf", &csrf), ("username", username), ("password", password)])
            .await
    }

    pub(crate) async fn decide(&mut self, page: &Page, decision: &str) -> Page {
        let (i, csrf) = (page.hidden("i"), page.hidden("csrf"));
        self.post("/consent", &[("i", &i), ("csrf", &csrf), ("decision", decision)]).await
    }

    /// Alice signs in and agrees. Where she is sent.
    pub(crate) async fn approve(&mut self, path: &str) -> String {
        let page = self.open(path).await;
        let page = self.sign_in(&page, "alice", PASSWORD).await;
        assert!(page.asks_for_consent(), "{}", page.html);
        self.decide(&page, "approve").await.left().to_owned()
    }
}
