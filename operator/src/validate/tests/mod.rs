//! What people write and what clusters do to it: each claim with its twin.

mod clients;
mod lives;
mod workspaces;
