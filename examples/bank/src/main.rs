//! The sample bank, as a program.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use fapi_bank::args::Args;
use fapi_bank::{Bank, Running};
use fapi_server::reload::{FolderSource, Source as _};
use fapi_server::telemetry::Log;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;
use tracing::{error, info};

/// How often the users file is looked at.
const LOOK: Duration = Duration::from_secs(2);

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let log = match Log::begin(args.log_format, &args.log_level) {
        Ok(log) => log,
        Err(error) => {
            eprintln!("fapi-bank: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = run(&args).await;
    if let Err(error) = &outcome {
        error!("{error:#}");
    }
    drop(log);
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn run(args: &Args) -> Result<()> {
    let bank = Bank::new(args.config().await?)?.serve();
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
        () = follow_certificate(args, &bank) => {}
        () = follow_users(args, &bank) => {}
    }
    info!("Closing: no new connections, what has begun is finished");
    bank.shutdown().await;
    Ok(())
}

/// Certificates are renewed while the bank is open.
async fn follow_certificate(args: &Args, bank: &Running) {
    let mut folder = FolderSource::new(&args.tls_dir);
    loop {
        match folder.changed().await {
            Ok(files) => {
                let (chain, key) = (files.get("tls.crt"), files.get("tls.key"));
                if let Err(why) = bank.show_certificate(chain.unwrap_or_default(), key.unwrap_or_default()) {
                    error!("Refused a certificate, the one before is kept: {why}");
                }
            }
            Err(why) => error!("Cannot read the certificate, the one before is kept: {why}"),
        }
    }
}

/// So do people come and go.
async fn follow_users(args: &Args, bank: &Running) {
    let mut before = None;
    loop {
        sleep(LOOK).await;
        let now = tokio::fs::read(&args.users).await.ok();
        if now == before {
            continue;
        }
        before = now;
        match args.users() {
            Ok(users) => {
                info!("Read the users file, people in it: {}", users.len());
                bank.replace_users(&users);
            }
            Err(why) => error!("Refused the users, those before are kept: {why:#}"),
        }
    }
}
