//! Does a server do what a careful client checks? `fapictl flow` plays the client and the person's browser.
//!
//! | module | answers |
//! |---|---|
//! | `args` | What can be said? |
//! | `target` | Who plays, and against whom? |
//! | `journey`; `asking`, `signin`, `tokens`, `details`, `attacks`, `signout` | What happens, in order? |
//! | `checks` | What must hold? One file for each thing that is looked at. |
//! | `findings`, `report`, `load` | What was proved, and how is it told? |
//! | `client` | What does the client sign? |
//! | `possession` | By what does it show that a token is its own? |
//! | `browser`, `cookies`, `page` | What does the person's browser do? |
//! | `ear` | Where is the client told that somebody signed out? |
//! | `http`, `tls` | How do requests get there? |

pub mod args;
mod asking;
mod attacks;
pub mod browser;
pub mod checks;
pub mod client;
mod cookies;
mod details;
pub mod ear;
pub mod findings;
pub mod http;
pub mod journey;
pub mod load;
pub mod page;
pub mod possession;
pub mod report;
pub mod signin;
mod signout;
pub mod target;
pub mod tls;
mod tokens;

use std::time::Instant;

use futures::StreamExt as _;

pub use self::args::FlowArgs;
use self::ear::Ear;
use self::journey::{Cast, Journey, Script};
use self::load::Totals;
use self::report::{Report, Step};
use self::signin::Decision;
use self::target::Target;
use crate::command::Output;
use crate::exit::{Exit, Stop};
use crate::screen::{self, Paint};

/// Plays one flow, or many, and prints what was proved.
pub async fn run(args: &FlowArgs, output: Output, paint: Paint) -> Result<Exit, Stop> {
    let target = Target::resolve(args)?;
    let mut cast = Cast::assemble(&target, args.timeout)?;
    if let Some(place) = target.ear.as_ref().filter(|_| args.logout) {
        cast.ear = Some(Ear::open(place).await?);
    }
    let script = Script {
        decision: if args.deny { Decision::Deny } else { Decision::Approve },
        attacks: !args.no_attacks,
        logout: args.logout,
        timeout: args.timeout,
    };
    if args.count > 1 {
        return Ok(many(&target, &cast, script, args, output, paint).await);
    }

    let live = output == Output::Text;
    if live {
        screen::print(&report::heading(&target, paint));
    }
    let report = play(&target, &cast, script, &mut |step: &Step| {
        if live {
            screen::print(step.text(paint).trim_end());
        }
    })
    .await;
    match output {
        Output::Text => screen::print(&report.closing(paint)),
        Output::Json => screen::print(&format!("{:#}", serde_json::json!(report))),
    }
    Ok(report.ending.exit())
}

/// Plays one flow. `observer` is told about each step when it ends.
pub async fn play(target: &Target, cast: &Cast, script: Script, observer: &mut dyn FnMut(&Step)) -> Report {
    let begun = Instant::now();
    let mut steps = Vec::new();
    let mut keep = |step: &Step| {
        observer(step);
        steps.push(step.clone());
    };
    let ending = Journey::new(target, cast, script, &mut keep).play().await;
    Report {
        ok: ending == report::Ending::Passed,
        ending,
        issuer: target.issuer.clone(),
        client_id: target.client_id.clone(),
        user: target.user.clone(),
        steps,
        millis: (begun.elapsed().as_secs_f64() * 10_000.0).round() / 10.0,
    }
}

async fn many(
    target: &Target,
    cast: &Cast,
    script: Script,
    args: &FlowArgs,
    output: Output,
    paint: Paint,
) -> Exit {
    let begun = Instant::now();
    let flows = (0..args.count).map(|_| async { play(target, cast, script, &mut |_| {}).await });
    let parallel = usize::try_from(args.parallel).unwrap_or(1);
    let reports: Vec<Report> = futures::stream::iter(flows).buffer_unordered(parallel).collect().await;
    let totals = Totals::of(&reports, begun.elapsed().as_secs_f64());
    match output {
        Output::Text => screen::print(totals.text(paint).trim_end()),
        Output::Json => screen::print(&format!("{:#}", serde_json::json!(totals))),
    }
    totals.ending().exit()
}
