//! Is this one revision, and which? The list of files with their hashes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{canonical, file, logos, shard};

/// `manifest.json`: published last, after every file that it names.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// That of the document, see [`crate::format`]. A server refuses a format that it does not know, and keeps what it has.
    pub format: u32,
    /// Namespace and name of the Workspace, e.g. `auth/retail`.
    pub workspace: String,
    /// Its uid: another Workspace of the same name is another one.
    pub workspace_uid: String,
    /// Counts published revisions of this Workspace. Equal content does not count again.
    pub revision: u64,
    /// SHA-256 over the other members but `revision`, in hexadecimal: equal for equal content.
    pub hash: String,
    /// SHA-256 of each file, in hexadecimal.
    pub files: BTreeMap<String, String>,
}

impl Manifest {
    /// For files whose hashes are known.
    pub fn new(
        format: u32,
        workspace: &str,
        workspace_uid: &str,
        revision: u64,
        files: BTreeMap<String, String>,
    ) -> Self {
        let hash = content_hash(format, workspace, workspace_uid, &files);
        Self {
            format,
            workspace: workspace.to_owned(),
            workspace_uid: workspace_uid.to_owned(),
            revision,
            hash,
            files,
        }
    }

    /// What `hash` should be.
    pub(crate) fn expected_hash(&self) -> String {
        content_hash(self.format, &self.workspace, &self.workspace_uid, &self.files)
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::of(self)
    }
}

fn content_hash(format: u32, workspace: &str, uid: &str, files: &BTreeMap<String, String>) -> String {
    let content = json!({"format": format, "workspace": workspace, "workspaceUid": uid, "files": files});
    hash(&canonical::of(&content))
}

/// SHA-256 of a file in hexadecimal, as the manifest lists it.
pub(crate) fn hash(bytes: &[u8]) -> String {
    fapi_jose::sha256(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether format 1 has a file of this name.
pub(crate) fn is_known(name: &str) -> bool {
    [file::WORKSPACE, file::KEYS, file::USERS, file::CLIENT_CA, file::CRL].contains(&name)
        || shard::is_shard_file(name)
        || logos::is_logo_file(name)
}
