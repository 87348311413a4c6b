//! What does a cluster lack before an installation? Its version, the definitions, one's rights, optional kinds.

use fapi_crds::{Kind, schema};
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

/// The API server itself says whether applying our definition would change the one that is there.
async fn definition(cluster: &Cluster, kind: Kind) -> Result<Check, Stop> {
    let wanted = schema::definition(kind);
    let name = wanted.metadata.name.clone().unwrap_or_default();
    let apply = "kubectl apply --server-side -f crds/";
    let api: Api<CustomResourceDefinition> = Api::all(cluster.client.clone());
    let tried = Tried::of::<CustomResourceDefinition>("get", None, Some(&name));
    let found = match timely(api.get_with(&name, &GetParams::default())).await {
        Ok(found) => found,
        Err(kube::Error::Api(status)) if status.is_not_found() => {
            return Ok(Check::missing(name, "is not installed", apply));
        }
        Err(kube::Error::Api(status)) if status.is_forbidden() => {
            return Ok(Check::note(name, "may not be looked at: customresourcedefinitions, verb get"));
        }
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
    let params = PatchParams::apply(FIELD_MANAGER).force().dry_run();
    match timely(api.patch(&name, &params, &Patch::Apply(&wanted))).await {
        Ok(applied) if applied.spec == found.spec => Ok(Check::ok(name, "is that of this program")),
        Ok(_) => {
            let message = format!("is of another version than this program ({})", env!("CARGO_PKG_VERSION"));
            Ok(Check::missing(name, message, apply))
        }
        Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(Check::note(
            name,
            "is there; to compare it, the verb patch on customresourcedefinitions is needed",
        )),
        Err(error) => Err(tried.refused(error)),
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
}
