//! The client redeems its code, looks at what it got, and uses it.

use url::Url;

use super::checks::{self, id_token, resource, token};
use super::client;
use super::findings::Findings;
use super::http::{Answer, HttpError, Request};
use super::journey::{Halt, Journey, Knowledge, OrHalt as _};
use super::possession::{Binding, Hands};
use crate::clock;

impl Journey<'_> {
    pub(super) async fn token_request(
        &self,
        hands: Hands<'_>,
        fields: &[(&'static str, &str)],
        known: &Knowledge,
    ) -> Result<Answer, Halt> {
        let request = || {
            let mut form = self.credentials()?;
            form.extend(fields.iter().map(|(name, value)| (*name, (*value).to_owned())));
            Ok(Request::form(&known.metadata.token, form))
        };
        hands.send(request).await
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
        let fields = self.code_fields(code, known);
        if self.target.binding == Binding::Dpop && self.script.attacks {
            // DPO-12: the client itself, but with another key: before the code is used up.
            let thief = Hands { agent: &self.cast.app, key: Some(&self.cast.thiefs_key) };
            let answer = self.token_request(thief, &fields, known).await?;
            let claim = "the code is of no use with another key than that of the request";
            resource::refused(Ok(&answer), claim, "RFC 9449 10", "withAnotherKey", findings);
        }
        let answer = self.token_request(self.own(), &fields, known).await?;
        findings.fact("authentication", self.target.auth.as_str());
        let asked = token::Asked::Code(&self.target.scope);
        let grant = token::check(&answer, asked, self.target.binding, findings).or_halt()?;
        self.tells_details(&grant, findings);
        Ok(grant)
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
            bound: match (self.target.binding, &self.target.identity) {
                (Binding::Mtls, Some(identity)) => {
                    checks::access_token::Bound::Certificate(identity.thumbprint())
                }
                _ => checks::access_token::Bound::Key(self.cast.key.public().thumbprint()),
            },
            audience: self.target.resource.as_ref().and_then(|it| it.identifier.as_deref()),
            expires_in: grant.expires_in,
            scope: &grant.scope,
            details: grant.details.as_ref(),
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
        let nothing = Hands { agent: &self.cast.outsider, key: None };
        let bare = self.token_request(nothing, &fields, known).await;
        let bare = match bare {
            Ok(answer) => Ok(answer),
            // Nobody was there to refuse it.
            Err(halt @ (Halt::Findings | Halt::Http(HttpError::Unreachable(..)))) => return Err(halt),
            Err(Halt::Http(error)) => Err(error),
        };
        let (claim, source, fact) = match self.target.binding {
            Binding::Mtls => {
                ("without our certificate it gives nothing", "RFC 8705 3, 6.3", "withoutCertificate")
            }
            Binding::Dpop => ("without a proof it gives nothing", "RFC 9449 5", "withoutProof"),
        };
        resource::refused(bare.as_ref(), claim, source, fact, findings);

        let answer = self.token_request(self.own(), &fields, known).await?;
        let asked = token::Asked::Refresh(&earlier.scope);
        let fresh = token::check(&answer, asked, self.target.binding, findings).or_halt()?;
        self.tells_details(&fresh, findings);
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
        let answer = self.own().use_token(&grant.access_token, || Request::get(url)).await?;
        resource::userinfo(&answer, subject, self.parties(known), findings);
        Ok(())
    }

    pub(super) async fn accounts(&self, grant: &token::Grant, findings: &mut Findings) -> Result<(), Halt> {
        let Some(bank) = &self.target.resource else { return Ok(()) };
        let interaction = client::uuid();
        let ask = || bank_request(&bank.url, &interaction);
        let answer = self.own().use_token(&grant.access_token, ask).await?;
        resource::accounts(&answer, &interaction, clock::now(), findings);
        Ok(())
    }
}

/// As a FAPI client asks a bank (FAPI 1.0 Part 1 6.2.2).
pub(super) fn bank_request(url: &Url, interaction: &str) -> Request {
    Request::get(url)
        .header("accept", "application/json")
        .header("x-fapi-interaction-id", interaction)
        .header("x-fapi-customer-ip-address", "2001:db8::1893:25c8:1946")
}
