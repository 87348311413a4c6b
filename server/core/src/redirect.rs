//! Where an answer may be sent: registered redirect URIs, compared as exact strings.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

/// A registered redirect URI. Two are equal only if they are the same text (RFC 6749 3.1.2.3, `AUT-04`).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RedirectUri(String);

/// Why a string may not be registered as a redirect URI; each says what to write instead.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidRedirectUri {
    /// Not absolute, or nothing a browser could open.
    #[error("must be an absolute URL such as https://app.example/callback")]
    NotAbsolute,
    /// Another scheme than https (`TLS-08`, `INV-07`, `F1-R08`).
    #[error("must use https")]
    NotHttps,
    /// A fragment (RFC 6749 3.1.2).
    #[error("must not have a fragment (#…)")]
    Fragment,
    /// `user@host`.
    #[error("must not have a user name or password before the host")]
    UserInfo,
    /// Wildcards are compared as themselves and would never match.
    #[error("must not contain a wildcard (*): redirect URIs are compared character for character")]
    Wildcard,
    /// Characters a browser would rewrite.
    #[error(
        "must not contain spaces, backslashes, control or non-ASCII characters: write them percent-encoded"
    )]
    Characters,
    /// `..` or `.` as a path segment, which a browser would fold.
    #[error("must not contain . or .. as a path segment")]
    DotSegment,
    /// A browser would go there all the same, under another spelling.
    #[error(
        "must be written as a browser writes it: the host in lower case and not percent-encoded, no :443, a / between host and ?, and other signs percent-encoded"
    )]
    NotCanonical,
    /// Over 2,048 characters.
    #[error("must have at most 2048 characters")]
    TooLong,
}

impl RedirectUri {
    /// Accepts a URI for registration.
    pub fn parse(text: &str) -> Result<Self, InvalidRedirectUri> {
        if text.len() > 2048 {
            return Err(InvalidRedirectUri::TooLong);
        }
        if text
            .bytes()
            .any(|b| !(0x21..=0x7e).contains(&b) || b == b'\\' || b == b'"' || b == b'<' || b == b'>')
        {
            return Err(InvalidRedirectUri::Characters);
        }
        let url = Url::parse(text).map_err(|_| InvalidRedirectUri::NotAbsolute)?;
        let Some(rest) = text.strip_prefix("https://") else {
            return Err(InvalidRedirectUri::NotHttps);
        };
        if url.fragment().is_some() {
            return Err(InvalidRedirectUri::Fragment);
        }
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if authority.contains('@') || !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidRedirectUri::UserInfo);
        }
        if text.contains('*') {
            return Err(InvalidRedirectUri::Wildcard);
        }
        let path = rest.get(authority.len()..).unwrap_or_default().split('?').next().unwrap_or_default();
        if path
            .split('/')
            .any(|segment| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | ".."))
        {
            return Err(InvalidRedirectUri::DotSegment);
        }
        // The host that we show is the host that the browser opens: no other spelling of it gets in.
        let canonical = url.as_str();
        if canonical != text && canonical.strip_suffix('/') != Some(text) {
            return Err(InvalidRedirectUri::NotCanonical);
        }
        Ok(Self(text.to_owned()))
    }

    /// As registered.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a request's `redirect_uri` is this one, character for character (`AUT-04`).
    pub fn is(&self, requested: &str) -> bool {
        self.0 == requested
    }

    /// Its host, and its port unless that is 443, as a browser shows it: for pages.
    pub fn host(&self) -> &str {
        let rest = self.0.strip_prefix("https://").unwrap_or(&self.0);
        rest.split(['/', '?']).next().unwrap_or_default()
    }

    /// Its host alone: what clients of one sector have in common (OpenID Connect Core 8.1).
    pub fn host_without_port(&self) -> &str {
        match self.host().rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => self.host(),
        }
    }

    /// Appends parameters to the query; a query that is part of the registered URI stays (`AUT-05`).
    pub fn with_query(&self, encoded: &str) -> String {
        let separator = match self.0.split_once('?') {
            None => "?",
            Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
            Some(_) => "&",
        };
        format!("{}{separator}{encoded}", self.0)
    }

    /// Puts parameters into the fragment (`RSP-01`).
    pub fn with_fragment(&self, encoded: &str) -> String {
        format!("{}#{encoded}", self.0)
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for RedirectUri {
    type Error = InvalidRedirectUri;
    fn try_from(text: String) -> Result<Self, InvalidRedirectUri> {
        Self::parse(&text)
    }
}

impl From<RedirectUri> for String {
    fn from(uri: RedirectUri) -> Self {
        uri.0
    }
}

#[cfg(test)]
mod mutations;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirect_uris_are_plain_https() {
        for good in [
            "https://app.example/cb",
            "https://app.example/cb?dummy1=lorem&dummy2=ipsum",
            "https://app.example:8443",
            "https://[::1]:1/x",
        ] {
            assert!(RedirectUri::parse(good).is_ok(), "TLS-08 {good}");
        }
        let bad = [
            ("http://app.example/cb", InvalidRedirectUri::NotHttps),
            ("com.app:/cb", InvalidRedirectUri::NotHttps),
            ("http://127.0.0.1/cb", InvalidRedirectUri::NotHttps),
            ("javascript:alert(1)", InvalidRedirectUri::NotHttps),
            ("/cb", InvalidRedirectUri::NotAbsolute),
            ("https://app.example/cb#x", InvalidRedirectUri::Fragment),
            ("https://u@app.example/cb", InvalidRedirectUri::UserInfo),
            ("https://@app.example/cb", InvalidRedirectUri::UserInfo),
            ("https://*.app.example/cb", InvalidRedirectUri::Wildcard),
            ("https://app.example\\@evil.example/", InvalidRedirectUri::Characters),
            ("https://app.example/ cb", InvalidRedirectUri::Characters),
            ("https://app.example/a/../b", InvalidRedirectUri::DotSegment),
            ("https://app.example/a/%2E%2e/b", InvalidRedirectUri::DotSegment),
            ("HTTPS://app.example/cb", InvalidRedirectUri::NotHttps),
            ("https://APP.example/cb", InvalidRedirectUri::NotCanonical),
            ("https://app.example:443/cb", InvalidRedirectUri::NotCanonical),
            ("https://app.example%2Eevil.example/cb", InvalidRedirectUri::NotCanonical),
            ("https:///app.example/cb", InvalidRedirectUri::NotCanonical),
            ("https://2130706433/cb", InvalidRedirectUri::NotCanonical),
            ("https://app.example?cb", InvalidRedirectUri::NotCanonical),
            ("https://app.example/cb?it's", InvalidRedirectUri::NotCanonical),
        ];
        for (uri, why) in bad {
            assert_eq!(RedirectUri::parse(uri), Err(why), "F1-R08, P-14 {uri}");
        }
    }

    #[test]
    fn only_the_exact_text_matches() {
        let uri = RedirectUri::parse("https://app.example/cb").unwrap();
        assert!(uri.is("https://app.example/cb"));
        for other in [
            "https://app.example/cb/",
            "https://app.example/cb?x",
            "https://APP.example/cb",
            "https://app.example:443/cb",
            "https://app.example/c%62",
        ] {
            assert!(!uri.is(other), "AUT-04 {other}");
        }
    }

    #[test]
    fn a_registered_query_is_kept() {
        let uri = RedirectUri::parse("https://app.example/cb?dummy1=lorem&dummy2=ipsum").unwrap();
        assert_eq!(
            uri.with_query("code=1"),
            "https://app.example/cb?dummy1=lorem&dummy2=ipsum&code=1",
            "AUT-05"
        );
        assert_eq!(
            RedirectUri::parse("https://app.example/cb").unwrap().with_query("a=b"),
            "https://app.example/cb?a=b"
        );
    }
}
