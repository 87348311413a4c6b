//! `fapictl up DIR`: the whole product on a laptop. The same YAML, the same judgement, rotation and configuration as in a cluster,
//! the same server in this process, a development CA, and the folder watched for changes.

pub(crate) mod found;
mod screen;
mod served;
mod state;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

use fapi_core::Timestamp;

use self::screen::Screen;
use self::served::{Served, Unserved, doors};
use self::state::State;
use self::watch::Watch;
use crate::clock;
use crate::dev::authority::Authority;
use crate::dev::{DevError, Folder, Generated, generate, kits, run_users, state_of};
use crate::exit::{Exit, Stop};
use crate::run_file::{RUN_FILE, RunFile, RunResource, RunWorkspace};
use crate::screen::Paint;
use crate::source::{DEFAULT_NAMESPACE, Source, load};

const EXAMPLES: &str = "Examples:
  fapictl up examples/00-quickstart
  fapictl up DIR --state /tmp/state
      keys, passwords and the database somewhere else than `.fapi` beside DIR
  fapictl up DIR --log-level fapi_server=info
      a line a request";

/// How often the folder is looked at. What a person saves is live before they have changed windows.
const LOOK: Duration = Duration::from_millis(200);
/// How often keys may move when nothing else happens.
const KEYS: Duration = Duration::from_secs(5);

/// `fapictl up`
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct UpArgs {
    /// Folder with YAML: Workspaces, Clients, SigningKeys, Secrets
    dir: PathBuf,
    /// Where keys, passwords and databases are kept [default: `.fapi` beside DIR]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Namespace of objects that name none
    #[arg(short, long, value_name = "NAME", default_value = DEFAULT_NAMESPACE)]
    namespace: String,
    /// What is logged, to stderr: error, warn, info, debug or trace, or a list such as `fapi_server=info`
    #[arg(long, value_name = "LEVEL", default_value = "error")]
    log_level: String,
}

/// Serves until Ctrl-C.
pub(crate) async fn run(args: &UpArgs, paint: Paint) -> Result<Exit, Stop> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    log(&args.log_level)?;
    let state = state_of(args.state.as_deref(), &args.dir)?;
    let screen = Screen::new(paint, &args.dir);

    let mut watch = Watch::new(&args.dir);
    watch.changed();
    let (source, generated) = read(args, &state)?;
    if !source.problems.is_empty() {
        return Err(Stop::usage(lines(&source.problems), again(args)));
    }
    if source.workspaces.is_empty() {
        return Err(Stop::usage(
            format!("{} holds no Workspace", args.dir.display()),
            "fapictl up examples/00-quickstart",
        ));
    }
    let (all, authority) = start(&source, &state, args).await?;
    let file = run_file(&all, &source, &generated, &state, &authority)
        .map_err(|error| Stop::internal(error.to_string()))?;
    let path = state.file(RUN_FILE);
    file.write(&path)
        .map_err(|error| Stop::usage(format!("cannot write {}: {error}", path.display()), again(args)))?;
    screen.first(&source, &all, &file, &authority);

    let ended = serve(args, &state, all, watch, &screen).await;
    let _ = std::fs::remove_file(&path);
    ended
}

fn now() -> Timestamp {
    Timestamp::from_unix(clock::now())
}

fn again(args: &UpArgs) -> String {
    format!("fapictl up {}", args.dir.display())
}

fn lines<T: ToString>(all: &[T]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n       ")
}

/// Everything in the folder, with what is made for development.
fn read(args: &UpArgs, state: &Folder) -> Result<(Source, Generated), Stop> {
    let mut source = load(&args.dir, &args.namespace).map_err(|error| {
        Stop::usage(
            format!("cannot read {}: {error}", args.dir.display()),
            "fapictl up examples/00-quickstart",
        )
    })?;
    let generated = state.enter("dev").and_then(|dev| generate(&mut source, &dev));
    let generated = generated
        .map_err(|error| Stop::usage(error.to_string(), format!("{} --state OTHER", again(args))))?;
    Ok((source, generated))
}

/// Starts a server for each Workspace, and returns when all of them serve.
async fn start(source: &Source, state: &Folder, args: &UpArgs) -> Result<(Vec<Served>, Authority), Stop> {
    let mut planned = Vec::new();
    let mut hosts = Vec::new();
    for workspace in &source.workspaces {
        let (issuer, doors) = doors(workspace)
            .map_err(|why| Stop::usage(workspace.problem("spec", why).to_string(), again(args)))?;
        hosts.extend([doors.front.host.clone(), doors.back.host.clone()]);
        planned.push((workspace, issuer, doors));
    }
    let authority = Authority::open(state, &hosts).map_err(|error| Stop::internal(error.to_string()))?;
    let mut all = Vec::new();
    for (workspace, issuer, doors) in planned {
        let serving = async {
            let own = State::open(state, &workspace.namespace, &workspace.name)?;
            let served = Served::start(workspace, own, &authority, issuer, doors).await?;
            let report = served.converge(source, now()).await?;
            Ok::<_, Unserved>((served, report))
        };
        let (served, report) = serving.await.map_err(|why| unserved(&why, args))?;
        for finding in report.findings {
            eprintln!("  {finding}");
        }
        all.push(served);
    }
    for served in &all {
        served.running.ready().await;
    }
    Ok((all, authority))
}

fn unserved(why: &Unserved, args: &UpArgs) -> Stop {
    let next = match why {
        Unserved::Listen { .. } => "end what uses the port, or write another port in spec.issuer".to_owned(),
        _ => again(args),
    };
    Stop::usage(why.to_string(), next)
}

/// Follows the folder until Ctrl-C; then everything ends in order.
async fn serve(
    args: &UpArgs,
    state: &Folder,
    all: Vec<Served>,
    mut watch: Watch,
    screen: &Screen,
) -> Result<Exit, Stop> {
    let mut look = tokio::time::interval(LOOK);
    let mut keys = tokio::time::interval(KEYS);
    let mut last_good = None;
    loop {
        let changed = tokio::select! {
            outcome = tokio::signal::ctrl_c() => {
                outcome.map_err(|error| Stop::internal(error.to_string()))?;
                break;
            }
            _ = look.tick() => watch.changed(),
            _ = keys.tick() => last_good.is_some(),
        };
        if !changed {
            continue;
        }
        let told = watch.take();
        let source = match read(args, state) {
            Ok((source, _)) if source.problems.is_empty() => source,
            Ok((source, _)) => {
                screen.kept(told, &source.problems);
                continue;
            }
            Err(stop) => {
                screen.kept(told, &[stop.message]);
                continue;
            }
        };
        for served in &all {
            match served.converge(&source, now()).await {
                Ok(report) => screen.changed(told, served, &report),
                Err(why) => screen.kept(told, &[why]),
            }
        }
        screen.unserved(told, &source, &all);
        last_good = Some(());
    }
    Screen::ending();
    for served in all {
        served.running.shutdown().await;
    }
    Ok(Exit::Success)
}

/// What `fapictl flow` needs to know.
fn run_file(
    all: &[Served],
    source: &Source,
    generated: &Generated,
    state: &Folder,
    authority: &Authority,
) -> Result<RunFile, DevError> {
    let dev = state.enter("dev")?;
    let kits = kits(source, generated, &dev)?;
    let mut workspaces = Vec::new();
    for served in all {
        let own = (served.namespace.clone(), served.name.clone());
        let Some(workspace) =
            source.workspaces.iter().find(|it| it.name == served.name && it.namespace == served.namespace)
        else {
            continue;
        };
        workspaces.push(RunWorkspace {
            name: served.name.clone(),
            namespace: served.namespace.clone(),
            issuer: served.issuer.to_string(),
            ca_file: Some(authority.certificate_file()),
            front_addr: Some(served.running.front.to_string()),
            back_addr: Some(served.running.back.unwrap_or(served.running.front).to_string()),
            connect: Vec::new(),
            resource: None::<RunResource>,
            clients: kits
                .iter()
                .filter(|kit| kit.flow && kit.workspace == own)
                .map(|kit| kit.run.clone())
                .collect(),
            users: run_users(workspace, generated, &dev)?,
        });
    }
    Ok(RunFile { pid: Some(std::process::id()), workspaces })
}

fn log(level: &str) -> Result<(), Stop> {
    let filter = tracing_subscriber::EnvFilter::try_new(level).map_err(|_| {
        Stop::usage(
            "--log-level is none of error, warn, info, debug, trace, or a list such as fapi_server=info",
            "fapictl up --help",
        )
    })?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).finish();
    tracing::subscriber::set_global_default(subscriber).map_err(|error| Stop::internal(error.to_string()))
}
