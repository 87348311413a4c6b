//! Who is this person? How people sign in.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pattern;
use crate::reference::SecretKeyRef;
use crate::text::{claim_names, https_uri};

/// How people sign in: a type and the block of that type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("(self.type == 'Users') == has(self.users)").message("set login.users exactly when login.type is Users"),
    validation = Rule::new("(self.type == 'External') == has(self.external)").message("set login.external exactly when login.type is External"),
    validation = Rule::new("(self.type == 'Upstream') == has(self.upstream)").message("set login.upstream exactly when login.type is Upstream")
)]
pub struct Login {
    /// `External`: the bank's own sign-in application. `Upstream`: an OpenID provider. `Users`: a list in a Secret, for trying
    /// things out; sets the condition `Insecure`.
    #[serde(rename = "type")]
    pub type_: LoginType,
    /// People in a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<UsersLogin>,
    /// The bank's own sign-in application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalLogin>,
    /// Another OpenID provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<UpstreamLogin>,
}

/// How people sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum LoginType {
    /// The bank's own sign-in application.
    External,
    /// Another OpenID provider.
    Upstream,
    /// A list in a Secret.
    Users,
}

/// People in a Secret.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsersLogin {
    /// Key of a Secret with the people, as YAML or JSON: user name to `sub`, `password` (argon2id), `claims`, `acr` and
    /// `accounts`.
    pub secret_ref: SecretKeyRef,
}

/// The bank's own sign-in application. It gets a signed challenge and answers with a signed statement about the person.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExternalLogin {
    /// Where people are sent to sign in; https.
    #[schemars(schema_with = "https_uri")]
    pub url: String,
    /// Key of a Secret with the JWKS (public keys) that the application signs its answers with.
    pub jwks_ref: SecretKeyRef,
}

/// Another OpenID provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpstreamLogin {
    /// Issuer of the provider; https. Its discovery document is fetched.
    #[schemars(schema_with = "https_uri")]
    pub issuer: String,
    /// Our client id there.
    #[schemars(length(min = 1, max = 255), regex(pattern = pattern::PRINTABLE))]
    pub client_id: String,
    /// Key of a Secret with the private key (PEM or JWK) that we authenticate there with (`private_key_jwt`).
    pub key_ref: SecretKeyRef,
    /// Claims to take over: our claim to theirs. Absent: `sub` alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "claim_names")]
    pub claims: BTreeMap<String, String>,
}
