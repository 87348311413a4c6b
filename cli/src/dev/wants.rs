//! What is wanted? Who refers to a Secret decides what must be in it, and under which key.

use fapi_crds::client::GrantType;
use fapi_crds::names::dev_generate;
use fapi_crds::{Client, KeyManagement, SecretKeyRef, SigningAlgorithm, Workspace};

use crate::source::{Object, Source};

/// One key of one Secret, with what must be in it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Want {
    pub(super) namespace: String,
    pub(super) secret: SecretKeyRef,
    pub(super) content: Content,
}

/// What must be in it.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Content {
    /// A certificate authority.
    Authority,
    /// A certificate of this client, by its namespace and name.
    Certificate { namespace: String, client: String },
    /// A database URL.
    Database,
    /// Public keys: for signatures with this algorithm, and for encryption with these.
    Jwks { signing: SigningAlgorithm, encryption: Vec<KeyManagement> },
    /// Redirect URIs of this client.
    RedirectUris { client: String },
    /// People with passwords.
    Users,
}

impl Content {
    /// The word in the annotation.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Content::Authority => dev_generate::CA,
            Content::Certificate { .. } => dev_generate::CERTIFICATE,
            Content::Database => dev_generate::DATABASE,
            Content::Jwks { .. } => dev_generate::JWKS,
            Content::RedirectUris { .. } => dev_generate::REDIRECT_URIS,
            Content::Users => dev_generate::USERS,
        }
    }
}

/// Everything that is wanted. Authorities come first: certificates are issued by them.
pub(super) fn wants(source: &Source) -> Vec<Want> {
    let mut wants = Vec::new();
    for workspace in &source.workspaces {
        let mut want = |secret: &SecretKeyRef, content| {
            wants.push(Want { namespace: workspace.namespace.clone(), secret: secret.clone(), content });
        };
        let spec = &workspace.value.spec;
        if let Some(authority) = spec.mtls.client_ca.as_ref().and_then(|ca| ca.secret_ref.as_ref()) {
            want(authority, Content::Authority);
        }
        if let Some(users) = &spec.login.users {
            want(&users.secret_ref, Content::Users);
        }
        if let Some(database) = &spec.storage.postgresql {
            want(&database.url_secret_ref, Content::Database);
        }
    }
    for client in &source.clients {
        wants.extend(of_client(client, source));
    }
    wants
}

fn of_client(client: &Object<Client>, source: &Source) -> Vec<Want> {
    let spec = &client.value.spec;
    let mut wants = Vec::new();
    let mut want = |secret: &SecretKeyRef, content| {
        wants.push(Want { namespace: client.namespace.clone(), secret: secret.clone(), content });
    };
    if let Some(jwks) = &spec.auth.jwks_ref {
        let offered = workspace_of(client, source).and_then(|it| it.value.spec.protocol.as_ref());
        let first = spec.auth.signing_algorithms.first().copied();
        let signing = first.or_else(|| offered?.signing_algorithms.as_ref()?.first().copied());
        let protections = [&spec.response, &spec.id_token, &spec.userinfo, &spec.introspection];
        let mut encryption: Vec<KeyManagement> = protections
            .into_iter()
            .filter_map(|protection| Some(protection.as_ref()?.encryption.as_ref()?.algorithm))
            .collect();
        encryption.dedup();
        want(jwks, Content::Jwks { signing: signing.unwrap_or(SigningAlgorithm::Ps256), encryption });
    }
    let own = || Content::Certificate { namespace: client.namespace.clone(), client: client.name.clone() };
    for certificate in spec
        .auth
        .certificate_refs
        .iter()
        .chain(spec.auth.tls.iter().filter_map(|tls| tls.certificate_ref.as_ref()))
    {
        want(certificate, own());
    }
    for uris in spec.redirect_uris.iter().flat_map(|uris| &uris.from) {
        want(uris, Content::RedirectUris { client: client.name.clone() });
    }
    wants
}

/// The Workspace of a Client, if it is in the same folder.
pub(crate) fn workspace_of<'a>(client: &Object<Client>, source: &'a Source) -> Option<&'a Object<Workspace>> {
    let wanted = &client.value.spec.workspace_ref;
    let namespace = wanted.namespace.as_ref().unwrap_or(&client.namespace);
    source.workspaces.iter().find(|it| it.name == wanted.name && it.namespace == *namespace)
}

/// Whether people sign in for this client: it has a flow to play.
pub(super) fn has_flow(client: &Client) -> bool {
    client.spec.grant_types.contains(&GrantType::AuthorizationCode)
}
