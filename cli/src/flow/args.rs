//! What can be said to `fapictl flow`?

use std::path::PathBuf;
use std::time::Duration;

use fapi_bank::Reroute;

use super::client::{AuthMethod, ResponseKind};
use super::possession::Binding;

const EXAMPLES: &str = "Examples:
  fapictl flow
      against what a `fapictl up` nearby serves
  fapictl flow --workspace demo --client demo-app --response hybrid --deny
      the person refuses; passes when the client is told so, and nothing else
  fapictl flow --dev-dir .fapi/dev --ca ca.crt --connect auth.bank.example:443:127.0.0.1:8443
      against a cluster, with the development Secrets that `fapictl dev secrets` made
  fapictl flow --client budget --logout
      the person signs out, and the client is told
  fapictl flow --count 1000 --parallel 8 --no-attacks -o json
      load, with latencies

Exit codes: 0 all checks passed, 1 a check failed, 2 wrong usage, 3 the server cannot be reached.";

/// `fapictl flow`
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch that a person types")]
pub struct FlowArgs {
    /// State directory of a running `fapictl up` [default: `.fapi` here, above, or beside an example]
    #[arg(long, value_name = "DIR", help_heading = "Where it is described")]
    pub state: Option<PathBuf>,
    /// Development Secrets as `fapictl dev secrets` keeps them, instead of a running `fapictl up`
    #[arg(long, value_name = "DIR", conflicts_with = "state", help_heading = "Where it is described")]
    pub dev_dir: Option<PathBuf>,
    /// Which Workspace: its name, or namespace/name
    #[arg(long, value_name = "NAME", help_heading = "Where it is described")]
    pub workspace: Option<String>,
    /// Which client
    #[arg(long, visible_alias = "client-id", value_name = "ID", help_heading = "Where it is described")]
    pub client: Option<String>,
    /// Who signs in
    #[arg(long, value_name = "NAME", help_heading = "Where it is described")]
    pub user: Option<String>,
    /// File with the password
    #[arg(long, value_name = "FILE", help_heading = "Where it is described")]
    pub password_file: Option<PathBuf>,

    /// The issuer; then nothing is looked up, and everything is named by options
    #[arg(long, value_name = "URL", help_heading = "Said explicitly")]
    pub issuer: Option<String>,
    /// CA that the server's certificates come from, PEM; no other is trusted
    #[arg(long, value_name = "FILE", help_heading = "Said explicitly")]
    pub ca: Option<PathBuf>,
    /// The client's private keys, a JWK Set
    #[arg(long, value_name = "FILE", help_heading = "Said explicitly")]
    pub key: Option<PathBuf>,
    /// The client's certificate, PEM
    #[arg(long, value_name = "FILE", help_heading = "Said explicitly")]
    pub cert: Option<PathBuf>,
    /// The key of the certificate, PEM
    #[arg(long, value_name = "FILE", help_heading = "Said explicitly")]
    pub cert_key: Option<PathBuf>,
    /// Where the client wants its response; never opened
    #[arg(long, value_name = "URI", help_heading = "Said explicitly")]
    pub redirect_uri: Option<String>,
    /// What the client asks for
    #[arg(long, value_name = "SCOPE", help_heading = "Said explicitly")]
    pub scope: Option<String>,
    /// What it asks for exactly (RFC 9396): an array of objects, each with a `type`, as JSON or as a file
    #[arg(long, value_name = "FILE|JSON", help_heading = "Said explicitly")]
    pub authorization_details: Option<String>,
    /// How the client authenticates [default: `private_key_jwt`]
    #[arg(long, value_enum, value_name = "METHOD", help_heading = "Said explicitly")]
    pub auth: Option<AuthMethod>,
    /// What the client's tokens are bound to [default: mtls]
    #[arg(long, value_enum, value_name = "WAY", help_heading = "Said explicitly")]
    pub binding: Option<Binding>,
    /// What the bank's API offers to GET, or `none`
    #[arg(long, value_name = "URL", help_heading = "Said explicitly")]
    pub resource: Option<String>,
    /// The bank asks the authorization server about every token, so it must refuse a revoked one
    #[arg(long, help_heading = "Said explicitly")]
    pub resource_introspects: bool,
    /// Connect elsewhere, keeping SNI and Host; may be repeated
    #[arg(long, value_name = "FROM_HOST:FROM_PORT:HOST:PORT", help_heading = "Said explicitly")]
    pub connect: Vec<Reroute>,

    /// Which response the client asks for [default: jarm]
    #[arg(long, value_enum, value_name = "KIND", help_heading = "What is played")]
    pub response: Option<ResponseKind>,
    /// How the request gets there [default: pushed, where the server offers it]
    #[arg(long, value_enum, value_name = "WAY", help_heading = "What is played")]
    pub delivery: Option<Delivery>,
    /// The person refuses
    #[arg(long, help_heading = "What is played")]
    pub deny: bool,
    /// The person signs out at the end; `fapictl up` tells the client, if its backchannelLogoutUri is on this machine
    #[arg(long, help_heading = "What is played")]
    pub logout: bool,
    /// Leave out what a thief would try: a stolen token, a replayed code, a replayed request
    #[arg(long, help_heading = "What is played")]
    pub no_attacks: bool,
    /// How many flows, for load; prints totals and latencies
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..), help_heading = "What is played")]
    pub count: u32,
    /// How many flows at a time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1024), help_heading = "What is played")]
    pub parallel: u32,
    /// How long to wait for each answer
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds, help_heading = "What is played")]
    pub timeout: Duration,
}

/// `--delivery`
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Delivery {
    /// Pushed (RFC 9126)
    Par,
    /// Through the browser (RFC 9101)
    ByValue,
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= 86_400.0 => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("write a number of seconds, such as 30 or 0.5".to_owned()),
    }
}
