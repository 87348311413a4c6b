//! What does a person see? What was loaded, what is enforced, where it is, how to sign in, and what to type next. Every line is
//! true when it is printed.

use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use super::UpArgs;
use super::bank::{Change, Plan};
use super::served::Report;
use super::site::Site;
use crate::dev::authority::Authority;
use crate::run_file::{RunWorkspace, find_state};
use crate::screen::{Paint, print};
use crate::shell;
use crate::source::Source;

/// The terminal.
pub(super) struct Screen {
    paint: Paint,
    dir: PathBuf,
    /// Where the state was asked to be.
    state: Option<PathBuf>,
}

impl Screen {
    pub(super) fn new(paint: Paint, args: &UpArgs) -> Self {
        Self { paint, dir: args.dir.clone(), state: args.state.clone() }
    }

    fn line(&self, what: &str, value: impl Display) {
        print(&format!("{} {what:<20} {value}", self.paint.tick()));
    }

    /// Once, when everything serves. `note`: the run file.
    pub(super) fn first(&self, source: &Source, sites: &[Site], authority: &Authority, note: &Path) {
        let mut names: Vec<String> =
            source.workspaces.iter().map(|it| format!("Workspace/{}", it.name)).collect();
        names.extend(source.clients.iter().map(|it| format!("Client/{}", it.name)));
        names.extend(source.signing_keys.iter().map(|it| format!("SigningKey/{}", it.name)));
        self.line(&format!("{} resources", names.len()), names.join("  "));
        let made = if authority.new { "made just now" } else { "kept" };
        let days = Authority::days();
        let certificate = shell::near(&authority.certificate_file());
        self.line(
            "development CA",
            format!("{} ({made}, for these hosts only, {days} days)", certificate.display()),
        );
        for site in sites {
            self.site(site);
        }
        print("");
        let playable = |run: &&RunWorkspace| !run.clients.is_empty();
        if let Some(run) = sites.iter().filter_map(|site| site.run.as_ref()).find(playable) {
            let flow =
                flow(&shell::program(), self.state_option(note).as_deref(), (sites.len() > 1).then_some(run));
            print(&format!("{} in another terminal: {}", self.paint.bold("Next,"), self.paint.bold(flow)));
        }
        print(&format!(
            "      edit a file in {}: it is live in less than a second. Ctrl-C ends it.",
            self.dir.display()
        ));
    }

    fn site(&self, site: &Site) {
        let served = &site.served;
        let current = served.running.app().current();
        let profile = current.as_ref().map(|current| current.registry.rules.profile());
        let title = profile.map(|profile| format!("{}: {}", profile.name, profile.title)).unwrap_or_default();
        print("");
        self.line("issuer", self.paint.bold(&served.issuer));
        self.line("profile enforced", title);
        self.line("programs call", format!("https://{} (mutual TLS)", served.doors.back));
        if let Some(plan) = site.bank.plan() {
            self.bank(plan);
        }
        self.line("database", shell::near(&served.database()).display());
        for user in site.run.iter().flat_map(|run| &run.users) {
            let password = fs::read_to_string(&user.password_file).unwrap_or_default();
            print(&format!("  {:<20} {} / {}", "sign in as", user.username, password.trim()));
        }
    }

    fn bank(&self, plan: &Plan) {
        self.line("sample bank", format!("{} (as Client {})", plan.resource().url, plan.client));
    }

    /// `--state` as it was given; without, only where `fapictl flow` would not find it by itself.
    fn state_option(&self, note: &Path) -> Option<PathBuf> {
        let state = note.parent()?;
        let found = std::env::current_dir().ok().and_then(|here| find_state(&here).ok());
        match &self.state {
            Some(given) => Some(given.clone()),
            None if found.is_some_and(|found| found == state) => None,
            None => Some(shell::near(state)),
        }
    }

    /// Something is wrong: what was served before goes on being served.
    pub(super) fn kept(&self, told: bool, problems: &[impl Display]) {
        if !told {
            return;
        }
        for problem in problems {
            eprintln!("{} {problem}", self.paint.cross());
        }
        eprintln!("  what was good before is still served");
    }

    /// A change was looked at.
    pub(super) fn changed(&self, told: bool, site: &Site, report: &Report) {
        let issuer = &site.served.issuer;
        match (report.published, report.bank) {
            (Some(revision), _) => {
                print(&format!("{} {issuer} serves revision {revision}", self.paint.tick()));
            }
            (None, None) if told && report.bank_problem.is_none() => {
                print(&format!("{} {issuer} has nothing new", self.paint.tick()));
            }
            _ => {}
        }
        match (report.bank, site.bank.plan()) {
            (Some(Change::Opened), Some(plan)) => self.bank(plan),
            (Some(_), _) => self.line("sample bank", "closed"),
            (None, _) => {}
        }
        if told {
            let problem = report.bank_problem.as_ref().map(ToString::to_string);
            for finding in report.findings.iter().chain(&problem) {
                eprintln!("{} {finding}", self.paint.cross());
            }
        }
        if let (true, Some(_)) = (told, &report.bank_problem) {
            match site.bank.plan() {
                Some(plan) => eprintln!("  the sample bank goes on as it was: {}", plan.resource().url),
                None => eprintln!("  the sample bank is closed"),
            }
        }
    }

    /// Workspaces that came after the start.
    pub(super) fn unserved(&self, told: bool, source: &Source, sites: &[Site]) {
        let known = |name: &str, namespace: &str| {
            sites.iter().any(|it| it.served.name == name && it.served.namespace == namespace)
        };
        for workspace in source.workspaces.iter().filter(|it| told && !known(&it.name, &it.namespace)) {
            eprintln!(
                "{} Workspace {}/{} is new: end fapictl and start it again to serve it",
                self.paint.cross(),
                workspace.namespace,
                workspace.name
            );
        }
    }

    pub(super) fn ending() {
        print("ending");
    }
}

/// The command that plays a flow, for another terminal in the same folder.
fn flow(program: &str, state: Option<&Path>, workspace: Option<&RunWorkspace>) -> String {
    let state = state.map(|state| format!(" --state {}", shell::path(state))).unwrap_or_default();
    let workspace = workspace
        .map(|it| format!(" --workspace {}", shell::word(&format!("{}/{}", it.namespace, it.name))))
        .unwrap_or_default();
    format!("{program} flow{state}{workspace}")
}
