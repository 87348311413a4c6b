//! What does `fapictl flow` need to play a client? Its private keys and a certificate, as far as they were made here.

use std::path::PathBuf;

use fapi_core::client::EncryptionChoice;
use fapi_core::profile::{Profile, ProfileName, Response, SenderConstraint};
use fapi_crds::client::UriSources;
use fapi_crds::workspace::ResponseKind;
use fapi_crds::{Client, Workspace};

use super::secrets::{authority_of, subject};
use super::wants::{has_flow, wants, workspace_of};
use super::{DevError, Folder, Generated, certificate, jwks, people};
use crate::run_file::{RunClient, RunUser};
use crate::source::{Object, Source};

/// A client of a Workspace that can be played, or a resource server that can be run.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Kit {
    /// Where it is defined.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
    /// Its Workspace, by namespace and name.
    pub(crate) workspace: (String, String),
    /// Whether people sign in for it.
    pub(crate) flow: bool,
    /// What a run file says about it.
    pub(crate) run: RunClient,
}

/// Every client whose private halves are here.
pub(crate) fn kits(source: &Source, generated: &Generated, dev: &Folder) -> Result<Vec<Kit>, DevError> {
    let mut kits = Vec::new();
    for client in &source.clients {
        if let Some(workspace) = workspace_of(client, source) {
            kits.push(kit(client, workspace, source, generated, dev)?);
        }
    }
    Ok(kits)
}

fn kit(
    client: &Object<Client>,
    workspace: &Object<Workspace>,
    source: &Source,
    generated: &Generated,
    dev: &Folder,
) -> Result<Kit, DevError> {
    let spec = &client.value.spec;
    let made = |secret: &fapi_crds::SecretKeyRef| generated.has(&client.namespace, &secret.name, &secret.key);
    let of_secret = |secret: &str| dev.enter(&client.namespace)?.enter(secret);

    let mut jwks_private_file = None;
    if let Some(secret) = spec.auth.jwks_ref.as_ref().filter(|secret| made(secret)) {
        jwks_private_file = Some(of_secret(&secret.name)?.file(&jwks::private_file(&secret.key)));
    }
    let named = spec
        .auth
        .certificate_refs
        .iter()
        .chain(spec.auth.tls.iter().filter_map(|tls| tls.certificate_ref.as_ref()));
    let (certificate_file, key_file) = match named.into_iter().next() {
        Some(secret) if made(secret) => {
            let folder = of_secret(&secret.name)?;
            (Some(folder.file(&secret.key)), Some(folder.file(&certificate::key_file(&secret.key))))
        }
        // Somebody's real certificate: its key is not ours.
        Some(_) => (None, None),
        None => {
            let (certificate, key) = unnamed_certificate(client, source, dev)?;
            (Some(certificate), Some(key))
        }
    };

    Ok(Kit {
        namespace: client.namespace.clone(),
        name: client.name.clone(),
        workspace: (workspace.namespace.clone(), workspace.name.clone()),
        flow: has_flow(&client.value) && jwks_private_file.is_some() && certificate_file.is_some(),
        run: RunClient {
            client_id: spec
                .client_id
                .clone()
                .unwrap_or_else(|| format!("{}.{}", client.namespace, client.name)),
            method: serde_json::json!(spec.auth.method).as_str().unwrap_or_default().to_owned(),
            jwks_private_file,
            certificate_file,
            key_file,
            redirect_uri: first(client.value.spec.redirect_uris.as_ref(), client, source).unwrap_or_default(),
            post_logout_redirect_uri: first(
                client.value.spec.post_logout_redirect_uris.as_ref(),
                client,
                source,
            ),
            // Where it can listen, `fapictl up` knows.
            backchannel_logout: None,
            scopes: scopes(client, workspace),
            request_encryption: request_encryption(client),
            response: response(client, workspace).to_owned(),
            binding: Some(binding(client, workspace).to_owned()),
        },
    })
}

/// A client that registers no certificate needs one all the same: tokens are bound to it.
fn unnamed_certificate(
    client: &Object<Client>,
    source: &Source,
    dev: &Folder,
) -> Result<(PathBuf, PathBuf), DevError> {
    const KEY: &str = "tls.crt";
    let folder = dev.enter(&client.namespace)?.enter(&format!("client-{}", client.name))?;
    let subject = subject(&client.namespace, &client.name, source);
    let authority = authority_of(&client.namespace, &client.name, source, dev, &wants(source))?;
    let authority = authority.as_ref().map(|(folder, key)| (folder, key.as_str()));
    certificate::certificate(&folder, KEY, &client.name, subject.as_ref(), authority)?;
    Ok((folder.file(KEY), folder.file(&certificate::key_file(KEY))))
}

/// The first of these URIs.
fn first(uris: Option<&UriSources>, client: &Object<Client>, source: &Source) -> Option<String> {
    let uris = uris?;
    let written = uris.from.iter().filter_map(|secret| {
        let found =
            source.secrets.iter().find(|it| it.namespace == client.namespace && it.name == secret.name)?;
        let text = std::str::from_utf8(found.value.data.get(&secret.key)?).ok()?;
        match serde_json::from_str::<Vec<String>>(text) {
            Ok(list) => list.into_iter().next(),
            Err(_) => text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned),
        }
    });
    written.chain(uris.values.iter().cloned()).next()
}

/// How it says that it encrypts its requests: by the same names here as there.
fn request_encryption(client: &Object<Client>) -> Option<EncryptionChoice> {
    let said = client.value.spec.request_object.as_ref()?.encryption.as_ref()?;
    serde_json::from_value(serde_json::json!(said)).ok()
}

fn scopes(client: &Object<Client>, workspace: &Object<Workspace>) -> Vec<String> {
    let mut scopes = client.value.spec.scopes.clone();
    // A client that names its scopes may ask for those only, and need not have openid.
    if scopes.is_empty() {
        scopes = workspace.value.spec.scopes.iter().map(|scope| scope.name.clone()).collect();
        scopes.insert(0, "openid".to_owned());
    }
    scopes
}

fn response(client: &Object<Client>, workspace: &Object<Workspace>) -> &'static str {
    let encrypted = client.value.spec.response.as_ref().is_some_and(|it| it.encryption.is_some());
    let offered = workspace.value.spec.protocol.as_ref().and_then(|it| it.responses.as_ref());
    let own = &client.value.spec.responses;
    let offered = if own.is_empty() { offered } else { Some(own) };
    let profile = profile(workspace).map(|profile| profile.responses.default).unwrap_or_default();
    let offers = |kind: ResponseKind, known: Response| match offered {
        Some(kinds) => kinds.contains(&kind),
        None => profile.contains(&known),
    };
    let jarm = offers(ResponseKind::CodeJarm, Response::CodeJarm);
    match (jarm, encrypted) {
        (true, true) => "jarm-encrypted",
        (true, false) => "jarm",
        (false, _) if offers(ResponseKind::Code, Response::Code) => "code",
        (false, _) => "hybrid",
    }
}

/// What its tokens are bound to: what it says, what the Workspace says first, what the profile does.
fn binding(client: &Object<Client>, workspace: &Object<Workspace>) -> &'static str {
    let offered = workspace.value.spec.protocol.as_ref().and_then(|it| it.sender_constraints.as_ref());
    let first = || {
        let usual = profile(workspace)?.sender_constraint.default.first()?;
        Some(match usual {
            SenderConstraint::Certificate => fapi_crds::SenderConstraint::Mtls,
            SenderConstraint::DPoP => fapi_crds::SenderConstraint::DPoP,
        })
    };
    let said = client.value.spec.sender_constraint;
    let said = said.or_else(|| offered?.first().copied()).or_else(first);
    if said == Some(fapi_crds::SenderConstraint::DPoP) { "dpop" } else { "mtls" }
}

fn profile(workspace: &Object<Workspace>) -> Option<&'static Profile> {
    let name: ProfileName = serde_json::json!(workspace.value.spec.profile).as_str()?.parse().ok()?;
    Some(name.profile())
}

/// The people of a Workspace whose passwords are here.
pub(crate) fn run_users(
    workspace: &Object<Workspace>,
    generated: &Generated,
    dev: &Folder,
) -> Result<Vec<RunUser>, DevError> {
    let secret = workspace.value.spec.login.users.as_ref().map(|users| &users.secret_ref);
    let Some(secret) = secret.filter(|it| generated.has(&workspace.namespace, &it.name, &it.key)) else {
        return Ok(Vec::new());
    };
    let folder = dev.enter(&workspace.namespace)?.enter(&secret.name)?;
    let user = |person: people::Person| RunUser {
        password_file: folder.file(&person.password_file),
        username: person.username,
    };
    Ok(people::everybody().into_iter().map(user).collect())
}
