//! What thieves try: a token they stole, a request they saw, a code they saw. All of it must lead nowhere.

use super::browser::{Browser, Landing, Lost};
use super::checks::{resource, response, token};
use super::client::{self, ResponseKind};
use super::findings::Findings;
use super::http::{HttpError, Request};
use super::journey::{Halt, Journey, Knowledge};
use super::page::Kind;
use super::possession::{Binding, Hands};
use super::report::Ending;
use super::signin::told;
use super::tokens::bank_request;

impl Journey<'_> {
    pub(super) async fn attacks(
        &mut self,
        code: &str,
        grant: &token::Grant,
        known: &Knowledge,
    ) -> Result<(), Ending> {
        if known.metadata.userinfo.is_some() || self.target.resource.is_some() {
            self.step("stolen-token", async |it, f| it.stolen_token(grant, known, f).await).await?;
        }
        if let Some(asked) = self.target.details.clone() {
            if known.metadata.par.is_some() {
                self.step("unknown-details", async |it, f| it.unknown_details(known, f).await).await?;
            }
            if let Some(token) = grant.refresh_token.clone() {
                self.step("wider-details", async |it, f| it.wider_details(&asked, &token, known, f).await)
                    .await?;
            }
        }
        self.step("replayed-request", async |it, f| it.replayed_request(known, f).await).await?;
        self.step("replayed-code", async |it, f| it.replayed_code(code, grant, known, f).await).await
    }

    /// MTL-06: the same token over a connection with another certificate, and with none. DPO-07, DPO-10: with a proof by another
    /// key, and as a bearer token.
    async fn stolen_token(
        &self,
        grant: &token::Grant,
        known: &Knowledge,
        findings: &mut Findings,
    ) -> Result<(), Halt> {
        let outsider = Hands { agent: &self.cast.outsider, key: None };
        let people = match self.target.binding {
            Binding::Mtls => [
                (Hands { agent: &self.cast.thief, key: None }, "with another certificate"),
                (outsider, "without a certificate"),
            ],
            Binding::Dpop => [
                (Hands { key: Some(&self.cast.thiefs_key), ..outsider }, "with another key"),
                (outsider, "without a proof"),
            ],
        };
        let source = self.target.binding.source();
        for (hands, how) in people {
            for (place, outcome) in self.use_token(hands, grant, known).await {
                // Nobody was there to refuse it.
                if let Err(error @ HttpError::Unreachable(..)) = outcome {
                    return Err(Halt::Http(error));
                }
                let claim = format!("our token is refused {how}: {place}");
                let fact = format!("{place}, {how}");
                resource::refused(outcome.as_ref(), &claim, source, &fact, findings);
            }
        }
        Ok(())
    }

    /// What `UserInfo` and the bank answer to this token in these hands.
    async fn use_token(
        &self,
        hands: Hands<'_>,
        grant: &token::Grant,
        known: &Knowledge,
    ) -> Vec<(&'static str, Result<super::http::Answer, HttpError>)> {
        let mut outcomes = Vec::new();
        if let Some(url) = &known.metadata.userinfo {
            outcomes.push(("UserInfo", hands.use_token(&grant.access_token, || Request::get(url)).await));
        }
        if let Some(bank) = &self.target.resource {
            let ask = || bank_request(&bank.url, &client::uuid());
            outcomes.push(("the bank", hands.use_token(&grant.access_token, ask).await));
        }
        outcomes
    }

    /// PAR-09, E-20: the address that the person's browser opened, opened again by somebody else.
    async fn replayed_request(&self, known: &Knowledge, findings: &mut Findings) -> Result<(), Halt> {
        let target = self.target;
        let front_door = &known.metadata.authorization;
        let mut browser = Browser::new(
            &target.trust,
            target.routes.clone(),
            self.script.timeout,
            front_door,
            &target.redirect_uri,
        );
        // Only what becomes of the request matters here; the pages were looked at before.
        let landing = browser.open(&known.start, &mut Findings::default()).await;
        let (refused, found) = match landing {
            Ok(Landing::Page(page, _)) => match page.kind {
                Kind::Refused { code, .. } => (true, code),
                _ => (false, "the pages begin again".to_owned()),
            },
            Ok(Landing::Client(address)) => match self.error_in(&address, known) {
                Some(code) => (true, code),
                None => (false, "a response without an error".to_owned()),
            },
            Err(Lost::Http(error)) => return Err(Halt::Http(error)),
            Err(lost @ Lost::Nowhere(_)) => return Err(told(lost, findings)),
        };
        findings.hold_or(refused, "a request that was answered cannot be used again", "RFC 9126 7.3", &found);
        findings.fact("answer", found);
        Ok(())
    }

    fn error_in(&self, address: &str, known: &Knowledge) -> Option<String> {
        let expected = response::Expected {
            parties: self.parties(known),
            kind: match self.target.response {
                // An error about a request that is gone may come in either form.
                kind if kind == ResponseKind::Code || address.contains("response=") => kind,
                _ => ResponseKind::Hybrid,
            },
            state: &known.pending.state,
            issuer_is_promised: false,
            decryption: self.target.keys.decryption(),
        };
        match response::check(address, &self.target.redirect_uri, expected, &mut Findings::default())? {
            response::Response::Error(code) => Some(code),
            response::Response::Code { .. } => None,
        }
    }

    /// TOK-03: the code a second time gives nothing, and takes away what it gave the first time.
    async fn replayed_code(
        &self,
        code: &str,
        grant: &token::Grant,
        known: &Knowledge,
        findings: &mut Findings,
    ) -> Result<(), Halt> {
        let again = self.token_request(self.own(), &self.code_fields(code, known), known).await?;
        let claim = "the code is of no use a second time (invalid_grant)";
        resource::refused_as(&again, 400, "invalid_grant", claim, "RFC 6749 4.1.2", findings);

        if let Some(refresh_token) = &grant.refresh_token {
            let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.as_str())];
            let answer = self.token_request(self.own(), &fields, known).await?;
            let claim = "and the refresh token is revoked (invalid_grant)";
            resource::refused_as(&answer, 400, "invalid_grant", claim, "RFC 6749 4.1.2", findings);
        }
        let introspects = self.target.resource.as_ref().is_some_and(|bank| bank.introspects);
        for (place, outcome) in self.use_token(self.own(), grant, known).await {
            let answer = outcome.map_err(Halt::Http)?;
            if place == "UserInfo" || introspects {
                let claim = format!("and the access token is revoked: {place} refuses it (invalid_token)");
                resource::refused_as(&answer, 401, "invalid_token", &claim, "RFC 6749 4.1.2", findings);
            } else {
                // RFC 9068: who does not ask the authorization server believes the token until it expires.
                findings.fact(place, format!("{}, does not ask the authorization server", answer.summary()));
            }
        }
        Ok(())
    }
}
