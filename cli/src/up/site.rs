//! Everything that runs here for one Workspace: its server, its bank, and what is written down about them.

use fapi_core::Timestamp;

use super::bank::{Counter, Plan};
use super::served::{Report, Served, Unserved};
use crate::dev::authority::Authority;
use crate::dev::{DevError, Folder, Generated, Kit, run_users};
use crate::run_file::RunWorkspace;
use crate::source::{Object, Source};

/// What people wrote, and what was made for it.
pub(super) struct Input {
    pub(super) source: Source,
    pub(super) generated: Generated,
    pub(super) kits: Vec<Kit>,
    pub(super) dev: Folder,
}

/// A Workspace on this machine.
pub(super) struct Site {
    pub(super) served: Served,
    pub(super) bank: Counter,
    /// What `fapictl flow` needs to know.
    pub(super) run: Option<RunWorkspace>,
}

impl Site {
    pub(super) fn new(served: Served) -> Self {
        Self { served, bank: Counter::default(), run: None }
    }

    /// Makes everything what the files say. What cannot be is as it was.
    pub(super) async fn follow(
        &mut self,
        input: &Input,
        authority: &Authority,
        now: Timestamp,
    ) -> Result<Report, Unserved> {
        let mut report = self.served.converge(&input.source, now).await?;
        let is_own = |it: &&Object<_>| it.name == self.served.name && it.namespace == self.served.namespace;
        // One that is gone is served until the end, and so is its bank.
        let Some(workspace) = input.source.workspaces.iter().find(is_own) else { return Ok(report) };
        let followed = match Plan::of(workspace, &input.source, &input.kits) {
            Ok(plan) => self.bank.follow(plan, &self.served, authority).await,
            Err(problem) => Err(problem),
        };
        match followed {
            Ok(change) => report.bank = change,
            Err(problem) => report.bank_problem = Some(problem),
        }
        self.run = Some(self.described(workspace, input, authority)?);
        Ok(report)
    }

    fn described(
        &self,
        workspace: &Object<fapi_crds::Workspace>,
        input: &Input,
        authority: &Authority,
    ) -> Result<RunWorkspace, DevError> {
        let served = &self.served;
        let own = (served.namespace.clone(), served.name.clone());
        // One that is refused, or disabled, has no flow.
        let playable = |kit: &&Kit| kit.flow && kit.workspace == own && served.knows(&kit.run.client_id);
        let [_, back] = served.connects();
        Ok(RunWorkspace {
            name: served.name.clone(),
            namespace: served.namespace.clone(),
            issuer: served.issuer.to_string(),
            ca_file: Some(authority.certificate_file()),
            front_addr: Some(served.running.front.to_string()),
            back_addr: Some(served.running.back.unwrap_or(served.running.front).to_string()),
            connect: [back].into_iter().chain(self.bank.plan().map(Plan::connect)).collect(),
            resource: self.bank.plan().map(Plan::resource),
            clients: input.kits.iter().filter(playable).map(|kit| kit.run.clone()).collect(),
            users: run_users(workspace, &input.generated, &input.dev)?,
        })
    }

    /// Ends it: first whoever asks, then whoever answers.
    pub(super) async fn shutdown(mut self) {
        self.bank.close().await;
        self.served.running.shutdown().await;
    }
}
