//! Everything that runs here for one Workspace: its server, its bank, and what is written down about them.

use std::collections::BTreeMap;

use fapi_core::Timestamp;
use url::Url;

use super::bank::{Counter, Plan};
use super::served::{Report, Served, Unserved};
use crate::dev::authority::Authority;
use crate::dev::{DevError, Folder, Generated, Kit, run_users};
use crate::run_file::{RunBackchannel, RunClient, RunWorkspace};
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
    /// Where clients on this machine are told that somebody signed out, by their address.
    ears: BTreeMap<String, RunBackchannel>,
}

impl Site {
    pub(super) fn new(served: Served) -> Self {
        Self { served, bank: Counter::default(), run: None, ears: BTreeMap::new() }
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
        self.give_ears(input, authority)?;
        self.run = Some(self.described(workspace, input, authority)?);
        Ok(report)
    }

    /// A certificate for every client that is told on this machine. One is made once in a run.
    fn give_ears(&mut self, input: &Input, authority: &Authority) -> Result<(), DevError> {
        for client in &input.source.clients {
            let Some(uri) = client.value.spec.backchannel_logout_uri.as_ref() else { continue };
            let host = Url::parse(uri).ok().and_then(|url| url.host_str().map(str::to_owned));
            let is_here = |host: &String| host == "localhost" || host.ends_with(".localhost");
            let Some(host) = host.filter(|host| is_here(host) && authority.covers(host)) else { continue };
            if self.ears.contains_key(uri) {
                continue;
            }
            let folder = input.dev.enter(&client.namespace)?.enter(&format!("client-{}", client.name))?;
            let shown = authority.issue(&[host])?;
            folder.write("backchannel.crt", shown.certificate)?;
            folder.write("backchannel.key", shown.key.as_bytes())?;
            let ear = RunBackchannel {
                uri: uri.clone(),
                certificate_file: folder.file("backchannel.crt"),
                key_file: folder.file("backchannel.key"),
            };
            self.ears.insert(uri.clone(), ear);
        }
        Ok(())
    }

    /// What `fapictl flow` has to know of a client.
    fn client(&self, kit: &Kit, input: &Input) -> RunClient {
        let is_it = |it: &&Object<fapi_crds::Client>| it.namespace == kit.namespace && it.name == kit.name;
        let uri = input.source.clients.iter().find(is_it);
        let uri = uri.and_then(|client| client.value.spec.backchannel_logout_uri.as_ref());
        RunClient { backchannel_logout: uri.and_then(|uri| self.ears.get(uri)).cloned(), ..kit.run.clone() }
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
            clients: input.kits.iter().filter(playable).map(|kit| self.client(kit, input)).collect(),
            users: run_users(workspace, &input.generated, &input.dev)?,
        })
    }

    /// Ends it: first whoever asks, then whoever answers.
    pub(super) async fn shutdown(mut self) {
        self.bank.close().await;
        self.served.running.shutdown().await;
    }
}
