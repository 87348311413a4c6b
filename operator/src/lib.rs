//! The controller that turns Workspace, Client and `SigningKey` into running servers.
//!
//! [`reconcile`](reconcile::reconcile) is the table of contents. What decides is pure, and shared with `fapictl up`; what touches the
//! cluster decides nothing.
//!
//! | decides | answers |
//! |---|---|
//! | [`validate`] | is it valid, for the Workspace and each Client? |
//! | [`logo`] | may people be shown this picture? |
//! | [`rotate`] | which key signs, and which is next? |
//! | [`build`] | which children should be there? |
//! | [`format`] | in which format is it published, that every pod reads? |
//! | [`status`] | which conditions are true? |
//!
//! | touches the cluster | does |
//! |---|---|
//! | [`definitions`] | asks whether the cluster knows the kinds as this version does |
//! | [`watch`], [`queue`] | which change wakes which Workspace, and when it is worked on |
//! | [`dereference`], [`readable`] | reads everything about a Workspace, and keeps what cannot be read apart |
//! | [`observe`] | asks the pods what they have loaded |
//! | [`keys`] | takes the steps that `rotate` decides, each of them one write |
//! | [`apply`] | makes the children as `build` wants them, and the manifest by compare-and-swap |
//! | [`unattached`], [`finalizer`], [`guard`], [`events`] | the edges: no Workspace, a deleted Client, who may approve, people who look on |
//! | [`leader`] | one process at a time |

pub mod apply;
pub mod args;
pub mod build;
pub mod client;
pub mod clock;
pub mod context;
pub mod definitions;
pub mod dereference;
pub mod error;
pub mod events;
pub mod finalizer;
#[cfg(test)]
mod fixture;
pub mod format;
pub mod guard;
pub mod keys;
pub mod leader;
pub mod logo;
pub mod material;
pub mod metrics;
pub mod names;
pub mod observe;
pub mod optional;
pub mod queue;
pub mod readable;
pub mod reconcile;
pub mod rotate;
pub mod run;
pub mod serve;
pub mod status;
pub mod telemetry;
pub mod unattached;
pub mod validate;
pub mod watch;
