//! `fapictl rotate`: how is a key changed before its time? By a new `rotation.trigger`, which the operator answers with the same
//! care as always: the successor is published, waits until everybody may have seen it, and then signs.

use std::time::Duration;

use fapi_crds::names::API_VERSION;
use fapi_crds::signing_key::{KeyStatus, SigningKeyStatus};
use fapi_crds::{KeyState, SigningKey};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::refusal::Tried;
use super::words::until;
use super::{Cluster, ClusterArgs, FIELD_MANAGER, place, timely};
use crate::command::Output;
use crate::exit::{Exit, Stop};
use crate::screen::{self, Paint};

const EXAMPLES: &str = "Examples:
  fapictl rotate retail-sig-ps256 -n bank
      sets spec.rotation.trigger to the time; returns at once
  fapictl rotate retail-sig-ps256 --wait
      until every pod shows the successor, and says when it will sign
  fapictl rotate retail-sig-ps256 --trigger CHG-4711 --wait=active --timeout 26h -o json
      until it signs: {namespace, name, trigger, kid, state, notBefore}

Where Git writes spec.rotation.trigger, change it there: this is refused then, and --force takes it over.

Exit codes: 0 done, 2 wrong usage, 3 the API server is away, 4 refused, 124 waited long enough.";

/// How often the cluster is asked while waiting.
const AGAIN: Duration = Duration::from_secs(1);

/// `fapictl rotate`
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RotateArgs {
    /// Name of a SigningKey
    #[arg(value_name = "SIGNINGKEY")]
    signing_key: String,
    /// The new trigger [default: the time]
    #[arg(long, value_name = "TEXT")]
    trigger: Option<String>,
    /// Wait until the successor has come so far
    #[arg(long, value_enum, value_name = "STATE", num_args = 0..=1, require_equals = true, default_missing_value = "published")]
    wait: Option<Milestone>,
    /// How long to wait
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    timeout: Duration,
    /// Take spec.rotation.trigger over from whoever else writes it
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// How far the successor has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum Milestone {
    /// Every pod shows it, and could sign with it
    Published,
    /// Every pod signs with it
    Active,
}

/// `45s`, `10m`, `26h`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let parsed = fapi_crds::Duration::parse(text).and_then(|duration| duration.seconds());
    let seconds = parsed.ok().and_then(|seconds| u64::try_from(seconds).ok());
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| "write a number with h, m or s, for example 10m".to_owned())
}

/// Sets the trigger, and waits if asked to.
pub(crate) async fn run(args: &RotateArgs, output: Output, paint: Paint) -> Result<Exit, Stop> {
    let cluster = args.cluster.connect().await?;
    let line: SigningKey = cluster.one(&args.signing_key).await?;
    let again =
        format!("kubectl edit signingkey {}{}", args.signing_key, args.cluster.typed(&cluster.namespace));
    if line.spec.suspend {
        return Err(Stop::usage("spec.suspend is true: nothing would rotate. Write false first", again));
    }
    let trigger = args.trigger.clone().unwrap_or_else(now_in_words);
    if line.spec.rotation.trigger.as_ref() == Some(&trigger) {
        return Err(Stop::usage(format!("the trigger is {trigger:?} already: only a change rotates"), again));
    }
    let body = json!({
        "apiVersion": API_VERSION, "kind": "SigningKey", "metadata": {"name": args.signing_key, "uid": line.metadata.uid},
        "spec": {"rotation": {"trigger": trigger}},
    });
    let tried = Tried::of::<SigningKey>("patch", Some(&cluster.namespace), Some(&args.signing_key));
    let mut params = PatchParams::apply(FIELD_MANAGER);
    params.force = args.force;
    let api: Api<SigningKey> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let patched = timely(api.patch(&args.signing_key, &params, &Patch::Apply(&body))).await;
    let patched = patched.map_err(|error| tried.refused(error))?;
    let (namespace, name) = place(&patched);
    let reached = match args.wait {
        None => None,
        Some(milestone) => Some(wait(&cluster, args, &trigger, milestone).await?),
    };
    let key = reached.as_ref().and_then(|status| successor(status, &trigger));
    let not_before = reached.as_ref().and_then(|status| status.next_transition.as_ref()?.not_before.clone());
    match output {
        Output::Json => screen::print(&format!(
            "{:#}",
            json!({
                "namespace": namespace, "name": name, "trigger": trigger,
                "kid": key.map(|key| &key.kid), "state": key.map(|key| key.state), "notBefore": not_before,
            })
        )),
        Output::Text => {
            screen::print(&format!(
                "{} SigningKey {namespace}/{name} rotates: trigger {trigger}",
                paint.tick()
            ));
            if let Some(key) = key {
                screen::print(&format!("  successor {} is {}", key.kid, super::word(&key.state)));
            }
            if let Some(time) = not_before.filter(|_| key.is_some_and(|key| key.state != KeyState::Active)) {
                screen::print(&format!("  it signs {}", until(&time, crate::clock::now())));
            }
            let next = format!("fapictl keys{}", args.cluster.typed(&namespace));
            eprintln!("{} {next}", paint.dim("  watch it:"));
        }
    }
    Ok(Exit::Success)
}

fn now_in_words() -> String {
    jiff::Timestamp::from_second(crate::clock::now()).map_or_else(|_| "now".to_owned(), |now| now.to_string())
}

/// The key that was made for this trigger: the youngest, once the operator has acted on it.
fn successor<'a>(status: &'a SigningKeyStatus, trigger: &str) -> Option<&'a KeyStatus> {
    let acted = status.last_trigger.as_deref() == Some(trigger);
    let youngest = || status.keys.iter().max_by_key(|key| key.created_time.as_ref().map(|time| time.0));
    acted.then(youngest).flatten()
}

fn has_reached(status: &SigningKeyStatus, trigger: &str, milestone: Milestone) -> bool {
    successor(status, trigger).is_some_and(|key| match milestone {
        Milestone::Published => key.published_confirmed_time.is_some(),
        Milestone::Active => key.activation_confirmed_time.is_some(),
    })
}

async fn wait(
    cluster: &Cluster,
    args: &RotateArgs,
    trigger: &str,
    milestone: Milestone,
) -> Result<SigningKeyStatus, Stop> {
    let waited = tokio::time::timeout(args.timeout, async {
        loop {
            let line: SigningKey = cluster.one(&args.signing_key).await?;
            if let Some(status) = line.status.filter(|status| has_reached(status, trigger, milestone)) {
                return Ok(status);
            }
            tokio::time::sleep(AGAIN).await;
        }
    });
    waited.await.unwrap_or_else(|_| {
        Err(Stop {
            exit: Exit::TimedOut,
            message: format!(
                "SigningKey {}/{} has not come so far: the trigger stays, and the operator goes on",
                cluster.namespace, args.signing_key
            ),
            next: format!("fapictl keys{}", args.cluster.typed(&cluster.namespace)),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_milestone_is_that_of_the_key_made_for_this_trigger() {
        let status = |trigger: &str, confirmed: bool| -> SigningKeyStatus {
            serde_json::from_value(json!({
                "lastTrigger": trigger,
                "keys": [
                    {"kid": "old", "state": "Active", "createdTime": "2026-01-01T00:00:00Z", "activationConfirmedTime": "2026-01-01T00:00:00Z",
                     "publishedConfirmedTime": "2026-01-01T00:00:00Z"},
                    {"kid": "new", "state": "Published", "createdTime": "2026-02-01T00:00:00Z",
                     "publishedConfirmedTime": confirmed.then_some("2026-02-01T00:00:00Z")},
                ],
            }))
            .unwrap()
        };
        assert!(has_reached(&status("now", true), "now", Milestone::Published));
        assert!(!has_reached(&status("now", false), "now", Milestone::Published));
        assert!(!has_reached(&status("now", true), "now", Milestone::Active));
        assert!(!has_reached(&status("before", true), "now", Milestone::Published));
    }

    #[test]
    fn times_to_wait_have_units() {
        assert_eq!(duration("26h").unwrap(), Duration::from_hours(26));
        assert!(duration("10").is_err());
    }
}
