//! `fapictl up DIR`: the whole product on a laptop. The same YAML, the same judgement, rotation and configuration as in a cluster,
//! the same server in this process, a development CA, and the folder watched for changes.

mod bank;
pub(crate) mod found;
mod note;
mod screen;
mod served;
mod signals;
mod site;
mod state;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

use fapi_core::Timestamp;

use self::bank::Plan;
pub(crate) use self::bank::unfit_banks;
use self::note::Note;
use self::screen::Screen;
use self::served::{Report, Served, Unserved, doors};
use self::signals::Signals;
use self::site::{Input, Site};
use self::state::State;
use self::watch::Watch;
use crate::clock;
use crate::dev::authority::Authority;
use crate::dev::{Folder, generate, kits, state_of};
use crate::exit::{Exit, Stop};
use crate::screen::Paint;
use crate::source::{DEFAULT_NAMESPACE, load};

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

/// Serves until it is time to end.
pub(crate) async fn run(args: &UpArgs, paint: Paint, log_paint: Paint) -> Result<Exit, Stop> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    log(&args.log_level, log_paint)?;
    let mut signals = Signals::new()?;
    let state = state_of(args.state.as_deref(), &args.dir)?;
    let mut note = Note::claim(&state, args)?;
    let screen = Screen::new(paint, args);

    let mut watch = Watch::new(&args.dir);
    // What is there at the start is no news.
    watch.changed();
    watch.take();
    let input = read(args, &state)?;
    if !input.source.problems.is_empty() {
        return Err(Stop::usage(lines(&input.source.problems), again(args)));
    }
    if input.source.workspaces.is_empty() {
        return Err(Stop::usage(
            format!("{} holds no Workspace", args.dir.display()),
            "fapictl up examples/00-quickstart",
        ));
    }
    let (mut sites, authority) = tokio::select! {
        started = start(&input, &state, args) => started?,
        () = signals.end() => return Ok(Exit::Interrupted),
    };
    write_down(&mut note, &sites).map_err(|why| Stop::usage(why, again(args)))?;
    screen.first(&input.source, &sites, &authority, note.path());

    let watched = Watched { args, state: &state, authority: &authority, screen: &screen };
    tokio::select! {
        () = watched.follow(&mut sites, watch, &mut note) => {}
        () = signals.end() => {}
    }
    Screen::ending();
    note.withdraw();
    for site in sites {
        site.shutdown().await;
    }
    Ok(Exit::Success)
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
fn read(args: &UpArgs, state: &Folder) -> Result<Input, Stop> {
    let mut source = load(&args.dir, &args.namespace).map_err(|error| {
        Stop::usage(
            format!("cannot read {}: {error}", args.dir.display()),
            "fapictl up examples/00-quickstart",
        )
    })?;
    let mut make = || {
        let dev = state.enter("dev")?;
        let generated = generate(&mut source, &dev)?;
        let kits = if source.problems.is_empty() { kits(&source, &generated, &dev)? } else { Vec::new() };
        Ok::<_, crate::dev::DevError>((dev, generated, kits))
    };
    let (dev, generated, kits) =
        make().map_err(|error| Stop::usage(error.to_string(), format!("{} --state OTHER", again(args))))?;
    Ok(Input { source, generated, kits, dev })
}

/// Starts a server for each Workspace and the banks that they want, and returns when all of them serve.
async fn start(input: &Input, state: &Folder, args: &UpArgs) -> Result<(Vec<Site>, Authority), Stop> {
    let (mut planned, mut hosts, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    for workspace in &input.source.workspaces {
        match Plan::of(workspace, &input.source, &input.kits) {
            Ok(plan) => hosts.extend(plan.map(|plan| plan.host)),
            Err(problem) => problems.push(problem),
        }
        match doors(workspace) {
            Ok((issuer, doors)) => {
                hosts.extend([doors.front.host.clone(), doors.back.host.clone()]);
                planned.push((workspace, issuer, doors));
            }
            Err(why) => problems.push(workspace.problem("spec", why)),
        }
    }
    if !problems.is_empty() {
        return Err(Stop::usage(lines(&problems), again(args)));
    }
    let authority = Authority::open(state, &hosts).map_err(|error| Stop::internal(error.to_string()))?;
    let mut sites = Vec::new();
    for (workspace, issuer, doors) in planned {
        let serving = async {
            let own = State::open(state, &workspace.namespace, &workspace.name)?;
            let served = Served::start(workspace, own, &authority, issuer, doors).await?;
            let mut site = Site::new(served);
            let report = site.follow(input, &authority, now()).await?;
            Ok::<_, Unserved>((site, report))
        };
        let (site, report) = serving.await.map_err(|why| unserved(&why, args))?;
        if let Some(problem) = report.bank_problem {
            return Err(Stop::usage(problem.to_string(), again(args)));
        }
        for finding in report.findings {
            eprintln!("  {finding}");
        }
        sites.push(site);
    }
    for site in &sites {
        site.served.running.ready().await;
    }
    Ok((sites, authority))
}

fn unserved(why: &Unserved, args: &UpArgs) -> Stop {
    let next = match why {
        Unserved::Listen { .. } => "end what uses the port, or write another port in spec.issuer".to_owned(),
        _ => again(args),
    };
    Stop::usage(why.to_string(), next)
}

fn write_down(note: &mut Note, sites: &[Site]) -> Result<(), String> {
    let workspaces = sites.iter().filter_map(|site| site.run.clone()).collect();
    note.update(workspaces).map_err(|error| format!("cannot write {}: {error}", note.path().display()))
}

/// What is served, and the folder that says so.
struct Watched<'a> {
    args: &'a UpArgs,
    state: &'a Folder,
    authority: &'a Authority,
    screen: &'a Screen,
}

impl Watched<'_> {
    /// Follows the folder, and moves keys when their time comes.
    async fn follow(&self, sites: &mut [Site], mut watch: Watch, note: &mut Note) {
        let mut look = tokio::time::interval(LOOK);
        let mut keys = tokio::time::interval(KEYS);
        loop {
            let changed = tokio::select! {
                _ = look.tick() => watch.changed(),
                _ = keys.tick() => true,
            };
            if !changed {
                continue;
            }
            let told = watch.take();
            match read(self.args, self.state) {
                Ok(input) if input.source.problems.is_empty() => {
                    self.serve(&input, sites, told, note).await;
                }
                Ok(input) => self.screen.kept(told, &input.source.problems),
                Err(stop) => self.screen.kept(told, &[stop.message]),
            }
        }
    }

    /// What is said is true already: it comes last.
    async fn serve(&self, input: &Input, sites: &mut [Site], told: bool, note: &mut Note) {
        let mut reports: Vec<Result<Report, Unserved>> = Vec::new();
        for site in &mut *sites {
            reports.push(site.follow(input, self.authority, now()).await);
        }
        if let Err(why) = write_down(note, sites) {
            self.screen.kept(told, &[why]);
        }
        for (site, report) in sites.iter().zip(reports) {
            match report {
                Ok(report) => self.screen.changed(told, site, &report),
                Err(why) => self.screen.kept(told, &[why]),
            }
        }
        self.screen.unserved(told, &input.source, sites);
    }
}

fn log(level: &str, paint: Paint) -> Result<(), Stop> {
    let filter = tracing_subscriber::EnvFilter::try_new(level).map_err(|_| {
        Stop::usage(
            "--log-level is none of error, warn, info, debug, trace, or a list such as fapi_server=info",
            "fapictl up --help",
        )
    })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    tracing::subscriber::set_global_default(lines.with_ansi(paint.is_on()).finish())
        .map_err(|error| Stop::internal(error.to_string()))
}
