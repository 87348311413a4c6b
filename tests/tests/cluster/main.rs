//! The product in a real Kubernetes, used as a person would: `kubectl`, the examples, `fapictl flow`.
//!
//! | module | shows |
//! |---|---|
//! | `quickstart` | one Workspace, from nothing to a finished journey |
//! | `fintech` | three pods and PostgreSQL: the journeys, and what is edited, deleted and killed under them |
//! | `rotation` | keys rotate under load while the operator is ended in each of their states |
//! | `upgrade` | operator and servers go from the previous version to this one and back, in any order, under load |
//! | `away` | pods serve on while the API server is away |
//! | `chart` | Helm installs, upgrades, rolls back and uninstalls the operator |
//! | `place`, `pods`, `play`, `load`, `relying_party`, `helm`, `programs`, `wait` | where and how |
//!
//! `tests/run cluster` makes the cluster and says where everything is.

#[cfg(test)]
mod away;
#[cfg(test)]
mod chart;
#[cfg(test)]
mod fintech;
#[cfg(test)]
mod helm;
#[cfg(test)]
mod load;
#[cfg(test)]
mod place;
#[cfg(test)]
mod play;
#[cfg(test)]
mod pods;
#[cfg(test)]
mod programs;
#[cfg(test)]
mod quickstart;
#[cfg(test)]
mod relying_party;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod upgrade;
#[cfg(test)]
mod wait;
