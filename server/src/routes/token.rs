//! The token endpoint (RFC 6749 3.2).

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use fapi_core::client::{AuthenticatedClient, Endpoint};
use fapi_core::rejection::Rejection;
use fapi_core::sender::SenderBinding;
use fapi_core::token::{self, CodeRequest, Issue, RefreshRequest, TokenRequest};
use fapi_store::{Redemption, Replacement};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::context::{Around, Context, json as render};
use crate::extract::ClientRequest;
use crate::failure::{Failure, no_store};

/// 200 with tokens, or 400/401 JSON.
pub(super) async fn post(State(app): State<App>, request: Request) -> Response {
    let around = Around::of(&request);
    render(&app, &around, "a token request", answer(&app, &around, request).await).await
}

async fn answer(app: &App, around: &Around, request: Request) -> Result<Response, Failure> {
    let cx = Context::begin(app, around)?;
    let request = ClientRequest::read(request).await?;
    let client = cx.authenticate(&request.credentials, Endpoint::Token).await?;
    let binding = cx.bind(&client, &request, Endpoint::Token).await?;
    let issue = match TokenRequest::parse(&request.params, &client)? {
        TokenRequest::Code(code) => cx.redeem(&code, &client, &binding).await?,
        TokenRequest::Refresh(token) => cx.refresh(&token, &client, &binding).await?,
        TokenRequest::ClientCredentials(wish) => {
            token::client_credentials(&wish, &client, &binding, cx.registry(), cx.token_random(), cx.now())?
        }
    };
    let body = cx.mint(&issue, &client, &binding)?;
    Ok((no_store(), axum::Json(body)).into_response())
}

impl Context {
    /// Core decides on the grant as it was loaded; the store's one conditional write decides who was first (`P-01`, `TOK-04`).
    async fn redeem(
        &self,
        request: &CodeRequest,
        client: &AuthenticatedClient,
        binding: &SenderBinding,
    ) -> Result<Issue, Failure> {
        let grant = self.store().by_code(&request.code).await?;
        let (redeemed, issue) =
            token::redeem(request, grant, client, binding, self.registry(), self.token_random(), self.now())?;
        let refresh = issue.refresh_token.as_ref().map(|(_, row)| row);
        match self.store().redeem(&redeemed, &request.code, refresh).await? {
            Redemption::Won => {
                // A refreshed ID Token is of the same session: its client has a part in it since the first one.
                if let Some(draft) = &issue.id_token {
                    self.joins(draft.person(), client).await?;
                }
                Ok(issue)
            }
            Redemption::AlreadyRedeemed(_) => Err(redeemed.replayed().into()),
            Redemption::Gone => Err(Rejection::invalid_grant("the code is not valid", "RFC 6749 5.2").into()),
        }
    }

    async fn refresh(
        &self,
        request: &RefreshRequest,
        client: &AuthenticatedClient,
        binding: &SenderBinding,
    ) -> Result<Issue, Failure> {
        let stored = match self.store().lookup(&request.token).await? {
            None => None,
            Some(token) => self.store().by_id(&token.grant).await?.map(|grant| (token, grant)),
        };
        let grant = stored.as_ref().map(|(_, grant)| grant.clone());
        let issue = token::refresh(
            request,
            stored,
            client,
            binding,
            self.registry(),
            self.token_random(),
            self.now(),
        )?;
        // REF-07, REF-08: where tokens rotate, the one conditional write decides whether this one may be replaced.
        if let (Some(grant), Some((_, next))) = (grant, &issue.refresh_token) {
            // Of one that was replaced before, the store keeps what was said then.
            let rotation = self.registry().rules.rotation(self.now());
            let works = rotation.map_or(self.now(), |rotation| self.now() + rotation.retry);
            match self.store().replace(&request.token, next, works, self.now()).await? {
                Replacement::Replaced => {}
                Replacement::Reused => return Err(token::reused(&grant).into()),
                Replacement::Gone => {
                    return Err(
                        Rejection::invalid_grant("the refresh token is not valid", "RFC 6749 5.2").into()
                    );
                }
            }
        }
        Ok(issue)
    }

    /// The token response (`TOK-01`): access token first, since the ID Token answers for it.
    fn mint(
        &self,
        issue: &Issue,
        client: &AuthenticatedClient,
        binding: &SenderBinding,
    ) -> Result<Map<String, Value>, Failure> {
        let access_token = self.sign(&issue.access_token)?;
        let mut body = Map::new();
        if let Some(draft) = &issue.id_token {
            let id_token = draft.with_access_token(&access_token, client, self.registry(), self.now())?;
            body.insert("id_token".into(), json!(self.id_token(&id_token, client)?));
        }
        if let Some((secret, _)) = &issue.refresh_token {
            body.insert("refresh_token".into(), json!(secret.expose()));
        }
        body.insert("access_token".into(), json!(access_token));
        body.insert("token_type".into(), json!(binding.token_type()));
        body.insert("expires_in".into(), json!(issue.expires_in.as_seconds()));
        // RFC 6749 3.3 has no empty scope: who asked for details alone was granted none.
        if !issue.scope.is_empty() {
            body.insert("scope".into(), json!(issue.scope.to_string()));
        }
        if !issue.details.is_empty() {
            body.insert("authorization_details".into(), issue.details.to_value());
        }
        Ok(body)
    }

    /// An ID Token as this client gets it: signed, and encrypted where it registered so (`IDT-09`).
    pub(super) fn id_token(
        &self,
        claims: &fapi_core::claims::ToSign,
        client: &fapi_core::client::Client,
    ) -> Result<String, Failure> {
        let signed = self.sign(claims)?;
        match client.id_token_encryption(&self.registry().rules) {
            None => Ok(signed),
            Some(choice) => self.encrypt(&signed, choice, client),
        }
    }
}
