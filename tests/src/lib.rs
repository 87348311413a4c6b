//! End to end: cluster, attacks, faults, clients. And which test shows which requirement: [`conformance`].

pub mod conformance;
