//! The pods: restricted as Pod Security asks, without a token, with everything they read mounted as files.

use fapi_config::{StorageType, file, logo_file, shard_file};
use fapi_crds::KeySource;
use fapi_crds::workspace::{LogFormat, LogLevel, ReloadStrategy, WorkspaceSpec};
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment};
use k8s_openapi::api::core::v1::{
    Capabilities, ConfigMapVolumeSource, Container, ContainerPort, EmptyDirVolumeSource, HTTPGetAction,
    KeyToPath, Lifecycle, LifecycleHandler, PersistentVolumeClaimVolumeSource, PodSecurityContext, PodSpec,
    PodTemplateSpec, Probe, ProjectedVolumeSource, SeccompProfile, SecretProjection, SecretVolumeSource,
    SecurityContext, SleepAction, TopologySpreadConstraint, Volume, VolumeMount, VolumeProjection,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::meta::Meta;
use super::{Inputs, port};

/// A user that exists nowhere.
const USER: i64 = 65532;

/// Files are for the group of the pod alone.
const MODE: i32 = 0o440;

/// Where things are mounted.
mod path {
    pub(super) const CONFIG: &str = "/etc/fapi";
    pub(super) const TLS: &str = "/etc/fapi-tls";
    pub(super) const MTLS_TLS: &str = "/etc/fapi-mtls-tls";
    pub(super) const INTERNAL_TLS: &str = "/etc/fapi-internal-tls";
    pub(super) const DATABASE: &str = "/etc/fapi-database";
    pub(super) const DATABASE_CA: &str = "/etc/fapi-database-ca";
    pub(super) const DATA: &str = "/var/lib/fapi";
    pub(super) const TMP: &str = "/tmp";
}

/// The Deployment. Nothing in its template depends on the configuration's content, unless the Workspace asks to be restarted.
pub(super) fn deployment(meta: &Meta<'_>, inputs: &Inputs<'_>, hash: &str) -> Deployment {
    let spec = inputs.spec;
    Deployment {
        metadata: meta.object(meta.names.server(), "server"),
        spec: Some(DeploymentSpec {
            // An autoscaler's, where there is one.
            replicas: spec.server.autoscaling.is_none().then_some(spec.replicas),
            revision_history_limit: Some(3),
            min_ready_seconds: (storage(inputs) == StorageType::PostgreSQL).then_some(5),
            strategy: Some(strategy(storage(inputs))),
            selector: meta.label_selector(),
            template: PodTemplateSpec {
                metadata: Some(template_meta(meta, spec, hash)),
                spec: Some(pod(meta, inputs)),
            },
            ..DeploymentSpec::default()
        }),
        status: None,
    }
}

fn storage(inputs: &Inputs<'_>) -> StorageType {
    inputs.publication.document.storage.kind
}

/// One pod writes a SQLite file, so the old one goes first. With PostgreSQL the new one comes first.
fn strategy(storage: StorageType) -> DeploymentStrategy {
    match storage {
        StorageType::SQLite => {
            DeploymentStrategy { type_: Some("Recreate".to_owned()), rolling_update: None }
        }
        StorageType::PostgreSQL => DeploymentStrategy {
            type_: Some("RollingUpdate".to_owned()),
            rolling_update: Some(RollingUpdateDeployment {
                max_surge: Some(IntOrString::Int(1)),
                max_unavailable: Some(IntOrString::Int(0)),
            }),
        },
    }
}

fn template_meta(meta: &Meta<'_>, spec: &WorkspaceSpec, hash: &str) -> ObjectMeta {
    let mut labels = spec.server.pod_labels.clone();
    labels.extend(meta.pod_labels());
    let mut annotations = spec.server.pod_annotations.clone();
    if spec.server.reload_strategy == ReloadStrategy::Restart {
        annotations.insert(fapi_crds::names::annotation::HASH.to_owned(), hash.to_owned());
    }
    let annotations = (!annotations.is_empty()).then_some(annotations);
    ObjectMeta { labels: Some(labels), annotations, ..ObjectMeta::default() }
}

fn pod(meta: &Meta<'_>, inputs: &Inputs<'_>) -> PodSpec {
    let server = &inputs.spec.server;
    let mounted = mounts(meta, inputs);
    let (volumes, mounts) = mounted.into_iter().unzip();
    let own = server.topology_spread_constraints.clone();
    PodSpec {
        service_account_name: Some(meta.names.server()),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        termination_grace_period_seconds: Some(server.termination_grace_period_seconds),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(USER),
            fs_group: Some(USER),
            seccomp_profile: Some(seccomp()),
            ..PodSecurityContext::default()
        }),
        containers: vec![container(inputs, mounts)],
        volumes: Some(volumes),
        node_selector: (!server.node_selector.is_empty()).then(|| server.node_selector.clone()),
        tolerations: (!server.tolerations.is_empty()).then(|| server.tolerations.clone()),
        affinity: server.affinity.clone(),
        topology_spread_constraints: Some(if own.is_empty() { spread(meta).into() } else { own }),
        priority_class_name: server.priority_class_name.clone(),
        image_pull_secrets: (!server.image_pull_secrets.is_empty())
            .then(|| server.image_pull_secrets.clone()),
        ..PodSpec::default()
    }
}

fn seccomp() -> SeccompProfile {
    SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None }
}

/// Over nodes and zones, where possible.
fn spread(meta: &Meta<'_>) -> [TopologySpreadConstraint; 2] {
    ["kubernetes.io/hostname", "topology.kubernetes.io/zone"].map(|key| TopologySpreadConstraint {
        max_skew: 1,
        topology_key: key.to_owned(),
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        label_selector: Some(meta.label_selector()),
        ..TopologySpreadConstraint::default()
    })
}

fn container(inputs: &Inputs<'_>, volume_mounts: Vec<VolumeMount>) -> Container {
    let by_port = matches!(inputs.publication.document.mtls, fapi_core::issuer::Mtls::Port(_));
    let mut ports = vec![container_port("front", port::FRONT)];
    if by_port {
        ports.push(container_port("back", port::BACK));
    }
    ports.push(container_port("internal", port::INTERNAL));
    ports.push(container_port("metrics", port::METRICS));
    Container {
        name: "server".to_owned(),
        image: Some(inputs.settings.image.clone()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        // One image holds all programs, on its PATH; its entrypoint is the operator.
        command: Some(vec!["fapi-server".to_owned()]),
        args: Some(args(inputs)),
        ports: Some(ports),
        resources: Some(
            inputs.spec.server.resources.clone().unwrap_or_else(|| inputs.settings.resources.clone()),
        ),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            run_as_non_root: Some(true),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
            seccomp_profile: Some(seccomp()),
            ..SecurityContext::default()
        }),
        startup_probe: Some(probe("/livez", 1, 60)),
        liveness_probe: Some(probe("/livez", 10, 3)),
        readiness_probe: Some(probe("/readyz", 2, 2)),
        // Endpoints are removed meanwhile; requests that are on their way still find the pod.
        lifecycle: Some(Lifecycle {
            pre_stop: Some(LifecycleHandler {
                sleep: Some(SleepAction { seconds: 5 }),
                ..LifecycleHandler::default()
            }),
            ..Lifecycle::default()
        }),
        volume_mounts: Some(volume_mounts),
        ..Container::default()
    }
}

fn container_port(name: &str, number: i32) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: number,
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }
}

fn probe(path: &str, period: i32, failures: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::Int(port::METRICS),
            scheme: Some("HTTP".to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period),
        timeout_seconds: Some(2),
        failure_threshold: Some(failures),
        ..Probe::default()
    }
}

/// A server of the version before starts with these too: a flag that is new is given only where a field asks for what it does.
fn args(inputs: &Inputs<'_>) -> Vec<String> {
    let logging = &inputs.spec.server.logging;
    let level = match logging.level {
        LogLevel::Debug => "debug",
        LogLevel::Error => "error",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
    };
    let format = match logging.format {
        LogFormat::Json => "json",
        LogFormat::Text => "text",
    };
    let mut args = vec![
        format!("--config-dir={}", path::CONFIG),
        format!("--tls-dir={}", path::TLS),
        format!("--internal-tls-dir={}", path::INTERNAL_TLS),
        format!("--log-level={level}"),
        format!("--log-format={format}"),
    ];
    if inputs.spec.mtls.tls.is_some() {
        args.push(format!("--mtls-tls-dir={}", path::MTLS_TLS));
    }
    args.push(match storage(inputs) {
        StorageType::SQLite => format!("--sqlite={}/fapi.db", path::DATA),
        StorageType::PostgreSQL => format!("--database-url-file={}/url", path::DATABASE),
    });
    if database_ca(inputs.spec).is_some() {
        args.push(format!("--database-ca-file={}/ca.crt", path::DATABASE_CA));
    }
    args
}

fn mounts(meta: &Meta<'_>, inputs: &Inputs<'_>) -> Vec<(Volume, VolumeMount)> {
    let spec = inputs.spec;
    let names = meta.names;
    let pair = || vec![item("tls.crt", "tls.crt"), item("tls.key", "tls.key")];
    let front = names.shown_in_front(&spec.tls).unwrap_or_else(|| names.tls());
    let mut mounted = vec![
        mount(projected(configuration(meta, inputs)), "config", path::CONFIG, true),
        mount(secret(&front, pair()), "tls", path::TLS, true),
    ];
    if let Some(tls) = &spec.mtls.tls {
        let back = names.shown_behind(tls).unwrap_or_else(|| names.mtls_tls());
        let volume = secret(&back, pair());
        mounted.push(mount(volume, "mtls-tls", path::MTLS_TLS, true));
    }
    let mut internal = pair();
    internal.push(item("ca.crt", "ca.crt"));
    mounted.push(mount(secret(&names.internal_tls(), internal), "internal-tls", path::INTERNAL_TLS, true));
    if let Some(postgresql) = &spec.storage.postgresql {
        let reference = &postgresql.url_secret_ref;
        let volume = secret(&reference.name, vec![item(&reference.key, "url")]);
        mounted.push(mount(volume, "database", path::DATABASE, true));
    }
    if let Some(source) = database_ca(spec) {
        mounted.push(mount(public_key(source, "ca.crt"), "database-ca", path::DATABASE_CA, true));
    }
    if storage(inputs) == StorageType::SQLite {
        let claim = spec.storage.sqlite.as_ref().and_then(|sqlite| sqlite.volume_claim.as_ref());
        let volume = match claim {
            Some(_) => Volume {
                persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                    claim_name: names.data(),
                    read_only: None,
                }),
                ..Volume::default()
            },
            None => empty_dir(None),
        };
        mounted.push(mount(volume, "data", path::DATA, false));
    }
    mounted.push(mount(empty_dir(Some("64Mi")), "tmp", path::TMP, false));
    mounted
}

/// The authority of the database's certificate.
fn database_ca(spec: &WorkspaceSpec) -> Option<&KeySource> {
    spec.storage.postgresql.as_ref()?.ca_ref.as_ref()
}

/// One key of a ConfigMap or Secret, under another name.
fn public_key(source: &KeySource, name: &str) -> Volume {
    if let Some(map) = &source.config_map_ref {
        return Volume {
            config_map: Some(ConfigMapVolumeSource {
                name: map.name.clone(),
                items: Some(vec![item(&map.key, name)]),
                default_mode: Some(MODE),
                ..ConfigMapVolumeSource::default()
            }),
            ..Volume::default()
        };
    }
    let reference = source.secret_ref.clone().unwrap_or_default();
    secret(&reference.name, vec![item(&reference.key, name)])
}

/// Everything that the manifest may name. Each is optional: a shard without clients has no Secret, and pods that start before
/// the first revision wait for the manifest. Adding a client or a picture never changes the pods.
fn configuration(meta: &Meta<'_>, inputs: &Inputs<'_>) -> Vec<VolumeProjection> {
    let names = meta.names;
    let bundle = [file::MANIFEST, file::WORKSPACE, file::CLIENT_CA, file::CRL].map(|name| item(name, name));
    let mut sources = vec![projection(&names.bundle(), bundle.into())];
    for shard in 0..inputs.publication.client_shards {
        let name = shard_file(shard);
        sources.push(projection(&names.clients(shard), vec![item(&name, &name)]));
        let name = logo_file(shard);
        sources.push(projection(&names.logos(shard), vec![item(&name, &name)]));
    }
    sources.push(projection(&names.keys(), vec![item(file::KEYS, file::KEYS)]));
    if let Some(users) = &inputs.spec.login.users {
        let reference = &users.secret_ref;
        sources.push(projection(&reference.name, vec![item(&reference.key, file::USERS)]));
    }
    sources
}

fn projection(name: &str, items: Vec<KeyToPath>) -> VolumeProjection {
    VolumeProjection {
        secret: Some(SecretProjection { name: name.to_owned(), items: Some(items), optional: Some(true) }),
        ..VolumeProjection::default()
    }
}

fn projected(sources: Vec<VolumeProjection>) -> Volume {
    Volume {
        projected: Some(ProjectedVolumeSource { default_mode: Some(MODE), sources: Some(sources) }),
        ..Volume::default()
    }
}

fn secret(name: &str, items: Vec<KeyToPath>) -> Volume {
    Volume {
        secret: Some(SecretVolumeSource {
            secret_name: Some(name.to_owned()),
            default_mode: Some(MODE),
            items: Some(items),
            optional: None,
        }),
        ..Volume::default()
    }
}

fn empty_dir(limit: Option<&str>) -> Volume {
    let size_limit = limit.map(|limit| Quantity(limit.to_owned()));
    Volume { empty_dir: Some(EmptyDirVolumeSource { medium: None, size_limit }), ..Volume::default() }
}

fn item(key: &str, path: &str) -> KeyToPath {
    KeyToPath { key: key.to_owned(), path: path.to_owned(), mode: None }
}

fn mount(volume: Volume, name: &str, path: &str, read_only: bool) -> (Volume, VolumeMount) {
    let volume = Volume { name: name.to_owned(), ..volume };
    let mount = VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    };
    (volume, mount)
}
