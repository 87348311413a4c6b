//! Where is the server reached, and with which certificates? The front door serves browsers, the back door programs.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pattern;
use crate::reference::KeySource;
use crate::text::annotations;

/// The back door: where programs call. PAR, token, userinfo, introspection, revocation and registration are here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.host) != has(self.port)")
    .message("set exactly one of mtls.host (another name at the issuer's port) and mtls.port (the issuer's name at another port)"),
    validation = Rule::new("!has(self.crl) || has(self.clientCa)")
        .message("mtls.crl holds the lists of the CAs in mtls.clientCa: set that too"),
    validation = Rule::new("!has(self.forwarded) || has(self.clientCa)")
        .message("the certificate of the proxy in mtls.forwarded is checked against mtls.clientCa: set that too"))]
pub struct Mtls {
    /// Host name of the back door, at the issuer's port; told apart from the front door by SNI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = pattern::HOST))]
    pub host: Option<String>,
    /// Port of the back door, at the issuer's host; for places with a single host name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,
    /// Certificate of the back door. Absent: `spec.tls` serves both doors. Brazil asks for different ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// PEM certificates of the authorities that issue client certificates, for `tls_client_auth`. Required by OpenBankingUK,
    /// OpenBankingBrazil and CDRAustralia.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<KeySource>,
    /// PEM revocation lists (`X509 CRL`) of those authorities, at most 512 KiB. With them, a certificate that a client
    /// authenticates with needs a current list of every CA between it and the anchor, and is refused once its CA has revoked
    /// it, or while a list is missing or past its nextUpdate. A change acts at once, on open connections too. Lists that cannot
    /// be read change nothing: the last good ones stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crl: Option<KeySource>,
    /// Believe one proxy that ends TLS which certificate a client has shown. Whoever else sends such a header is refused;
    /// absent: everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarded: Option<Forwarded>,
}

/// Client certificates that a proxy forwards in a header, from that proxy only. What it forwards is checked like a certificate
/// of a handshake; that the client holds its key is the proxy's word. Clients that connect without the proxy go on to show theirs
/// in the handshake.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Forwarded {
    /// How the proxy writes the certificate, and no other way: `Envoy` (XFCC), `HAProxy`, `Nginx`, `RFC9440` (Client-Cert),
    /// `Traefik`; `AwsAlb` waits for a load balancer that shows a certificate of its own.
    pub dialect: ForwardedDialect,
    /// The one proxy whose headers are believed.
    pub from: ForwardedFrom,
}

/// How a proxy writes a client certificate into a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ForwardedDialect {
    /// `X-Amzn-Mtls-Clientcert`.
    AwsAlb,
    /// `x-forwarded-client-cert` with `Cert`, perhaps `Chain`, of one hop: `SANITIZE_SET`.
    Envoy,
    /// `X-SSL-Client-Cert`, base64 of the DER: `%[ssl_c_der,base64]`.
    HAProxy,
    /// `ssl-client-cert`, URL-encoded PEM: `$ssl_client_escaped_cert`.
    Nginx,
    /// `Client-Cert` and `Client-Cert-Chain` (RFC 9440).
    #[serde(rename = "RFC9440")]
    Rfc9440,
    /// `X-Forwarded-Tls-Client-Cert`, base64 of the DER, with commas between certificates: `passTLSClientCert` with `pem`.
    Traefik,
}

/// Who the proxy is: its address and its own certificate, both. The certificate chains to `mtls.clientCa`, is made for clients, and
/// has this name, which that authority must give to nobody else.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.sanDns) != has(self.sanUri)")
    .message("set exactly one of forwarded.from.sanDns and forwarded.from.sanUri: the proxy shows a certificate of its own"))]
pub struct ForwardedFrom {
    /// Networks the proxy connects from, for example `10.0.0.0/8`.
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 43)))]
    #[x_kube(merge_strategy = ListMerge::Set,
        validation = Rule::new("self.all(c, isCIDR(c))").message("write networks as address/length, for example 10.0.0.0/8"))]
    pub cidrs: Vec<String>,
    /// DNS name in the proxy's own certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = pattern::HOST))]
    pub san_dns: Option<String>,
    /// URI in the proxy's own certificate, for example a SPIFFE id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048), regex(pattern = pattern::URI))]
    pub san_uri: Option<String>,
}

/// A server certificate: RSA (TLS 1.2 with the suites of FAPI needs it), with every host name of its doors.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.secretName), has(self.issuerRef), has(self.selfSigned)].filter(x, x).size() == 1")
    .message("set exactly one of secretName, issuerRef and selfSigned"))]
pub struct Tls {
    /// Name of a Secret of type `kubernetes.io/tls` in the same namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = pattern::OBJECT_NAME))]
    pub secret_name: Option<String>,
    /// A cert-manager issuer: the operator asks it for an RSA certificate of both hosts (of its own host, for the back door's), which
    /// cert-manager puts into the Secret `<workspace>-tls-issued` (`<workspace>-mtls-tls-issued`). Needs `integrations.certManager`
    /// of the operator's Helm chart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_ref: Option<IssuerRef>,
    /// For trying things out: the operator makes a certificate and publishes its authority in the ConfigMap `<workspace>-ca`. Sets
    /// the condition `Insecure`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_signed: Option<SelfSigned>,
}

/// A certificate made by the operator. Write `{}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SelfSigned {}

/// A cert-manager issuer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssuerRef {
    /// Name of the issuer.
    #[schemars(length(min = 1, max = 253), regex(pattern = pattern::OBJECT_NAME))]
    pub name: String,
    /// Kind of the issuer: `Issuer` (same namespace), `ClusterIssuer`, or an external one. Default `Issuer`.
    #[serde(default = "issuer_kind")]
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[A-Za-z][A-Za-z0-9]*$"))]
    pub kind: String,
    /// API group of the issuer. Default `cert-manager.io`.
    #[serde(default = "issuer_group")]
    #[schemars(length(min = 1, max = 253), regex(pattern = pattern::OBJECT_NAME))]
    pub group: String,
}

fn issuer_kind() -> String {
    "Issuer".to_owned()
}

fn issuer_group() -> String {
    "cert-manager.io".to_owned()
}

/// How traffic gets to the pods. TLS always ends in the pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Exposure {
    /// The Service in front of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceExposure>,
    /// Gateway API 1.5: TLSRoutes that pass TLS through, `<workspace>` for the front door and `<workspace>-mtls` for the back door. Needs
    /// `integrations.gatewayApi` of the operator's Helm chart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayExposure>,
}

/// The Service in front of the pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceExposure {
    /// `ClusterIP` (default), `LoadBalancer` or `NodePort`.
    #[serde(default, rename = "type")]
    pub type_: ServiceType,
    /// Annotations for the Service, for example for a cloud's load balancer.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "annotations")]
    pub annotations: BTreeMap<String, String>,
}

/// Type of the Service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ServiceType {
    /// Reached from inside the cluster, or through a gateway.
    #[default]
    ClusterIP,
    /// Reached through the cloud's load balancer.
    LoadBalancer,
    /// Reached at a port of every node.
    NodePort,
}

/// Gateway API routes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewayExposure {
    /// The gateways that carry the traffic.
    #[schemars(length(min = 1, max = 8))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub parent_refs: Vec<ParentRef>,
}

/// A gateway's listener, in TLS passthrough mode.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParentRef {
    /// Name of the Gateway.
    #[schemars(length(min = 1, max = 253), regex(pattern = pattern::OBJECT_NAME))]
    pub name: String,
    /// Namespace of the Gateway. Absent: the Workspace's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = pattern::NAMESPACE))]
    pub namespace: Option<String>,
    /// Listener of the Gateway. Absent: all that admit the route. With `mtls.port`, each door's port chooses: leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = pattern::OBJECT_NAME))]
    pub section_name: Option<String>,
    /// Port of the Gateway. Absent: all that admit the route. With `mtls.port`, each door's own: leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,
}
