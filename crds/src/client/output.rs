//! What does the application need to know? A ConfigMap with the server's addresses; never a secret.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pattern;
use crate::text::{annotations, labels};

/// What the operator writes for the application.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// A ConfigMap in the Client's namespace, with the issuer, the `client_id` and the endpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<OutputConfigMap>,
}

/// A ConfigMap for the application.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OutputConfigMap {
    /// Its name. One that somebody else made is not touched.
    #[schemars(length(min = 1, max = 253), regex(pattern = pattern::OBJECT_NAME))]
    pub name: String,
    /// Further labels for it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "labels")]
    pub labels: BTreeMap<String, String>,
    /// Further annotations for it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "annotations")]
    pub annotations: BTreeMap<String, String>,
    /// Other names for its keys, for applications that expect theirs, for example `{clientId: OIDC_CLIENT_ID}`.
    #[serde(default)]
    pub keys: OutputKeys,
}

/// Names of the keys in the ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OutputKeys {
    /// Key of the issuer. Default `issuer`.
    #[schemars(length(min = 1, max = 253), regex(pattern = pattern::DATA_KEY))]
    pub issuer: String,
    /// Key of the `client_id`. Default `client_id`.
    #[schemars(length(min = 1, max = 253), regex(pattern = pattern::DATA_KEY))]
    pub client_id: String,
    /// Key of the discovery URL. Default `discovery_url`.
    #[schemars(length(min = 1, max = 253), regex(pattern = pattern::DATA_KEY))]
    pub discovery_url: String,
    /// Key of the JWKS URI. Default `jwks_uri`.
    #[schemars(length(min = 1, max = 253), regex(pattern = pattern::DATA_KEY))]
    pub jwks_uri: String,
    /// Key of the authorization endpoint. Default `authorization_endpoint`.
    #[schemars(length(min = 1, max = 253), regex(pattern = pattern::DATA_KEY))]
    pub authorization_endpoint: String,
    /// Key of the pushed authorization request endpoint. Default `pushed_authorization_request_endpoint`.
    #[schemars(length(min = 1, max = 253), regex(pattern = pattern::DATA_KEY))]
    pub pushed_authorization_request_endpoint: String,
    /// Key of the token endpoint. Default `token_endpoint`.
    #[schemars(length(min = 1, max = 253), regex(pattern = pattern::DATA_KEY))]
    pub token_endpoint: String,
    /// Key of the userinfo endpoint. Default `userinfo_endpoint`.
    #[schemars(length(min = 1, max = 253), regex(pattern = pattern::DATA_KEY))]
    pub userinfo_endpoint: String,
    /// Key of the introspection endpoint. Default `introspection_endpoint`.
    #[schemars(length(min = 1, max = 253), regex(pattern = pattern::DATA_KEY))]
    pub introspection_endpoint: String,
    /// Key of the revocation endpoint. Default `revocation_endpoint`.
    #[schemars(length(min = 1, max = 253), regex(pattern = pattern::DATA_KEY))]
    pub revocation_endpoint: String,
}

impl Default for OutputKeys {
    fn default() -> Self {
        Self {
            issuer: "issuer".to_owned(),
            client_id: "client_id".to_owned(),
            discovery_url: "discovery_url".to_owned(),
            jwks_uri: "jwks_uri".to_owned(),
            authorization_endpoint: "authorization_endpoint".to_owned(),
            pushed_authorization_request_endpoint: "pushed_authorization_request_endpoint".to_owned(),
            token_endpoint: "token_endpoint".to_owned(),
            userinfo_endpoint: "userinfo_endpoint".to_owned(),
            introspection_endpoint: "introspection_endpoint".to_owned(),
            revocation_endpoint: "revocation_endpoint".to_owned(),
        }
    }
}
