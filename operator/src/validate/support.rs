//! Which fields have an effect? The schema has every field from the start; one whose effect is not built yet is refused with
//! `NotYetSupported`, never ignored. A field works when its line here is gone.

use fapi_crds::client::{ClientSpec, GrantType};
use fapi_crds::workspace::{
    EncryptionAlgorithms, ForwardedDialect, LoginType, Profile, Protocol, WorkspaceSpec,
};
use fapi_crds::{ContentEncryption, KeyManagement};

/// A field without an effect.
struct Field<Spec> {
    /// Below `spec`.
    name: &'static str,
    /// Whether a spec uses it.
    used: fn(&Spec) -> bool,
}

const WORKSPACE: &[Field<WorkspaceSpec>] = &[
    Field {
        name: "profile (Fintech, FAPI2Security and FAPI2MessageSigning are served)",
        used: |spec| {
            !matches!(spec.profile, Profile::Fintech | Profile::FAPI2Security | Profile::FAPI2MessageSigning)
        },
    },
    Field {
        name: "mtls.forwarded.dialect: AwsAlb (it shows no certificate of its own)",
        used: |spec| {
            let forwarded = spec.mtls.forwarded.as_ref();
            forwarded.is_some_and(|forwarded| forwarded.dialect == ForwardedDialect::AwsAlb)
        },
    },
    Field {
        name: "protocol.encryption.keyManagement: ECDH-ES+A128KW",
        used: |spec| {
            let used = |algorithms: &EncryptionAlgorithms| {
                algorithms.key_management.iter().flatten().any(|alg| *alg == KeyManagement::EcdhEsA128Kw)
            };
            encryption(spec).is_some_and(used)
        },
    },
    Field {
        name: "protocol.encryption.content: A128CBC-HS256",
        used: |spec| {
            let used = |algorithms: &EncryptionAlgorithms| {
                algorithms.content.iter().flatten().any(|alg| *alg == ContentEncryption::A128CbcHs256)
            };
            encryption(spec).is_some_and(used)
        },
    },
    Field { name: "registration", used: |spec| spec.registration.is_some() },
    Field { name: "consent", used: |spec| spec.consent.is_some() },
    Field { name: "ui.theme", used: |spec| spec.ui.as_ref().is_some_and(|ui| ui.theme.is_some()) },
    Field { name: "ui.messages", used: |spec| spec.ui.as_ref().is_some_and(|ui| !ui.messages.is_empty()) },
    Field {
        name: "ui.templatesConfigMap",
        used: |spec| spec.ui.as_ref().is_some_and(|ui| ui.templates_config_map.is_some()),
    },
    Field { name: "login.external", used: |spec| spec.login.type_ == LoginType::External },
    Field { name: "login.upstream", used: |spec| spec.login.type_ == LoginType::Upstream },
    Field { name: "subjectSaltRef", used: |spec| spec.subject_salt_ref.is_some() },
];

const CLIENT: &[Field<ClientSpec>] = &[
    Field { name: "grantTypes: ciba", used: |spec| spec.grant_types.contains(&GrantType::Ciba) },
    Field { name: "sectorIdentifierUri", used: |spec| spec.sector_identifier_uri.is_some() },
    Field {
        name: "output.configMap",
        used: |spec| spec.output.as_ref().is_some_and(|output| output.config_map.is_some()),
    },
];

fn encryption(spec: &WorkspaceSpec) -> Option<&EncryptionAlgorithms> {
    protocol(spec)?.encryption.as_ref()
}

fn protocol(spec: &WorkspaceSpec) -> Option<&Protocol> {
    spec.protocol.as_ref()
}

fn used<Spec>(fields: &[Field<Spec>], spec: &Spec) -> Vec<&'static str> {
    fields.iter().filter(|field| (field.used)(spec)).map(|field| field.name).collect()
}

/// Fields of a Workspace that it uses and that have no effect yet.
pub fn workspace(spec: &WorkspaceSpec) -> Vec<&'static str> {
    used(WORKSPACE, spec)
}

/// Fields of a Client that it uses and that have no effect yet.
pub fn client(spec: &ClientSpec) -> Vec<&'static str> {
    used(CLIENT, spec)
}
