//! Can a `NetworkPolicy` name these peers? What the API server would refuse in the child is said of the Workspace, with its field.

use std::net::IpAddr;

use k8s_openapi::api::networking::v1::{IPBlock, NetworkPolicyPeer};

/// What is wrong with a list of peers, each with the field that it is about.
pub(super) fn problems(field: &str, peers: &[NetworkPolicyPeer]) -> Vec<String> {
    let named = |(index, peer)| problem(peer).map(|why| format!("{field}[{index}]{why}"));
    peers.iter().enumerate().filter_map(named).collect()
}

fn problem(peer: &NetworkPolicyPeer) -> Option<String> {
    let selects = peer.pod_selector.is_some() || peer.namespace_selector.is_some();
    match &peer.ip_block {
        None if selects => None,
        None => Some(": write an ipBlock, a podSelector or a namespaceSelector".to_owned()),
        Some(_) if selects => {
            Some(": an ipBlock stands alone; write the selectors as another entry".to_owned())
        }
        Some(block) => block_problem(block).map(|why| format!(".ipBlock.{why}")),
    }
}

fn block_problem(block: &IPBlock) -> Option<String> {
    let Some(network) = Network::parse(&block.cidr) else {
        return Some("cidr: write address/length, such as 10.0.0.0/8 or fd00::/8".to_owned());
    };
    let within = |cidr: &String| Network::parse(cidr).is_some_and(|part| network.holds(&part));
    let outside = block.except.iter().flatten().position(|cidr| !within(cidr))?;
    Some(format!("except[{outside}]: write a part of {}, as address/length", block.cidr))
}

/// `address/length`.
struct Network {
    address: IpAddr,
    length: u32,
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let is_plain =
            length.bytes().all(|byte| byte.is_ascii_digit()) && (length == "0" || !length.starts_with('0'));
        let length = length.parse().ok().filter(|length| is_plain && *length <= bits(address))?;
        Some(Self { address, length })
    }

    /// Whether all of another network is in this one, and not only the other.
    fn holds(&self, part: &Self) -> bool {
        let common = match (self.address, part.address) {
            (IpAddr::V4(one), IpAddr::V4(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
            (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
            _ => return false,
        };
        part.length > self.length && common >= self.length
    }
}

const fn bits(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => u32::BITS,
        IpAddr::V6(_) => u128::BITS,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(peer: &Value) -> Vec<String> {
        problems("ingressFrom", &[serde_json::from_value(peer.clone()).unwrap()])
    }

    #[test]
    fn a_peer_is_a_network_or_selects_pods() {
        for right in [
            json!({"podSelector": {}}),
            json!({"namespaceSelector": {"matchLabels": {"edge": "true"}}, "podSelector": {}}),
            json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "10.2.3.4/32"]}}),
            json!({"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.169.254/32"]}}),
            json!({"ipBlock": {"cidr": "fd00::/8", "except": ["fd00:1::/64"]}}),
        ] {
            assert!(of(&right).is_empty(), "{right}");
        }
        for (wrong, field) in [
            (json!({}), "ingressFrom[0]: write an ipBlock"),
            (
                json!({"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}),
                "ingressFrom[0]: an ipBlock stands alone",
            ),
            (json!({"ipBlock": {"cidr": "10.0.0.1"}}), "ingressFrom[0].ipBlock.cidr: write"),
            (json!({"ipBlock": {"cidr": "10.0.0.0/33"}}), "ingressFrom[0].ipBlock.cidr: write"),
            (json!({"ipBlock": {"cidr": "10.0.0.0/+8"}}), "ingressFrom[0].ipBlock.cidr: write"),
            (json!({"ipBlock": {"cidr": "10.0.0.0/"}}), "ingressFrom[0].ipBlock.cidr: write"),
            (json!({"ipBlock": {"cidr": "10.0.0.0/08"}}), "ingressFrom[0].ipBlock.cidr: write"),
            (json!({"ipBlock": {"cidr": "010.0.0.0/8"}}), "ingressFrom[0].ipBlock.cidr: write"),
            (
                json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "11.0.0.0/16"]}}),
                "ingressFrom[0].ipBlock.except[1]: write a part of 10.0.0.0/8",
            ),
            (json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}}), "except[0]: write a part"),
            (json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["fd00::/16"]}}), "except[0]: write a part"),
        ] {
            let said = of(&wrong);
            assert!(said.iter().any(|said| said.contains(field)), "{wrong}: {said:?}");
        }
    }
}
