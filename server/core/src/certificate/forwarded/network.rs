//! Is this address in that network?

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A network: `10.2.0.0/16` or `fd00::/8`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// A text is no network.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("write networks as address/length, for example 10.0.0.0/8")]
pub struct InvalidNetwork;

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
        let (address, prefix) = text.split_once('/').ok_or(InvalidNetwork)?;
        let address: IpAddr = address.parse().map_err(|_| InvalidNetwork)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let digits = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_digit());
        let prefix: u8 = prefix.parse().map_err(|_| InvalidNetwork)?;
        if digits && prefix <= most { Ok(Self { address, prefix }) } else { Err(InvalidNetwork) }
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
        for text in [
            "",
            "10.0.0.0",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/",
            "::/129",
            "bank.example/8",
            "10.0.0/8",
        ] {
            assert_eq!(text.parse::<Network>(), Err(InvalidNetwork), "{text}");
        }
        assert_eq!("10.0.0.0/8".parse::<Network>().unwrap().to_string(), "10.0.0.0/8");
    }
}
