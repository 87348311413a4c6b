//! `fapictl approve`: may this Client be as it is now? What is approved is the digest of everything that the operator resolved,
//! Secrets included; it is written as it was shown, or not at all.

use fapi_crds::names::annotation;
use fapi_crds::{Client, ConditionType, condition};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::ask::confirm;
use super::condition::Conditioned as _;
use super::refusal::Tried;
use super::status::workspace_of;
use super::{ClusterArgs, FIELD_MANAGER, place, timely, word};
use crate::command::Output;
use crate::exit::{Exit, Stop};
use crate::screen::{self, Paint};

const EXAMPLES: &str = "Examples:
  fapictl approve budget-app -n team-pay
      shows the registration, and asks for the name
  fapictl approve budget-app -n team-pay --digest sha256:9f86d0…
      in a pipeline: only if it is still this one
  fapictl approve budget-app --yes -o json
      {namespace, name, workspace, clientId, digest, before, …}

Whoever approves needs the verb approve on the Workspace, and the verb patch on clients.

Exit codes: 0 approved, 2 wrong usage, 3 the API server is away, 4 refused, or changed meanwhile.";

/// How often somebody else may be faster with something that does not matter.
const TRIES: usize = 5;

/// `fapictl approve`
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ApproveArgs {
    /// Name of a Client
    #[arg(value_name = "CLIENT")]
    client: String,
    /// Approve this registration only
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Shows, asks, and writes.
pub(crate) async fn run(args: &ApproveArgs, output: Output, paint: Paint) -> Result<Exit, Stop> {
    let cluster = args.cluster.connect().await?;
    let mut client: Client = cluster.one(&args.client).await?;
    let (namespace, name) = place(&client);
    let shown = digest(&client, args)?;
    if approved(&client) == Some(shown.as_str()) {
        let next = format!("fapictl status{}", args.cluster.typed(&namespace));
        return Err(Stop::usage(format!("Client {namespace}/{name} is approved as it is: {shown}"), next));
    }
    show(&client, &shown);
    confirm("an approval", &name, args.yes || args.digest.is_some())?;
    let before = approved(&client).map(str::to_owned);
    let api: Api<Client> = Api::namespaced(cluster.client.clone(), &namespace);
    let tried = Tried::of::<Client>("patch", Some(&namespace), Some(&name));
    for _ in 0..TRIES {
        let body = json!({"metadata": {
            "uid": client.metadata.uid, "resourceVersion": client.metadata.resource_version,
            "annotations": {annotation::APPROVED_DIGEST: shown},
        }});
        let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        match timely(api.patch(&name, &params, &Patch::Merge(&body))).await {
            Ok(patched) => {
                tell(&patched, &shown, before.as_deref(), output, paint);
                return Ok(Exit::Success);
            }
            // Somebody wrote the object meanwhile: what was shown has to be what is there.
            Err(kube::Error::Api(status)) if status.is_conflict() => {
                client = cluster.one(&args.client).await?;
                unchanged(&client, &shown, args)?;
            }
            Err(error) => return Err(tried.refused(error)),
        }
    }
    Err(Stop {
        exit: Exit::Refused,
        message: format!("Client {namespace}/{name} changes all the time: nothing was approved"),
        next: format!("fapictl approve {name}{}", args.cluster.typed(&namespace)),
    })
}

/// The digest of what is there, if the operator has looked at it as it is now.
fn digest(client: &Client, args: &ApproveArgs) -> Result<String, Stop> {
    let (namespace, name) = place(client);
    let watch = format!("fapictl doctor{}", args.cluster.typed(&namespace));
    if client.observed() != client.metadata.generation {
        let message = format!("the operator has not looked at Client {namespace}/{name} as it is now");
        return Err(Stop { exit: Exit::Refused, message, next: watch });
    }
    let digest = client.status.as_ref().and_then(|status| status.registration_digest.clone());
    let Some(digest) = digest else {
        let why = condition::find(client.conditions(), ConditionType::Ready).map(|it| it.message.clone());
        let message = format!(
            "Client {namespace}/{name} has no registration to approve: {}",
            why.unwrap_or_else(|| "see its conditions".to_owned())
        );
        return Err(Stop { exit: Exit::Refused, message, next: watch });
    };
    match &args.digest {
        Some(asked) if *asked != digest => Err(changed(client, asked, &digest, args)),
        _ => Ok(digest),
    }
}

fn unchanged(client: &Client, shown: &str, args: &ApproveArgs) -> Result<(), Stop> {
    let now = digest(client, args)?;
    if now == shown { Ok(()) } else { Err(changed(client, shown, &now, args)) }
}

fn changed(client: &Client, shown: &str, now: &str, args: &ApproveArgs) -> Stop {
    let (namespace, name) = place(client);
    Stop {
        exit: Exit::Refused,
        message: format!(
            "Client {namespace}/{name} is another now ({now}, not {shown}): nothing was approved"
        ),
        next: format!("fapictl approve {name}{}", args.cluster.typed(&namespace)),
    }
}

fn approved(client: &Client) -> Option<&str> {
    client.metadata.annotations.as_ref()?.get(annotation::APPROVED_DIGEST).map(String::as_str)
}

/// What is approved, for the person who is asked.
fn show(client: &Client, digest: &str) {
    let (namespace, name) = place(client);
    eprintln!("Client {namespace}/{name}");
    for (what, said) in facts(client) {
        eprintln!("  {what:<14} {said}");
    }
    eprintln!("  {:<14} {}", "approved so far", approved(client).unwrap_or("nothing"));
    eprintln!("  {:<14} {digest}", "digest");
}

fn facts(client: &Client) -> Vec<(&'static str, String)> {
    let spec = &client.spec;
    let status = client.status.clone().unwrap_or_default();
    let (namespace, workspace) = workspace_of(client);
    let words = |words: Vec<String>| {
        if words.is_empty() { "all of the Workspace's".to_owned() } else { words.join(" ") }
    };
    let mut facts = vec![
        ("workspace", format!("{namespace}/{workspace}")),
        ("client id", status.client_id.clone().unwrap_or_default()),
        ("authenticates", word(&spec.auth.method)),
        ("grant types", spec.grant_types.iter().map(word).collect::<Vec<_>>().join(" ")),
        ("scopes", words(spec.scopes.clone())),
        ("enabled", spec.enabled.to_string()),
    ];
    for key in &status.keys {
        let name = key.kid.clone().or_else(|| key.thumbprint.clone()).unwrap_or_default();
        let expires = key.not_after.as_ref().map_or_else(String::new, |time| format!(", expires {}", time.0));
        facts.push(("key", format!("{name} {}{expires}", key.algorithm.clone().unwrap_or_default())));
    }
    for uri in spec.redirect_uris.iter().flat_map(|uris| &uris.values) {
        facts.push(("redirect URI", uri.clone()));
    }
    if let Some(uris) = &status.redirect_uris {
        facts.push(("redirect URIs", format!("{} in all, {}", uris.count, uris.hash)));
    }
    for secret in &status.secrets {
        facts.push(("Secret", format!("{} at version {}", secret.name, secret.resource_version)));
    }
    facts
}

fn tell(client: &Client, digest: &str, before: Option<&str>, output: Output, paint: Paint) {
    let (namespace, name) = place(client);
    let (of, workspace) = workspace_of(client);
    let id = client.status.as_ref().and_then(|status| status.client_id.clone());
    match output {
        Output::Json => {
            let said: Value = json!({
                "namespace": namespace, "name": name, "workspace": format!("{of}/{workspace}"), "clientId": id,
                "digest": digest, "before": before,
            });
            screen::print(&format!("{said:#}"));
        }
        Output::Text => {
            screen::print(&format!("{} Client {namespace}/{name} is approved as {digest}", paint.tick()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(digest: Option<&str>) -> ApproveArgs {
        ApproveArgs {
            client: "app".to_owned(),
            digest: digest.map(str::to_owned),
            yes: true,
            cluster: ClusterArgs::default(),
        }
    }

    fn client(generation: i64, digest: Option<&str>) -> Client {
        serde_json::from_value(json!({
            "metadata": {"name": "app", "namespace": "bank", "generation": generation},
            "spec": {"workspaceRef": {"name": "retail"}, "auth": {"method": "private_key_jwt"}},
            "status": {"observedGeneration": 1, "registrationDigest": digest, "clientId": "bank.app"},
        }))
        .unwrap()
    }

    #[test]
    fn only_what_the_operator_has_seen_as_it_is_now_is_approved() {
        assert_eq!(digest(&client(1, Some("sha256:a")), &args(None)).unwrap(), "sha256:a");
        let refused = |client: &Client, args: &ApproveArgs| digest(client, args).unwrap_err();
        assert_eq!(refused(&client(2, Some("sha256:a")), &args(None)).exit, Exit::Refused);
        assert!(refused(&client(1, None), &args(None)).message.contains("no registration"));
    }

    #[test]
    fn what_changed_after_it_was_shown_is_not_approved() {
        assert!(unchanged(&client(1, Some("sha256:a")), "sha256:a", &args(None)).is_ok());
        let refused = unchanged(&client(1, Some("sha256:b")), "sha256:a", &args(None)).unwrap_err();
        assert_eq!(refused.exit, Exit::Refused);
        assert!(refused.message.contains("nothing was approved"), "{refused}");
        let asked = digest(&client(1, Some("sha256:b")), &args(Some("sha256:a"))).unwrap_err();
        assert!(asked.message.contains("is another now"), "{asked}");
    }

    #[test]
    fn what_is_approved_is_shown() {
        let shown = facts(&client(1, Some("sha256:a")));
        assert!(shown.contains(&("client id", "bank.app".to_owned())));
        assert!(shown.contains(&("scopes", "all of the Workspace's".to_owned())));
    }
}
