//! Where does a connection really go? An override sends it elsewhere and keeps the name in TLS and `Host`, as curl's
//! `--connect-to` does. `--connect` of `fapi-bank` and `fapictl` means this.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use tokio::net::TcpStream;

/// One override, written `FROM_HOST:FROM_PORT:HOST:PORT`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reroute {
    from: (String, u16),
    to: (String, u16),
}

/// The overrides, of which the first that fits wins. Else `*.localhost` is this machine (RFC 6761 6.3), and the rest is looked
/// up.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Routes(Vec<Reroute>);

impl FromStr for Reroute {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is not FROM_HOST:FROM_PORT:HOST:PORT; write \
                 auth.bank.example:443:127.0.0.1:8443, IPv6 addresses in brackets"
            )
        };
        let (from, rest) = place(text).ok_or_else(wrong)?;
        let (to, rest) = rest.and_then(place).ok_or_else(wrong)?;
        if rest.is_none() { Ok(Self { from, to }) } else { Err(wrong()) }
    }
}

/// The host and port at the start of `text`, and what follows their colon.
fn place(text: &str) -> Option<((String, u16), Option<&str>)> {
    let (host, after) = match text.strip_prefix('[') {
        Some(inside) => {
            let (host, after) = inside.split_once(']')?;
            (host, after.strip_prefix(':')?)
        }
        None => text.split_once(':')?,
    };
    let (port, rest) = after.split_once(':').map_or((after, None), |(port, rest)| (port, Some(rest)));
    let port = port.parse().ok().filter(|port| *port != 0)?;
    (!host.is_empty()).then(|| ((host.to_ascii_lowercase(), port), rest))
}

impl Routes {
    /// Overrides in the order in which they are tried.
    pub fn new(rules: Vec<Reroute>) -> Self {
        Self(rules)
    }

    /// Where connections to this host and port go.
    pub fn destination<'a>(&'a self, host: &'a str, port: u16) -> (&'a str, u16) {
        let fits = |rule: &&Reroute| rule.from.0.eq_ignore_ascii_case(host) && rule.from.1 == port;
        self.0.iter().find(fits).map_or((host, port), |rule| (rule.to.0.as_str(), rule.to.1))
    }

    /// Opens the connection: the first address that answers.
    ///
    /// # Errors
    /// The name is unknown, or nobody answers there.
    pub async fn connect(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let (host, port) = self.destination(host, port);
        let stream = if is_localhost(host) {
            TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?
        } else {
            TcpStream::connect((host, port)).await?
        };
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

fn is_localhost(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_goes_where_the_first_rule_says() {
        let routes = Routes::new(vec![
            "Auth.Bank.example:443:127.0.0.1:8443".parse().unwrap(),
            "auth.bank.example:443:127.0.0.1:9999".parse().unwrap(),
            "[::1]:443:[fe80::1]:444".parse().unwrap(),
        ]);
        assert_eq!(routes.destination("AUTH.bank.example", 443), ("127.0.0.1", 8443));
        assert_eq!(routes.destination("::1", 443), ("fe80::1", 444));
        assert_eq!(routes.destination("auth.bank.example", 444), ("auth.bank.example", 444));
        assert_eq!(routes.destination("evil.example", 443), ("evil.example", 443));
    }

    #[test]
    fn names_under_localhost_are_this_machine() {
        assert!(is_localhost("demo.localhost") && is_localhost("Localhost"));
        assert!(!is_localhost("localhost.example") && !is_localhost("notlocalhost"));
    }

    #[test]
    fn anything_but_four_parts_is_refused_with_an_example() {
        for wrong in [
            "",
            "a",
            "a:1",
            "a:1:b",
            "a:1:b:",
            "a:1::2",
            ":1:b:2",
            "a:x:b:2",
            "a:1:b:2:3",
            "a:1:b:2:",
            "a:0:b:2",
            "a:65536:b:2",
            "[::1:1:b:2",
            "[::1]1:b:2",
        ] {
            let error = wrong.parse::<Reroute>().unwrap_err();
            assert!(error.contains("auth.bank.example:443:127.0.0.1:8443"), "{wrong:?}: {error}");
        }
    }
}
