//! What can a person type?

use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::cluster::{approve, diff, doctor, keys, revoke, rotate, status, tree};
use crate::dev;
use crate::exit::{Exit, Stop};
use crate::flow;
use crate::lint;
use crate::man;
use crate::screen::{self, ColorChoice, Paint};
use crate::up;
use crate::version;

/// FAPI authorization servers on a laptop and in a cluster
#[derive(Parser, Debug)]
#[command(name = "fapictl", version, arg_required_else_help = true, propagate_version = false)]
struct CommandLine {
    /// Colour
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    color: ColorChoice,
    /// What stdout holds: text for people, or one JSON document
    #[arg(short, long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    output: Output,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Approve a Client as it is now
    Approve(approve::ApproveArgs),
    /// Keys, passwords and certificates for development
    Dev(dev::DevArgs),
    /// Say what applying files would change in a cluster, and what that means
    Diff(diff::DiffArgs),
    /// Find what is wrong in a cluster, and name object and field
    Doctor(doctor::DoctorArgs),
    /// Play a FAPI client and the person's browser, and check everything a careful client checks
    Flow(Box<flow::FlowArgs>),
    /// Show every key of the authorization servers in a cluster, and what it does next
    Keys(keys::KeysArgs),
    /// Say what the API server and the operator would say, without either
    Lint(lint::LintArgs),
    /// Write the manual pages
    Man(man::ManArgs),
    /// Stop a key or a client at once
    Revoke(revoke::RevokeArgs),
    /// Change a key of a cluster before its time
    Rotate(rotate::RotateArgs),
    /// Say how the authorization servers of a cluster are, and who has to do something
    Status(status::StatusArgs),
    /// Show what belongs to a Workspace of a cluster
    Tree(tree::TreeArgs),
    /// Serve a folder of YAML on this machine, as a cluster would
    Up(up::UpArgs),
    /// Print the version
    Version,
}

/// `--output`
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Text,
    /// One JSON document
    Json,
}

/// Reads the command line, does what it says, and tells how it went.
pub fn main() -> Exit {
    let line = CommandLine::parse();
    let paint = Paint::stderr(line.color);
    match run(line) {
        Ok(exit) => exit,
        Err(stop) => {
            eprintln!("{} {}", paint.bad("error:"), stop.message);
            eprintln!("{}  {}", paint.bold("next:"), stop.next);
            stop.exit
        }
    }
}

fn run(line: CommandLine) -> Result<Exit, Stop> {
    match line.command {
        Command::Approve(args) => {
            let paint = Paint::stdout(line.color);
            interruptible(async move { approve::run(&args, line.output, paint).await })
        }
        Command::Flow(args) => {
            let paint = Paint::stdout(line.color);
            interruptible(async move { flow::run(&args, line.output, paint).await })
        }
        Command::Dev(args) => dev::run(&args, line.output),
        Command::Diff(args) => {
            let paint = Paint::stdout(line.color);
            interruptible(async move { diff::run(&args, line.output, paint).await })
        }
        Command::Doctor(args) => {
            let paint = Paint::stdout(line.color);
            interruptible(async move { doctor::run(&args, line.output, paint).await })
        }
        Command::Keys(args) => {
            let paint = Paint::stdout(line.color);
            interruptible(async move { keys::run(&args, line.output, paint).await })
        }
        Command::Lint(args) => lint::run(&args, line.output, Paint::stdout(line.color)),
        Command::Man(args) => man::run(&args, CommandLine::command(), line.output),
        Command::Revoke(args) => {
            let paint = Paint::stdout(line.color);
            interruptible(async move { revoke::run(&args, line.output, paint).await })
        }
        Command::Rotate(args) => {
            let paint = Paint::stdout(line.color);
            interruptible(async move { rotate::run(&args, line.output, paint).await })
        }
        Command::Status(args) => {
            let paint = Paint::stdout(line.color);
            interruptible(async move { status::run(&args, line.output, paint).await })
        }
        Command::Tree(args) => {
            let paint = Paint::stdout(line.color);
            interruptible(async move { tree::run(&args, line.output, paint).await })
        }
        Command::Up(args) => {
            let (paint, log_paint) = (Paint::stdout(line.color), Paint::stderr(line.color));
            runtime()?.block_on(up::run(&args, paint, log_paint))
        }
        Command::Version => {
            screen::print(&version::render(line.output));
            Ok(Exit::Success)
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Stop> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Stop::internal(format!("no threads: {error}")))
}

/// Runs a command until it ends or somebody presses Ctrl-C.
fn interruptible(command: impl Future<Output = Result<Exit, Stop>>) -> Result<Exit, Stop> {
    let runtime = runtime()?;
    let exit = runtime.block_on(async {
        tokio::select! {
            exit = command => exit,
            _ = tokio::signal::ctrl_c() => Ok(Exit::Interrupted),
        }
    });
    runtime.shutdown_background();
    exit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn every_command_has_a_manual_page() {
        let folder = tempfile::tempdir().unwrap();
        let pages = man::write(CommandLine::command(), folder.path()).unwrap();
        for page in ["fapictl.1", "fapictl-status.1", "fapictl-revoke-key.1", "fapictl-dev-secrets.1"] {
            assert!(pages.contains(&page.to_owned()), "{pages:?}");
        }
        let page = std::fs::read_to_string(folder.path().join("fapictl-rotate.1")).unwrap();
        assert!(
            page.contains("Change a key of a cluster before its time") && page.contains("fapictl rotate")
        );
        assert!(page.contains(".SH EXAMPLES"), "{page}");
    }

    #[test]
    fn every_command_shows_three_examples() {
        let line = CommandLine::command();
        let nested = line.get_subcommands().flat_map(clap::Command::get_subcommands);
        for command in line.get_subcommands().filter(|command| !command.has_subcommands()).chain(nested) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples = help.lines().filter(|line| line.trim_start().starts_with("fapictl ")).count();
            assert!(examples >= 3 || command.get_name() == "version", "{}", command.get_name());
        }
    }
}
