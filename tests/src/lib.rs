//! End to end: cluster, attacks, faults, clients.
