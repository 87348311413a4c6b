//! The controller that turns Workspace, Client and `SigningKey` into running servers.

pub mod build;
#[cfg(test)]
mod fixture;
pub mod material;
pub mod names;
pub mod rotate;
pub mod validate;
