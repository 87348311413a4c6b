//! The client asks: it reads what the server says about itself, sends its request, and looks at what came back.

use std::time::Instant;

use fapi_core::client::EncryptionChoice;
use fapi_jose::JwkSet;
use serde_json::Value;
use url::Url;

use super::checks::{self, discovery, resource, response};
use super::client::{self, AuthMethod, Pending, ResponseKind};
use super::findings::Findings;
use super::http::{Answer, Request};
use super::journey::{Halt, Journey, Keys, Knowledge, OrHalt as _};
use super::signin::Decision;
use crate::clock;

impl Journey<'_> {
    pub(super) async fn discovery(&self, findings: &mut Findings) -> Result<discovery::Metadata, Halt> {
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
            binding: self.target.binding,
        };
        discovery::check(&answer, &twin, intent, findings).or_halt()
    }

    pub(super) async fn keys(
        &self,
        metadata: &discovery::Metadata,
        findings: &mut Findings,
    ) -> Result<Keys, Halt> {
        let asked = Instant::now();
        let answer = self.cast.outsider.send(Request::get(&metadata.jwks)).await?;
        let set = checks::jwks::check(&answer, findings).or_halt()?;
        Ok(Keys { set, stale_at: asked + checks::jwks::max_age(&answer) })
    }

    /// Whether requests are pushed.
    pub(super) fn pushes(&self, metadata: &discovery::Metadata) -> bool {
        self.target.pushed.unwrap_or(metadata.par.is_some())
    }

    /// Signs the request with `more` in it, pushes it if it is to be pushed, and tells where the browser goes.
    pub(super) async fn request_for(
        &self,
        metadata: &discovery::Metadata,
        keys: &JwkSet,
        pending: &Pending,
        more: &[(&'static str, &str)],
        findings: &mut Findings,
    ) -> Result<Url, Halt> {
        let (target, pushed) = (self.target, self.pushes(metadata));
        let challenge = pending.challenge();
        let details = self.details();
        let mut inside = self.parameters(pending, &challenge, details.as_deref());
        inside.extend(more);
        findings.fact("codeChallenge", "S256");
        // FAPI 2.0 Security Profile: who pushes need not sign.
        if pushed && self.may_be_unsigned(metadata) {
            findings.fact("requestObject", "none");
            return self.push(metadata, &inside, findings).await;
        }
        let object = target.keys.request_object(&inside, &target.issuer, clock::now());
        let mut object = object.map_err(|why| {
            findings.fail(format!("the request object could not be signed: {why}"));
            Halt::Findings
        })?;
        findings.fact("requestObject", target.keys.alg().as_str());
        if let Some(choice) = target.request_encryption {
            object = encrypted(&object, choice, keys, findings).or_halt()?;
            if pushed && self.script.attacks {
                self.tampered_request(metadata, &object, findings).await?;
            }
        }

        if !pushed {
            let mut start = metadata.authorization.clone();
            // OpenID Connect Core 6.1: response_type, client_id and scope stand outside as well.
            start
                .query_pairs_mut()
                .extend_pairs(inside.iter().filter(|(name, _)| {
                    matches!(*name, "client_id" | "response_type" | "redirect_uri" | "scope")
                }))
                .append_pair("request", &object);
            return Ok(start);
        }
        self.push(metadata, &[("request", &object)], findings).await
    }

    /// What is asked for, as text.
    pub(super) fn details(&self) -> Option<String> {
        self.target.details.as_ref().map(|details| Value::Array(details.clone()).to_string())
    }

    fn parameters<'b>(
        &'b self,
        pending: &'b Pending,
        challenge: &'b str,
        details: Option<&'b str>,
    ) -> Vec<(&'static str, &'b str)> {
        let target = self.target;
        let mut inside = vec![
            ("client_id", target.client_id.as_str()),
            ("response_type", target.response.response_type()),
            ("redirect_uri", &target.redirect_uri),
            ("scope", &target.scope),
            ("state", &pending.state),
            ("nonce", &pending.nonce),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256"),
        ];
        if target.response.is_jarm() {
            inside.push(("response_mode", "jwt"));
        }
        inside.extend(details.map(|details| ("authorization_details", details)));
        inside
    }

    fn may_be_unsigned(&self, metadata: &discovery::Metadata) -> bool {
        self.target.response == ResponseKind::Code && !metadata.signed_required
    }

    /// The answer to a pushed request with these details.
    pub(super) async fn pushed_answer(
        &self,
        metadata: &discovery::Metadata,
        pending: &Pending,
        details: Option<&str>,
        findings: &mut Findings,
    ) -> Result<Answer, Halt> {
        let challenge = pending.challenge();
        let inside = self.parameters(pending, &challenge, details);
        if self.may_be_unsigned(metadata) {
            return self.sent(metadata, &inside, findings).await;
        }
        let target = self.target;
        let object = target.keys.request_object(&inside, &target.issuer, clock::now());
        let object = object.map_err(|_| Halt::Findings)?;
        self.sent(metadata, &[("request", &object)], findings).await
    }

    /// Pushes a request. Where tokens are bound to a key, so is the code, by the proof here (RFC 9449 10.1).
    async fn push(
        &self,
        metadata: &discovery::Metadata,
        inside: &[(&'static str, &str)],
        findings: &mut Findings,
    ) -> Result<Url, Halt> {
        let answer = self.sent(metadata, inside, findings).await?;
        let request_uri = checks::pushed::check(&answer, findings).or_halt()?;
        let mut start = metadata.authorization.clone();
        start
            .query_pairs_mut()
            .append_pair("client_id", &self.target.client_id)
            .append_pair("request_uri", &request_uri);
        Ok(start)
    }

    async fn sent(
        &self,
        metadata: &discovery::Metadata,
        inside: &[(&'static str, &str)],
        findings: &mut Findings,
    ) -> Result<Answer, Halt> {
        let endpoint =
            findings.have(metadata.par.as_ref().ok_or("no address"), "requests can be pushed", "RFC 9126 5");
        let endpoint = endpoint.or_halt()?;
        self.send_request(endpoint, inside).await
    }

    async fn send_request(&self, endpoint: &Url, inside: &[(&'static str, &str)]) -> Result<Answer, Halt> {
        let request = || {
            let mut fields = self.credentials()?;
            let more = inside.iter().filter(|(name, _)| !fields.iter().any(|(known, _)| known == name));
            let more: Vec<_> = more.map(|(name, value)| (*name, (*value).to_owned())).collect();
            fields.extend(more);
            Ok(Request::form(endpoint, fields))
        };
        self.own().send(request).await
    }

    /// RO-12: what was changed on its way opens nothing.
    async fn tampered_request(
        &self,
        metadata: &discovery::Metadata,
        jwe: &str,
        findings: &mut Findings,
    ) -> Result<(), Halt> {
        let Some(endpoint) = &metadata.par else { return Ok(()) };
        let answer = self.send_request(endpoint, &[("request", &with_another_tag(jwe))]).await?;
        let claim = "an encrypted request that was changed is refused (invalid_request_object)";
        resource::refused_as(&answer, 400, "invalid_request_object", claim, "RFC 9101 6.1, 6.2", findings);
        Ok(())
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
    pub(super) fn response(
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
}

/// The signed request, readable for the server alone (RFC 9101 6.1, RO-12).
fn encrypted(
    object: &str,
    choice: EncryptionChoice,
    keys: &JwkSet,
    findings: &mut Findings,
) -> Option<String> {
    let (algorithm, content) = (choice.algorithm, choice.content);
    let key = keys.encryption_key(algorithm).ok_or("none");
    let key = findings.have(
        key,
        &format!("there is a key to encrypt requests to ({algorithm})"),
        "RFC 9101 6.1",
    )?;
    findings.fact("requestEncryption", format!("{algorithm} {content}"));
    let jwe = fapi_jose::encrypt(object.as_bytes(), Some("JWT"), key, algorithm, content);
    findings.have(jwe, "the request can be encrypted", "RFC 9101 6.1")
}

/// The same JWE with the first bit of its tag the other way round.
fn with_another_tag(jwe: &str) -> String {
    let (rest, tag) = jwe.rsplit_once('.').unwrap_or_default();
    let mut tag = fapi_jose::b64::decode(tag).unwrap_or_default();
    if let Some(first) = tag.first_mut() {
        *first ^= 0x80;
    }
    format!("{rest}.{}", fapi_jose::b64::encode(tag))
}
