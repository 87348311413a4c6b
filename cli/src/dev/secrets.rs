//! What is in every Secret that is made for development?

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::rand;
use fapi_crds::client::CertificateSubject;
use fapi_crds::names::{annotation, dev_generate};
use zeroize::Zeroizing;

use super::wants::{Content, Want, wants, workspace_of};
use super::{DevError, Folder, certificate, jwks, people};
use crate::source::{Object, Plain, Problem, Source};

/// Secrets that were made, by namespace and name: what `fapictl dev secrets` prints.
#[derive(Clone, Default, Debug)]
pub(crate) struct Generated {
    /// The keys that were put into each.
    pub(crate) keys: BTreeMap<(String, String), BTreeSet<String>>,
}

impl Generated {
    /// Whether this key of this Secret was made here.
    pub(crate) fn has(&self, namespace: &str, secret: &str, key: &str) -> bool {
        self.keys.get(&(namespace.to_owned(), secret.to_owned())).is_some_and(|keys| keys.contains(key))
    }
}

/// Puts content into every Secret of `source` that asks for it. What cannot be done becomes a problem of the source.
pub(crate) fn generate(source: &mut Source, dev: &Folder) -> Result<Generated, DevError> {
    let mut problems = Vec::new();
    let mut asked: BTreeMap<(String, String), BTreeSet<&'static str>> = BTreeMap::new();
    for secret in &source.secrets {
        match words(secret) {
            Ok(words) if words.is_empty() => {}
            Ok(words) => {
                asked.insert((secret.namespace.clone(), secret.name.clone()), words);
            }
            Err(problem) => problems.push(problem),
        }
    }

    let wants: Vec<Want> = wants(source)
        .into_iter()
        .filter(|want| {
            let words = asked.get(&(want.namespace.clone(), want.secret.name.clone()));
            words.is_some_and(|words| words.contains(want.content.word()))
        })
        .collect();
    let mut generated = Generated::default();
    for want in &wants {
        let made = make(want, source, dev, &wants)?;
        let Some(secret) = source
            .secrets
            .iter_mut()
            .find(|it| it.namespace == want.namespace && it.name == want.secret.name)
        else {
            continue;
        };
        let keys = generated.keys.entry((want.namespace.clone(), want.secret.name.clone())).or_default();
        for (key, content) in made {
            keys.insert(key.clone());
            secret.value.data.insert(key, content);
        }
    }
    source.problems.append(&mut problems);
    Ok(generated)
}

/// The words of the annotation, if the Secret has one.
fn words(secret: &Object<Plain>) -> Result<BTreeSet<&'static str>, Problem> {
    let Some(text) = secret.value.annotations.get(annotation::DEV_GENERATE) else {
        return Ok(BTreeSet::new());
    };
    let place = format!("metadata.annotations.{}", annotation::DEV_GENERATE);
    if !secret.value.data.is_empty() {
        let message =
            format!("{} is for Secrets without data: remove one of the two", annotation::DEV_GENERATE);
        return Err(secret.problem(&place, message));
    }
    text.split(',')
        .map(|word| {
            let word = word.trim();
            dev_generate::ALL.into_iter().find(|known| *known == word).ok_or_else(|| {
                let near = |known: &&str| strsim::damerau_levenshtein(known, word);
                let nearest = dev_generate::ALL.into_iter().min_by_key(near).unwrap_or_default();
                let message = format!(
                    "{word:?} cannot be made: did you mean {nearest}? Known: {}",
                    dev_generate::ALL.join(", ")
                );
                secret.problem(&place, message)
            })
        })
        .collect()
}

type Made = Vec<(String, Zeroizing<Vec<u8>>)>;

fn make(want: &Want, source: &Source, dev: &Folder, wants: &[Want]) -> Result<Made, DevError> {
    let folder = dev.enter(&want.namespace)?.enter(&want.secret.name)?;
    let key = want.secret.key.as_str();
    let content = match &want.content {
        Content::Authority => certificate::authority(&folder, key, &want.secret.name)?,
        Content::Users => people::users(&folder, key)?,
        Content::Jwks { signing, encryption } => jwks::jwks(&folder, key, *signing, encryption)?,
        Content::RedirectUris { client } => redirect_uris(client),
        Content::Certificate { namespace, client } => {
            let subject = subject(namespace, client, source);
            let authority = authority_of(namespace, client, source, dev, wants)?;
            let authority = authority.as_ref().map(|(folder, key)| (folder, key.as_str()));
            certificate::certificate(&folder, key, client, subject.as_ref(), authority)?
        }
        Content::Database => return database(&folder, key, &want.namespace),
    };
    Ok(vec![(key.to_owned(), content)])
}

/// Never opened by `fapictl flow`; nothing listens there.
fn redirect_uris(client: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(format!("[\"https://{client}.localhost/callback\"]\n").into_bytes())
}

/// A URL for a database that is called `postgres` in the same namespace, and what its own manifest needs.
fn database(folder: &Folder, key: &str, namespace: &str) -> Result<Made, DevError> {
    let password = folder.read_or_make("password", || {
        let mut random = Zeroizing::new([0_u8; 18]);
        rand::fill(&mut *random)
            .map_err(|_| DevError::Made("the system gives no random bytes".to_owned()))?;
        Ok(Zeroizing::new(fapi_jose::b64::encode(*random).into_bytes()))
    })?;
    let text = Zeroizing::new(String::from_utf8_lossy(&password).into_owned());
    let url = Zeroizing::new(format!("postgresql://fapi:{}@postgres/fapi", *text).into_bytes());
    let plain = |text: &str| Zeroizing::new(text.as_bytes().to_vec());
    // A database elsewhere is reached by verified TLS only (TL-19).
    let hosts = ["postgres".to_owned(), format!("postgres.{namespace}.svc")];
    let authority = certificate::authority(folder, "ca.crt", "the database")?;
    let [certificate, certificate_key] = certificate::server(folder, "tls.crt", &hosts, "ca.crt")?;
    Ok(vec![
        (key.to_owned(), url),
        ("ca.crt".to_owned(), authority),
        ("tls.crt".to_owned(), certificate),
        ("tls.key".to_owned(), certificate_key),
        ("username".to_owned(), plain("fapi")),
        ("password".to_owned(), password),
        ("database".to_owned(), plain("fapi")),
    ])
}

/// What the certificate of a client must say.
pub(super) fn subject(namespace: &str, client: &str, source: &Source) -> Option<CertificateSubject> {
    let client = source.clients.iter().find(|it| it.namespace == namespace && it.name == client)?;
    client.value.spec.auth.tls.clone()
}

/// The development authority of a client's Workspace, if it has one: folder and key.
pub(super) fn authority_of(
    namespace: &str,
    client: &str,
    source: &Source,
    dev: &Folder,
    wants: &[Want],
) -> Result<Option<(Folder, String)>, DevError> {
    let found = source.clients.iter().find(|it| it.namespace == namespace && it.name == client);
    let workspace = found.and_then(|client| workspace_of(client, source));
    let secret =
        workspace.and_then(|it| Some((it, it.value.spec.mtls.client_ca.as_ref()?.secret_ref.as_ref()?)));
    let Some((workspace, secret)) = secret else { return Ok(None) };
    let made = wants.iter().any(|want| {
        want.content == Content::Authority && want.namespace == workspace.namespace && want.secret == *secret
    });
    if !made {
        return Ok(None);
    }
    Ok(Some((dev.enter(&workspace.namespace)?.enter(&secret.name)?, secret.key.clone())))
}
