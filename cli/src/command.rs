//! What can a person type?

use clap::{Parser, Subcommand, ValueEnum};

use crate::dev;
use crate::exit::{Exit, Stop};
use crate::flow;
use crate::lint;
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
    /// Play a FAPI client and the person's browser, and check everything a careful client checks
    Flow(Box<flow::FlowArgs>),
    /// Keys, passwords and certificates for development
    Dev(dev::DevArgs),
    /// Say what the API server and the operator would say, without either
    Lint(lint::LintArgs),
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
        Command::Flow(args) => {
            let paint = Paint::stdout(line.color);
            interruptible(async move { flow::run(&args, line.output, paint).await })
        }
        Command::Dev(args) => dev::run(&args, line.output),
        Command::Lint(args) => lint::run(&args, line.output, Paint::stdout(line.color)),
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
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
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
