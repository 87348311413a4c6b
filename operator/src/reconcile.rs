//! What is to be done about a Workspace? The table of contents: each line is a file of its own, and only three of them write.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fapi_config::Manifest;
use fapi_crds::client::ClientStatus;
use fapi_crds::condition::{self, Status};
use fapi_crds::names::label;
use fapi_crds::workspace::WorkspaceStatus;
use fapi_crds::{Client, ConditionType, Reason, SigningKey, Workspace};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use tracing::{debug, info, warn};

use crate::apply::{Parent, apply};
use crate::build::{self, Applied, Desired, Inputs};
use crate::clock::share_of;
use crate::context::Context;
use crate::dereference::{OwnSecrets, dereference, own_secrets};
use crate::error::{Class, Error};
use crate::guard::guards;
use crate::keys::{self, Rotated, Surroundings};
use crate::material::{self, InternalAuthority, Wanted, Wishes};
use crate::names::{Names, WorkspaceName};
use crate::observe::{nudge, observe};
use crate::queue::Outcome;
use crate::rotate::{Acknowledgements, Counting};
use crate::status::{self, Facts, Published, turned};
use crate::unattached::unattached;
use crate::validate::{ClientVerdict, Finding, Found, ObjectKey, Verdict, validate};
use crate::{finalizer, format, rotate};

/// So many statuses are written at the same time.
const AT_A_TIME: usize = 16;
/// While pods are on their way.
const EAGER: Duration = Duration::from_millis(500);
/// While they have been on their way for long.
const PATIENT: Duration = Duration::from_mins(1);

/// Brings one Workspace forward, and says when to look again.
pub async fn reconcile(cx: Arc<Context>, key: ObjectKey) -> Outcome {
    let begun = Instant::now();
    let workspace = cx.stores.workspaces.find(&key).map(|workspace| {
        let mut workspace = workspace.as_ref().clone();
        workspace.status = status::newer(&cx, &workspace.metadata).or(workspace.status);
        // Nothing new is made for it, and what is revoked is revoked.
        workspace.spec.suspend |= workspace.metadata.deletion_timestamp.is_some();
        workspace
    });
    let result = match &workspace {
        Some(workspace) => Box::pin(one(&cx, &key, workspace)).await,
        None => nobody(&cx, &key).await,
    };
    let (name, outcome) = match &result {
        Ok(outcome) => ("ok", *outcome),
        Err(Error::NotLeading) => ("not_leading", Outcome::Forget),
        Err(error) => match error.class() {
            Class::Conflict => {
                debug!(workspace = %key, %error, "Somebody else was faster, reading {key} again");
                ("conflict", Outcome::Conflict)
            }
            Class::Forbidden => {
                warn!(workspace = %key, %error, "The operator may not do what {key} needs");
                ("forbidden", Outcome::Forbidden)
            }
            Class::Other => {
                warn!(workspace = %key, %error, "Could not bring {key} forward, will try again");
                ("error", Outcome::Failed)
            }
        },
    };
    cx.metrics.reconciled(name, begun.elapsed());
    if let (Some(workspace), Err(error)) = (&workspace, &result)
        && !matches!(outcome, Outcome::Forget | Outcome::Conflict)
        && let Err(error) = report(&cx, workspace, error).await
    {
        debug!(workspace = %key, %error, "Could not write the status of {key} either");
    }
    outcome
}

async fn one(cx: &Context, key: &ObjectKey, workspace: &Workspace) -> Result<Outcome, Error> {
    if workspace.metadata.deletion_timestamp.is_some() && !is_held_back(workspace) {
        // Its children go with it, and nothing new is made for it.
        return Ok(Outcome::Forget);
    }
    if let Some(error) = Error::unreadable(workspace) {
        return Err(error);
    }
    let Ok(name) = WorkspaceName::parse(&key.name) else { return Ok(Outcome::Forget) };
    let names = Names { namespace: key.namespace.clone(), workspace: name };
    let uid = workspace.metadata.uid.clone().unwrap_or_default();
    cx.may_write()?;

    let mut own = own_secrets(cx, workspace).await?;
    let mut found = dereference(cx, workspace, &names, &own, false).await?;
    let acks = ask(cx, &names, &uid, &own, &found).await?;
    found.tombstones_done = acks.tombstones_done(Counting::Serving);
    found.guards = guards(cx, &found).await?;
    let mut verdict = validate(&found);
    if verdict.wants_fresh_list {
        let done = found.tombstones_done;
        found = Found { tombstones_done: done, ..dereference(cx, workspace, &names, &own, true).await? };
        found.guards = guards(cx, &found).await?;
        verdict = validate(&found);
    }

    if let Some(publication) = &mut verdict.publication {
        let before = found.previous.as_ref().map(|previous| previous.manifest.format);
        match format::agree(&acks, before) {
            Ok(agreed) => publication.document.format = agreed,
            Err(why) => return hold(cx, workspace, &why).await,
        }
    }
    let mut outlook = material::Outlook::default();
    let published = match &verdict.publication {
        Some(publication) => {
            let keys_before = found.previous.as_ref().map_or(&[][..], |previous| &previous.document.keys);
            let around = Surroundings {
                workspace,
                names: &names,
                signing_keys: &found.signing_keys,
                verdicts: &verdict.signing_keys,
                imports: &found.references.imports,
                rules: &publication.rules,
                acks: &acks,
                published: keys_before,
            };
            let rotated = keys::rotate(cx, &around, &mut own).await?;
            let counting = rotate::counting(&rotated.lines);
            let host = publication.document.issuer.host();
            let material = material(cx, &names, workspace, host, &own, (&acks, counting)).await?;
            outlook = material.outlook;
            let desired = build::build(&Inputs {
                spec: &workspace.spec,
                publication,
                keys: &rotated.set,
                material: &material,
                previous: found.previous.as_ref().map(|previous| &previous.manifest),
                seen_revision: acks.highest_revision(),
                optional: found.optional,
                settings: &cx.settings.build,
            });
            let children = apply(cx, Parent { names: &names, uid: &uid }, &mut own, desired).await?;
            announce(
                cx,
                workspace,
                found.previous.as_ref().map(|previous| &previous.manifest),
                children.manifest(),
            )
            .await;
            note(cx, workspace, &names, &material.steps).await;
            nudge(cx, &names, &uid, &acks, children.manifest(), &material).await?;
            Some((rotated, children))
        }
        None => None,
    };
    let acks = Acknowledgements {
        revision: published.as_ref().map_or(acks.revision, |(_, children)| children.manifest().revision),
        ..acks
    };
    tell(cx, workspace, &found, &verdict, &acks, published.as_ref()).await?;
    Ok(Outcome::Again(again(cx, key, &found, &verdict, &acks, published.as_ref(), outlook)))
}

/// Nothing can be published that all pods would read: says so, and leaves everything as it is.
async fn hold(cx: &Context, workspace: &Workspace, why: &Finding) -> Result<Outcome, Error> {
    let before = workspace.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let known =
        condition::find(before, ConditionType::ConfigSynced).is_some_and(|it| it.message == why.message);
    let status = status::held(workspace, why, cx.clock.now());
    status::write(cx, workspace, workspace.status.as_ref(), &status).await?;
    if !known {
        cx.events.warning(workspace, why.reason, why.message.clone()).await;
    }
    Ok(Outcome::Again(PATIENT))
}

/// Whether somebody's finalizer keeps a deleted Workspace, whose pods serve meanwhile (K-15). Those of the garbage collector do not:
/// it is about to remove, or to let go, what would be written.
fn is_held_back(workspace: &Workspace) -> bool {
    let finalizers = workspace.metadata.finalizers.as_deref().unwrap_or_default();
    !finalizers.is_empty() && !finalizers.iter().any(|name| name == "foregroundDeletion" || name == "orphan")
}

/// Nobody of that name is there.
async fn nobody(cx: &Context, key: &ObjectKey) -> Result<Outcome, Error> {
    {
        let mut memory = cx.memory();
        memory.identities.remove(key);
        memory.polls.remove(key);
        memory.heard.remove(key);
        memory.tried.remove(key);
        // Those of its children, by the beginning of their names. One of another's too many is made anew at its next look.
        memory
            .marks
            .retain(|(_, child), _| child.namespace != key.namespace || !child.name.starts_with(&key.name));
    }
    cx.metrics.forget(key);
    unattached(cx, key).await?;
    Ok(Outcome::Forget)
}

async fn ask(
    cx: &Context,
    names: &Names,
    uid: &str,
    own: &OwnSecrets,
    found: &Found,
) -> Result<Acknowledgements, Error> {
    let trust = own.get(&names.internal_ca()).and_then(|secret| InternalAuthority::trust(&secret.data));
    observe(cx, names, uid, trust.as_ref(), found.previous.as_ref().map(|previous| &previous.manifest)).await
}

/// What is there is kept or goes a step on; what is missing is made, off the threads that serve.
async fn material(
    cx: &Context,
    names: &Names,
    workspace: &Workspace,
    issuer_host: &str,
    own: &OwnSecrets,
    (acks, counting): (&Acknowledgements, Counting),
) -> Result<material::Material, Error> {
    let wanted = Wanted::new(names, &workspace.spec, issuer_host);
    let secrets = own.data();
    let around = material::Surroundings {
        acks: acks.clone(),
        counting,
        suspended: workspace.spec.suspend,
        wishes: Wishes::read(own, &wanted),
        now: cx.clock.seconds(),
    };
    let made = tokio::task::spawn_blocking(move || material::complete(&secrets, &wanted, &around)).await;
    let made = made.map_err(|_| Error::Material("making keys was interrupted".to_owned()))?;
    made.map_err(|error| Error::Material(error.to_string()))
}

async fn announce(cx: &Context, workspace: &Workspace, before: Option<&Manifest>, now: &Manifest) {
    if before.map(|manifest| manifest.revision) != Some(now.revision) {
        let revision = now.revision;
        info!(workspace = now.workspace, revision, "Published revision {revision} of {}", now.workspace);
        cx.events
            .normal(workspace, "ConfigRevisionPublished", format!("Published revision {revision}"))
            .await;
    }
}

/// Says what has moved, once it is written.
async fn note(cx: &Context, workspace: &Workspace, names: &Names, steps: &[material::Step]) {
    for step in steps {
        info!(workspace = %names.qualified(), step = step.reason(), "{}: {}", names.qualified(), step.note());
        cx.metrics.rotated(step.reason());
        cx.events.normal(workspace, step.reason(), step.note().to_owned()).await;
    }
}

/// Writes what is true now, where that differs from what was said before.
async fn tell(
    cx: &Context,
    workspace: &Workspace,
    found: &Found,
    verdict: &Verdict,
    acks: &Acknowledgements,
    published: Option<&(Rotated, Desired<Applied>)>,
) -> Result<(), Error> {
    let key = crate::watch::key_of(workspace);
    let deployment = cx.stores.deployments.find(&key).filter(|deployment| {
        let labels = deployment.metadata.labels.as_ref();
        labels.and_then(|labels| labels.get(label::WORKSPACE_UID)) == workspace.metadata.uid.as_ref()
    });
    let keys_before = found.previous.as_ref().map_or(&[][..], |previous| &previous.document.keys);
    let facts = Facts {
        workspace,
        verdict,
        applied: published.map(|(rotated, children)| Published {
            children,
            lines: &rotated.lines,
            keys: keys_before,
        }),
        acks,
        deployment: deployment.as_deref(),
        now: cx.clock.now(),
    };
    let is_first = found.previous.is_none();
    let verdicts: HashMap<&str, &ClientVerdict> =
        verdict.clients.iter().map(|verdict| (verdict.uid.as_str(), verdict)).collect();
    let mut told = FuturesUnordered::new();
    let mut counted = status::Counted::default();
    for found in &found.clients {
        let uid = found.client.metadata.uid.as_deref().unwrap_or_default();
        let Some(verdict) = verdicts.get(uid) else { continue };
        if told.len() == AT_A_TIME
            && let Some(one) = told.next().await
        {
            counted += one?;
        }
        told.push(tell_client(cx, &facts, &found.client, verdict, is_first));
    }
    while let Some(one) = told.next().await {
        counted += one?;
    }
    drop(told);
    for line in &found.signing_keys {
        if let Some(verdict) =
            verdict.signing_keys.iter().find(|verdict| verdict.name == crate::watch::key_of(line).name)
        {
            let status = status::signing_key(&facts, line, verdict);
            status::write::<SigningKey, _>(cx, line, line.status.as_ref(), &status).await?;
        }
    }
    let status = status::workspace(&facts, counted);
    let expiries = verdict.clients.iter().filter_map(|client| client.facts.earliest_expiry.as_ref());
    cx.metrics.expires(&key, expiries.map(|time| time.0.as_second()).min());
    if let Some(config) = &status.config {
        cx.metrics.published(&key, config.revision, config.pods_current, config.pods_total);
    }
    if status::write(cx, workspace, workspace.status.as_ref(), &status).await? {
        let before = workspace.status.as_ref().map_or(&[][..], |status| &status.conditions);
        let bad = [
            (ConditionType::CertificateExpiring, Status::True),
            (ConditionType::DeletionProtected, Status::False),
        ];
        warn_of(cx, workspace, &bad, before, &status.conditions).await;
        if let Some(ready) = turned(ConditionType::Ready, before, &status.conditions) {
            if ready.status == Status::True.as_str() {
                cx.events.normal(workspace, "Ready", ready.message.clone()).await;
            } else if !before.is_empty() {
                cx.events
                    .warning(
                        workspace,
                        ready.reason.parse().unwrap_or(Reason::Pending),
                        ready.message.clone(),
                    )
                    .await;
            }
        }
    }
    Ok(())
}

/// Writes what is true of a Client, and lets go of one that is gone. Says as what it counts.
async fn tell_client(
    cx: &Context,
    facts: &Facts<'_>,
    client: &Client,
    verdict: &ClientVerdict,
    is_first: bool,
) -> Result<status::Counted, Error> {
    let status = status::client(facts, client, verdict);
    if status::write(cx, client, client.status.as_ref(), &status).await? {
        look_on(cx, client, client.status.as_ref(), &status).await;
    }
    if finalizer::is_waited_for(client) {
        if is_forgotten(facts, verdict, is_first) {
            finalizer::remove(cx, client).await?;
        } else if facts.applied.is_some() && finalizer::namespace_goes(cx, client).await? {
            // Its tombstone stays in the document, for pods that come later.
            let message = format!(
                "Client {} went with its namespace before every pod had confirmed that it is refused",
                verdict.key
            );
            cx.events.warning(facts.workspace, Reason::RevocationsPending, message).await;
            finalizer::remove(cx, client).await?;
        }
    }
    Ok(status::Counted {
        programmed: usize::from(condition::is_true(&status.conditions, ConditionType::Programmed)),
        refused: usize::from(is_refused(facts, client, verdict, &status)),
    })
}

/// Events of a Client: when it begins to work, and when it stops.
async fn look_on(cx: &Context, client: &Client, before: Option<&ClientStatus>, after: &ClientStatus) {
    let before = before.map_or(&[][..], |status| &status.conditions);
    if let Some(programmed) = turned(ConditionType::Programmed, before, &after.conditions)
        && programmed.status == Status::True.as_str()
    {
        cx.events.normal(client, "ClientProgrammed", programmed.message.clone()).await;
    }
    // It was refused before: not every Client that nobody has to approve.
    if let Some(approved) = turned(ConditionType::Approved, before, &after.conditions)
        && approved.status == Status::True.as_str()
        && condition::find(before, ConditionType::Approved)
            .is_some_and(|before| before.status == Status::False.as_str())
    {
        cx.events.normal(client, "ClientApproved", approved.message.clone()).await;
    }
    let bad = [
        (ConditionType::Accepted, Status::False),
        (ConditionType::ResolvedRefs, Status::False),
        (ConditionType::Approved, Status::False),
        (ConditionType::CertificateExpiring, Status::True),
    ];
    warn_of(cx, client, &bad, before, &after.conditions).await;
}

/// An event for each condition that has just become what it should not be.
async fn warn_of(
    cx: &Context,
    object: &impl kube::Resource<DynamicType = ()>,
    bad: &[(ConditionType, Status)],
    before: &[Condition],
    after: &[Condition],
) {
    for (type_, status) in bad {
        if let Some(condition) = turned(*type_, before, after)
            && condition.status == status.as_str()
        {
            let reason = condition.reason.parse().unwrap_or(Reason::Pending);
            cx.events.warning(object, reason, condition.message.clone()).await;
        }
    }
}

/// Whether a Client that has to be refused may still be served by some pod. Deleted ones whose grants end are counted by their
/// tombstones.
fn is_refused(facts: &Facts<'_>, client: &Client, verdict: &ClientVerdict, status: &ClientStatus) -> bool {
    if verdict.deleting {
        let keeps = client.spec.on_delete == fapi_crds::client::OnDelete::KeepGrants;
        return keeps && facts.applied.is_some_and(|applied| !is_loaded(facts, &applied));
    }
    let disabled = verdict.registration.as_ref().is_some_and(|registration| !registration.enabled);
    disabled && !condition::is_true(&status.conditions, ConditionType::Programmed)
}

fn is_loaded(facts: &Facts<'_>, applied: &Published<'_>) -> bool {
    let counting = rotate::counting(applied.lines);
    facts.acks.confirm(counting, applied.manifest().revision, |_| true) == rotate::Confirmation::All
}

/// Whether every pod refuses a deleted Client and has forgotten what it had.
fn is_forgotten(facts: &Facts<'_>, verdict: &ClientVerdict, is_first: bool) -> bool {
    // Nothing is published now: that is well only if nothing ever was.
    let Some(applied) = facts.applied else { return is_first };
    let tombstones =
        facts.verdict.publication.as_ref().map_or(&[][..], |publication| &publication.document.tombstones);
    let remembered =
        tombstones.iter().any(|tombstone| Some(&tombstone.client_id) == verdict.client_id.as_ref());
    !remembered && is_loaded(facts, &applied)
}

/// When to look again: soon while pods are on their way, in time for the next step of anything that rotates, and now and then in any
/// case.
fn again(
    cx: &Context,
    key: &ObjectKey,
    found: &Found,
    verdict: &Verdict,
    acks: &Acknowledgements,
    published: Option<&(Rotated, Desired<Applied>)>,
    outlook: material::Outlook,
) -> Duration {
    let resync = cx.settings.resync;
    let safety = resync.mul_f64(0.8) + share_of(resync.mul_f64(0.4));
    let Some((rotated, children)) = published else { return safety };
    let now = cx.clock.seconds();
    let keys = found.previous.as_ref().map_or(&[][..], |previous| &previous.document.keys);
    let outlooks: Vec<_> =
        rotated.lines.iter().map(|line| rotate::outlook(line, &rotated.lines, acks, keys, now)).collect();
    let loaded = acks.confirm(rotate::counting(&rotated.lines), children.manifest().revision, |_| true);
    let unconfirmed = rotated.lines.iter().filter(|line| line.wanted).any(|line| {
        line.active().is_none_or(|key| key.activation_acked_at.is_none())
            || line.next().is_some_and(|key| key.published_acked_at.is_none())
    });
    let tombstones = !found.previous.as_ref().is_none_or(|previous| previous.document.tombstones.is_empty());
    let waits = loaded != rotate::Confirmation::All
        || unconfirmed
        || tombstones
        || outlook.waits_for_pods
        || outlooks.iter().any(|outlook| !outlook.waiting_for.is_empty());
    // A grace that ends changes what is published, and no watch tells of it.
    let grace = verdict.clients.iter().any(|client| client.resolved_refs.reason == Reason::StaleSecret)
        || verdict.workspace.resolved_refs.reason == Reason::StaleSecret;
    let safety = if grace { PATIENT } else { safety };
    let wake = outlooks.iter().filter_map(|outlook| outlook.wake).chain(outlook.wake).min();
    let wake =
        wake.map(|at| Duration::from_secs(u64::try_from((at - now).as_seconds()).unwrap_or(0)) + EAGER);
    let mut memory = cx.memory();
    let polls = memory.polls.entry(key.clone()).or_insert(0);
    *polls = if waits { polls.saturating_add(1) } else { 0 };
    let poll = match *polls {
        0 => safety,
        1..60 => EAGER,
        more => (EAGER * (more - 58)).min(PATIENT),
    };
    wake.map_or(poll, |wake| wake.min(poll))
}

/// What went wrong, where people look for it.
async fn report(cx: &Context, workspace: &Workspace, error: &Error) -> Result<(), Error> {
    let mut status: WorkspaceStatus = workspace.status.clone().unwrap_or_default();
    let generation = workspace.metadata.generation;
    let now = cx.clock.now();
    let stays = matches!(error, Error::Damaged(_) | Error::Material(_) | Error::Unreadable(_));
    let human = error.class() == Class::Forbidden || stays;
    let message = match error.class() {
        Class::Forbidden => format!("the operator lacks a right: {error}"),
        _ => error.to_string(),
    };
    status.observed_generation = generation;
    for (type_, is) in
        [(ConditionType::Ready, false), (ConditionType::Reconciling, !human), (ConditionType::Stalled, human)]
    {
        condition::set(
            &mut status.conditions,
            type_,
            is.into(),
            Reason::ApplyFailed,
            message.clone(),
            generation,
            now,
        );
    }
    status::write(cx, workspace, workspace.status.as_ref(), &status).await.map(|_| ())
}
