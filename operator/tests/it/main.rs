//! The operator against a real API server: etcd, kube-apiserver and kube-controller-manager, and in place of nodes a small
//! [`kubelet`] whose pods answer `/internal/v1/state` from the Secrets that they mount.

mod claims;
mod cluster;
mod kubelet;
mod leading;
mod wait;
