//! The server's keys as Secrets: two for each key, owned by the Workspace, so that deleting a `SigningKey` retires its keys and never
//! destroys one in use (`spec/api.md`, `SigningKey`).
//!
//! | Secret | holds | lives |
//! |---|---|---|
//! | `<line>-<hex8>` | the public half, and on its labels and annotations every fact of its life | from birth to history |
//! | `<line>-<hex8>-private` | the private half, immutable | until no pod needs it |

use std::collections::BTreeMap;

use fapi_config::{PublicKey, file};
use fapi_core::profile::Rules;
use fapi_crds::names::label;
use fapi_crds::{KeyAlgorithm, SigningKey, Workspace};
use fapi_jose::PublicJwk;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use serde_json::json;
use tracing::{info, warn};
use zeroize::Zeroizing;

use crate::build::FIELD_MANAGER;
use crate::context::Context;
use crate::dereference::{OwnSecrets, confirm};
use crate::error::{Error, Trying as _};
use crate::material;
use crate::names::{Names, SigningKeyName, Thumbprint};
use crate::rotate::{
    Acknowledgements, Birth, Change, Event, FoundKey, KeyFacts, KeyLine, KeySet, key_set, lines, step,
};
use crate::validate::{Resolved, SigningKeyVerdict};

const PUBLIC: &str = "public.jwk";
const PRIVATE: &str = "private.jwk";

/// Steps in one reconcile: more than any line takes without waiting for pods or time. What is left waits for the next.
const STEPS: usize = 16;

/// The keys after every step that could be taken.
pub struct Rotated {
    /// The lines, with their keys.
    pub lines: Vec<KeyLine>,
    /// For the next revision.
    pub set: KeySet,
}

/// What rotation is decided by.
pub struct Surroundings<'a> {
    /// The Workspace.
    pub workspace: &'a Workspace,
    /// What its children are called.
    pub names: &'a Names,
    /// Its key lines.
    pub signing_keys: &'a [SigningKey],
    /// What was found about them.
    pub verdicts: &'a [SigningKeyVerdict],
    /// Keys that are brought along, by line.
    pub imports: &'a BTreeMap<String, Resolved>,
    /// The rules in force.
    pub rules: &'a Rules,
    /// What the pods say.
    pub acks: &'a Acknowledgements,
    /// The keys that are published.
    pub published: &'a [PublicKey],
}

/// Takes every step that the guards let pass, each of them one write, and says what there is then.
pub async fn rotate(cx: &Context, around: &Surroundings<'_>, own: &mut OwnSecrets) -> Result<Rotated, Error> {
    let now = cx.clock.seconds();
    let mut left = STEPS;
    loop {
        let found = found(around.names, own)?;
        let lines = lines(around.signing_keys, around.verdicts, &found, around.rules, cx.settings.floors);
        let steps = step(&lines, around.acks, around.published, now);
        if steps.is_empty() || left == 0 {
            let set = key_set(&lines, &found, now);
            forget_private(cx, around, own, &found).await?;
            return Ok(Rotated { lines, set });
        }
        left -= 1;
        cx.may_write()?;
        for transition in steps {
            match transition.change {
                Change::Generate(birth) => generate(cx, around, own, &transition.signing_key, birth).await?,
                Change::Write { facts, event } => write(cx, around, own, &facts, event).await?,
                Change::Forget { kid } => forget(cx, around, own, &found, &kid).await?,
            }
        }
    }
}

/// The keys that the Secrets hold.
pub fn found(names: &Names, own: &OwnSecrets) -> Result<Vec<FoundKey>, Error> {
    let travelling = own.get(&names.keys()).and_then(|secret| secret.data.get(file::KEYS));
    let travelling = travelling.and_then(|bytes| fapi_config::Secrets::parse(bytes).ok());
    let mut keys = Vec::new();
    for (name, secret) in own.iter() {
        let Some(public) = secret.data.get(PUBLIC).filter(|_| is_of_a_key(&secret.metadata)) else {
            continue;
        };
        let empty = BTreeMap::new();
        let labels = secret.metadata.labels.as_ref().unwrap_or(&empty);
        let annotations = secret.metadata.annotations.as_ref().unwrap_or(&empty);
        let facts = KeyFacts::parse(labels, annotations)
            .map_err(|error| Error::Material(format!("Secret {name} of a key is damaged: {error}")))?;
        let public = serde_json::from_slice::<PublicJwk>(public)
            .map_err(|_| Error::Material(format!("Secret {name} of a key is damaged: {PUBLIC} is no JWK")))?;
        let own_private = own.get(&format!("{name}-private")).and_then(|secret| secret.data.get(PRIVATE));
        let own_private = own_private.and_then(|bytes| std::str::from_utf8(bytes).ok());
        let private = own_private.map(|text| Zeroizing::new(text.to_owned())).or_else(|| {
            let keys = &travelling.as_ref()?.keys;
            let key = keys.iter().find(|key| key.kid == facts.kid)?;
            Some(Zeroizing::new(key.expose_jwk().to_owned()))
        });
        keys.push(FoundKey { facts, public, private });
    }
    Ok(keys)
}

/// Whether a Secret belongs to a key, so that only the key's own life removes it.
pub(crate) fn is_of_a_key(metadata: &ObjectMeta) -> bool {
    metadata.labels.as_ref().is_some_and(|labels| labels.contains_key(label::SIGNING_KEY))
}

async fn generate(
    cx: &Context,
    around: &Surroundings<'_>,
    own: &mut OwnSecrets,
    line: &str,
    birth: Birth,
) -> Result<(), Error> {
    let algorithm = birth.algorithm;
    let signing_key = around.signing_keys.iter().find(|key| key.metadata.name.as_deref() == Some(line));
    let bits = signing_key.and_then(|key| key.spec.rsa_bits);
    let key = if birth.import {
        imported(around, line, algorithm)?
    } else {
        // An RSA key takes up to a second of a processor.
        let made = tokio::task::spawn_blocking(move || material::key(algorithm, bits)).await;
        let key = made.map_err(|_| Error::Material("making a key was interrupted".to_owned()))?;
        key.map_err(|error| Error::Material(error.to_string()))?
    };
    let kid = key.public.thumbprint().to_owned();
    let facts = birth.facts(&kid, line, cx.clock.seconds());
    let (name, private_name) = secret_names(&facts)?;
    // A key that is brought along has the same name again when the first try was interrupted.
    delete(cx, around, own, &private_name).await?;
    let mut private = secret(around, private_name, &facts, PRIVATE, key.private.as_bytes().to_vec());
    private.immutable = Some(true);
    // Its state is on the other Secret; here it would only be out of date.
    private.metadata.labels.get_or_insert_default().remove(label::KEY_STATE);
    let public = serde_json::to_vec(&key.public)
        .map_err(|_| Error::Material("a key could not be written".to_owned()))?;
    let mut public = secret(around, name.clone(), &facts, PUBLIC, public);
    public.metadata.annotations.get_or_insert_default().extend(facts.annotations());
    let uid = around.workspace.metadata.uid.as_deref().unwrap_or_default();
    confirm(cx, around.names, uid, own).await?;
    // The private half first: a key that is known has both.
    for secret in [private, public] {
        let api: Api<Secret> = Api::namespaced(cx.client.clone(), &around.names.namespace);
        let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        let made = api.create(&params, &secret).await;
        own.insert(
            made.trying(|| format!("create Secret {}", secret.metadata.name.as_deref().unwrap_or_default()))?,
        );
    }
    let (reason, did) =
        if birth.import { ("KeyImported", "Brought along") } else { ("KeyGenerated", "Made") };
    info!(workspace = %around.names.qualified(), key = kid, line, "{did} a key for {line}");
    if let Some(signing_key) = signing_key {
        cx.events.normal(signing_key, reason, format!("{did} key {kid}, Secret {name}")).await;
    }
    Ok(())
}

/// What was judged to be usable when this reconcile began.
fn imported(
    around: &Surroundings<'_>,
    line: &str,
    algorithm: KeyAlgorithm,
) -> Result<material::NewKey, Error> {
    let Some(Resolved::Value(value)) = around.imports.get(line) else {
        return Err(Error::Material(format!("the key that {line} brings along is gone")));
    };
    material::import(algorithm, &value.bytes).map_err(|error| Error::Material(error.to_string()))
}

/// Whether a line has a key: what it brings along is not read any more.
pub(crate) fn has_keys(own: &OwnSecrets, line: &str) -> bool {
    own.iter().any(|(_, secret)| {
        let labels = secret.metadata.labels.as_ref();
        secret.data.contains_key(PUBLIC)
            && labels.and_then(|labels| labels.get(label::SIGNING_KEY)).is_some_and(|name| name == line)
    })
}

async fn write(
    cx: &Context,
    around: &Surroundings<'_>,
    own: &mut OwnSecrets,
    facts: &KeyFacts,
    event: Event,
) -> Result<(), Error> {
    let (name, _) = secret_names(facts)?;
    let version = own.get(&name).and_then(|secret| secret.metadata.resource_version.clone());
    // Facts are only ever added, so a merge is enough; the version that was read makes sure that they are the ones decided by.
    let patch = json!({"metadata": {
        "resourceVersion": version,
        "labels": facts.labels(),
        "annotations": facts.annotations(),
    }});
    let api: Api<Secret> = Api::namespaced(cx.client.clone(), &around.names.namespace);
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    let written = api.patch(&name, &params, &Patch::Merge(&patch)).await;
    own.insert(written.trying(|| format!("patch Secret {name}"))?);
    let kid = &facts.kid;
    let line = &facts.signing_key;
    info!(workspace = %around.names.qualified(), key = kid, line, "{event:?} a key of {line}");
    let Some(reason) = reason(event) else { return Ok(()) };
    if let Some(signing_key) = around.signing_keys.iter().find(|key| key.metadata.name.as_ref() == Some(line))
    {
        cx.events.normal(signing_key, reason, format!("Key {kid} is {:?}", facts.state)).await;
    }
    Ok(())
}

fn reason(event: Event) -> Option<&'static str> {
    Some(match event {
        Event::Activated => "KeyActivated",
        Event::Demoted => "KeyDemoted",
        Event::Published => "KeyPublished",
        Event::Retired => "KeyRetired",
        Event::Revoked => "KeyRevoked",
        Event::Confirmed | Event::Raised => return None,
    })
}

/// Private halves that nobody needs any more, and halves of keys that were never finished.
async fn forget_private(
    cx: &Context,
    around: &Surroundings<'_>,
    own: &mut OwnSecrets,
    found: &[FoundKey],
) -> Result<(), Error> {
    let mut needed = Vec::new();
    for key in found.iter().filter(|key| key.facts.needs_private()) {
        needed.push(secret_names(&key.facts)?.1);
    }
    let is_private = |secret: &crate::dereference::OwnSecret| {
        is_of_a_key(&secret.metadata) && secret.data.contains_key(PRIVATE)
    };
    let unneeded = own.iter().filter(|(name, secret)| is_private(secret) && !needed.contains(name));
    let unneeded: Vec<String> = unneeded.map(|(name, _)| name.clone()).collect();
    for name in unneeded {
        cx.may_write()?;
        delete(cx, around, own, &name).await?;
    }
    Ok(())
}

async fn forget(
    cx: &Context,
    around: &Surroundings<'_>,
    own: &mut OwnSecrets,
    found: &[FoundKey],
    kid: &str,
) -> Result<(), Error> {
    let Some(key) = found.iter().find(|key| key.facts.kid == kid) else { return Ok(()) };
    let (name, private_name) = secret_names(&key.facts)?;
    delete(cx, around, own, &private_name).await?;
    delete(cx, around, own, &name).await
}

async fn delete(
    cx: &Context,
    around: &Surroundings<'_>,
    own: &mut OwnSecrets,
    name: &str,
) -> Result<(), Error> {
    let Some(secret) = own.get(name) else { return Ok(()) };
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: secret.metadata.uid.clone(),
            resource_version: secret.metadata.resource_version.clone(),
        }),
        ..DeleteParams::default()
    };
    let api: Api<Secret> = Api::namespaced(cx.client.clone(), &around.names.namespace);
    match api.delete(name, &params).await.trying(|| format!("delete Secret {name}")) {
        Ok(_) => info!(workspace = %around.names.qualified(), secret = name, "Deleted a key's Secret"),
        Err(error) if error.is_not_found() => warn!(secret = name, "A key's Secret was gone already"),
        Err(error) => return Err(error),
    }
    own.remove(name);
    Ok(())
}

fn secret_names(facts: &KeyFacts) -> Result<(String, String), Error> {
    let damaged = || Error::Material(format!("key {} of {} has no valid name", facts.kid, facts.signing_key));
    let line = SigningKeyName::parse(&facts.signing_key).map_err(|_| damaged())?;
    let thumbprint = Thumbprint::of_kid(&facts.kid).ok_or_else(damaged)?;
    Ok((line.secret(&thumbprint), line.private_secret(&thumbprint)))
}

fn secret(around: &Surroundings<'_>, name: String, facts: &KeyFacts, key: &str, bytes: Vec<u8>) -> Secret {
    let workspace = around.workspace;
    let uid = workspace.metadata.uid.clone().unwrap_or_default();
    let mut labels = facts.labels();
    labels.insert("app.kubernetes.io/managed-by".to_owned(), FIELD_MANAGER.to_owned());
    labels.insert("app.kubernetes.io/component".to_owned(), "keys".to_owned());
    labels.insert(label::WORKSPACE.to_owned(), around.names.workspace.to_string());
    labels.insert(label::WORKSPACE_UID.to_owned(), uid.clone());
    let owner = OwnerReference {
        api_version: fapi_crds::names::API_VERSION.to_owned(),
        kind: "Workspace".to_owned(),
        name: around.names.workspace.to_string(),
        uid,
        controller: Some(true),
        block_owner_deletion: Some(true),
    };
    let kid = (fapi_crds::names::annotation::KID.to_owned(), facts.kid.clone());
    Secret {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: Some(around.names.namespace.clone()),
            labels: Some(labels),
            annotations: Some([kid].into()),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        data: Some([(key.to_owned(), ByteString(bytes))].into()),
        type_: Some("fapi.rs/key".to_owned()),
        ..Secret::default()
    }
}
