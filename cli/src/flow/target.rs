//! Who plays, and against whom? What was said on the command line, completed by what `fapictl up` wrote down.

use std::env;
use std::fs;
use std::path::Path;

use fapi_bank::{Reroute, Routes};
use fapi_core::client::EncryptionChoice;
use serde_json::Value;
use url::Url;

use super::args::{Delivery, FlowArgs};
use super::client::{AuthMethod, Keys, ResponseKind};
use super::ear::Place;
use super::possession::Binding;
use super::tls::{Identity, Trust};
use crate::exit::Stop;
use crate::run_file::{self, RUN_FILE, RunBackchannel, RunClient, RunFile, RunWorkspace};

/// Name of the file that `fapictl dev secrets` leaves among the private halves.
pub const DEV_FILE: &str = "flow.json";

/// Everything a flow needs, read and checked.
#[derive(Debug)]
pub struct Target {
    /// The issuer, byte for byte.
    pub issuer: String,
    /// The same, parsed: the origin of the front door.
    pub front_door: Url,
    /// Whom to trust.
    pub trust: Trust,
    /// `client_id`
    pub client_id: String,
    /// How it authenticates.
    pub auth: AuthMethod,
    /// Its keys.
    pub keys: Keys,
    /// What its tokens are bound to.
    pub binding: Binding,
    /// Its certificate, where it needs one.
    pub identity: Option<Identity>,
    /// Where it wants its response.
    pub redirect_uri: String,
    /// Where people may be sent after they have signed out.
    pub after_logout: Option<String>,
    /// Where it is told that somebody signed out, if that is on this machine.
    pub ear: Option<Place>,
    /// What it asks for.
    pub scope: String,
    /// What it asks for exactly (RFC 9396).
    pub details: Option<Vec<Value>>,
    /// How its request objects are encrypted, if they are.
    pub request_encryption: Option<EncryptionChoice>,
    /// Which response it asks for.
    pub response: ResponseKind,
    /// Whether the request is pushed; `None`: if the server offers it.
    pub pushed: Option<bool>,
    /// Who signs in.
    pub user: String,
    /// With which password.
    pub password: Password,
    /// The bank's API.
    pub resource: Option<Resource>,
    /// Where connections go.
    pub routes: Routes,
}

/// A password. Its `Debug` shows nothing.
pub struct Password(zeroize::Zeroizing<String>);

impl Password {
    /// For the form it is typed into.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// The bank's API.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resource {
    /// What to GET.
    pub url: Url,
    /// The audience of tokens for it, if known.
    pub identifier: Option<String>,
    /// It asks the authorization server about every token.
    pub introspects: bool,
}

impl Target {
    /// Puts together what was said and what was written down.
    pub fn resolve(args: &FlowArgs) -> Result<Target, Stop> {
        let described = described(args)?;
        let workspace = described.as_ref().map(|(workspace, _)| workspace);
        let client = described.as_ref().and_then(|(_, client)| client.as_ref());

        let issuer = needed(args.issuer.as_ref(), workspace.map(|it| it.issuer.clone()), "--issuer")?;
        let front_door = Url::parse(&issuer).ok().filter(|url| url.scheme() == "https").ok_or_else(|| {
            Stop::usage(format!("--issuer {issuer:?} is not an https address"), "fapictl flow --help")
        })?;
        let ca = needed(args.ca.as_ref(), workspace.and_then(|it| it.ca_file.clone()), "--ca")?;
        let key = needed(args.key.as_ref(), client.and_then(|it| it.jwks_private_file.clone()), "--key")?;
        let auth = said_or_written(args.auth, client.map(|it| it.method.as_str()), "method")?
            .unwrap_or(AuthMethod::PrivateKeyJwt);
        let binding = client.and_then(|it| it.binding.as_deref());
        let binding = said_or_written(args.binding, binding, "binding")?.unwrap_or(Binding::Mtls);
        let identity = if (auth, binding) == (AuthMethod::PrivateKeyJwt, Binding::Dpop) {
            None
        } else {
            let cert = client.and_then(|it| it.certificate_file.clone());
            let cert = needed(args.cert.as_ref(), cert, "--cert")?;
            let key = client.and_then(|it| it.key_file.clone());
            Some(Identity::read(&cert, &needed(args.cert_key.as_ref(), key, "--cert-key")?)?)
        };
        let (user, password) = person(args, workspace)?;

        Ok(Target {
            client_id: needed(args.client.as_ref(), client.map(|it| it.client_id.clone()), "--client-id")?,
            auth,
            binding,
            keys: Keys::read(&key)?,
            identity,
            redirect_uri: needed(
                args.redirect_uri.as_ref(),
                client.map(|it| it.redirect_uri.clone()),
                "--redirect-uri",
            )?,
            after_logout: client.and_then(|it| it.post_logout_redirect_uri.clone()),
            ear: client.and_then(|it| it.backchannel_logout.as_ref()).map(place).transpose()?,
            scope: needed(args.scope.as_ref(), client.map(|it| it.scopes.join(" ")), "--scope")?,
            details: args.authorization_details.as_deref().map(details).transpose()?,
            request_encryption: client.and_then(|it| it.request_encryption),
            response: said_or_written(args.response, client.map(|it| it.response.as_str()), "response")?
                .unwrap_or(ResponseKind::Jarm),
            pushed: args.delivery.map(|delivery| delivery == Delivery::Par),
            resource: resource(args, workspace)?,
            routes: routes(args, workspace, &front_door)?,
            trust: Trust::read(&ca)?,
            user,
            password,
            issuer,
            front_door,
        })
    }
}

fn place(written: &RunBackchannel) -> Result<Place, Stop> {
    let uri = Url::parse(&written.uri).map_err(|error| {
        Stop::usage(format!("the run file has the address {:?}: {error}", written.uri), "fapictl up DIR")
    })?;
    let (certificate_file, key_file) = (written.certificate_file.clone(), written.key_file.clone());
    Ok(Place { uri, certificate_file, key_file })
}

/// The Workspace and the client that are meant, unless everything is said explicitly.
fn described(args: &FlowArgs) -> Result<Option<(RunWorkspace, Option<RunClient>)>, Stop> {
    let path = match (&args.dev_dir, &args.state) {
        (Some(dev), _) => dev.join(DEV_FILE),
        (None, Some(state)) => state.join(RUN_FILE),
        (None, None) if args.issuer.is_some() => return Ok(None),
        (None, None) => {
            let here = env::current_dir().map_err(|error| {
                Stop::usage(format!("no current folder: {error}"), "fapictl flow --state DIR")
            })?;
            run_file::find_state(&here)?.join(RUN_FILE)
        }
    };
    let file = RunFile::read(&path)?;

    let fits = |it: &&RunWorkspace| {
        args.workspace
            .as_ref()
            .is_none_or(|name| *name == it.name || *name == format!("{}/{}", it.namespace, it.name))
            && args.issuer.as_ref().is_none_or(|issuer| *issuer == it.issuer)
    };
    let workspace = one_of(
        &file.workspaces.iter().filter(fits).collect::<Vec<_>>(),
        |it| format!("{}/{}", it.namespace, it.name),
        "Workspace",
        "--workspace",
        &path,
    )?;
    let fits = |it: &&RunClient| args.client.as_ref().is_none_or(|id| *id == it.client_id);
    let candidates: Vec<&RunClient> = workspace.clients.iter().filter(fits).collect();
    // Of several clients any will do to show a flow: the first. One that was asked for must exist.
    if candidates.is_empty() && args.client.is_some() && args.key.is_none() {
        let known: Vec<&str> = workspace.clients.iter().map(|it| it.client_id.as_str()).collect();
        return Err(Stop::usage(
            format!("{} knows no such client; it knows {}", path.display(), known.join(", ")),
            "fapictl flow --client ID",
        ));
    }
    Ok(Some((workspace.clone(), candidates.first().copied().cloned())))
}

fn one_of<'a, T>(
    found: &[&'a T],
    name: impl Fn(&T) -> String,
    what: &str,
    option: &str,
    path: &Path,
) -> Result<&'a T, Stop> {
    match found {
        [only] => Ok(only),
        [] => Err(Stop::usage(
            format!("{} has no such {what}", path.display()),
            format!("cat {}", path.display()),
        )),
        [first, ..] => {
            let names: Vec<String> = found.iter().map(|it| name(it)).collect();
            Err(Stop::usage(
                format!("which {what}? {} has {}", path.display(), names.join(", ")),
                format!("fapictl flow {option} {}", name(first)),
            ))
        }
    }
}

/// JSON begins with a bracket; anything else is the name of a file.
fn details(said: &str) -> Result<Vec<Value>, Stop> {
    let wrong = |what: String| Stop::usage(format!("--authorization-details: {what}"), "fapictl flow --help");
    let text = if said.trim_start().starts_with(['[', '{']) {
        said.to_owned()
    } else {
        fs::read_to_string(said).map_err(|error| wrong(format!("cannot read {said}: {error}")))?
    };
    match fapi_jose::json::parse(text.as_bytes()) {
        Ok(Value::Array(elements)) if !elements.is_empty() => Ok(elements),
        Ok(_) => Err(wrong("must be an array such as [{\"type\": \"payment\"}]".to_owned())),
        Err(error) => Err(wrong(error.to_string())),
    }
}

fn person(args: &FlowArgs, workspace: Option<&RunWorkspace>) -> Result<(String, Password), Stop> {
    let users = workspace.map(|it| it.users.as_slice()).unwrap_or_default();
    let known = users.iter().find(|it| args.user.as_ref().is_none_or(|name| *name == it.username));
    let user = needed(args.user.as_ref(), known.map(|it| it.username.clone()), "--user")?;
    let file =
        needed(args.password_file.as_ref(), known.map(|it| it.password_file.clone()), "--password-file")?;
    let text = fs::read_to_string(&file).map_err(|error| {
        Stop::usage(
            format!("--password-file: cannot read {}: {error}", file.display()),
            "fapictl flow --help",
        )
    })?;
    let text = zeroize::Zeroizing::new(text);
    Ok((user, Password(zeroize::Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))))
}

fn resource(args: &FlowArgs, workspace: Option<&RunWorkspace>) -> Result<Option<Resource>, Stop> {
    let written = workspace.and_then(|it| it.resource.as_ref());
    let (url, identifier) = match (args.resource.as_deref(), written) {
        (Some("none"), _) | (None, None) => return Ok(None),
        (Some(url), written) => {
            (url, written.filter(|it| it.url == url).and_then(|it| it.identifier.clone()))
        }
        (None, Some(written)) => (written.url.as_str(), written.identifier.clone()),
    };
    let parsed = Url::parse(url).ok().filter(|url| url.scheme() == "https").ok_or_else(|| {
        Stop::usage(format!("--resource {url:?} is not an https address"), "fapictl flow --resource none")
    })?;
    let introspects = args.resource_introspects || written.is_some_and(|it| it.introspects && it.url == url);
    Ok(Some(Resource { url: parsed, identifier, introspects }))
}

/// What was said wins over what was written down.
fn routes(args: &FlowArgs, workspace: Option<&RunWorkspace>, front_door: &Url) -> Result<Routes, Stop> {
    let mut rules = args.connect.clone();
    if let Some(workspace) = workspace {
        let (host, port) = super::http::place(front_door);
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let front = workspace.front_addr.iter().map(|address| format!("{host}:{port}:{address}"));
        for rule in workspace.connect.iter().cloned().chain(front) {
            let rule: Reroute = rule.parse().map_err(|error| Stop::usage(error, "fapictl up DIR"))?;
            rules.push(rule);
        }
    }
    Ok(Routes::new(rules))
}

fn needed<T: Clone>(said: Option<&T>, written: Option<T>, option: &str) -> Result<T, Stop> {
    said.cloned().or(written).ok_or_else(|| {
        Stop::usage(format!("{option} is missing, and nothing that was found says it"), "fapictl flow --help")
    })
}

fn said_or_written<T: clap::ValueEnum>(
    said: Option<T>,
    written: Option<&str>,
    what: &str,
) -> Result<Option<T>, Stop> {
    match (said, written) {
        (Some(said), _) => Ok(Some(said)),
        (None, None) => Ok(None),
        (None, Some(text)) => T::from_str(text, false).map(Some).map_err(|_| {
            Stop::usage(format!("the run file has the unknown {what} {text:?}"), "fapictl flow --help")
        }),
    }
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;
