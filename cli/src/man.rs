//! `fapictl man`: what is written in the manual? The same as `--help` says, a page for each command.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap_mangen::Man;
use serde_json::json;

use crate::command::Output;
use crate::exit::{Exit, Stop};
use crate::screen;

const EXAMPLES: &str = "Examples:
  fapictl man ~/.local/share/man/man1
      then: man fapictl-status
  fapictl man /usr/local/share/man/man1
      for everybody on this machine
  fapictl man DIR -o json
      {pages: [\"fapictl.1\", …]}";

/// `fapictl man`
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ManArgs {
    /// Folder to write to; it is made where it is missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Writes the pages.
pub(crate) fn run(args: &ManArgs, command: clap::Command, output: Output) -> Result<Exit, Stop> {
    let pages = write(command, &args.folder).map_err(|error| {
        let message = format!("cannot write to {}: {error}", args.folder.display());
        Stop::usage(message, "fapictl man ./man")
    })?;
    match output {
        Output::Json => screen::print(&format!("{:#}", json!({ "pages": pages }))),
        Output::Text => screen::print(&format!("{} pages in {}", pages.len(), args.folder.display())),
    }
    Ok(Exit::Success)
}

/// A page for each command that a person can type; returns their names, sorted.
pub(crate) fn write(command: clap::Command, folder: &Path) -> io::Result<Vec<String>> {
    fs::create_dir_all(folder)?;
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    pages_of(&command, folder, &mut pages)?;
    pages.sort();
    Ok(pages)
}

fn pages_of(command: &clap::Command, folder: &Path, pages: &mut Vec<String>) -> io::Result<()> {
    for nested in command.get_subcommands() {
        pages_of(nested, folder, pages)?;
    }
    // `fapictl-revoke-key`: given when the command is built.
    let page = format!("{}.1", command.get_display_name().unwrap_or_else(|| command.get_name()));
    fs::write(folder.join(&page), render(command.clone())?)?;
    pages.push(page);
    Ok(())
}

fn render(command: clap::Command) -> io::Result<Vec<u8>> {
    let examples = command.get_after_help().map(ToString::to_string);
    let versioned = command.get_version().is_some();
    let man = Man::new(command.after_help(""));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    man.render_subcommands_section(&mut page)?;
    if let Some(examples) = examples {
        page.extend(section(&examples).bytes());
    }
    if versioned {
        man.render_version_section(&mut page)?;
    }
    Ok(page)
}

/// Lines as they are: examples are for copying.
fn section(examples: &str) -> String {
    let body = examples.strip_prefix("Examples:\n").unwrap_or(examples);
    let lines = body.lines().map(|line| {
        let line = line.replace('\\', "\\\\").replace('-', "\\-");
        // A dot or quote in front would be an instruction.
        if line.starts_with(['.', '\'']) { format!("\\&{line}\n") } else { format!("{line}\n") }
    });
    format!(".SH EXAMPLES\n.nf\n{}.fi\n", lines.collect::<String>())
}
