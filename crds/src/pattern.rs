//! Which strings does the API server let in? Anchored patterns and bounds, shared by the three kinds.

/// Name of an object: DNS-1123 subdomain.
pub(crate) const OBJECT_NAME: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// Name of a namespace: DNS-1123 label.
pub(crate) const NAMESPACE: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// Key in the data of a Secret or ConfigMap.
pub(crate) const DATA_KEY: &str = r"^[-._a-zA-Z0-9]+$";
/// Host name in lower case: compared as a string, so there is one way to write it.
pub(crate) const HOST: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// An absolute URI without fragment.
pub(crate) const URI: &str = r"^[A-Za-z][-A-Za-z0-9+.]*:[!$-~]+$";
/// Printable ASCII without space.
pub(crate) const PRINTABLE: &str = r"^[!-~]+$";
/// A line of printable ASCII.
pub(crate) const LINE: &str = r"^[ -~]+$";
/// RFC 6749 3.3 scope-token.
pub(crate) const SCOPE: &str = r"^[!#-\[\]-~]+$";
/// A JSON member name as claims use them.
pub(crate) const CLAIM: &str = r"^[!-~]+$";
/// Language tag: `en`, `pt-BR`.
pub(crate) const LANGUAGE: &str = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$";
/// RFC 7638 thumbprint with SHA-256: 32 bytes as base64url.
pub(crate) const KID: &str = r"^[-_A-Za-z0-9]{43}$";
/// A colour as CSS writes it.
pub(crate) const COLOUR: &str = r"^#[0-9a-fA-F]{6}$";
/// A size as Kubernetes writes it, with a binary suffix.
pub(crate) const SIZE: &str = r"^[1-9][0-9]*(Mi|Gi|Ti)$";
/// A time of day.
pub(crate) const TIME_OF_DAY: &str = r"^([01][0-9]|2[0-3]):[0-5][0-9]$";
/// A time zone as the IANA database names it.
pub(crate) const TIME_ZONE: &str = r"^[A-Za-z][-A-Za-z0-9_+]*(/[-A-Za-z0-9_+]+)*$";
