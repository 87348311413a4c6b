//! The binary: flags, log and signals around [`fapi_server::run`].

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use fapi_server::args::Args;
use fapi_server::routes;
use fapi_server::run::{Listeners, serve};
use fapi_server::telemetry::Log;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing::info;

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("fapi-server: {why:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args) -> anyhow::Result<()> {
    // One provider for everything in this process. A second call could only come from here.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let _log = Log::begin(args.log_format, &args.log_level)?;
    let setup = args.setup()?;
    let internal =
        if args.internal_tls_dir.is_some() { Some(bind(args.listen_internal).await?) } else { None };
    let listeners = Listeners {
        front: bind(args.listen_front).await?,
        back: Some(bind(args.listen_back).await?),
        internal,
        metrics: Some(bind(args.listen_metrics).await?),
    };
    let running = serve(setup, listeners, routes::all)?;
    info!("Listening at {}", running.front);
    asked_to_end().await?;
    running.shutdown().await;
    Ok(())
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen at {address}"))
}

async fn asked_to_end() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        outcome = tokio::signal::ctrl_c() => outcome,
        _ = terminate.recv() => Ok(()),
    }
}
