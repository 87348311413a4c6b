//! What people write and what clusters do to it: each claim with its twin.

mod clients;
mod imports;
mod lives;
mod workspaces;
