//! What does not come up? Pods, volumes and addresses, and what the operator reports of all three kinds.

use fapi_crds::names::label;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::super::condition::{Matter, Weight, matters};
use super::super::place;
use super::seen::Seen;
use super::{Finding, field};

/// What comes by itself is somebody's business after this many seconds.
const PATIENCE: i64 = 60;

/// A deletion that waits for a finalizer is somebody's business after this many seconds.
const STUCK: i64 = 600;

/// What does not come up; `known` is what was found in the objects themselves.
pub(super) fn findings(seen: &Seen, now: i64, known: &[Finding]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = seen.pods.iter().flat_map(|pod| of_pod(pod, now)).collect();
    findings.extend(claims(seen, now));
    findings.extend(addresses(seen, now));
    findings.extend(deployments(seen));
    findings.extend(stuck(seen, now));
    findings.extend(reported(seen, now, known));
    findings
}

/// What is worth knowing, and no mistake.
pub(super) fn notes(seen: &Seen, now: i64) -> Vec<String> {
    let told = all_matters(seen, now).into_iter().filter(|matter| matter.weight == Weight::Note);
    told.map(|Matter { kind, namespace, name, message, .. }| format!("{kind} {namespace}/{name}: {message}"))
        .collect()
}

fn all_matters(seen: &Seen, now: i64) -> Vec<Matter> {
    let mut found: Vec<Matter> = seen.workspaces.iter().flat_map(|it| matters(it, now)).collect();
    found.extend(seen.signing_keys.iter().flat_map(|it| matters(it, now)));
    found.extend(seen.clients.iter().flat_map(|it| matters(it, now)));
    found
}

/// What the operator says, unless it was found in the object itself.
fn reported(seen: &Seen, now: i64, known: &[Finding]) -> Vec<Finding> {
    let problems = all_matters(seen, now).into_iter().filter(|matter| matter.weight == Weight::Problem);
    let told = problems.filter(|matter| {
        let condition = matter.condition.as_deref();
        let repeats = matches!(
            condition,
            Some("Accepted" | "ResolvedRefs" | "CertificateExpiring" | "Ready" | "Stalled")
        );
        let found = known
            .iter()
            .any(|it| it.kind == matter.kind && it.namespace == matter.namespace && it.name == matter.name);
        !(found && repeats)
    });
    told.map(|matter| {
        let spec = spec_of(seen, &matter);
        let reason = matter.reason.as_deref().and_then(|reason| reason.parse().ok());
        let named = reason.map(|reason| field::of(&matter.message, reason, &spec));
        let condition = matter.condition.as_deref().map_or_else(
            || "status.observedGeneration".to_owned(),
            |condition| format!("status.conditions[{condition}]"),
        );
        Finding {
            field: named.filter(|named| named != "spec").unwrap_or(condition),
            next: next(&matter),
            kind: matter.kind.to_owned(),
            namespace: matter.namespace,
            name: matter.name,
            message: matter.message,
        }
    })
    .collect()
}

fn next(matter: &Matter) -> String {
    let Matter { namespace, name, .. } = matter;
    match matter.condition.as_deref() {
        None => "kubectl get deployments,pods -A -l app.kubernetes.io/name=fapi-operator".to_owned(),
        Some("Approved") => format!("fapictl approve {name} -n {namespace}"),
        Some("Overdue" | "RotationBlocked" | "Published" | "KeysReady") => {
            format!("fapictl keys -n {namespace}")
        }
        Some(_) => format!("kubectl describe {} {name} -n {namespace}", matter.kind.to_ascii_lowercase()),
    }
}

fn spec_of(seen: &Seen, matter: &Matter) -> serde_json::Value {
    let of = |meta: &ObjectMeta| {
        meta.name.as_ref() == Some(&matter.name) && meta.namespace.as_ref() == Some(&matter.namespace)
    };
    let value = match matter.kind {
        "Workspace" => {
            seen.workspaces.iter().find(|it| of(&it.metadata)).map(|it| serde_json::to_value(&it.spec))
        }
        "Client" => seen.clients.iter().find(|it| of(&it.metadata)).map(|it| serde_json::to_value(&it.spec)),
        _ => seen.signing_keys.iter().find(|it| of(&it.metadata)).map(|it| serde_json::to_value(&it.spec)),
    };
    value.and_then(Result::ok).unwrap_or_default()
}

fn age(meta: &ObjectMeta, now: i64) -> i64 {
    meta.creation_timestamp.as_ref().map_or(0, |time| now - time.0.as_second())
}

fn of_pod(pod: &Pod, now: i64) -> Vec<Finding> {
    if pod.metadata.deletion_timestamp.is_some() {
        return Vec::new();
    }
    let (namespace, name) = place(pod);
    let finding = |field: String, message: String| Finding {
        kind: "Pod".to_owned(),
        next: format!("kubectl describe pod {name} -n {namespace}"),
        namespace: namespace.clone(),
        name: name.clone(),
        field,
        message,
    };
    let status = pod.status.clone().unwrap_or_default();
    let mut findings = Vec::new();
    let scheduled = status.conditions.iter().flatten().find(|it| it.type_ == "PodScheduled");
    if let Some(condition) = scheduled.filter(|it| it.reason.as_deref() == Some("Unschedulable")) {
        let why = condition.message.clone().unwrap_or_default();
        findings
            .push(finding("status.conditions[PodScheduled]".to_owned(), format!("no node takes it: {why}")));
    }
    let containers =
        status.init_container_statuses.iter().flatten().chain(status.container_statuses.iter().flatten());
    for container in containers {
        if let Some((field, message)) = of_container(container) {
            findings.push(finding(field, message));
        }
    }
    let ready = status.conditions.iter().flatten().any(|it| it.type_ == "Ready" && it.status == "True");
    let runs = status.phase.as_deref() == Some("Running");
    if findings.is_empty() && runs && !ready && age(&pod.metadata, now) > STUCK {
        let message = "it runs and is not ready: its log says what it waits for".to_owned();
        let mut unready = finding("status.conditions[Ready]".to_owned(), message);
        unready.next = format!("kubectl logs {name} -n {namespace}");
        findings.push(unready);
    }
    findings
}

/// A container that waits for something that does not come by itself.
fn of_container(container: &ContainerStatus) -> Option<(String, String)> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.as_deref().unwrap_or_default();
    let field = match reason {
        "ImagePullBackOff" | "ErrImagePull" | "InvalidImageName" | "ErrImageNeverPull" => {
            format!("spec.containers[{}].image", container.name)
        }
        "CrashLoopBackOff" | "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
            format!("status.containerStatuses[{}].state.waiting", container.name)
        }
        _ => return None,
    };
    let last = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
    let ended = last.map_or_else(String::new, |it| {
        let why = it.reason.clone().unwrap_or_default();
        format!(" (last ended with {}: {why})", it.exit_code)
    });
    let message = waiting.message.clone().unwrap_or_default();
    Some((field, format!("{reason}: {message}{ended}")))
}

fn claims(seen: &Seen, now: i64) -> Vec<Finding> {
    let pending = seen.claims.iter().filter(|claim| {
        let phase = claim.status.as_ref().and_then(|status| status.phase.as_deref());
        phase.unwrap_or("Pending") == "Pending" && age(&claim.metadata, now) > PATIENCE
    });
    pending
        .map(|claim| {
            let (namespace, name) = place(claim);
            let class = claim.spec.as_ref().and_then(|spec| spec.storage_class_name.clone());
            let message = match class {
                Some(class) => format!("no volume of storage class {class} comes"),
                None => "no volume comes, and no storage class is named: the cluster may have no default"
                    .to_owned(),
            };
            Finding {
                kind: "PersistentVolumeClaim".to_owned(),
                next: format!("kubectl get storageclass; kubectl describe pvc {name} -n {namespace}"),
                field: "spec.storageClassName".to_owned(),
                message,
                namespace,
                name,
            }
        })
        .collect()
}

fn addresses(seen: &Seen, now: i64) -> Vec<Finding> {
    let waiting = seen.services.iter().filter(|service| {
        let asks = service.spec.as_ref().and_then(|spec| spec.type_.as_deref()) == Some("LoadBalancer");
        let balancer = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
        let none = balancer.and_then(|it| it.ingress.as_ref()).is_none_or(Vec::is_empty);
        asks && none && age(&service.metadata, now) > PATIENCE
    });
    waiting
        .map(|service| {
            let (namespace, name) = place(service);
            Finding {
                kind: "Service".to_owned(),
                next: "install what gives addresses, or write another spec.exposure.service.type in the Workspace"
                    .to_owned(),
                field: "spec.type".to_owned(),
                message: "LoadBalancer, and no address comes".to_owned(),
                namespace,
                name,
            }
        })
        .collect()
}

/// Pods that may not even be made: a quota, a policy of the namespace.
fn deployments(seen: &Seen) -> Vec<Finding> {
    let mut findings = Vec::new();
    for deployment in &seen.deployments {
        let conditions = deployment.status.as_ref().and_then(|status| status.conditions.as_ref());
        for failed in
            conditions.into_iter().flatten().filter(|it| it.type_ == "ReplicaFailure" && it.status == "True")
        {
            let (namespace, name) = place(deployment);
            findings.push(Finding {
                kind: "Deployment".to_owned(),
                next: format!("kubectl describe replicaset -n {namespace} -l {}={name}", label::WORKSPACE),
                field: "status.conditions[ReplicaFailure]".to_owned(),
                message: failed.message.clone().unwrap_or_default(),
                namespace,
                name,
            });
        }
    }
    findings
}

fn stuck(seen: &Seen, now: i64) -> Vec<Finding> {
    let waits = seen.clients.iter().filter(|client| {
        let since = client.metadata.deletion_timestamp.as_ref();
        since.is_some_and(|since| now - since.0.as_second() > STUCK)
    });
    waits
        .map(|client| {
            let (namespace, name) = place(client);
            let finalizers = client.metadata.finalizers.clone().unwrap_or_default().join(", ");
            Finding {
                kind: "Client".to_owned(),
                field: "metadata.finalizers".to_owned(),
                message: format!("is being deleted, and {finalizers} is not removed"),
                next: format!("fapictl status -n {namespace}: which pods have not confirmed its revocation?"),
                namespace,
                name,
            }
        })
        .collect()
}
