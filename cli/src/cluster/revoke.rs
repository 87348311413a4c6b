//! `fapictl revoke`: how is a key or a client stopped at once? Declaratively, so that it stays so: a key is added to
//! `spec.revoke` of its SigningKey, a client gets `enabled: false`.

use fapi_crds::signing_key::{KeyStatus, Revocation};
use fapi_crds::{Client, KeyState, SigningKey};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::ask::confirm;
use super::refusal::Tried;
use super::{ClusterArgs, FIELD_MANAGER, place, timely, word};
use crate::command::Output;
use crate::exit::{Exit, Stop};
use crate::screen::{self, Paint};

const EXAMPLES: &str = "Examples:
  fapictl revoke key bMwMBN3H0vY0xIYVxB4l4ciYrcFwN4n0Qp3Cw1p0vJo -n bank --reason INC-7
      adds it to spec.revoke of its SigningKey; asks for that name
  fapictl revoke client budget-app -n team-pay --yes
      sets spec.enabled: false
  fapictl revoke client budget-app --yes -o json
      {kind, namespace, name, kid, field}

Both are a change of spec: where Git writes the object, write it there as well, or it is taken back.

Exit codes: 0 done, 2 wrong usage, 3 the API server is away, 4 refused.";

const KEY_EXAMPLES: &str = "Examples:
  fapictl revoke key bMwMBN3H0vY0xIYVxB4l4ciYrcFwN4n0Qp3Cw1p0vJo -n bank
      finds its SigningKey, and asks for that name
  fapictl revoke key bMwMBN3H0vY0xIYVxB4l4ciYrcFwN4n0Qp3Cw1p0vJo --reason INC-7 --yes
      in a pipeline
  fapictl revoke key bMwMBN3H0vY0xIYVxB4l4ciYrcFwN4n0Qp3Cw1p0vJo --yes -o json
      {kind, namespace, name, kid, field}";

const CLIENT_EXAMPLES: &str = "Examples:
  fapictl revoke client budget-app -n team-pay
      asks for the name
  fapictl revoke client budget-app -n team-pay --yes
      in a pipeline
  fapictl revoke client budget-app --yes -o json
      {kind, namespace, name, field}";

/// `fapictl revoke`
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RevokeArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand, Debug)]
enum What {
    /// Withdraw a key of the server: tokens that it signed are refused from then on, and a successor signs as soon as every pod has it
    #[command(after_help = KEY_EXAMPLES)]
    Key {
        /// Key id, as `fapictl keys` shows it
        #[arg(value_name = "KID", allow_hyphen_values = true)]
        kid: String,
        /// Why, for the record
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        how: How,
    },
    /// Refuse a client at once: its tokens and grants stop, until somebody writes `enabled: true`
    #[command(after_help = CLIENT_EXAMPLES)]
    Client {
        /// Name of a Client
        #[arg(value_name = "CLIENT")]
        name: String,
        #[command(flatten)]
        how: How,
    },
}

#[derive(clap::Args, Debug)]
struct How {
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Revokes, after asking.
pub(crate) async fn run(args: &RevokeArgs, output: Output, paint: Paint) -> Result<Exit, Stop> {
    let done = match &args.what {
        What::Key { kid, reason, how } => key(kid, reason.as_deref(), how).await?,
        What::Client { name, how } => client(name, how).await?,
    };
    match output {
        Output::Json => screen::print(&format!("{:#}", done.json)),
        Output::Text => screen::print(&format!("{} {}", paint.tick(), done.said)),
    }
    if let Some(manager) = done.manager {
        eprintln!("{} {manager} writes this object as well: make the same change there", paint.bold("note:"));
    }
    eprintln!("{} {}", paint.dim("  watch it:"), done.watch);
    Ok(Exit::Success)
}

struct Done {
    said: String,
    json: Value,
    watch: String,
    /// Who else writes the object.
    manager: Option<String>,
}

async fn key(kid: &str, reason: Option<&str>, how: &How) -> Result<Done, Stop> {
    let cluster = how.cluster.connect().await?;
    let lines: Vec<SigningKey> = cluster.list(&cluster.scope(false), None).await?;
    let again = format!("fapictl keys{}", how.cluster.typed(&cluster.namespace));
    let Some((line, key)) = lines.iter().find_map(|line| Some((line, key_of(line, kid)?))) else {
        let message = format!("no SigningKey of namespace {} has the key {kid}", cluster.namespace);
        return Err(Stop::usage(message, again));
    };
    let (namespace, name) = place(line);
    if line.spec.revoke.iter().any(|it| it.kid == kid) {
        return Err(Stop::usage(format!("key {kid} is in spec.revoke of SigningKey {name} already"), again));
    }
    eprintln!("SigningKey {namespace}/{name}, {}", consequences(line, key));
    confirm("withdrawing a key", &name, how.yes)?;
    let mut revoke = line.spec.revoke.clone();
    revoke.push(Revocation { kid: kid.to_owned(), reason: reason.map(str::to_owned) });
    // With the version that was shown: nobody's entry is lost.
    let body = json!({
        "metadata": {"resourceVersion": line.metadata.resource_version},
        "spec": {"revoke": revoke},
    });
    let tried = Tried::of::<SigningKey>("patch", Some(&namespace), Some(&name));
    let api: Api<SigningKey> = Api::namespaced(cluster.client.clone(), &namespace);
    let patched = timely(api.patch(&name, &by_us(), &Patch::Merge(&body))).await;
    let patched = patched.map_err(|error| tried.refused(error))?;
    Ok(Done {
        said: format!("key {kid} of SigningKey {namespace}/{name} is being withdrawn"),
        json: json!({"kind": "SigningKey", "namespace": namespace, "name": name, "kid": kid, "field": "spec.revoke"}),
        watch: again,
        manager: other_writer(&patched.metadata),
    })
}

fn key_of<'a>(line: &'a SigningKey, kid: &str) -> Option<&'a KeyStatus> {
    line.status.as_ref()?.keys.iter().find(|key| key.kid == kid)
}

/// What will happen, in words.
fn consequences(line: &SigningKey, key: &KeyStatus) -> String {
    let algorithm = word(&line.spec.algorithm);
    let then = match key.state {
        KeyState::Active => {
            "it leaves the JWKS at once, every token that it signed is refused, and a successor signs as soon as every \
             pod has it: clients that keep the JWKS meet a key that they do not know"
        }
        KeyState::Retiring | KeyState::Published | KeyState::Generated => {
            "it leaves the JWKS at once, and every token that it signed is refused"
        }
        KeyState::Retired | KeyState::Revoked => "it is out of the JWKS already",
    };
    format!("{algorithm}, {}: {then}", word(&key.state))
}

async fn client(name: &str, how: &How) -> Result<Done, Stop> {
    let cluster = how.cluster.connect().await?;
    let client: Client = cluster.one(name).await?;
    let (namespace, name) = place(&client);
    let watch = format!("fapictl status{}", how.cluster.typed(&namespace));
    if !client.spec.enabled {
        return Err(Stop::usage(
            format!("Client {namespace}/{name} is refused already: enabled is false"),
            watch,
        ));
    }
    let id = client.status.as_ref().and_then(|status| status.client_id.clone()).unwrap_or_default();
    eprintln!(
        "Client {namespace}/{name} {id}: every pod refuses it as soon as it has the change, its tokens and grants stop, and \
         come back with enabled: true. Deleting the Client revokes them for good."
    );
    confirm("refusing a client", &name, how.yes)?;
    let body = json!({"metadata": {"uid": client.metadata.uid}, "spec": {"enabled": false}});
    let tried = Tried::of::<Client>("patch", Some(&namespace), Some(&name));
    let api: Api<Client> = Api::namespaced(cluster.client.clone(), &namespace);
    let patched = timely(api.patch(&name, &by_us(), &Patch::Merge(&body))).await;
    let patched = patched.map_err(|error| tried.refused(error))?;
    Ok(Done {
        said: format!("Client {namespace}/{name} is refused: enabled is false"),
        json: json!({"kind": "Client", "namespace": namespace, "name": name, "field": "spec.enabled"}),
        watch,
        manager: other_writer(&patched.metadata),
    })
}

fn by_us() -> PatchParams {
    PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() }
}

/// Who applies this object, and may take a change of it back.
fn other_writer(meta: &ObjectMeta) -> Option<String> {
    let entries = meta.managed_fields.iter().flatten();
    let applied = entries.filter(|it| it.operation.as_deref() == Some("Apply") && it.subresource.is_none());
    let ours = |manager: &String| manager == FIELD_MANAGER || manager.starts_with("fapi-operator");
    applied.filter_map(|it| it.manager.clone()).find(|manager| !ours(manager))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_applies_the_object_is_named() {
        let meta = |manager: &str, operation: &str| -> ObjectMeta {
            serde_json::from_value(json!({"managedFields": [{"manager": manager, "operation": operation}]}))
                .unwrap()
        };
        assert_eq!(other_writer(&meta("argocd-controller", "Apply")).as_deref(), Some("argocd-controller"));
        assert_eq!(other_writer(&meta("kubectl-edit", "Update")), None);
        assert_eq!(other_writer(&meta("fapi-operator", "Apply")), None);
    }

    #[test]
    fn what_will_happen_is_said_by_the_state_of_the_key() {
        let line: SigningKey = serde_json::from_value(json!({
            "metadata": {"name": "line"}, "spec": {"workspaceRef": {"name": "retail"}, "algorithm": "PS256"},
            "status": {"keys": [{"kid": "one", "state": "Active"}, {"kid": "two", "state": "Retired"}]},
        }))
        .unwrap();
        assert!(consequences(&line, key_of(&line, "one").unwrap()).contains("a successor signs"));
        assert!(consequences(&line, key_of(&line, "two").unwrap()).contains("already"));
        assert!(key_of(&line, "three").is_none());
    }
}
