//! The person's browser: follows redirects on the front door, keeps cookies, and stops where the client's page would be.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fapi_bank::Routes;
use url::Url;

use super::cookies::Jar;
use super::findings::Findings;
use super::http::{Agent, Answer, HttpError, Request};
use super::page::{Form, Kind, Page};
use super::tls::Trust;

/// More hops than any sign-in has: a loop.
const MAX_HOPS: usize = 20;

/// A browser in the hands of one person.
pub struct Browser {
    agent: Agent,
    asked_for_certificate: Arc<AtomicBool>,
    jar: Jar,
    front_door: Url,
    redirect_uri: String,
}

/// Where the browser came to rest.
#[derive(Debug)]
pub enum Landing {
    /// At the client: the address it would have opened, with the response in it. It is not opened.
    Client(String),
    /// On a page of the front door.
    Page(Page, Url),
}

/// Why the browser cannot go on.
#[derive(Debug, PartialEq, Eq)]
pub enum Lost {
    /// No answer.
    Http(HttpError),
    /// An answer that leads nowhere.
    Nowhere(String),
}

impl From<HttpError> for Lost {
    fn from(error: HttpError) -> Lost {
        Lost::Http(error)
    }
}

impl Browser {
    /// A new browser without cookies. It only talks to the origin of `front_door`.
    pub fn new(
        trust: &Trust,
        routes: Routes,
        timeout: Duration,
        front_door: &Url,
        redirect_uri: &str,
    ) -> Browser {
        let (tls, asked_for_certificate) = trust.anonymous();
        Browser {
            agent: Agent::new(tls, routes, timeout),
            asked_for_certificate,
            jar: Jar::default(),
            front_door: front_door.clone(),
            redirect_uri: redirect_uri.to_owned(),
        }
    }

    /// Whether the front door asked for a certificate: a person would have seen a window pop up (RFC 8705 6.5).
    pub fn was_asked_for_a_certificate(&self) -> bool {
        self.asked_for_certificate.load(Ordering::Relaxed)
    }

    /// From now on the client's page is this one.
    pub fn head_for(&mut self, uri: &str) {
        uri.clone_into(&mut self.redirect_uri);
    }

    /// Opens an address.
    pub async fn open(&mut self, url: &Url, findings: &mut Findings) -> Result<Landing, Lost> {
        self.travel(url.clone(), Request::get(url), findings).await
    }

    /// Presses a button of a form on the page at `page`.
    pub async fn press(
        &mut self,
        button: &str,
        form: &Form,
        page: &Url,
        findings: &mut Findings,
    ) -> Result<Landing, Lost> {
        let target =
            page.join(&form.action).map_err(|_| Lost::Nowhere("a form has no usable address".to_owned()))?;
        findings.hold(form.post, "forms are submitted with POST", "RFC 9110 9.3.3");
        let request = Request::form(&target, form.pressed(button))
            .header("origin", &self.front_door.origin().ascii_serialization());
        self.travel(target, request, findings).await
    }

    async fn travel(
        &mut self,
        mut url: Url,
        mut request: Request,
        findings: &mut Findings,
    ) -> Result<Landing, Lost> {
        for _ in 0..MAX_HOPS {
            if url.origin() != self.front_door.origin() {
                return Err(Lost::Nowhere(format!(
                    "the browser was sent to {}, which is neither the front door nor the redirect URI",
                    url.origin().ascii_serialization()
                )));
            }
            if let Some(cookies) = self.jar.header(&url) {
                request = request.header("cookie", &cookies);
            }
            let answer = self.agent.send(request.header("accept", "text/html")).await?;
            self.jar.store(&url, &answer, findings);
            check_page_headers(&answer, findings);

            let next = match answer.status {
                302 | 303 => location(&answer)?,
                // RFC 9700 4.12: what the person typed would be sent on, password included.
                307 | 308 => {
                    return Err(Lost::Nowhere(format!("{} repeats the request elsewhere", answer.status)));
                }
                _ => {
                    let page = Page::parse(&String::from_utf8_lossy(&answer.body));
                    match page.kind {
                        Kind::Leave(target) => target,
                        Kind::Unknown => return Err(unknown(&answer, &page)),
                        _ => return Ok(Landing::Page(page, url)),
                    }
                }
            };
            if leads_to(&next, &self.redirect_uri) {
                return Ok(Landing::Client(next));
            }
            url =
                url.join(&next).map_err(|_| Lost::Nowhere("a redirect has no usable address".to_owned()))?;
            request = Request::get(&url);
        }
        Err(Lost::Nowhere(format!("more than {MAX_HOPS} redirects")))
    }
}

fn location(answer: &Answer) -> Result<String, Lost> {
    let location = answer.header("location").map(str::to_owned);
    location.ok_or_else(|| Lost::Nowhere(format!("{} without one Location", answer.status)))
}

/// `Page` says what it is titled, not what it says: pages may hold personal data.
fn unknown(answer: &Answer, page: &Page) -> Lost {
    Lost::Nowhere(format!(
        "{} with a page that has no known form, titled {:?}: it may need a browser with JavaScript, or a person",
        answer.status, page.title
    ))
}

/// Whether this address is the redirect URI with nothing but a response added to it (RFC 6749 3.1.2: a query it has is
/// kept).
pub fn leads_to(address: &str, redirect_uri: &str) -> bool {
    address.strip_prefix(redirect_uri).is_some_and(|rest| {
        let first = rest.chars().next();
        match first {
            None | Some('#') => true,
            Some('?') => !redirect_uri.contains('?'),
            Some('&') => redirect_uri.contains('?'),
            Some(_) => false,
        }
    })
}

/// AUT-16, TLS-07: what keeps a page from being framed, stored, or read by other sites.
fn check_page_headers(answer: &Answer, findings: &mut Findings) {
    let has = |name: &str, part: &str| {
        answer.header(name).is_some_and(|value| value.to_ascii_lowercase().contains(part))
    };
    findings.hold(answer.is_not_stored(), "pages are not stored (Cache-Control: no-store)", "RFC 9700 4.2");
    findings.hold(
        answer.header("access-control-allow-origin").is_none(),
        "other sites cannot read pages (no CORS)",
        "FAPI 2.0 Security Profile 5.2.3",
    );
    if answer.status != 302 && answer.status != 303 {
        findings.hold(
            has("content-security-policy", "frame-ancestors 'none'") && has("x-frame-options", "deny"),
            "pages cannot be framed",
            "RFC 9700 4.16",
        );
        findings.hold(
            has("referrer-policy", "no-referrer"),
            "pages do not tell others their address (Referrer-Policy)",
            "RFC 9700 4.2",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AUT-04, AUT-05: a response is added to the redirect URI, and nothing else is changed.
    #[test]
    fn only_the_redirect_uri_itself_is_the_client() {
        let plain = "https://app.example/cb";
        assert!(leads_to("https://app.example/cb?response=x", plain));
        assert!(leads_to("https://app.example/cb#code=x", plain));
        assert!(!leads_to("https://app.example/cb/evil?response=x", plain));
        assert!(!leads_to("https://app.example/cb.evil?response=x", plain));
        assert!(!leads_to("https://app.example.evil/cb?response=x", plain));
        assert!(!leads_to("https://app.example/cb&response=x", plain));
        assert!(!leads_to("https://APP.example/cb?response=x", plain));

        let query = "https://app.example/cb?a=1";
        assert!(leads_to("https://app.example/cb?a=1&response=x", query));
        assert!(!leads_to("https://app.example/cb?a=1?response=x", query));
        assert!(!leads_to("https://app.example/cb?a=12", query));
    }
}
