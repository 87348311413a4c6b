//! The journey itself: one step after the other, each with what it proved. A careful client goes no further than the
//! first step in which something is wrong.

use std::time::{Duration, Instant};

use fapi_jose::{Alg, JwkSet, SigningKey};
use url::Url;

use super::checks::{Parties, discovery, id_token, token};
use super::client::Pending;
use super::ear::Ear;
use super::findings::Findings;
use super::http::{Agent, HttpError};
use super::possession::{Binding, Hands};
use super::report::{Ending, Step};
use super::signin::Decision;
use super::signout::SignedIn;
use super::target::Target;
use super::tls::Identity;
use crate::clock;
use crate::exit::Stop;

/// Everybody who makes requests beside the browser. Each keeps its connections from flow to flow.
pub struct Cast {
    /// The client, with its certificate where it needs one.
    pub app: Agent,
    /// The key that the client proves, where its tokens are bound to one.
    pub key: SigningKey,
    /// Anybody, without a certificate.
    pub outsider: Agent,
    /// Somebody else, with a certificate that nobody knows.
    pub thief: Agent,
    /// A key of theirs.
    pub thiefs_key: SigningKey,
    /// The client's own server, where it is told that people signed out.
    pub ear: Option<Ear>,
}

/// How one flow is played.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// What the person decides.
    pub decision: Decision,
    /// Whether thieves try their luck at the end.
    pub attacks: bool,
    /// Whether the person signs out at the end.
    pub logout: bool,
    /// How long to wait for each answer.
    pub timeout: Duration,
}

/// One flow.
pub struct Journey<'a> {
    /// Who plays against whom.
    pub target: &'a Target,
    /// Who makes requests.
    pub cast: &'a Cast,
    /// How it is played.
    pub script: Script,
    observer: &'a mut dyn FnMut(&Step),
}

/// Why a step ends early. What was wrong is in its findings, unless it is this.
#[derive(Debug)]
pub enum Halt {
    /// The findings say why.
    Findings,
    /// There was no answer.
    Http(HttpError),
}

impl From<HttpError> for Halt {
    fn from(error: HttpError) -> Halt {
        Halt::Http(error)
    }
}

/// For `?` on checks that could not give a value.
pub(super) trait OrHalt<T> {
    fn or_halt(self) -> Result<T, Halt>;
}

impl<T> OrHalt<T> for Option<T> {
    fn or_halt(self) -> Result<T, Halt> {
        self.ok_or(Halt::Findings)
    }
}

impl Cast {
    /// The people around this target.
    pub fn assemble(target: &Target, timeout: Duration) -> Result<Cast, Stop> {
        let agent = |tls| Agent::new(tls, target.routes.clone(), timeout);
        let key = || {
            let made = SigningKey::generate(Alg::Es256, 0);
            made.map_err(|error| Stop::usage(format!("no DPoP key: {error}"), "fapictl flow --help"))
        };
        Ok(Cast {
            app: agent(match &target.identity {
                Some(identity) => target.trust.identified(identity)?,
                None => target.trust.anonymous().0,
            }),
            ear: None,
            key: key()?,
            thiefs_key: key()?,
            outsider: agent(target.trust.anonymous().0),
            thief: agent(target.trust.identified(&Identity::throw_away()?)?),
        })
    }
}

/// What was learnt on the way to the tokens.
pub(super) struct Knowledge {
    pub(super) metadata: discovery::Metadata,
    pub(super) keys: Keys,
    pub(super) pending: Pending,
    pub(super) start: Url,
}

/// The server's keys, until a client should ask for them again (RFC 9111 5.2.2.1).
pub(super) struct Keys {
    pub(super) set: JwkSet,
    pub(super) stale_at: Instant,
}

impl<'a> Journey<'a> {
    /// A flow that tells `observer` about every step.
    pub fn new(
        target: &'a Target,
        cast: &'a Cast,
        script: Script,
        observer: &'a mut dyn FnMut(&Step),
    ) -> Journey<'a> {
        Journey { target, cast, script, observer }
    }

    /// Plays it to its end.
    pub async fn play(mut self) -> Ending {
        match self.steps().await {
            Ok(()) => Ending::Passed,
            Err(ending) => ending,
        }
    }

    async fn steps(&mut self) -> Result<(), Ending> {
        let metadata = self.step("discovery", async |it, f| it.discovery(f).await).await?;
        let keys = self.step("keys", async |it, f| it.keys(&metadata, f).await).await?;
        let pending = Pending::new();
        let name = if self.pushes(&metadata) { "pushed-request" } else { "request-object" };
        let start = self
            .step(name, async |it, f| it.request_for(&metadata, &keys.set, &pending, &[], f).await)
            .await?;
        let mut known = Knowledge { metadata, keys, pending, start };

        let (address, browser) = self.step("sign-in", async |it, f| it.sign_in(&known, f).await).await?;
        self.renew(&mut known).await?;
        let answer = self.step("response", async |it, f| it.response(&address, &known, f)).await?;
        let Some((code, detached)) = answer else { return Ok(()) };
        let mut subject = None;
        if let Some(detached) = &detached {
            let origin = id_token::Origin::Browser { code: &code, state: &known.pending.state };
            let checked =
                self.step("detached-signature", async |it, f| it.id_token(detached, origin, None, &known, f));
            subject = Some(checked.await?);
        }

        let mut hint = detached;
        let first = self.step("token", async |it, f| it.redeem(&code, &known, f).await).await?;
        self.renew(&mut known).await?;
        if let Some(second) = &first.id_token {
            let origin = id_token::Origin::Token { access_token: &first.access_token };
            let earlier = subject.clone();
            let checked = self
                .step("id-token", async |it, f| it.id_token(second, origin, earlier.as_deref(), &known, f))
                .await?;
            subject = Some(checked);
            hint = Some(second.clone());
        }
        self.step("access-token", async |it, f| it.access_token(&first, &known, f)).await?;
        let asked = self.target.details.clone().unwrap_or_default();
        if let (false, Some(at)) = (asked.is_empty(), &known.metadata.introspection) {
            let name = "introspection";
            self.step(name, async |it, f| it.introspected_details(&asked, at, &first, f).await).await?;
        }
        let mut grant = first;
        if let Some(refresh_token) = grant.refresh_token.clone() {
            self.renew(&mut known).await?;
            let earlier = (&grant, subject.as_deref());
            let fresh = self
                .step("refresh", async |it, f| it.refresh(&refresh_token, earlier, &known, f).await)
                .await?;
            grant =
                token::Grant { refresh_token: fresh.refresh_token.clone().or(grant.refresh_token), ..fresh };
        }
        if let (false, Some(token)) = (asked.is_empty(), grant.refresh_token.clone()) {
            self.step("narrower-details", async |it, f| it.narrower_details(&asked, &token, &known, f).await)
                .await?;
        }
        if let (Some(url), Some(subject)) = (&known.metadata.userinfo, &subject) {
            self.step("userinfo", async |it, f| it.userinfo(url, &grant, subject, &known, f).await).await?;
        }
        if self.target.resource.is_some() {
            self.step("accounts", async |it, f| it.accounts(&grant, f).await).await?;
        }
        if self.script.attacks {
            self.attacks(&code, &grant, &known).await?;
        }
        match (self.script.logout, hint.zip(subject)) {
            (true, Some((id_token, subject))) => {
                let signed_in = SignedIn::of(&id_token, subject, self.target.keys.decryption());
                self.sign_outs(browser, &signed_in, &known).await
            }
            (true, None) => {
                let nothing = async |_: &Journey<'_>, f: &mut Findings| {
                    f.fail("there is no ID Token to show: ask for the scope openid (RP-Initiated Logout 2)");
                    Err(Halt::Findings)
                };
                self.step("sign-out", nothing).await
            }
            (false, _) => Ok(()),
        }
    }

    /// Asks for the keys again where the server said that they are stale by now: another may have begun to sign.
    async fn renew(&mut self, known: &mut Knowledge) -> Result<(), Ending> {
        if known.keys.stale_at <= Instant::now() {
            known.keys = self.step("keys", async |it, f| it.keys(&known.metadata, f).await).await?;
        }
        Ok(())
    }

    /// Runs one step, takes its time, and tells how it went.
    pub(super) async fn step<T>(
        &mut self,
        name: &'static str,
        work: impl AsyncFnOnce(&Journey<'_>, &mut Findings) -> Result<T, Halt>,
    ) -> Result<T, Ending> {
        let mut findings = Findings::default();
        let begun = Instant::now();
        let outcome = work(self, &mut findings).await;
        let millis = begun.elapsed().as_secs_f64() * 1000.0;
        let mut ending = Ending::Failed;
        if let Err(Halt::Http(error)) = &outcome {
            if matches!(error, HttpError::Unreachable(..) | HttpError::Closed(..)) {
                ending = Ending::Unreachable;
            }
            findings.fail(error.to_string());
        } else if outcome.is_err() && findings.all_hold() {
            findings.fail("the step could not be finished");
        }
        let step = Step::new(name, findings, millis);
        (self.observer)(&step);
        match outcome {
            Ok(value) if step.ok => Ok(value),
            _ => Err(ending),
        }
    }

    /// The client, with whatever shows that its tokens are its own.
    pub(super) fn own(&self) -> Hands<'a> {
        Hands { agent: &self.cast.app, key: self.proven(&self.cast.key) }
    }

    /// A key, where keys are what tokens are bound to.
    pub(super) fn proven<'k>(&self, key: &'k SigningKey) -> Option<&'k SigningKey> {
        (self.target.binding == Binding::Dpop).then_some(key)
    }

    pub(super) fn parties<'b>(&'b self, known: &'b Knowledge) -> Parties<'b> {
        Parties {
            issuer: &self.target.issuer,
            client_id: &self.target.client_id,
            keys: &known.keys.set,
            now: clock::now(),
        }
    }
}
