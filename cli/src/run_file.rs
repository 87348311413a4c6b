//! What does a running `fapictl up` serve? It is written down in the state directory, so that `fapictl flow` and tests
//! find it without being told.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use fapi_core::client::EncryptionChoice;
use serde::{Deserialize, Serialize};

use crate::exit::Stop;

/// Name of the file in the state directory.
pub const RUN_FILE: &str = "run.json";

/// Name of the state directory.
pub const STATE_DIR: &str = ".fapi";

/// Everything a client and a person need to know about what is served.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunFile {
    /// The process that serves; absent where the servers are elsewhere (`fapictl dev secrets`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// What is served.
    pub workspaces: Vec<RunWorkspace>,
}

/// One authorization server.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunWorkspace {
    /// Name of the Workspace.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The issuer.
    pub issuer: String,
    /// The CA that its certificates come from, PEM. Paths are relative to the file they stand in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Where the front door listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub front_addr: Option<String>,
    /// Where the back door listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_addr: Option<String>,
    /// Connections to make elsewhere than names say: `host:port:host:port`, as `--connect` takes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connect: Vec<String>,
    /// The bank's API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<RunResource>,
    /// Who may ask for tokens.
    #[serde(default)]
    pub clients: Vec<RunClient>,
    /// Who may sign in.
    #[serde(default)]
    pub users: Vec<RunUser>,
}

/// A resource server that takes the tokens.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunResource {
    /// What to GET with the token.
    pub url: String,
    /// The audience of tokens for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier: Option<String>,
    /// Whether it asks the authorization server about every token, so that a revoked one is refused at once.
    #[serde(default)]
    pub introspects: bool,
}

/// A client, with its private halves.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunClient {
    /// `client_id`
    pub client_id: String,
    /// `token_endpoint_auth_method`
    pub method: String,
    /// Its private keys, a JWK Set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_private_file: Option<PathBuf>,
    /// Its certificate, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_file: Option<PathBuf>,
    /// The key of the certificate, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// Where it wants its responses.
    pub redirect_uri: String,
    /// Where people may be sent after they have signed out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_logout_redirect_uri: Option<String>,
    /// Where it is told that somebody signed out, if that is on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backchannel_logout: Option<RunBackchannel>,
    /// What it asks for.
    pub scopes: Vec<String>,
    /// How it encrypts its request objects, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_encryption: Option<EncryptionChoice>,
    /// `code`, `jarm`, `jarm-encrypted` or `hybrid`
    pub response: String,
    /// What its tokens are bound to: `mtls` or `dpop`; absent: `mtls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binding: Option<String>,
}

/// A client's own server on this machine, which listens while a flow runs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunBackchannel {
    /// `backchannel_logout_uri`
    pub uri: String,
    /// A certificate for its host from the development CA, PEM.
    pub certificate_file: PathBuf,
    /// The key of the certificate, PEM.
    pub key_file: PathBuf,
}

/// A person.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunUser {
    /// What is typed as the name.
    pub username: String,
    /// Where the password is.
    pub password_file: PathBuf,
}

impl RunFile {
    /// Reads the file. Relative paths in it are taken from the folder it stands in.
    pub fn read(path: &Path) -> Result<RunFile, Stop> {
        let text = fs::read_to_string(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => nothing_runs(path.parent().unwrap_or(path)),
            _ => Stop::usage(format!("cannot read {}: {error}", path.display()), "ls -l .fapi"),
        })?;
        let mut file: RunFile = serde_json::from_str(&text).map_err(|error| {
            Stop::usage(format!("{} is not a run file: {error}", path.display()), "fapictl up DIR")
        })?;
        let folder = path.parent().unwrap_or(Path::new("."));
        for workspace in &mut file.workspaces {
            workspace.files().for_each(|file| *file = folder.join(&file));
        }
        Ok(file)
    }

    /// Writes the file in one step, so that nobody reads half of it.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let part = path.with_extension("part");
        fs::write(&part, format!("{:#}\n", serde_json::json!(self)))?;
        fs::rename(&part, path)
    }
}

impl RunWorkspace {
    fn files(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let clients = self.clients.iter_mut().flat_map(|client| {
            let own = [&mut client.jwks_private_file, &mut client.certificate_file, &mut client.key_file];
            let listening = client.backchannel_logout.iter_mut();
            let listening = listening.flat_map(|it| [&mut it.certificate_file, &mut it.key_file]);
            own.into_iter().flatten().chain(listening)
        });
        self.ca_file
            .iter_mut()
            .chain(clients)
            .chain(self.users.iter_mut().map(|user| &mut user.password_file))
    }
}

/// Where the state directory of a running `fapictl up` is: in this folder or one above it, or beside an example in one
/// of their subfolders.
pub fn find_state(from: &Path) -> Result<PathBuf, Stop> {
    for folder in from.ancestors() {
        let mut found = BTreeSet::new();
        let own = folder.join(STATE_DIR);
        if own.join(RUN_FILE).is_file() {
            return Ok(own);
        }
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let beside = entry.path().join(STATE_DIR);
            if beside.join(RUN_FILE).is_file() {
                found.insert(beside);
            }
        }
        let mut found = found.into_iter();
        match (found.next(), found.next()) {
            (None, _) => {}
            (Some(only), None) => return Ok(only),
            (Some(one), Some(other)) => {
                return Err(Stop::usage(
                    format!("several state directories are near: {} and {}", one.display(), other.display()),
                    format!("fapictl flow --state {}", one.display()),
                ));
            }
        }
    }
    Err(nothing_runs(from))
}

fn nothing_runs(place: &Path) -> Stop {
    Stop::usage(
        format!("no running `fapictl up` is written down in or near {}", place.display()),
        "fapictl up examples/00-quickstart (or name the server: fapictl flow --help)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(folder: &Path) -> PathBuf {
        let state = folder.join(STATE_DIR);
        fs::create_dir_all(&state).unwrap();
        fs::write(state.join(RUN_FILE), r#"{"workspaces":[]}"#).unwrap();
        state
    }

    #[test]
    fn the_state_is_found_above_and_beside() {
        let root = tempfile::tempdir().unwrap();
        let quickstart = root.path().join("examples/00-quickstart");
        fs::create_dir_all(&quickstart).unwrap();
        let written = state(&root.path().join("examples"));

        assert_eq!(find_state(&quickstart).unwrap(), written);
        assert_eq!(find_state(root.path()).unwrap(), written, "beside an example, seen from the checkout");
    }

    #[test]
    fn of_several_states_none_is_guessed() {
        let root = tempfile::tempdir().unwrap();
        state(&root.path().join("a"));
        state(&root.path().join("b"));
        let stop = find_state(root.path()).unwrap_err();
        assert!(stop.next.starts_with("fapictl flow --state "), "{stop:?}");

        let nearest = state(root.path());
        assert_eq!(find_state(root.path()).unwrap(), nearest);
    }

    #[test]
    fn paths_in_a_run_file_are_relative_to_it() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(RUN_FILE);
        let text = r#"{"pid":1,"workspaces":[{"name":"demo","namespace":"default","issuer":"https://demo.localhost:8443",
            "caFile":"ca.pem","clients":[{"clientId":"app","method":"private_key_jwt","jwksPrivateFile":"k.json",
            "redirectUri":"https://app.example/cb","scopes":["openid"],"response":"jarm"}],
            "users":[{"username":"alice","passwordFile":"/elsewhere/alice"}]}]}"#;
        fs::write(&path, text).unwrap();
        let file = RunFile::read(&path).unwrap();
        let workspace = &file.workspaces[0];
        assert_eq!(workspace.ca_file.as_deref(), Some(root.path().join("ca.pem").as_path()));
        assert_eq!(
            workspace.clients[0].jwks_private_file.as_deref(),
            Some(root.path().join("k.json").as_path())
        );
        assert_eq!(workspace.users[0].password_file, Path::new("/elsewhere/alice"));

        file.write(&path).unwrap();
        assert_eq!(RunFile::read(&path).unwrap(), file);
    }
}
