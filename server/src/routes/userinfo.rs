//! UserInfo (OpenID Connect Core 5.3): a resource of ours, so every rule of resources holds.

use axum::extract::{Request, State};
use axum::response::Response;
use fapi_core::claims;
use fapi_core::dpop::Call;
use fapi_core::rejection::Rejection;
use fapi_core::resource::{self, AccessToken, Checked, Presented, Presenter};
use http::header;
use tracing::info;

use crate::app::App;
use crate::context::{Around, Context, challenge as render};
use crate::extract::{INTERACTION_ID, certificate, interaction_id, proofs};
use crate::failure::Failure;
use crate::login;

/// The claims of the person behind the token, or a 401/403 challenge.
pub(super) async fn answer(State(app): State<App>, request: Request) -> Response {
    let around = Around::of(&request);
    let interaction = interaction_id(&around.headers, app.rng().bytes());
    let mut response = render(&app, &around, "a userinfo request", read(&app, &around, request).await).await;
    info!(interaction_id = ?interaction, "Answered a userinfo request");
    response.headers_mut().insert(INTERACTION_ID, interaction);
    response
}

async fn read(app: &App, around: &Around, request: Request) -> Result<Response, Failure> {
    let cx = Context::begin(app, around)?;
    // RS-02: a token in the URL is refused, even beside a good one.
    let query = request.uri().query().unwrap_or_default();
    if url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "access_token") {
        return Err(
            Rejection::invalid_request("access tokens are not accepted in the URL", "F1B 6.2.1-3").into()
        );
    }
    let token = cx.admit(cx.checked(&request)?).await?;
    token.require("openid")?;

    let ended = || Rejection::invalid_token("the access token is not valid", "RFC 6750 3.1");
    let grant = token.grant().ok_or_else(ended)?;
    let grant = cx.store().by_id(&grant).await?.ok_or_else(ended)?;
    let authorization = grant.authorization(cx.now()).ok_or_else(ended)?;
    let client =
        cx.registry().client(&token.client_id).filter(|client| client.enabled()).ok_or_else(ended)?;
    let known = login::claims(cx.users(), &authorization.person.subject);
    let answer = claims::userinfo(authorization, &token.scope, &known, client, cx.registry());

    cx.formed(claims::userinfo_form(answer, client, cx.registry())?, "application/jwt", client)
}

impl Context {
    /// The access token of a request to a resource of ours, by its head and connection (`RS-09`).
    fn checked(&self, request: &Request) -> Result<Checked, Failure> {
        let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let presented = Presented::parse(header)?;
        let url = self.registry().doors.back.url(request.uri().path());
        let seal = self.seal();
        let ours = |nonce: &str| seal.knows_nonce(nonce, self.now());
        let (certificate, proofs) = (certificate(request), proofs(request.headers()));
        let by = Presenter {
            certificate: certificate.as_ref(),
            proofs: &proofs,
            call: Call { method: request.method().as_str(), url: &url },
            nonce: self.nonce_rule(&ours),
        };
        self.verified(|expected| {
            let checked = resource::check(presented, &by, expected, self.now())?;
            checked.by_a_usable_certificate(&by, self.registry(), self.now())
        })
    }

    /// The same, if its proof is used for the first time and the token is in force.
    async fn admit(&self, checked: Checked) -> Result<AccessToken, Failure> {
        let first = match checked.replay() {
            None => true,
            Some(key) => self.first_use(key).await?,
        };
        self.in_force(checked.admit(first)?).await
    }
}
