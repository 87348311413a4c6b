//! What people write and what clusters do to it: each claim with its twin.

mod approval;
mod clients;
mod imports;
mod lives;
mod logos;
mod schema;
mod workspaces;
