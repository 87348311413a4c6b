//! fapictl: FAPI authorization servers on a laptop and in a cluster.
fn main() {}
