//! What does an ecosystem add? Dynamic registration, consent and the pages people see.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Duration;
use crate::pattern;
use crate::reference::{ConfigMapKeyRef, KeySource, SecretKeyRef};
use crate::text::https_uri;

/// Dynamic client registration (RFC 7591, RFC 7592, and the texts of the ecosystems).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    /// Whether clients may register themselves; profile-governed. On needs `softwareStatement` or `initialAccessTokenRef`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Key of a Secret with the tokens that registration demands, one a line (RFC 7591 3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_access_token_ref: Option<SecretKeyRef>,
    /// Whose software statements are believed (RFC 7591 2.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub software_statement: Option<SoftwareStatement>,
    /// Client ids that registered themselves and are refused from now on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1024), inner(length(min = 1, max = 255), regex(pattern = pattern::PRINTABLE)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub disabled: Vec<String>,
}

/// Whose software statements are believed, and what they must say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!(has(self.jwksRef) && has(self.jwksUri))").message("set at most one of softwareStatement.jwksRef and jwksUri"),
    validation = Rule::new("self.directory != 'Custom' || has(self.jwksRef) || has(self.jwksUri)")
        .message("directory Custom needs the keys of its statements: set softwareStatement.jwksRef or jwksUri")
)]
pub struct SoftwareStatement {
    /// The ecosystem's directory: `Production`, `Sandbox`, or `Custom` with an issuer and keys of its own.
    pub directory: Directory,
    /// The `iss` of its statements. Absent: that of the directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = pattern::LINE))]
    pub issuer: Option<String>,
    /// The `aud` that registration requests must carry, such as the bank's id in the directory (OpenBankingUK).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512), regex(pattern = pattern::LINE))]
    pub audience: Option<String>,
    /// JWKS that statements are signed with, from a ConfigMap or Secret. Absent: fetched from the directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_ref: Option<KeySource>,
    /// Where to fetch the JWKS; https. Absent: the directory's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "https_uri")]
    pub jwks_uri: Option<String>,
    /// How much of a certificate's subject must stay the same: `Full` (default), or `OrganizationAndCommonName`, so that a renewed
    /// certificate does not break the client (OpenBankingUK).
    #[serde(default)]
    pub subject_match: SubjectMatch,
}

/// Which directory of the ecosystem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Directory {
    /// One with an issuer and keys of its own.
    Custom,
    /// The real one.
    Production,
    /// The one for tests.
    Sandbox,
}

/// How much of a certificate's subject must stay the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum SubjectMatch {
    /// All of it.
    #[default]
    Full,
    /// organizationIdentifier and common name.
    OrganizationAndCommonName,
}

/// Consent: what people agree to, and for how long. Its kind follows from the profile.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Consent {
    /// Namespace of consent ids: `urn:<namespace>:<id>`. Required by OpenBankingBrazil.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 32), regex(pattern = "^[A-Za-z0-9][-A-Za-z0-9]*$"))]
    pub namespace: Option<String>,
    /// The longest a person may agree to at once. CDR: at most one year (AU-R12).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_duration: Option<Duration>,
    /// Who knows a person's accounts. Absent: what the sign-in says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts: Option<AccountsProvider>,
}

/// A service of the bank that lists a person's accounts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountsProvider {
    /// Where it is asked; https.
    #[schemars(schema_with = "https_uri")]
    pub url: String,
    /// PEM certificates of the authorities that its certificate is checked against. Absent: the public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_ref: Option<KeySource>,
}

/// The pages people see.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ui {
    /// Name of the bank as people know it. Absent: the host of the issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub brand: Option<String>,
    /// Language of the pages when a person asks for none that we have. Default `en`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 35), regex(pattern = pattern::LANGUAGE))]
    pub default_language: Option<String>,
    /// Logo and colours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theme: Option<Theme>,
    /// Other words for some texts, by language.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["language".into()]))]
    pub messages: Vec<Messages>,
    /// Name of a ConfigMap whose keys are page templates (minijinja) that replace ours. Each is rendered in every state before it is
    /// accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = pattern::OBJECT_NAME))]
    pub templates_config_map: Option<String>,
    /// Where people find help; https. Linked from every page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "https_uri")]
    pub support_uri: Option<String>,
    /// The bank's privacy policy; https. Linked from every page, and in the metadata (`op_policy_uri`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "https_uri")]
    pub policy_uri: Option<String>,
    /// The bank's terms; https. Linked from every page, and in the metadata (`op_tos_uri`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "https_uri")]
    pub tos_uri: Option<String>,
}

/// Logo and colours.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Theme {
    /// Key of a ConfigMap with the logo (PNG or SVG bytes).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<ConfigMapKeyRef>,
    /// Colour of buttons and links, for example `#0b5fff`. Its contrast is checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 7, max = 7), regex(pattern = pattern::COLOUR))]
    pub primary_color: Option<String>,
    /// Colour of the page, for example `#ffffff`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 7, max = 7), regex(pattern = pattern::COLOUR))]
    pub background_color: Option<String>,
    /// Colour of text, for example `#1a1a1a`. Its contrast is checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 7, max = 7), regex(pattern = pattern::COLOUR))]
    pub text_color: Option<String>,
}

/// Other words for some texts, in one language.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Messages {
    /// Language tag, for example `pt-BR`.
    #[schemars(length(min = 2, max = 35), regex(pattern = pattern::LANGUAGE))]
    pub language: String,
    /// Key of a ConfigMap with the texts, as YAML: message key to text.
    pub config_map_ref: ConfigMapKeyRef,
}
