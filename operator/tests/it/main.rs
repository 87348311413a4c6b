//! The operator against a real API server: etcd, kube-apiserver and kube-controller-manager, and in place of nodes a small
//! [`kubelet`] whose pods answer `/internal/v1/state` from the Secrets that they mount.

#[cfg(test)]
mod claims;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod definitions;
#[cfg(test)]
mod drift;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod isolation;
#[cfg(test)]
mod kubelet;
#[cfg(test)]
mod leading;
#[cfg(test)]
mod normal;
#[cfg(test)]
mod others;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod renewal;
#[cfg(test)]
mod rights;
#[cfg(test)]
mod scale;
#[cfg(test)]
mod steady;
#[cfg(test)]
mod trust;
#[cfg(test)]
mod verbs;
#[cfg(test)]
mod wait;
