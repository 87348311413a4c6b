//! The person signs out at the client (OpenID Connect RP-Initiated Logout 1.0), and the client is told so by the server, which tells
//! every client of the session (OpenID Connect Back-Channel Logout 1.0).

use fapi_jose::DecryptionKey;
use url::Url;

use super::browser::{Browser, Landing, Lost};
use super::checks::{id_token, logout_token, response};
use super::client::{self, Pending};
use super::ear::{Ear, unverified};
use super::findings::Findings;
use super::journey::{Halt, Journey, Knowledge, OrHalt as _};
use super::page::Kind;
use super::report::Ending;
use super::signin::told;

/// What the client remembers of a sign-in.
#[derive(Clone, Debug)]
pub(super) struct SignedIn {
    /// The ID Token, readable.
    pub(super) id_token: String,
    /// `sub`
    pub(super) subject: String,
    /// `sid`
    pub(super) sid: Option<String>,
}

impl SignedIn {
    /// By an ID Token that was verified.
    pub(super) fn of(id_token: &str, subject: String, keys: &[DecryptionKey]) -> SignedIn {
        let id_token = id_token::opened(id_token, keys).unwrap_or_default();
        let sid = unverified(&id_token).and_then(|claims| Some(claims.get("sid")?.as_str()?.to_owned()));
        SignedIn { id_token, subject, sid }
    }
}

impl Journey<'_> {
    pub(super) async fn sign_outs(
        &mut self,
        browser: Browser,
        signed_in: &SignedIn,
        known: &Knowledge,
    ) -> Result<(), Ending> {
        self.step("sign-out", async |it, f| it.sign_out(browser, signed_in, known, f).await).await?;
        if let Some(ear) = &self.cast.ear {
            self.step("logout-token", async |it, f| it.logout_token(ear, signed_in, known, f).await).await?;
        }
        Ok(())
    }

    /// LGO-01 to LGO-03: from the client to the server and back, after which nobody is signed in.
    async fn sign_out(
        &self,
        mut browser: Browser,
        signed_in: &SignedIn,
        known: &Knowledge,
        findings: &mut Findings,
    ) -> Result<(), Halt> {
        let endpoint = known.metadata.end_session.as_ref().ok_or("no address");
        let endpoint =
            findings.have(endpoint, "people can be signed out", "RP-Initiated Logout 2.1").or_halt()?;
        let after = self.target.after_logout.as_deref();
        browser.head_for(after.unwrap_or(&self.target.redirect_uri));
        let state = client::random();
        let request = |hint: &str, after: Option<&str>| {
            let mut url = endpoint.clone();
            url.query_pairs_mut().append_pair("id_token_hint", hint).append_pair("state", &state);
            if let Some(after) = after {
                url.query_pairs_mut().append_pair("post_logout_redirect_uri", after);
            }
            url
        };

        if self.script.attacks {
            let tampered = tampered(&signed_in.id_token);
            self.leads_nowhere(&mut browser, &request(&tampered, after), "a tampered hint", findings).await?;
            let elsewhere = "https://elsewhere.example/";
            let url = request(&signed_in.id_token, Some(elsewhere));
            self.leads_nowhere(&mut browser, &url, "an address that is not registered", findings).await?;
        }

        let landing = browser.open(&request(&signed_in.id_token, after), findings).await;
        match (landing.map_err(|lost| told(lost, findings))?, after) {
            (Landing::Client(address), Some(after)) => {
                let url = Url::parse(&address).ok();
                let brought = url.as_ref().and_then(|url| {
                    url.query_pairs().find(|(name, _)| name == "state").map(|(_, value)| value.into_owned())
                });
                findings.hold(
                    brought.as_deref() == Some(state.as_str()),
                    "the person is back at the client, with the state that was sent",
                    "RP-Initiated Logout 3",
                );
                findings.fact("after", after);
            }
            (Landing::Page(page, _), None) => {
                let said = page.kind == Kind::SignedOut;
                findings.hold(said, "a page says that the person is signed out", "RP-Initiated Logout 2");
            }
            _ => findings.fail("the sign-out ended somewhere else (RP-Initiated Logout 3)"),
        }
        self.nobody_is_signed_in(browser, known, findings).await
    }

    /// What somebody made up does not sign the person out, and sends them nowhere.
    async fn leads_nowhere(
        &self,
        browser: &mut Browser,
        url: &Url,
        how: &str,
        findings: &mut Findings,
    ) -> Result<(), Halt> {
        let found = match browser.open(url, &mut Findings::default()).await {
            Ok(Landing::Page(page, _)) => match page.kind {
                Kind::Refused { code, .. } => Ok(code),
                _ => Err(format!("a page titled {:?}", page.title)),
            },
            Ok(Landing::Client(_)) => Err("the way back to the client".to_owned()),
            Err(Lost::Http(error)) => return Err(Halt::Http(error)),
            Err(Lost::Nowhere(why)) => Err(why),
        };
        findings.have(found, &format!("{how} gives an error page"), "RP-Initiated Logout 4").or_halt()?;
        Ok(())
    }

    /// LGO-01: a request that must not show a page finds nobody.
    async fn nobody_is_signed_in(
        &self,
        mut browser: Browser,
        known: &Knowledge,
        findings: &mut Findings,
    ) -> Result<(), Halt> {
        let pending = Pending::new();
        let silent = [("prompt", "none")];
        let mut aside = Findings::default();
        let start = self.request_for(&known.metadata, &known.keys.set, &pending, &silent, &mut aside).await?;
        browser.head_for(&self.target.redirect_uri);
        let landing = browser.open(&start, findings).await.map_err(|lost| told(lost, findings))?;
        let Landing::Client(address) = landing else {
            findings.fail("prompt=none shows a page (OpenID Connect Core 3.1.2.1)");
            return Err(Halt::Findings);
        };
        let expected = response::Expected {
            parties: self.parties(known),
            kind: self.target.response,
            state: &pending.state,
            issuer_is_promised: known.metadata.issuer_is_promised,
            decryption: self.target.keys.decryption(),
        };
        let found = match response::check(&address, &self.target.redirect_uri, expected, &mut aside) {
            Some(response::Response::Error(code)) => code,
            Some(response::Response::Code { .. }) => "a code".to_owned(),
            None => "a response that is none".to_owned(),
        };
        findings.hold_or(
            found == "login_required",
            "nobody is signed in any more (login_required)",
            "RP-Initiated Logout 2",
            &found,
        );
        Ok(())
    }

    /// LGO-06: what the server tells this client.
    async fn logout_token(
        &self,
        ear: &Ear,
        signed_in: &SignedIn,
        known: &Knowledge,
        findings: &mut Findings,
    ) -> Result<(), Halt> {
        let source = "OpenID Connect Back-Channel Logout 2.1";
        let sid = signed_in.sid.as_deref().ok_or("none");
        let sid = findings.have(sid, "the ID Token names its session (`sid`)", source).or_halt()?;
        let keys = self.target.keys.decryption();
        let heard = ear.of_session(sid, keys, self.script.timeout).await.ok_or("nothing");
        let token =
            findings.have(heard, "the client is told that the person signed out", source).or_halt()?;
        let expected = logout_token::Expected {
            parties: self.parties(known),
            subject: &signed_in.subject,
            sid,
            decryption: keys,
        };
        logout_token::check(&token, expected, findings);
        Ok(())
    }
}

/// The same token, of another person: the signature is that of the first.
fn tampered(jwt: &str) -> String {
    let mut parts = jwt.split('.');
    let (header, payload) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let signature = parts.next().unwrap_or_default();
    let claims = fapi_jose::b64::decode(payload).and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let mut claims: serde_json::Map<String, serde_json::Value> = claims.unwrap_or_default();
    claims.insert("sub".to_owned(), "somebody-else".into());
    format!("{header}.{}.{signature}", fapi_jose::b64::encode(serde_json::Value::Object(claims).to_string()))
}
