//! The browser's cookies (RFC 6265bis): kept for the host that set them, sent where their path allows.

use url::Url;

use super::findings::Findings;
use super::http::Answer;

/// All cookies of one browser.
#[derive(Default)]
pub(super) struct Jar(Vec<Cookie>);

struct Cookie {
    host: String,
    path: String,
    name: String,
    value: String,
}

impl Jar {
    /// The `Cookie` header for this address, if there is anything to send.
    pub(super) fn header(&self, url: &Url) -> Option<String> {
        let sent = self
            .0
            .iter()
            .filter(|cookie| url.host_str() == Some(&cookie.host) && covers(&cookie.path, url.path()));
        let pairs: Vec<String> = sent.map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Keeps what an answer from this address sets, as a browser would, and checks that it is set safely.
    pub(super) fn store(&mut self, url: &Url, answer: &Answer, findings: &mut Findings) {
        for header in answer.headers.get_all("set-cookie") {
            if let Ok(text) = header.to_str() {
                self.set(url, text, findings);
            }
        }
    }

    fn set(&mut self, url: &Url, text: &str, findings: &mut Findings) {
        let mut parts = text.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { return };
        let attributes: Vec<(String, &str)> = parts
            .map(|part| part.split_once('=').unwrap_or((part, "")))
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
        let attribute =
            |wanted: &str| attributes.iter().rev().find(|(name, _)| name == wanted).map(|(_, value)| *value);
        let has = |wanted: &str| attribute(wanted).is_some();

        findings.hold(
            has("secure") && has("httponly") && has("samesite"),
            "cookies are Secure, HttpOnly and SameSite",
            "RFC 6265bis 4.1.2",
        );
        let path = attribute("path").filter(|path| path.starts_with('/')).unwrap_or("/").to_owned();
        // A browser ignores a cookie that breaks the promise of its name (RFC 6265bis 4.1.3).
        let host_only = has("secure") && attribute("path") == Some("/") && !has("domain");
        if name.starts_with("__Host-") && !host_only || name.starts_with("__Secure-") && !has("secure") {
            return;
        }

        let host = url.host_str().unwrap_or_default().to_owned();
        self.0.retain(|other| (&other.host, &other.path, other.name.as_str()) != (&host, &path, name));
        let gone = attribute("max-age").and_then(|age| age.parse::<i64>().ok()).is_some_and(|age| age <= 0);
        if !gone {
            self.0.push(Cookie { host, path, name: name.to_owned(), value: value.to_owned() });
        }
    }
}

/// RFC 6265 5.1.4
fn covers(cookie: &str, request: &str) -> bool {
    request
        .strip_prefix(cookie)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || cookie.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jar(cookies: &[&str]) -> Jar {
        let mut jar = Jar::default();
        let url = Url::parse("https://op.example/login").unwrap();
        for cookie in cookies {
            jar.set(&url, cookie, &mut Findings::default());
        }
        jar
    }

    fn sent(jar: &Jar, url: &str) -> Option<String> {
        jar.header(&Url::parse(url).unwrap())
    }

    #[test]
    fn a_cookie_goes_back_to_its_host_and_below_its_path_only() {
        let jar = jar(&["a=1; Path=/", "b=2; Path=/login; Secure"]);
        assert_eq!(sent(&jar, "https://op.example/login/x").as_deref(), Some("a=1; b=2"));
        assert_eq!(sent(&jar, "https://op.example/loginx").as_deref(), Some("a=1"));
        assert_eq!(sent(&jar, "https://evil.example/login"), None);
    }

    #[test]
    fn a_later_cookie_replaces_or_removes_an_earlier_one() {
        assert_eq!(
            sent(&jar(&["a=1; Path=/", "a=2; Path=/"]), "https://op.example/").as_deref(),
            Some("a=2")
        );
        assert_eq!(sent(&jar(&["a=1; Path=/", "a=; Path=/; Max-Age=0"]), "https://op.example/"), None);
    }

    #[test]
    fn a_cookie_that_breaks_the_promise_of_its_name_is_ignored() {
        let good = jar(&["__Host-s=1; Path=/; Secure; HttpOnly"]);
        assert_eq!(sent(&good, "https://op.example/").as_deref(), Some("__Host-s=1"));
        let bad = jar(&[
            "__Host-s=1; Path=/login; Secure",
            "__Host-t=1; Path=/",
            "__Host-u=1; Path=/; Secure; Domain=op.example",
            "__Secure-v=1",
        ]);
        assert_eq!(sent(&bad, "https://op.example/login"), None);
    }

    #[test]
    fn a_cookie_that_scripts_or_other_sites_could_use_is_a_finding() {
        let url = Url::parse("https://op.example/").unwrap();
        for (cookie, fine) in [
            ("a=1; Secure; HttpOnly; SameSite=Lax", true),
            ("a=1; HttpOnly; SameSite=Lax", false),
            ("a=1; Secure; SameSite=Lax", false),
            ("a=1; Secure; HttpOnly", false),
        ] {
            let mut findings = Findings::default();
            Jar::default().set(&url, cookie, &mut findings);
            assert_eq!(findings.all_hold(), fine, "{cookie}");
        }
    }
}
