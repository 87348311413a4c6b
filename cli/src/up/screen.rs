//! What does a person see? What was loaded, what is enforced, where it is, how to sign in, and what to type next. Every line is
//! true when it is printed.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use super::served::{Report, Served};
use crate::dev::authority::Authority;
use crate::run_file::RunFile;
use crate::screen::{Paint, print};
use crate::source::Source;

/// The terminal.
pub(super) struct Screen {
    paint: Paint,
    dir: PathBuf,
}

impl Screen {
    pub(super) fn new(paint: Paint, dir: &Path) -> Self {
        Self { paint, dir: dir.to_owned() }
    }

    fn line(&self, what: &str, value: impl Display) {
        print(&format!("{} {what:<20} {value}", self.paint.good("✔")));
    }

    /// Once, when everything serves.
    pub(super) fn first(&self, source: &Source, all: &[Served], file: &RunFile, authority: &Authority) {
        let mut names: Vec<String> =
            source.workspaces.iter().map(|it| format!("Workspace/{}", it.name)).collect();
        names.extend(source.clients.iter().map(|it| format!("Client/{}", it.name)));
        names.extend(source.signing_keys.iter().map(|it| format!("SigningKey/{}", it.name)));
        self.line(&format!("{} resources", names.len()), names.join("  "));
        let made = if authority.new { "made just now" } else { "kept" };
        let days = Authority::days();
        self.line(
            "development CA",
            format!("{} ({made}, for these hosts only, {days} days)", authority.certificate_file().display()),
        );
        for (served, run) in all.iter().zip(&file.workspaces) {
            let app = served.running.app();
            let current = app.current();
            let profile = current.as_ref().map(|current| current.registry.rules.profile());
            let title =
                profile.map(|profile| format!("{}: {}", profile.name, profile.title)).unwrap_or_default();
            print("");
            self.line("issuer", self.paint.bold(&served.issuer));
            self.line("profile enforced", title);
            self.line("programs call", format!("https://{} (mutual TLS)", served.doors.back));
            if let Some(resource) = &run.resource {
                self.line("the bank's API", &resource.url);
            }
            self.line("database", served.database().display());
            for user in &run.users {
                let password = fs::read_to_string(&user.password_file).unwrap_or_default();
                print(&format!("  {:<20} {} / {}", "sign in as", user.username, password.trim()));
            }
        }
        print("");
        let flows = file.workspaces.iter().any(|workspace| !workspace.clients.is_empty());
        if flows {
            print(&format!(
                "{} in another terminal: {}",
                self.paint.bold("Next,"),
                self.paint.bold(next_command("flow"))
            ));
        }
        print(&format!(
            "      edit a file in {}: it is live in less than a second. Ctrl-C ends it.",
            self.dir.display()
        ));
    }

    /// Something is wrong: what was served before goes on being served.
    pub(super) fn kept(&self, told: bool, problems: &[impl Display]) {
        if !told {
            return;
        }
        for problem in problems {
            eprintln!("{} {problem}", self.paint.bad("✘"));
        }
        eprintln!("  what was good before is still served");
    }

    /// A change was looked at.
    pub(super) fn changed(&self, told: bool, served: &Served, report: &Report) {
        if let Some(revision) = report.published {
            print(&format!("{} {} serves revision {revision}", self.paint.good("✔"), served.issuer));
        } else if told {
            print(&format!("{} {} has nothing new", self.paint.good("✔"), served.issuer));
        }
        if told {
            for finding in &report.findings {
                eprintln!("{} {finding}", self.paint.bad("✘"));
            }
        }
    }

    /// Workspaces that came after the start.
    pub(super) fn unserved(&self, told: bool, source: &Source, all: &[Served]) {
        let known = |name: &str, namespace: &str| {
            all.iter().any(|served| served.name == name && served.namespace == namespace)
        };
        for workspace in source.workspaces.iter().filter(|it| told && !known(&it.name, &it.namespace)) {
            eprintln!(
                "{} Workspace {}/{} is new: end fapictl and start it again to serve it",
                self.paint.bad("✘"),
                workspace.namespace,
                workspace.name
            );
        }
    }

    pub(super) fn ending() {
        print("ending");
    }
}

/// A command that works in another terminal, however this one was started.
fn next_command(command: &str) -> String {
    let program = std::env::current_exe().ok();
    let in_path = program.as_ref().and_then(|program| {
        let name = program.file_name()?;
        let path = std::env::var_os("PATH")?;
        let found = std::env::split_paths(&path)
            .map(|folder| folder.join(name))
            .find(|candidate| candidate.is_file())?;
        (found.canonicalize().ok()? == program.canonicalize().ok()?)
            .then(|| name.to_string_lossy().into_owned())
    });
    let shown = in_path.or_else(|| {
        let program = program?;
        let here = std::env::current_dir().ok()?;
        Some(program.strip_prefix(&here).unwrap_or(&program).display().to_string())
    });
    format!("{} {command}", shown.unwrap_or_else(|| "fapictl".to_owned()))
}
