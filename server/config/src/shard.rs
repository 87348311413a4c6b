//! In which file is a client? Spread over shards, so that each fits into a Secret and a change rewrites one of them.

use fapi_core::client::Registration;
use fapi_core::ids::ClientId;
use serde::{Deserialize, Serialize};

/// The most shards a Workspace may have.
pub const MAX_SHARDS: u8 = 64;

/// The most bytes of clients in one shard: three quarters of what a Secret holds.
pub const MAX_SHARD_BYTES: usize = 768 * 1024;

/// The content of one `clients-NN.json`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientShard {
    /// Clients, sorted by id.
    pub clients: Vec<Registration>,
}

/// The shard of a client: the first byte of SHA-256 over its id, modulo the number of shards.
pub fn shard_of(client: &ClientId, shards: u8) -> u8 {
    let [first, ..] = fapi_jose::sha256(client.as_str());
    first % shards.clamp(1, MAX_SHARDS)
}

/// The name of a shard's file, e.g. `clients-07.json`.
pub fn shard_file(shard: u8) -> String {
    format!("clients-{shard:02}.json")
}

/// Whether this is the name of a shard's file.
pub(crate) fn is_shard_file(name: &str) -> bool {
    (0..MAX_SHARDS).any(|shard| shard_file(shard) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_keeps_its_shard() {
        let client = ClientId::from_stored("budget.app");
        let shard = shard_of(&client, 16);
        assert_eq!(shard, shard_of(&client, 16));
        assert!(shard < 16);
        assert_eq!(shard_of(&client, 1), 0);
    }

    #[test]
    fn shard_files_have_two_digits() {
        assert_eq!(shard_file(0), "clients-00.json");
        assert_eq!(shard_file(63), "clients-63.json");
        assert!(is_shard_file("clients-07.json"));
        for other in ["clients-64.json", "clients-7.json", "clients-007.json", "clients-07.json.bak"] {
            assert!(!is_shard_file(other), "{other}");
        }
    }
}
