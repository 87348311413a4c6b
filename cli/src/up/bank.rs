//! Where is the sample bank? A Workspace with the annotation `fapi.rs/dev-bank` has one here: at its default resource, as the
//! Client that the annotation names.

use std::net::Ipv4Addr;
use std::sync::Arc;

use fapi_bank::{Bank, Config, Credential, Routes, Running};
use fapi_core::Lifetime;
use fapi_core::ids::ClientId;
use fapi_crds::names::annotation::DEV_BANK;
use fapi_crds::{Client, ClientAuthMethod, Workspace};
use fapi_jose::SigningKey;
use fapi_server::clock::SystemClock;
use tokio::net::TcpListener;
use url::{Host, Url};

use super::served::Served;
use crate::dev::authority::{Authority, ServerCertificate};
use crate::dev::{Kit, signing_key, workspace_of};
use crate::run_file::RunResource;
use crate::source::{Object, Problem, Source};

/// What the bank wants to see in a token.
const SCOPE: &str = "accounts";

/// Where a bank is to be, and as whom: everything that can be known before it opens.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) client: String,
    client_id: ClientId,
    identifier: String,
    key: SigningKey,
    /// Where its address is written, for whoever has to change it.
    written: Problem,
}

/// What is wrong with the banks that Workspaces ask for: for `fapictl lint`, which opens none.
pub(crate) fn unfit_banks(source: &Source, kits: &[Kit]) -> Vec<Problem> {
    source.workspaces.iter().filter_map(|workspace| Plan::of(workspace, source, kits).err()).collect()
}

impl Plan {
    /// What the Workspace says about its bank; `None` if it wants none.
    pub(super) fn of(
        workspace: &Object<Workspace>,
        source: &Source,
        kits: &[Kit],
    ) -> Result<Option<Plan>, Problem> {
        let annotations = workspace.value.metadata.annotations.as_ref();
        let Some(name) = annotations.and_then(|annotations| annotations.get(DEV_BANK)) else {
            return Ok(None);
        };
        let client = named(name, workspace, source)?;
        let (client_id, key) = credential(client, kits)?;
        let (index, identifier) = resource(workspace, &client_id)?;
        let at = format!("spec.resources[{index}].identifier");
        let (host, port) = address(identifier).ok_or_else(|| {
            let message = "the sample bank listens at the host and port of this resource: write https://HOST:PORT with a \
                           name and without a path, for example https://bank.demo.localhost:8445";
            workspace.problem(&at, message)
        })?;
        known_people(workspace)?;
        Ok(Some(Plan {
            host,
            port,
            client: client.name.clone(),
            client_id,
            identifier: identifier.to_owned(),
            key,
            written: workspace.problem(&at, String::new()),
        }))
    }

    /// What `fapictl flow` has to know.
    pub(super) fn resource(&self) -> RunResource {
        RunResource {
            url: format!("{}/accounts", self.identifier.trim_end_matches('/')),
            identifier: Some(self.identifier.clone()),
            introspects: true,
        }
    }

    /// Where its connections go, as `--connect` takes it.
    pub(super) fn connect(&self) -> String {
        format!("{}:{}:{}:{}", self.host, self.port, Ipv4Addr::LOCALHOST, self.port)
    }

    fn is(&self, other: &Plan) -> bool {
        (&self.host, self.port, &self.client_id, &self.identifier, self.key.kid())
            == (&other.host, other.port, &other.client_id, &other.identifier, other.key.kid())
    }

    fn problem(&self, message: String) -> Problem {
        Problem { message, ..self.written.clone() }
    }
}

/// The Client that the annotation names.
fn named<'a>(
    name: &str,
    workspace: &Object<Workspace>,
    source: &'a Source,
) -> Result<&'a Object<Client>, Problem> {
    let attached: Vec<&Object<Client>> = source
        .clients
        .iter()
        .filter(|client| client.namespace == workspace.namespace)
        .filter(|client| {
            workspace_of(client, source)
                .is_some_and(|it| (&it.namespace, &it.name) == (&workspace.namespace, &workspace.name))
        })
        .collect();
    if let Some(client) = attached.iter().find(|client| client.name == name) {
        return Ok(client);
    }
    let names: Vec<&str> = attached.iter().map(|client| client.name.as_str()).collect();
    let instead = match names.iter().min_by_key(|known| strsim::damerau_levenshtein(known, name)) {
        Some(nearest) => format!("did you mean {nearest}? Its Clients here: {}", names.join(", ")),
        None => "write one with auth.method: private_key_jwt and grantTypes: [], or leave the annotation out"
            .to_owned(),
    };
    let message =
        format!("Workspace {} has no Client {name:?} to run the sample bank as: {instead}", workspace.name);
    Err(workspace.problem(&format!("metadata.annotations.{DEV_BANK}"), message))
}

/// What the bank shows to the authorization server.
fn credential(client: &Object<Client>, kits: &[Kit]) -> Result<(ClientId, SigningKey), Problem> {
    if client.value.spec.auth.method != ClientAuthMethod::PrivateKeyJwt {
        let message = format!(
            "the sample bank signs assertions: write private_key_jwt, or name another Client in the annotation {DEV_BANK}"
        );
        return Err(client.problem("spec.auth.method", message));
    }
    let kit = kits.iter().find(|kit| (&kit.namespace, &kit.name) == (&client.namespace, &client.name));
    let file = kit.and_then(|kit| kit.run.jwks_private_file.as_ref()).ok_or_else(|| {
        let message = "the sample bank needs the private key of this Client, and it is not here: write a jwksRef to a Secret \
                       without data that has the annotation fapi.rs/dev-generate: jwks";
        client.problem("spec.auth", message)
    })?;
    let key = signing_key(file).map_err(|error| client.problem("spec.auth", error.to_string()))?;
    let id = kit.map_or("", |kit| kit.run.client_id.as_str());
    let id = ClientId::parse(id).map_err(|why| client.problem("spec.clientId", why.to_string()))?;
    Ok((id, key))
}

/// The default resource, if the bank can work as it: its place in the list, and its identifier.
fn resource<'a>(workspace: &'a Object<Workspace>, bank: &ClientId) -> Result<(usize, &'a str), Problem> {
    let spec = &workspace.value.spec;
    let found = spec.resources.iter().enumerate().find(|(_, resource)| resource.default);
    let Some((index, resource)) = found else {
        let message = format!(
            "the sample bank (annotation {DEV_BANK}) is run as the default resource, and none is: write one with \
             identifier: https://bank.localhost:8445, default: true and introspectionClients: [{bank}]"
        );
        return Err(workspace.problem("spec.resources", message));
    };
    let field = |name: &str| format!("spec.resources[{index}].{name}");
    if !resource.introspection_clients.iter().any(|client| client == bank.as_str()) {
        let message = format!("the sample bank asks about every token: write introspectionClients: [{bank}]");
        return Err(workspace.problem(&field("introspectionClients"), message));
    }
    if !spec.scopes.iter().any(|scope| scope.name == SCOPE) {
        let message = format!("the sample bank wants tokens with the scope {SCOPE}: write - name: {SCOPE}");
        return Err(workspace.problem("spec.scopes", message));
    }
    if !resource.scopes.is_empty() && !resource.scopes.iter().any(|scope| scope == SCOPE) {
        let message =
            format!("the sample bank wants tokens with the scope {SCOPE}: write it here, or write no scopes");
        return Err(workspace.problem(&field("scopes"), message));
    }
    Ok((index, &resource.identifier))
}

fn address(identifier: &str) -> Option<(String, u16)> {
    let url = Url::parse(identifier).ok()?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    match url.host()? {
        Host::Domain(host) if bare && url.scheme() == "https" => {
            Some((host.to_owned(), url.port_or_known_default()?))
        }
        _ => None,
    }
}

/// The bank gives accounts to the people who sign in here.
fn known_people(workspace: &Object<Workspace>) -> Result<(), Problem> {
    if workspace.value.spec.login.users.is_some() {
        return Ok(());
    }
    let message = format!(
        "the sample bank knows the people of login.users and nobody else: write type: Users, or leave the annotation {DEV_BANK} out"
    );
    Err(workspace.problem("spec.login", message))
}

/// The bank of one Workspace, open or not.
#[derive(Default)]
pub(super) struct Counter(Option<(Plan, Running)>);

/// What became of a bank.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    Closed,
    Opened,
}

impl Counter {
    /// What is open.
    pub(super) fn plan(&self) -> Option<&Plan> {
        self.0.as_ref().map(|(plan, _)| plan)
    }

    /// Makes the bank what the Workspace says. One that is as it should be goes on; its people are always those of now.
    pub(super) async fn follow(
        &mut self,
        plan: Option<Plan>,
        served: &Served,
        authority: &Authority,
    ) -> Result<Option<Change>, Problem> {
        let Some(plan) = plan else {
            let closed = self.plan().map(|_| Change::Closed);
            self.close().await;
            return Ok(closed);
        };
        if let Some((open, running)) = &mut self.0
            && open.is(&plan)
        {
            running.replace_users(&served.users());
            // The same bank may stand on another line by now.
            *open = plan;
            return Ok(None);
        }
        let certificate = certificate(&plan, authority)?;
        // Whoever moves to another place keeps the old one open until the new one is.
        if self.plan().is_some_and(|open| open.port == plan.port) {
            self.close().await;
        }
        let running = open(&plan, certificate, served, authority).await?;
        self.close().await;
        self.0 = Some((plan, running));
        Ok(Some(Change::Opened))
    }

    /// Lets what has begun finish.
    pub(super) async fn close(&mut self) {
        if let Some((_, running)) = self.0.take() {
            running.shutdown().await;
        }
    }
}

fn certificate(plan: &Plan, authority: &Authority) -> Result<ServerCertificate, Problem> {
    if !authority.covers(&plan.host) {
        let message = format!(
            "the development CA is not for {}: end fapictl and start it again, or write a host below .localhost",
            plan.host
        );
        return Err(plan.problem(message));
    }
    authority.issue(std::slice::from_ref(&plan.host)).map_err(|error| plan.problem(error.to_string()))
}

async fn open(
    plan: &Plan,
    certificate: ServerCertificate,
    served: &Served,
    authority: &Authority,
) -> Result<Running, Problem> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, plan.port)).await.map_err(|error| {
        plan.problem(format!(
            "the sample bank cannot listen at {}:{} ({error}): end what uses the port, or write another one here and \
             wherever the resource is named",
            Ipv4Addr::LOCALHOST,
            plan.port
        ))
    })?;
    let routes = served.connects().iter().filter_map(|rule| rule.parse().ok()).collect();
    let config = Config {
        issuer: served.issuer.clone(),
        issuer_ca: authority.certificate().as_bytes().to_vec(),
        routes: Routes::new(routes),
        audience: plan.identifier.clone(),
        client_id: plan.client_id.clone(),
        credential: Credential::Key(plan.key.clone()),
        // On a laptop a revoked token is seen to end at once.
        remember: Lifetime::seconds(0),
        listener,
        certificate: certificate.certificate.into_bytes(),
        key: certificate.key.as_bytes().to_vec(),
        users: served.users(),
        clock: Arc::new(SystemClock),
    };
    Ok(Bank::new(config).map_err(|why| plan.problem(format!("the sample bank cannot open: {why}")))?.serve())
}

#[cfg(test)]
#[path = "bank_tests.rs"]
mod tests;
