//! The journey itself: one step after the other, each with what it proved. A careful client goes no further than the
//! first step in which something is wrong.

use std::time::{Duration, Instant};

use fapi_jose::JwkSet;
use url::Url;

use super::checks::{self, Parties, discovery, id_token, resource, response, token};
use super::client::{self, AuthMethod, Pending, ResponseKind};
use super::findings::Findings;
use super::http::{Agent, Answer, HttpError, Request};
use super::report::{Ending, Step};
use super::signin::Decision;
use super::target::Target;
use super::tls::Identity;
use crate::clock;
use crate::exit::Stop;

/// Everybody who makes requests beside the browser. Each keeps its connections from flow to flow.
pub struct Cast {
    /// The client, with its certificate.
    pub app: Agent,
    /// Anybody, without a certificate.
    pub outsider: Agent,
    /// Somebody else, with a certificate that nobody knows.
    pub thief: Agent,
}

/// How one flow is played.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// What the person decides.
    pub decision: Decision,
    /// Whether thieves try their luck at the end.
    pub attacks: bool,
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
        Ok(Cast {
            app: agent(target.trust.identified(&target.identity)?),
            outsider: agent(target.trust.anonymous().0),
            thief: agent(target.trust.identified(&Identity::throw_away()?)?),
        })
    }
}

/// What was learnt on the way to the tokens.
pub(super) struct Knowledge {
    pub(super) metadata: discovery::Metadata,
    pub(super) keys: JwkSet,
    pub(super) pending: Pending,
    pub(super) start: Url,
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
        let pushed = self.target.pushed.unwrap_or(metadata.par.is_some());
        let name = if pushed { "pushed-request" } else { "request-object" };
        let start = self.step(name, async |it, f| it.request(&metadata, &pending, pushed, f).await).await?;
        let known = Knowledge { metadata, keys, pending, start };

        let address = self.step("sign-in", async |it, f| it.sign_in(&known, f).await).await?;
        let answer = self.step("response", async |it, f| it.response(&address, &known, f)).await?;
        let Some((code, detached)) = answer else { return Ok(()) };
        let mut subject = None;
        if let Some(detached) = detached {
            let origin = id_token::Origin::Browser { code: &code, state: &known.pending.state };
            let checked = self
                .step("detached-signature", async |it, f| it.id_token(&detached, origin, None, &known, f));
            subject = Some(checked.await?);
        }

        let first = self.step("token", async |it, f| it.redeem(&code, &known, f).await).await?;
        if let Some(second) = &first.id_token {
            let origin = id_token::Origin::Token { access_token: &first.access_token };
            let earlier = subject.clone();
            let checked = self
                .step("id-token", async |it, f| it.id_token(second, origin, earlier.as_deref(), &known, f))
                .await?;
            subject = Some(checked);
        }
        self.step("access-token", async |it, f| it.access_token(&first, &known, f)).await?;
        let mut grant = first;
        if let Some(refresh_token) = grant.refresh_token.clone() {
            let earlier = (&grant, subject.as_deref());
            let fresh = self
                .step("refresh", async |it, f| it.refresh(&refresh_token, earlier, &known, f).await)
                .await?;
            grant =
                token::Grant { refresh_token: fresh.refresh_token.clone().or(grant.refresh_token), ..fresh };
        }
        if let (Some(url), Some(subject)) = (&known.metadata.userinfo, &subject) {
            self.step("userinfo", async |it, f| it.userinfo(url, &grant, subject, &known, f).await).await?;
        }
        if self.target.resource.is_some() {
            self.step("accounts", async |it, f| it.accounts(&grant, f).await).await?;
        }
        if self.script.attacks { self.attacks(&code, &grant, &known).await } else { Ok(()) }
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

    pub(super) fn parties<'b>(&'b self, known: &'b Knowledge) -> Parties<'b> {
        Parties {
            issuer: &self.target.issuer,
            client_id: &self.target.client_id,
            keys: &known.keys,
            now: clock::now(),
        }
    }

    async fn discovery(&self, findings: &mut Findings) -> Result<discovery::Metadata, Halt> {
        let at = |path: &str| Url::parse(&format!("{}/.well-known/{path}", self.target.issuer));
        let (Ok(own), Ok(twin)) = (at("openid-configuration"), at("oauth-authorization-server")) else {
            findings.fail("the issuer is not an address");
            return Err(Halt::Findings);
        };
        let answer = self.cast.outsider.send(Request::get(&own)).await?;
        let twin = self.cast.outsider.send(Request::get(&twin)).await?;
        findings.fact("tls", answer.tls.as_str());
        let intent = discovery::Intent {
            issuer: &self.target.issuer,
            auth: self.target.auth,
            response: self.target.response,
            alg: self.target.keys.alg().as_str(),
            scope: &self.target.scope,
            pushed: self.target.pushed,
        };
        discovery::check(&answer, &twin, intent, findings).or_halt()
    }

    async fn keys(&self, metadata: &discovery::Metadata, findings: &mut Findings) -> Result<JwkSet, Halt> {
        let answer = self.cast.outsider.send(Request::get(&metadata.jwks)).await?;
        checks::jwks::check(&answer, findings).or_halt()
    }

    /// Signs the request, pushes it if it is to be pushed, and tells where the browser goes.
    async fn request(
        &self,
        metadata: &discovery::Metadata,
        pending: &Pending,
        pushed: bool,
        findings: &mut Findings,
    ) -> Result<Url, Halt> {
        let target = self.target;
        let challenge = pending.challenge();
        let mut inside = vec![
            ("client_id", target.client_id.as_str()),
            ("response_type", target.response.response_type()),
            ("redirect_uri", &target.redirect_uri),
            ("scope", &target.scope),
            ("state", &pending.state),
            ("nonce", &pending.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        if target.response != ResponseKind::Hybrid {
            inside.push(("response_mode", "jwt"));
        }
        let object = findings
            .have(
                target.keys.request_object(&inside, &target.issuer, clock::now()),
                &format!("everything that counts is in a request object, signed with {}", target.keys.alg()),
                "RFC 9101 10.2",
            )
            .or_halt()?;
        findings.hold(true, "the code will be of use only with our verifier (S256)", "RFC 7636 4.2");

        let mut start = metadata.authorization.clone();
        if !pushed {
            // OpenID Connect Core 6.1: response_type, client_id and scope stand outside as well.
            start
                .query_pairs_mut()
                .extend_pairs(inside.iter().filter(|(name, _)| {
                    matches!(*name, "client_id" | "response_type" | "redirect_uri" | "scope")
                }))
                .append_pair("request", &object);
            return Ok(start);
        }
        let endpoint =
            findings.have(metadata.par.as_ref().ok_or("no address"), "requests can be pushed", "RFC 9126 5");
        let mut fields = self.credentials()?;
        fields.push(("request", object));
        let answer = self.cast.app.send(Request::form(endpoint.or_halt()?, fields)).await?;
        let request_uri = checks::pushed::check(&answer, findings).or_halt()?;
        start
            .query_pairs_mut()
            .append_pair("client_id", &target.client_id)
            .append_pair("request_uri", &request_uri);
        Ok(start)
    }

    /// Client authentication, fresh for each request.
    pub(super) fn credentials(&self) -> Result<Vec<(&'static str, String)>, Halt> {
        let target = self.target;
        if target.auth != AuthMethod::PrivateKeyJwt {
            return Ok(vec![("client_id", target.client_id.clone())]);
        }
        let assertion = target.keys.assertion(&target.client_id, &target.issuer, clock::now());
        Ok(vec![
            ("client_assertion_type", client::ASSERTION_TYPE.to_owned()),
            ("client_assertion", assertion.map_err(|_| Halt::Findings)?),
        ])
    }

    /// The code, with the ID Token that vouches for it; `None` when the person refused, and should have.
    fn response(
        &self,
        address: &str,
        known: &Knowledge,
        findings: &mut Findings,
    ) -> Result<Option<(String, Option<String>)>, Halt> {
        let expected = response::Expected {
            parties: self.parties(known),
            kind: self.target.response,
            state: &known.pending.state,
            issuer_is_promised: known.metadata.issuer_is_promised,
            decryption: self.target.keys.decryption(),
        };
        let answer = response::check(address, &self.target.redirect_uri, expected, findings).or_halt()?;
        match (answer, self.script.decision) {
            (response::Response::Code { code, id_token }, Decision::Approve) => Ok(Some((code, id_token))),
            (response::Response::Error(code), decision) => {
                let claim = "the client learns that the person refused (access_denied), and nothing else";
                let expected = decision == Decision::Deny && code == "access_denied";
                match decision {
                    Decision::Deny => findings.hold_or(expected, claim, "RFC 6749 4.1.2.1", code),
                    Decision::Approve => findings.hold_or(false, "there is a code", "RFC 6749 4.1.2", code),
                };
                if expected { Ok(None) } else { Err(Halt::Findings) }
            }
            (response::Response::Code { .. }, Decision::Deny) => {
                findings
                    .fail("the person refused, and the client got a code all the same (RFC 6749 4.1.2.1)");
                Err(Halt::Findings)
            }
        }
    }

    pub(super) async fn token_request(
        &self,
        agent: &Agent,
        fields: &[(&'static str, &str)],
        known: &Knowledge,
    ) -> Result<Answer, Halt> {
        let mut form = self.credentials()?;
        form.extend(fields.iter().map(|(name, value)| (*name, (*value).to_owned())));
        Ok(agent.send(Request::form(&known.metadata.token, form)).await?)
    }

    pub(super) fn code_fields<'b>(
        &'b self,
        code: &'b str,
        known: &'b Knowledge,
    ) -> [(&'static str, &'b str); 4] {
        [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.target.redirect_uri),
            ("code_verifier", &known.pending.verifier),
        ]
    }

    async fn redeem(
        &self,
        code: &str,
        known: &Knowledge,
        findings: &mut Findings,
    ) -> Result<token::Grant, Halt> {
        let answer = self.token_request(&self.cast.app, &self.code_fields(code, known), known).await?;
        findings.fact("authentication", self.target.auth.as_str());
        token::check(&answer, token::Asked::Code(&self.target.scope), findings).or_halt()
    }

    fn id_token(
        &self,
        token: &str,
        origin: id_token::Origin<'_>,
        subject: Option<&str>,
        known: &Knowledge,
        findings: &mut Findings,
    ) -> Result<String, Halt> {
        let expected = id_token::Expected {
            parties: self.parties(known),
            nonce: &known.pending.nonce,
            origin,
            subject,
            decryption: self.target.keys.decryption(),
        };
        id_token::check(token, expected, findings).or_halt()
    }

    fn access_token(
        &self,
        grant: &token::Grant,
        known: &Knowledge,
        findings: &mut Findings,
    ) -> Result<(), Halt> {
        let expected = checks::access_token::Expected {
            parties: self.parties(known),
            thumbprint: self.target.identity.thumbprint(),
            audience: self.target.resource.as_ref().and_then(|it| it.identifier.as_deref()),
            expires_in: grant.expires_in,
            scope: &grant.scope,
        };
        checks::access_token::check(&grant.access_token, expected, findings).or_halt()
    }

    async fn refresh(
        &self,
        refresh_token: &str,
        (earlier, subject): (&token::Grant, Option<&str>),
        known: &Knowledge,
        findings: &mut Findings,
    ) -> Result<token::Grant, Halt> {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        let bare = self.token_request(&self.cast.outsider, &fields, known).await;
        let bare = match &bare {
            Ok(answer) => Ok(answer),
            Err(Halt::Http(error)) => Err(error),
            Err(Halt::Findings) => return Err(Halt::Findings),
        };
        let claim = "without our certificate it gives nothing";
        resource::refused(bare, claim, "RFC 8705 3, 6.3", "withoutCertificate", findings);

        let answer = self.token_request(&self.cast.app, &fields, known).await?;
        let fresh = token::check(&answer, token::Asked::Refresh(&earlier.scope), findings).or_halt()?;
        findings.hold(
            fresh.access_token != earlier.access_token,
            "the access token is another one",
            "RFC 6749 6",
        );
        self.access_token(&fresh, known, findings)?;
        if let Some(id_token) = &fresh.id_token {
            let origin = id_token::Origin::Refresh { access_token: &fresh.access_token };
            self.id_token(id_token, origin, subject, known, findings)?;
        }
        Ok(fresh)
    }

    async fn userinfo(
        &self,
        url: &Url,
        grant: &token::Grant,
        subject: &str,
        known: &Knowledge,
        findings: &mut Findings,
    ) -> Result<(), Halt> {
        let answer = self.cast.app.send(Request::get(url).bearer(&grant.access_token)).await?;
        resource::userinfo(&answer, subject, self.parties(known), findings);
        Ok(())
    }

    async fn accounts(&self, grant: &token::Grant, findings: &mut Findings) -> Result<(), Halt> {
        let Some(bank) = &self.target.resource else { return Ok(()) };
        let interaction = client::uuid();
        let answer = self.cast.app.send(bank_request(&bank.url, &grant.access_token, &interaction)).await?;
        resource::accounts(&answer, &interaction, clock::now(), findings);
        Ok(())
    }
}

/// As a FAPI client asks a bank (FAPI 1.0 Part 1 6.2.2).
pub(super) fn bank_request(url: &Url, access_token: &str, interaction: &str) -> Request {
    Request::get(url)
        .bearer(access_token)
        .header("accept", "application/json")
        .header("x-fapi-interaction-id", interaction)
        .header("x-fapi-customer-ip-address", "2001:db8::1893:25c8:1946")
}
