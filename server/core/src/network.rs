//! Which addresses may we connect to? Public ones, and those that an administrator has named (`H-13`).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A network: `10.2.0.0/16`, `fd00::/8`, or a single address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// A string is no network.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a network is written as 10.2.0.0/16, fd00::/8 or a single address")]
pub struct InvalidNetwork;

/// IPv4 networks that are not public: IANA's special-purpose registry (RFC 6890), multicast and what is reserved.
const PRIVATE_V4: [(Ipv4Addr, u8); 15] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The only public IPv6 network so far (RFC 4291 2.4), and what in it is not.
const PUBLIC_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
const PRIVATE_V6: [(Ipv6Addr, u8); 4] = [
    // Protocol assignments, Teredo among them, which carries IPv4 addresses.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // 6to4, which carries IPv4 addresses.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// Whether an address is public, or in one of the networks that were named (`H-13`).
pub fn may_be_reached(address: IpAddr, networks: &[Network]) -> bool {
    // An IPv4 address is one however it is written.
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(address)) || is_public(address)
}

fn is_public(address: IpAddr) -> bool {
    let within = |(network, prefix): (IpAddr, u8)| Network { address: network, prefix }.contains(address);
    match address {
        IpAddr::V4(_) => !PRIVATE_V4.iter().any(|(network, prefix)| within(((*network).into(), *prefix))),
        IpAddr::V6(_) => {
            within((PUBLIC_V6.0.into(), PUBLIC_V6.1))
                && !PRIVATE_V6.iter().any(|(network, prefix)| within(((*network).into(), *prefix)))
        }
    }
}

impl Network {
    /// Whether an address is in it. An IPv4 address is one however it is written.
    pub fn contains(&self, address: IpAddr) -> bool {
        let bits = |address: IpAddr| match address {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, false),
            IpAddr::V6(v6) => (v6.to_bits(), true),
        };
        let ((own, is_v6), (other, other_is_v6)) = (bits(self.address), bits(address.to_canonical()));
        let differing = (own ^ other).leading_zeros();
        is_v6 == other_is_v6 && differing >= u32::from(self.prefix)
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| InvalidNetwork)?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) if prefix.bytes().all(|byte| byte.is_ascii_digit()) => {
                prefix.parse().map_err(|_| InvalidNetwork)?
            }
            Some(_) => return Err(InvalidNetwork),
            None => bits,
        };
        if prefix > bits { Err(InvalidNetwork) } else { Ok(Self { address, prefix }) }
    }
}

impl TryFrom<String> for Network {
    type Error = InvalidNetwork;

    fn try_from(text: String) -> Result<Self, InvalidNetwork> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(address: &str, networks: &[&str]) -> bool {
        let networks: Vec<Network> = networks.iter().map(|one| one.parse().unwrap()).collect();
        may_be_reached(address.parse().unwrap(), &networks)
    }

    #[test]
    fn only_public_addresses_may_be_reached() {
        for public in ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00::1"] {
            assert!(reached(public, &[]), "{public}");
        }
        for private in [
            "0.0.0.0",
            "127.0.0.1",
            "127.9.9.9",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.170",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fd00::1",
            "fc00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001:0:7f00:1::",
            "::127.0.0.1",
        ] {
            assert!(!reached(private, &[]), "H-13 {private}");
        }
    }

    #[test]
    fn a_network_that_was_named_may_be_reached_and_no_other() {
        assert!(reached("10.2.3.4", &["10.2.0.0/16"]) && !reached("10.3.0.1", &["10.2.0.0/16"]));
        assert!(reached("::ffff:10.2.3.4", &["10.2.0.0/16"]));
        assert!(reached("fd00::7", &["fd00::/8"]) && !reached("10.0.0.1", &["fd00::/8"]));
        assert!(reached("127.0.0.1", &["127.0.0.1"]) && !reached("127.0.0.2", &["127.0.0.1"]));
        assert!(reached("169.254.169.254", &["0.0.0.0/0"]));
    }

    #[test]
    fn a_network_is_an_address_and_a_length() {
        assert_eq!("10.0.0.0/8".parse::<Network>().unwrap().to_string(), "10.0.0.0/8");
        for bad in ["", "10.0.0.0/33", "fd00::/129", "10.0.0.0/", "/8", "host", "10.0.0.0/8/8", "10.0.0.0/-1"]
        {
            assert_eq!(bad.parse::<Network>(), Err(InvalidNetwork), "{bad}");
        }
    }

    #[test]
    fn a_network_has_the_addresses_that_begin_like_it() {
        let contains = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().contains(address.parse().unwrap())
        };
        for (network, address) in [
            ("10.2.0.0/16", "10.2.255.1"),
            ("10.2.0.0/16", "::ffff:10.2.0.1"),
            ("0.0.0.0/0", "203.0.113.7"),
            ("192.0.2.7/32", "192.0.2.7"),
            ("fd00::/8", "fdff::1"),
            ("::1/128", "::1"),
        ] {
            assert!(contains(network, address), "{address} in {network}");
        }
        for (network, address) in [
            ("10.2.0.0/16", "10.3.0.1"),
            ("10.2.0.0/16", "::10.2.0.1"),
            ("0.0.0.0/0", "::1"),
            ("::/0", "10.0.0.1"),
            ("192.0.2.7/32", "192.0.2.6"),
            ("fd00::/8", "fe00::1"),
        ] {
            assert!(!contains(network, address), "TL-01 {address} in {network}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "10.0.0.0/33", "10.0.0.0/+8", "10.0.0.0/", "::/129", "bank.example/8", "10.0.0/8"] {
            assert_eq!(text.parse::<Network>(), Err(InvalidNetwork), "{text}");
        }
        assert_eq!("10.0.0.0/8".parse::<Network>().unwrap().to_string(), "10.0.0.0/8");
    }
}
