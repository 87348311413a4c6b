//! The client redeems its code, looks at what it got, and uses it.

use url::Url;

use super::checks::{self, id_token, resource, token};
use super::client;
use super::findings::Findings;
use super::http::{Agent, Answer, HttpError, Request};
use super::journey::{Halt, Journey, Knowledge, OrHalt as _};
use crate::clock;

impl Journey<'_> {
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

    pub(super) async fn redeem(
        &self,
        code: &str,
        known: &Knowledge,
        findings: &mut Findings,
    ) -> Result<token::Grant, Halt> {
        let answer = self.token_request(&self.cast.app, &self.code_fields(code, known), known).await?;
        findings.fact("authentication", self.target.auth.as_str());
        token::check(&answer, token::Asked::Code(&self.target.scope), findings).or_halt()
    }

    pub(super) fn id_token(
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

    pub(super) fn access_token(
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

    pub(super) async fn refresh(
        &self,
        refresh_token: &str,
        (earlier, subject): (&token::Grant, Option<&str>),
        known: &Knowledge,
        findings: &mut Findings,
    ) -> Result<token::Grant, Halt> {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        let bare = self.token_request(&self.cast.outsider, &fields, known).await;
        let bare = match bare {
            Ok(answer) => Ok(answer),
            // Nobody was there to refuse it.
            Err(halt @ (Halt::Findings | Halt::Http(HttpError::Unreachable(..)))) => return Err(halt),
            Err(Halt::Http(error)) => Err(error),
        };
        let claim = "without our certificate it gives nothing";
        resource::refused(bare.as_ref(), claim, "RFC 8705 3, 6.3", "withoutCertificate", findings);

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

    pub(super) async fn userinfo(
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

    pub(super) async fn accounts(&self, grant: &token::Grant, findings: &mut Findings) -> Result<(), Halt> {
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
