//! The commands for clusters, as a person runs them, against a real API server.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod changes;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod lint;
#[cfg(test)]
mod shows;
