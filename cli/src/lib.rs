//! fapictl: FAPI authorization servers on a laptop and in a cluster.
//!
//! | module | answers |
//! |---|---|
//! | [`command`] | What can a person type? |
//! | [`flow`] | Does a server do what a careful client checks? |
//! | [`exit`] | How does a command end, and what should be typed next? |
//! | [`screen`] | Colour or not? Data goes to stdout, talk to stderr. |
//! | [`run_file`] | What does a running `fapictl up` serve, and where is it written down? |
//! | [`clock`] | What time is it? The only place that asks. |

pub mod clock;
pub mod command;
mod dev;
pub mod exit;
pub mod flow;
pub mod run_file;
pub mod screen;
pub mod source;
mod up;
mod version;

pub use self::command::main;
