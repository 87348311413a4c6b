//! May this request see accounts, and whose? The checks of a FAPI resource server, in their order.

use std::sync::Arc;

use fapi_core::certificate::PeerCertificate;
use fapi_core::dpop::{Call, NonceRule};
use fapi_core::ids::ClientId;
use fapi_core::resource::{self, AccessToken, Checked, Expectations, Presented, Presenter, Scheme};
use fapi_core::{Clause, ErrorCode, Rejection};
use fapi_jose::Alg;
use fapi_server::clock::Clock;
use fapi_server::extract::proofs;
use http::{HeaderMap, header, request};
use url::form_urlencoded;

use crate::accounts::Holder;
use crate::introspection::{Introspection, Standing};
use crate::issuer::{Authority, Published, Unavailable};
use crate::proofs::Proofs;
use crate::refusal::Refusal;

/// What a token must be for.
const SCOPE: &str = "accounts";

/// What the issuer may sign with: what FAPI allows (FAPI 1.0 Part 2 8.6, FAPI 2.0 Security Profile 5.4).
const ALGORITHMS: &[Alg] = Alg::ALL;

/// Lets those in who may see accounts.
pub(crate) struct Guard {
    pub(crate) authority: Authority,
    pub(crate) introspection: Introspection,
    pub(crate) proofs: Proofs,
    pub(crate) audience: String,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Somebody who was let in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Admitted {
    /// Whose accounts may be seen.
    pub(crate) holder: Holder,
    /// Who sees them, for the log.
    pub(crate) client: ClientId,
}

impl Guard {
    /// Judges a request by its head and the certificate of the connection that it came by.
    pub(crate) async fn admit(
        &self,
        request: &request::Parts,
        certificate: Option<&PeerCertificate>,
    ) -> Result<Admitted, Refusal> {
        let used = request.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let used = used.and_then(Scheme::of).unwrap_or(Scheme::Bearer);
        self.judge(request, certificate).await.map_err(|refusal| refusal.to(used))
    }

    async fn judge(
        &self,
        request: &request::Parts,
        certificate: Option<&PeerCertificate>,
    ) -> Result<Admitted, Refusal> {
        // RS-02: a token in the URL is in every log on the way. Refused even beside a good header.
        let query = request.uri.query().unwrap_or_default();
        if form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "access_token") {
            return Err(not_here("access tokens are not accepted in the URL"));
        }

        // RS-01, INV-12
        let presented = presented(&request.headers)?;

        // JAT-02: signature, issuer, audience, expiry; then RS-09: the key it is bound to, shown by this connection's certificate
        // (MTL-06) or by a proof (DPO-07) that comes for the first time (DPO-08).
        let published = self.authority.published(presented.token).await?;
        let granted = self.fresh(self.check(presented, request, certificate, &published)?)?;

        // RS-03
        granted.require(SCOPE)?;

        // JAT-03: revocation cannot be seen in the token itself.
        match self.introspection.ask(presented.token, &granted, &published).await? {
            Standing::Active(Some(holder)) => Ok(Admitted { holder, client: granted.client_id }),
            // RS-08: a client's own token (client credentials) speaks for nobody.
            Standing::Active(None) => Err(for_nobody()),
            Standing::Inactive => Err(ended()),
        }
    }
}

impl Guard {
    fn check(
        &self,
        presented: Presented<'_>,
        request: &request::Parts,
        certificate: Option<&PeerCertificate>,
        published: &Published,
    ) -> Result<Checked, Rejection> {
        let audience = [self.audience.as_str()];
        let expected = Expectations {
            issuer: self.authority.issuer(),
            audience: Some(&audience),
            keys: &published.keys,
            algorithms: ALGORITHMS,
        };
        // DPO-05: callers know this API by the identifier that tokens name, whatever stands in the Host header.
        let url = format!("{}{}", self.audience.trim_end_matches('/'), request.uri.path());
        let by = Presenter {
            certificate,
            proofs: &proofs(&request.headers),
            call: Call { method: request.method.as_str(), url: &url },
            nonce: NonceRule::NotAsked,
        };
        resource::check(presented, &by, &expected, self.clock.now())
    }

    fn fresh(&self, checked: Checked) -> Result<AccessToken, Refusal> {
        let first = match checked.replay() {
            None => true,
            Some(key) => self.proofs.first_use(key, self.clock.now())?,
        };
        Ok(checked.admit(first)?)
    }
}

impl From<Unavailable> for Refusal {
    fn from(Unavailable(why): Unavailable) -> Self {
        Self::Unavailable(why)
    }
}

/// The token of the one `Authorization` header.
fn presented(headers: &HeaderMap) -> Result<Presented<'_>, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Presented::parse(None).map_err(Refusal::Anonymous);
    };
    if values.next().is_some() {
        return Err(not_here("the Authorization header stands twice"));
    }
    // Bytes that are no text are no token either.
    Ok(Presented::parse(Some(value.to_str().unwrap_or_default()))?)
}

fn not_here(description: &'static str) -> Refusal {
    Rejection::invalid_request(description, "F1B 6.2.1-3").into()
}

fn ended() -> Refusal {
    Rejection::invalid_token("the access token is not valid", "RFC 6750 3.1")
        .detail("introspection says that it is not active")
        .into()
}

fn for_nobody() -> Refusal {
    let description = "the access token speaks for no person";
    Rejection::new(ErrorCode::InsufficientScope, description, Clause("F1B 6.2.1-7")).into()
}
