//! The binary: flags, log and signals around [`fapi_server::run`].

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
    // First of all: the first process of a container does not end by a signal that it has not asked for.
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    // One provider for everything in this process. A second call could only come from here.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let log = Log::begin(args.log_format, &args.log_level)?;
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
    running.app().metrics().register(|registry| {
        registry.register("log_lines_dropped", "Log lines that nobody read in time", log.dropped());
    });
    info!("Listening at {}", running.front);

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tokio::select! {
        () = running.shutdown() => {}
        // Who asks twice does not want to wait.
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen at {address}"))
}
