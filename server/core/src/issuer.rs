//! Who we are: the issuer identifier (RFC 8414 2), and the authorities of the two doors.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

/// An issuer: `https://host[:port]`, byte for byte as in every document and token (`DSC-03`, `INV-13`).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Issuer {
    text: String,
    host: String,
    port: u16,
}

/// Why a string is no issuer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidIssuer {
    /// No URL, or not `https`.
    #[error("an issuer is a URL that begins with https://")]
    NotHttps,
    /// Something after the host and port.
    #[error(
        "an issuer is https://host or https://host:port, without path, query, fragment, user or trailing slash"
    )]
    MoreThanAuthority,
    /// Written otherwise than browsers and clients would write it.
    #[error("write the issuer as {0}: in lower case, without the default port")]
    NotCanonical(String),
    /// Over 255 characters.
    #[error("an issuer has at most 255 characters")]
    TooLong,
}

impl Issuer {
    /// Parses an issuer; the text is kept as it is and must be canonical, since it is compared as text everywhere.
    pub fn parse(text: &str) -> Result<Self, InvalidIssuer> {
        if text.len() > 255 {
            return Err(InvalidIssuer::TooLong);
        }
        let url = Url::parse(text).map_err(|_| InvalidIssuer::NotHttps)?;
        if url.scheme() != "https" {
            return Err(InvalidIssuer::NotHttps);
        }
        if url.path() != "/"
            || url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
            || text.ends_with('/')
        {
            return Err(InvalidIssuer::MoreThanAuthority);
        }
        let host = url.host_str().ok_or(InvalidIssuer::NotHttps)?.to_owned();
        let canonical = match url.port() {
            Some(port) => format!("https://{host}:{port}"),
            None => format!("https://{host}"),
        };
        if canonical != text {
            return Err(InvalidIssuer::NotCanonical(canonical));
        }
        Ok(Self { text: canonical, host, port: url.port().unwrap_or(443) })
    }

    /// The identifier.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its host name.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port, 443 where none is written.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for Issuer {
    type Error = InvalidIssuer;
    fn try_from(text: String) -> Result<Self, InvalidIssuer> {
        Self::parse(&text)
    }
}

impl From<Issuer> for String {
    fn from(issuer: Issuer) -> Self {
        issuer.text
    }
}

/// A host and port as URLs write it: `host`, or `host:port` when the port is not 443.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Authority {
    /// Host name.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl Authority {
    /// Whether a request's `Host` or `:authority` names this door (421 otherwise).
    pub fn is(&self, host_header: &str) -> bool {
        let (host, port) = match host_header.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !port.is_empty() => {
                (host, port.parse().ok())
            }
            _ => (host_header, Some(443)),
        };
        host.eq_ignore_ascii_case(&self.host) && port == Some(self.port)
    }

    /// An absolute URL at this door.
    pub fn url(&self, path: &str) -> String {
        format!("https://{self}{path}")
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.port == 443 { f.write_str(&self.host) } else { write!(f, "{}:{}", self.host, self.port) }
    }
}

/// Where the server is reached: browsers at the front, programs at the back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Doors {
    /// The issuer's host and port: authorize, sign-in, consent, discovery, JWKS. Never asks for a certificate.
    pub front: Authority,
    /// `mtls.host` or `mtls.port`: everything that programs call. Asks every caller for a certificate (`MTL-09`).
    pub back: Authority,
}

impl Doors {
    /// From an issuer and where its `mtls` stands: a host at the issuer's port, or a port at the issuer's host.
    pub fn new(issuer: &Issuer, mtls: &Mtls) -> Self {
        let front = Authority { host: issuer.host.clone(), port: issuer.port };
        let back = match mtls {
            Mtls::Host(host) => Authority { host: host.to_ascii_lowercase(), port: issuer.port },
            Mtls::Port(port) => Authority { host: issuer.host.clone(), port: *port },
        };
        Self { front, back }
    }
}

/// How the back door differs from the front: by name or by port.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mtls {
    /// Another host name at the issuer's port.
    Host(String),
    /// Another port at the issuer's host.
    Port(u16),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_a_bare_https_origin() {
        for good in ["https://auth.bank.example", "https://demo.localhost:8443"] {
            assert_eq!(Issuer::parse(good).unwrap().as_str(), good, "DSC-03");
        }
        for bad in [
            "http://auth.bank.example",
            "https://auth.bank.example/",
            "https://auth.bank.example/t1",
            "https://auth.bank.example?x",
            "https://u@auth.bank.example",
            "https://AUTH.bank.example",
            "https://auth.bank.example:443",
            "auth.bank.example",
        ] {
            assert!(Issuer::parse(bad).is_err(), "INV-13 {bad}");
        }
    }

    #[test]
    fn an_authority_is_host_and_port() {
        let door = Authority { host: "a.example".into(), port: 443 };
        assert!(door.is("a.example") && door.is("A.example:443"));
        assert!(!door.is("a.example:8443") && !door.is("b.example") && !door.is("a.example.evil"));
    }
}
