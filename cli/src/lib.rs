//! fapictl: FAPI authorization servers on a laptop and in a cluster.
//!
//! | module | answers |
//! |---|---|
//! | [`command`] | What can a person type? |
//! | `lint` | What would the API server and the operator say? |
//! | `cluster` | What does a cluster say, and how is it told? |
//! | `up` | How is a folder served on this machine? |
//! | `dev` | What must Git not hold, and a laptop needs all the same? |
//! | [`source`] | What did people write? |
//! | [`flow`] | Does a server do what a careful client checks? |
//! | `man` | What is written in the manual? |
//! | [`exit`] | How does a command end, and what should be typed next? |
//! | [`screen`] | Colour or not? Data goes to stdout, talk to stderr. |
//! | `shell` | How would a person type this here? |
//! | [`run_file`] | What does a running `fapictl up` serve, and where is it written down? |
//! | [`clock`] | What time is it? The only place that asks. |

pub mod clock;
mod cluster;
pub mod command;
mod dev;
pub mod exit;
pub mod flow;
mod lint;
mod man;
pub mod run_file;
pub mod screen;
mod shell;
pub mod source;
mod up;
mod version;

pub use self::command::main;
