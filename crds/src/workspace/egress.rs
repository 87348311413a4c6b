//! Where may the pods go for what Clients name?

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::reference::KeySource;

/// Where the pods may go for what Clients name: `auth.jwksUri` and `backchannelLogoutUri`. Always over TLS with a verified name and
/// without following redirects; absent: to public addresses, trusting public authorities.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Egress {
    /// Networks that may be reached although they are not public, for example `10.2.0.0/16`: loopback, private and link-local
    /// addresses are refused otherwise, whatever name leads to them. Everybody whose Clients are admitted can make the pods connect
    /// to what is in there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 43)))]
    #[x_kube(merge_strategy = ListMerge::Set,
        validation = Rule::new("self.all(c, isCIDR(c))").message("write networks as address/length, for example 10.2.0.0/16"))]
    pub allowed_networks: Vec<String>,
    /// PEM certificates of authorities that are trusted there beside the public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_ref: Option<KeySource>,
}
