//! The person: signs in, reads what is asked, and decides.

use super::browser::{Browser, Landing, Lost};
use super::findings::Findings;
use super::journey::{Halt, Journey, Knowledge};
use super::page::Kind;

/// What the person decides on the consent page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Presses `approve`.
    Approve,
    /// Presses `deny`.
    Deny,
}

impl Journey<'_> {
    /// From the address that the client gave the browser, to the address that leads back to the client.
    pub(super) async fn sign_in(
        &self,
        known: &Knowledge,
        findings: &mut Findings,
    ) -> Result<(String, Browser), Halt> {
        let target = self.target;
        let mut browser = Browser::new(
            &target.trust,
            target.routes.clone(),
            self.script.timeout,
            &known.metadata.authorization,
            &target.redirect_uri,
        );
        let mut landing = browser.open(&known.start, findings).await;
        let (mut signed_in, mut decided) = (false, false);
        loop {
            let (page, url) = match landing.map_err(|lost| told(lost, findings))? {
                Landing::Page(page, url) => (page, url),
                Landing::Client(address) => {
                    findings.hold(
                        !browser.was_asked_for_a_certificate(),
                        "browsers are not asked for a certificate",
                        "RFC 8705 6.5",
                    );
                    findings.hold(signed_in || decided, "the person was asked", "FAPI 1.0 Part 1 5.2.2");
                    findings.hold(
                        true,
                        "the response goes to the registered redirect URI only",
                        "RFC 6749 3.1.2.3",
                    );
                    findings.fact("user", target.user.as_str());
                    findings.fact("consentAsked", decided);
                    return Ok((address, browser));
                }
            };
            landing = match page.kind {
                Kind::SignIn(_) if signed_in => {
                    findings.fail(format!("{} could not sign in: is the password right?", target.user));
                    return Err(Halt::Findings);
                }
                Kind::SignIn(form) => {
                    signed_in = true;
                    let form =
                        form.typed("username", &target.user).typed("password", target.password.reveal());
                    browser.press("login", &form, &url, findings).await
                }
                Kind::Consent(_) if decided => {
                    findings.fail("the consent page came again after the person had decided");
                    return Err(Halt::Findings);
                }
                Kind::Consent(form) => {
                    decided = true;
                    match self.script.decision {
                        Decision::Approve => {
                            browser.press("approve", &form.all_ticked(), &url, findings).await
                        }
                        Decision::Deny => browser.press("deny", &form, &url, findings).await,
                    }
                }
                Kind::Refused { code, request_id, detail } => {
                    findings.fail(
                        format!("the person sees an error page: {code}, request {request_id} {detail}")
                            .trim_end(),
                    );
                    return Err(Halt::Findings);
                }
                Kind::Leave(_) | Kind::SignedOut | Kind::Unknown => return Err(Halt::Findings),
            };
        }
    }
}

/// Writes down why the browser is lost.
pub(super) fn told(lost: Lost, findings: &mut Findings) -> Halt {
    match lost {
        Lost::Http(error) => Halt::Http(error),
        Lost::Nowhere(why) => {
            findings.fail(why);
            Halt::Findings
        }
    }
}
