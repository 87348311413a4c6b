//! The FAPI authorization server: what runs in the pods.
//!
//! The library is the whole server: the binary adds flags and signals, `fapictl up` runs several in one process.
//!
//! | module | answers |
//! |---|---|
//! | [`app`] | what does everything share? |
//! | [`args`] | what is the binary told? |
//! | [`context`] | what does one request see? |
//! | [`clock`], [`random`] | what time is it, and where does randomness come from? The only places that know |
//! | [`housekeeping`] | what is done without anybody asking? |
//! | [`egress`], [`notices`] | what do we ask of others, and who is still to be told that somebody signed out? |
//! | [`extract`], [`seal`] | what was sent, and does this form come from a page of ours? |
//! | [`failure`] | how does a refusal look? |
//! | [`keyring`] | with which key is this signed? |
//! | [`login`], [`password`], [`guesses`], [`pages`] | who is this person, how often may somebody guess, and what do they see? |
//! | [`routes`] | what does each endpoint answer? |
//! | [`listen`] | who may come in, by which door, and how long may they take? |
//! | [`private`] | what do the operator, the kubelet and Prometheus learn? |
//! | [`reload`] | what is served from now on? |
//! | [`run`] | how is a server put together? |
//! | [`shutdown`] | how does it end? |
//! | [`telemetry`] | what is going on? |
//! | [`tls`] | which certificate is shown at which door, and what is a caller's certificate worth? |

pub mod app;
pub mod args;
pub mod clock;
pub mod context;
pub mod egress;
pub mod extract;
pub mod failure;
pub mod guesses;
pub mod housekeeping;
pub mod keyring;
pub mod listen;
pub mod login;
pub mod notices;
pub mod pages;
pub mod password;
pub mod private;
pub mod random;
pub mod reload;
pub mod routes;
pub mod run;
pub mod seal;
pub mod shutdown;
pub mod telemetry;
pub mod tls;
