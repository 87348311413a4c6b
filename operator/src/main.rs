//! `fapi-operator`: runs the controller until it is told to stop, or cannot be sure that it leads.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Parser as _;
use fapi_operator::args::Args;
use fapi_operator::client::Deadlines;
use fapi_operator::clock::{Clock, SystemClock};
use fapi_operator::context::{Settings, pod_address};
use fapi_operator::definitions::Patience;
use fapi_operator::leader::{Candidate, Leadership, Timings};
use fapi_operator::metrics::Metrics;
use fapi_operator::run::Operator;
use fapi_operator::serve::{Health, serve};
use fapi_operator::{build, client, definitions, telemetry};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::client::ClientBuilder;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::{error, info};

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    if let Err(error) = telemetry::start(args.log_format, &args.log_level) {
        eprintln!("{error:#}");
        return ExitCode::FAILURE;
    }
    match Box::pin(run(args)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> anyhow::Result<()> {
    let config =
        kube::Config::infer().await.context("where is the API server? Run in a pod, or set KUBECONFIG")?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let metrics = Metrics::default();
    let health = Arc::new(Health::new(clock.clone()));
    let listener = TcpListener::bind(args.metrics_listen)
        .await
        .with_context(|| format!("cannot listen on {}", args.metrics_listen))?;
    let (stop, stopping) = watch::channel(false);
    let namespace = args.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());

    let (leadership, election) = if args.leader_election {
        // Without kube's own repetitions: one of them can outlive the lease.
        let plain = ClientBuilder::try_from(config.clone())?.build();
        let candidate = Candidate::new(
            plain,
            &namespace,
            &args.lease_name,
            identity(&args),
            Timings::default(),
            clock.clone(),
        );
        (candidate.leadership(), Some(candidate.run(stopped(stopping.clone()))))
    } else {
        (Leadership::always(), None)
    };
    let operator = Operator {
        client: client::build(config, Deadlines::default(), metrics.clone())?,
        clock,
        settings: Settings {
            scope: args.scope(),
            integrations: args.switches(),
            build: build_settings(&args, &namespace),
            floors: args.floors(),
            admission_policies: args.admission_policies,
            resync: Settings::RESYNC,
            watch: Settings::WATCH,
        },
        pace: args.pace(),
        leadership,
        address: pod_address(),
        instance: args.pod_name.clone(),
        metrics: metrics.clone(),
        health: health.clone(),
    };
    info!(version = env!("CARGO_PKG_VERSION"), scope = ?args.scope(), "Starting");
    let mut served = std::pin::pin!(serve(listener, health, metrics));

    // Before it may lead: one that cannot work would only stand in the way of one that can.
    tokio::select! {
        known = definitions::are_known(&operator.client, Patience::default()) => known?,
        served = &mut served => served.context("metrics are not served any more")?,
        name = signalled() => {
            info!("Stopping: {}", name?);
            return Ok(());
        }
    }

    // Whatever of these ends, the process ends: there is no half operator.
    let mut election = std::pin::pin!(async {
        match election {
            Some(election) => election.await,
            None => stopped(stopping.clone()).await,
        }
    });
    tokio::select! {
        () = operator.run() => anyhow::bail!("a watch has ended"),
        served = served => served.context("metrics are not served any more"),
        () = &mut election => anyhow::bail!("the lease is lost: another process leads now"),
        name = signalled() => {
            info!("Stopping: {}", name?);
            stop.send_replace(true);
            // The lease is given back, so that another need not wait for it to expire.
            election.await;
            Ok(())
        }
    }
}

async fn stopped(mut stopping: watch::Receiver<bool>) {
    // An error means that whoever could tell is gone, which is the same.
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

async fn signalled() -> anyhow::Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}

/// This process's alone: a pod that restarts is another candidate.
fn identity(args: &Args) -> String {
    let mut bytes = [0; 4];
    let random =
        aws_lc_rs::rand::fill(&mut bytes).map_or_else(|_| std::process::id(), |()| u32::from_le_bytes(bytes));
    format!("{}-{random:08x}", args.pod_name.as_deref().unwrap_or("fapi-operator"))
}

fn build_settings(args: &Args, namespace: &str) -> build::Settings {
    let quantities = |pairs: [(&str, &str); 2]| {
        pairs.map(|(name, quantity)| (name.to_owned(), Quantity(quantity.to_owned()))).into()
    };
    build::Settings {
        image: args.server_image.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        resources: k8s_openapi::api::core::v1::ResourceRequirements {
            requests: Some(quantities([("cpu", "50m"), ("memory", "64Mi")])),
            limits: Some([("memory".to_owned(), Quantity("256Mi".to_owned()))].into()),
            ..Default::default()
        },
        operator: args.own_pods(namespace),
    }
}
