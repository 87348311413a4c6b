//! What does a cluster lack before an installation? Its version, the definitions, one's rights, optional kinds.

use fapi_crds::names::VERSION;
use fapi_crds::schema::{Difference, compare};
use fapi_crds::{Kind, schema};
use fapi_operator::definitions;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{GetParams, Patch, PatchParams, PostParams};
use serde::Serialize;
use serde_json::json;

use super::super::refusal::Tried;
use super::super::{Cluster, FIELD_MANAGER, timely};
use crate::command::Output;
use crate::exit::{Exit, Stop};
use crate::screen::{self, Paint};

/// The oldest minor version of Kubernetes 1 that is known to do.
const OLDEST: u32 = 33;

/// What whoever installs and uses it has to be allowed: verb, group, resource.
const RIGHTS: &[(&str, &str, &str)] = &[
    ("create", "apiextensions.k8s.io", "customresourcedefinitions"),
    ("create", "rbac.authorization.k8s.io", "clusterroles"),
    ("create", "apps", "deployments"),
    ("create", "", "serviceaccounts"),
    ("list", "fapi.rs", "workspaces"),
    ("create", "fapi.rs", "workspaces"),
    ("list", "fapi.rs", "clients"),
    ("patch", "fapi.rs", "clients"),
    ("list", "fapi.rs", "signingkeys"),
    ("patch", "fapi.rs", "signingkeys"),
];

/// What is used where it is there: group, and what for.
const OPTIONAL: &[(&str, &str)] = &[
    ("cert-manager.io", "certificates of the pods"),
    ("gateway.networking.k8s.io", "exposure through a Gateway"),
    ("monitoring.coreos.com", "ServiceMonitor and PrometheusRule of the chart"),
    ("snapshot.storage.k8s.io", "backups of volumes"),
];

/// Version of this program.
const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// What helps where a definition is missing or older.
const APPLY: &str = "kubectl apply --server-side -f crds/";

/// One thing that was looked at.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Check {
    name: String,
    /// `ok`, `missing` or `note`.
    result: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl Check {
    fn ok(name: impl Into<String>, message: impl Into<String>) -> Check {
        Check { name: name.into(), result: "ok", message: message.into(), next: None }
    }

    fn note(name: impl Into<String>, message: impl Into<String>) -> Check {
        Check { name: name.into(), result: "note", message: message.into(), next: None }
    }

    fn missing(name: impl Into<String>, message: impl Into<String>, next: impl Into<String>) -> Check {
        Check { name: name.into(), result: "missing", message: message.into(), next: Some(next.into()) }
    }
}

/// Looks, and tells.
pub(super) async fn run(cluster: &Cluster, output: Output, paint: Paint) -> Result<Exit, Stop> {
    let mut checks = vec![version(cluster).await?];
    for kind in Kind::ALL {
        checks.push(definition(cluster, kind).await?);
    }
    for (verb, group, resource) in RIGHTS {
        checks.push(right(cluster, verb, group, resource).await?);
    }
    checks.extend(optional(cluster).await?);
    checks.push(at_rest());
    let ok = checks.iter().all(|check| check.result != "missing");
    match output {
        Output::Json => screen::print(&format!("{:#}", json!({"ok": ok, "checks": checks}))),
        Output::Text => checks.iter().for_each(|check| tell(check, paint)),
    }
    Ok(if ok { Exit::Success } else { Exit::Findings })
}

fn tell(check: &Check, paint: Paint) {
    let mark = match check.result {
        "ok" => paint.tick(),
        "note" => paint.dim("i"),
        _ => paint.cross(),
    };
    screen::print(&format!("{mark} {}: {}", check.name, check.message));
    if let Some(next) = &check.next {
        screen::print(&format!("    {} {next}", paint.dim("do:")));
    }
}

async fn version(cluster: &Cluster) -> Result<Check, Stop> {
    let tried = Tried::on("get", "/version".to_owned(), None, None);
    let version = timely(cluster.client.apiserver_version()).await.map_err(|error| tried.refused(error))?;
    Ok(judge_version(&version.major, &version.minor, &version.git_version))
}

fn judge_version(major: &str, minor: &str, full: &str) -> Check {
    // Some write 33+.
    let digits: String = minor.chars().take_while(char::is_ascii_digit).collect();
    let new_enough = major == "1" && digits.parse().is_ok_and(|minor: u32| minor >= OLDEST);
    if new_enough {
        Check::ok("Kubernetes", full)
    } else {
        let message = format!("{full} is older than 1.{OLDEST}");
        Check::missing("Kubernetes", message, format!("upgrade the cluster to 1.{OLDEST} or later"))
    }
}

/// By its fields: is it older, newer, or another one? If it has the same, the API server itself says whether applying our
/// definition would change it.
async fn definition(cluster: &Cluster, kind: Kind) -> Result<Check, Stop> {
    let wanted = schema::definition(kind);
    let name = wanted.metadata.name.clone().unwrap_or_default();
    let api: Api<CustomResourceDefinition> = Api::all(cluster.client.clone());
    let tried = Tried::of::<CustomResourceDefinition>("get", None, Some(&name));
    let found = match timely(api.get_with(&name, &GetParams::default())).await {
        Ok(found) => found,
        Err(kube::Error::Api(status)) if status.is_not_found() => {
            return Ok(Check::missing(name, "is not installed", APPLY));
        }
        Err(kube::Error::Api(status)) if status.is_forbidden() => return served(cluster, kind, name).await,
        Err(error) => return Err(tried.refused(error)),
    };
    let conditions = found.status.as_ref().and_then(|status| status.conditions.clone()).unwrap_or_default();
    if !conditions.iter().any(|it| it.type_ == "Established" && it.status == "True") {
        return Ok(Check::missing(
            name,
            "is not established",
            format!("kubectl describe crd {}", kind.plural()),
        ));
    }
    let version = found.spec.versions.iter().find(|version| version.name == VERSION);
    let schema = version.and_then(|version| version.schema.as_ref()?.open_api_v3_schema.as_ref());
    let difference = compare(kind, &json!(schema));
    if difference != Difference::default() {
        return Ok(judge_definition(name, &difference));
    }
    let params = PatchParams::apply(FIELD_MANAGER).force().dry_run();
    match timely(api.patch(&name, &params, &Patch::Apply(&wanted))).await {
        Ok(applied) if applied.spec == found.spec => Ok(Check::ok(name, "is that of this program")),
        Ok(_) => {
            let message = format!(
                "has the fields of this program ({PROGRAM}), and other rules or descriptions: it is of another version"
            );
            Ok(Check::missing(name, message, APPLY))
        }
        Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(Check::note(
            name,
            "has the fields of this program; to compare all of it, the verb patch on customresourcedefinitions is needed",
        )),
        Err(error) => Err(tried.refused(error)),
    }
}

/// Who may not look at the definitions may look at what the API server serves by them, as the operator does when it starts.
async fn served(cluster: &Cluster, kind: Kind, name: String) -> Result<Check, Stop> {
    let tried = Tried::on("get", "/openapi/v3".to_owned(), None, None);
    match timely(definitions::served(&cluster.client)).await {
        Ok(served) => Ok(match served.get(&kind) {
            Some(schema) => judge_definition(name, &compare(kind, schema)),
            None => Check::missing(name, "is not installed", APPLY),
        }),
        Err(kube::Error::Api(status)) if status.is_forbidden() => {
            Ok(Check::note(name, "may not be looked at: customresourcedefinitions, verb get"))
        }
        Err(error) => Err(tried.refused(error)),
    }
}

fn judge_definition(name: String, difference: &Difference) -> Check {
    let (lacks, has) = (difference.lacking_in_short(), difference.more_in_short());
    match (difference.is_enough(), difference.more.is_empty()) {
        (true, true) => Check::ok(name, "has the fields of this program"),
        (true, false) => Check::note(
            name,
            format!(
                "is newer than this program ({PROGRAM}): it has {has}. An operator of this version works with it"
            ),
        ),
        (false, true) => {
            let message = format!(
                "is older than this program ({PROGRAM}), whose operator does not start with it: it lacks {lacks}"
            );
            Check::missing(name, message, APPLY)
        }
        (false, false) => {
            let message =
                format!("is another than that of this program ({PROGRAM}): it lacks {lacks}, and has {has}");
            Check::missing(name, message, APPLY)
        }
    }
}

async fn right(cluster: &Cluster, verb: &str, group: &str, resource: &str) -> Result<Check, Stop> {
    let whole = matches!(resource, "customresourcedefinitions" | "clusterroles");
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                verb: Some(verb.to_owned()),
                group: Some(group.to_owned()),
                resource: Some(resource.to_owned()),
                namespace: (!whole).then(|| cluster.namespace.clone()),
                ..ResourceAttributes::default()
            }),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let tried = Tried::of::<SelfSubjectAccessReview>("create", None, None);
    let api: Api<SelfSubjectAccessReview> = Api::all(cluster.client.clone());
    let answer = timely(api.create(&PostParams::default(), &review)).await;
    let answer = answer.map_err(|error| tried.refused(error))?;
    let qualified = if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
    let name = format!("may {verb} {qualified}");
    let place = if whole { String::new() } else { format!(" in namespace {}", cluster.namespace) };
    Ok(if answer.status.is_some_and(|status| status.allowed) {
        Check::ok(name, format!("yes{place}"))
    } else {
        let next = format!("ask for a Role with the verb {verb} on {qualified}");
        Check::missing(name, format!("no{place}"), next)
    })
}

/// What no request can find out, and whoever installs has to ask (`D-06`).
fn at_rest() -> Check {
    let message = "private keys are kept in Secrets, and no API tells whether etcd encrypts them: ask whoever runs the cluster \
                   for an EncryptionConfiguration with resources: [secrets]";
    Check::note("encryption at rest", message)
}

async fn optional(cluster: &Cluster) -> Result<Vec<Check>, Stop> {
    let tried = Tried::on("get", "/apis".to_owned(), None, None);
    let groups = timely(cluster.client.list_api_groups()).await.map_err(|error| tried.refused(error))?;
    let there = |group: &str| groups.groups.iter().any(|it| it.name == group);
    let check = |(group, what): &(&str, &str)| {
        let state = if there(group) { "is there" } else { "is not there, and only needed" };
        Check::note(*group, format!("{state} for {what}"))
    };
    Ok(OPTIONAL.iter().map(check).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_cluster_is_named() {
        assert_eq!(judge_version("1", "33", "v1.33.2").result, "ok");
        assert_eq!(judge_version("1", "34+", "v1.34.0-eks").result, "ok");
        let old = judge_version("1", "29", "v1.29.1");
        assert_eq!((old.result, old.message.as_str()), ("missing", "v1.29.1 is older than 1.33"));
    }

    /// F-C06
    #[test]
    fn a_definition_is_older_newer_or_another() {
        let judged = |lacking: &[&str], more: &[&str]| {
            let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
            let check = judge_definition(
                "clients.fapi.rs".to_owned(),
                &Difference { lacking: names(lacking), more: names(more) },
            );
            (check.result, check.message)
        };
        assert_eq!(judged(&[], &[]).0, "ok");
        let (result, message) = judged(&["spec.logo"], &[]);
        assert!(
            result == "missing"
                && message.contains("is older than")
                && message.ends_with("it lacks spec.logo")
        );
        let (result, message) = judged(&[], &["spec.new"]);
        assert!(
            result == "note" && message.contains("is newer than") && message.contains("it has spec.new.")
        );
        let (result, message) = judged(&["spec.logo"], &["spec.new"]);
        assert!(result == "missing" && message.contains("is another than"), "{message}");
    }
}
