//! What outlives a run of `fapictl up`? Keys, identities and what was published, one folder a Workspace.

use std::collections::BTreeMap;
use std::fs;

use fapi_config::{Files, file};
use fapi_core::Timestamp;
use fapi_jose::PublicJwk;
use fapi_operator::build::LEDGER_FILE;
use fapi_operator::material;
use fapi_operator::rotate::{Birth, FoundKey, KeyFacts};
use fapi_operator::validate::ledger::Ledger;
use fapi_operator::validate::{Previous, Resolved};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::dev::{DevError, Folder};

/// The state of one Workspace.
#[derive(Clone, Debug)]
pub(super) struct State(Folder);

/// A key with its life, as the operator keeps it on two Secrets.
#[derive(Serialize, Deserialize)]
struct StoredKey {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    public: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    private: Option<String>,
}

impl State {
    pub(super) fn open(state: &Folder, namespace: &str, name: &str) -> Result<Self, DevError> {
        Ok(Self(state.enter("workspaces")?.enter(namespace)?.enter(name)?))
    }

    /// Where the embedded database is.
    pub(super) fn database(&self) -> std::path::PathBuf {
        self.0.file("store.db")
    }

    // --- keys

    /// Every key that was not forgotten.
    pub(super) fn keys(&self) -> Result<Vec<FoundKey>, DevError> {
        let folder = self.0.enter("keys")?;
        let mut names: Vec<String> = fs::read_dir(folder.path())
            .map_err(|error| damaged(&folder.path().display().to_string(), error))?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| std::path::Path::new(name).extension().is_some_and(|ending| ending == "json"))
            .collect();
        names.sort();
        names.iter().map(|name| read_key(&folder, name)).collect()
    }

    /// Makes a key, or takes the one that is brought along.
    pub(super) fn born(
        &self,
        birth: &Birth,
        line: &str,
        rsa_bits: Option<i32>,
        import: Option<&Resolved>,
        now: Timestamp,
    ) -> Result<(), DevError> {
        let key = match (birth.import, import) {
            (true, Some(Resolved::Value(value))) => {
                material::import(birth.algorithm, &value.bytes).map_err(made)?
            }
            (true, _) => return Err(DevError::Made(format!("the key that {line} brings along is gone"))),
            (false, _) => material::key(birth.algorithm, rsa_bits).map_err(made)?,
        };
        let facts = birth.facts(key.public.thumbprint(), line, now);
        self.keep(&FoundKey { facts, public: key.public, private: Some(key.private) })
    }

    /// Writes what happened to a key; its private half goes as soon as nothing needs it.
    pub(super) fn write(&self, facts: &KeyFacts) -> Result<(), DevError> {
        let keys = self.keys()?;
        let Some(key) = keys.into_iter().find(|key| key.facts.kid == facts.kid) else { return Ok(()) };
        let private = key.private.filter(|_| facts.needs_private());
        self.keep(&FoundKey { facts: facts.clone(), public: key.public, private })
    }

    fn keep(&self, key: &FoundKey) -> Result<(), DevError> {
        let stored = StoredKey {
            labels: key.facts.labels(),
            annotations: key.facts.annotations(),
            public: key.public.to_json(),
            private: key.private.as_ref().map(|jwk| jwk.to_string()),
        };
        let text = Zeroizing::new(serde_json::to_vec(&stored).map_err(made)?);
        self.0.enter("keys")?.write(&format!("{}.json", key.facts.kid), &*text)
    }

    /// Deletes a key that nobody needs to remember.
    pub(super) fn forget(&self, kid: &str) -> Result<(), DevError> {
        let path = self.0.enter("keys")?.file(&format!("{kid}.json"));
        fs::remove_file(&path).map_err(|error| damaged(&path.display().to_string(), error))
    }

    // --- material

    /// A Secret of the operator's own making.
    pub(super) fn secret(&self, name: &str) -> Result<Option<BTreeMap<String, Vec<u8>>>, DevError> {
        let text = self.0.read(&format!("{name}.json"))?;
        text.map(|text| serde_json::from_slice(&text).map_err(made)).transpose()
    }

    /// Keeps it.
    pub(super) fn keep_secret(&self, name: &str, data: &BTreeMap<String, Vec<u8>>) -> Result<(), DevError> {
        let text = Zeroizing::new(serde_json::to_vec(data).map_err(made)?);
        self.0.write(&format!("{name}.json"), &*text)
    }

    // --- what was published

    /// What was published last; `None` at the first start, or if somebody changed the files by hand.
    pub(super) fn previous(&self) -> Result<Option<Previous>, DevError> {
        let folder = self.0.enter("published")?;
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(folder.path())
            .map_err(|error| damaged(&folder.path().display().to_string(), error))?
        {
            let Some(name) = entry.ok().and_then(|entry| entry.file_name().into_string().ok()) else {
                continue;
            };
            if let Some(bytes) = folder.read(&name)? {
                files.insert(name, bytes.to_vec());
            }
        }
        if !files.contains_key(file::MANIFEST) {
            return Ok(None);
        }
        let mut previous = Previous::read(&files).map_err(made)?;
        for shard in 0..fapi_config::MAX_SHARDS {
            previous.add_shard(shard, &files).map_err(made)?;
            previous.add_logos(shard, &files).map_err(made)?;
        }
        Ok(Some(previous))
    }

    /// Remembers what was published, but for secrets: those are elsewhere. The manifest comes last.
    pub(super) fn published(&self, files: &Files, ledger: &Ledger) -> Result<(), DevError> {
        let folder = self.0.enter("published")?;
        folder.write(LEDGER_FILE, serde_json::to_vec(ledger).map_err(made)?)?;
        let secret = [file::KEYS, file::USERS, file::MANIFEST];
        for (name, bytes) in files.iter().filter(|(name, _)| !secret.contains(name)) {
            folder.write(name, bytes)?;
        }
        match files.get(file::MANIFEST) {
            Some(manifest) => folder.write(file::MANIFEST, manifest),
            None => Ok(()),
        }
    }

    // --- identities

    /// The uid and time of birth of every object that is there now. One that was away and is back is another one, as in a cluster.
    pub(super) fn identities(
        &self,
        present: &[String],
        now: Timestamp,
    ) -> Result<BTreeMap<String, Identity>, DevError> {
        let known: BTreeMap<String, Identity> = match self.0.read("identities.json")? {
            None => BTreeMap::new(),
            Some(text) => serde_json::from_slice(&text).map_err(made)?,
        };
        let mut identities = BTreeMap::new();
        for name in present {
            let identity = match known.get(name) {
                Some(identity) => identity.clone(),
                None => Identity { uid: uid()?, created: now.as_unix() },
            };
            identities.insert(name.clone(), identity);
        }
        if identities.keys().ne(known.keys()) {
            self.0.write("identities.json", serde_json::to_vec(&identities).map_err(made)?)?;
        }
        Ok(identities)
    }
}

/// What a cluster would have given an object.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) uid: String,
    pub(crate) created: i64,
}

fn uid() -> Result<String, DevError> {
    let mut random = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut random)
        .map_err(|_| DevError::Made("the system gives no random bytes".to_owned()))?;
    Ok(random.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}")))
}

fn read_key(folder: &Folder, name: &str) -> Result<FoundKey, DevError> {
    let text = folder.read(name)?.unwrap_or_default();
    let stored: StoredKey = serde_json::from_slice(&text).map_err(made)?;
    let facts = KeyFacts::parse(&stored.labels, &stored.annotations).map_err(made)?;
    let public = PublicJwk::from_json(&stored.public).map_err(made)?;
    Ok(FoundKey { facts, public, private: stored.private.map(Zeroizing::new) })
}

fn damaged(path: &str, error: std::io::Error) -> DevError {
    DevError::File { path: path.to_owned(), error }
}

/// Something of the state directory cannot be read or made. The text names files and fields, never content.
fn made(error: impl std::fmt::Display) -> DevError {
    DevError::Made(error.to_string())
}
