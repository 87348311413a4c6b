//! From one step to the next: asks [`interaction::next`], does what needs no person, and sends the browser to the rest.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use fapi_core::claims::{Hashes, id_token};
use fapi_core::client::Client;
use fapi_core::consent::Remembered;
use fapi_core::grant::{ErrorName, Grant, Person, Stage};
use fapi_core::ids::GrantId;
use fapi_core::interaction::{Step, next};
use fapi_core::params::Params;
use fapi_core::profile::Response as ResponseKind;
use fapi_core::rejection::{ErrorCode, Rejection};
use fapi_core::response::Destination;
use fapi_core::secret::{Digest, Purpose, Secret};
use fapi_store::{Claim, Issuing, Session};
use http::{HeaderMap, StatusCode, header};

use crate::app::App;
use crate::context::{Around, Context};
use crate::extract::{BROWSER, KNOWN, SESSION, cookie, query_or_form};
use crate::failure::Failure;
use crate::pages::{Page, Pages};

/// What the browser brings to an interaction.
pub(super) struct Visitor {
    /// Its cookie, if it has one.
    pub browser: Option<Secret>,
    /// Its sign-in session, if that is still open.
    pub session: Option<Session>,
    /// Who has signed in here before, by a cookie that tells it to nobody but us (`B-08`).
    pub known: Option<Secret>,
}

/// A browser at one step of its interaction.
pub(super) struct Arrival {
    pub cx: Context,
    /// What it sends.
    pub params: Params,
    pub visitor: Visitor,
    /// The interaction that `i` names.
    pub grant: Grant,
}

/// How the answer leaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Leave {
    /// By a redirect: nothing was posted on the way here.
    Redirect,
    /// By a page of its own. Chromium applies a form's `form-action` to every hop after the post, so a redirect to the client
    /// from here would be blocked.
    Page,
}

impl Visitor {
    /// Reads the cookies of a request.
    ///
    /// # Errors
    /// A cookie that comes twice (`B-12`).
    pub(super) async fn of(headers: &HeaderMap, cx: &Context) -> Result<Self, Failure> {
        let browser = cookie(headers, BROWSER)?;
        let session = match cookie(headers, SESSION)? {
            None => None,
            Some(secret) => cx.store().session(&secret.digest(Purpose::Session), cx.now()).await?,
        };
        Ok(Self { browser, session, known: cookie(headers, KNOWN)? })
    }

    /// The digest of its cookie.
    pub(super) fn digest(&self) -> Option<Digest> {
        self.browser.as_ref().map(|secret| secret.digest(Purpose::Browser))
    }

    /// Who is signed in.
    pub(super) fn person(&self) -> Option<&Person> {
        self.session.as_ref().map(|session| &session.person)
    }
}

impl Arrival {
    /// Reads who comes, with what, and to which interaction.
    ///
    /// # Errors
    /// A page: the request cannot be read, or there is no such interaction.
    pub(super) async fn of(app: &App, around: &Around, request: Request) -> Result<Self, Failure> {
        let cx = Context::begin(app, around)?;
        let params = query_or_form(request).await?;
        let visitor = Visitor::of(&around.headers, &cx).await?;
        let grant = grant(&cx, params.get("i")).await?;
        Ok(Self { cx, params, visitor, grant })
    }
}

/// Where a step of an interaction is.
pub(super) fn location(path: &str, grant: &GrantId) -> String {
    format!("{path}?i={grant}")
}

/// The interaction a page belongs to.
///
/// # Errors
/// A page: there is none, or it is over.
async fn grant(cx: &Context, id: Option<&str>) -> Result<Grant, Failure> {
    let over = || {
        Rejection::invalid_request(
            "this sign-in is over: go back to the application and start again",
            "RFC 6749 4.1.2.1",
        )
    };
    let id = id.filter(|id| id.len() <= 64).ok_or_else(over)?;
    Ok(cx.store().by_id(&GrantId::from_stored(id)).await?.ok_or_else(over)?)
}

/// Goes on until a person is needed or the answer leaves.
///
/// # Errors
/// A page: the interaction is over, or belongs to another browser.
pub(super) async fn proceed(
    cx: &Context,
    mut grant: Grant,
    visitor: &Visitor,
    leave: Leave,
) -> Result<Response, Failure> {
    let rules = &cx.registry().rules;
    // An interaction that never shows a page still has to belong to somebody.
    let browser =
        visitor.digest().unwrap_or_else(|| Secret::from_random(cx.random()).digest(Purpose::Browser));
    loop {
        let remembered = remembered(cx, &grant, visitor).await?;
        match next(cx.registry(), &grant, visitor.person(), remembered.as_ref(), cx.now()) {
            Step::Login(_) => return Ok(Redirect::to(&location("/login", &grant.id)).into_response()),
            Step::Consent => return Ok(Redirect::to(&location("/consent", &grant.id)).into_response()),
            Step::Claim(person) => {
                if let Some(session) = &visitor.session {
                    // Whoever uses a session is not idle.
                    cx.store().touch(&session.id, cx.now() + rules.lifetimes.session_idle).await?;
                }
                grant = grant.authenticate(browser.clone(), person, cx.now())?;
                won(cx.store().authenticate(&grant).await?)?;
            }
            Step::Agree => {
                let everything = grant.request.scope.clone();
                grant = grant.consent(&browser, &everything, rules, cx.now())?;
                won(cx.store().consent(&grant).await?)?;
            }
            Step::Refuse(error) => {
                grant = deny(cx, grant, Some(&browser), error).await?;
            }
            Step::Respond if leave == Leave::Page => {
                return Ok(Redirect::to(&location("/continue", &grant.id)).into_response());
            }
            Step::Respond => {
                let url = respond(cx, grant, &browser).await?;
                return Ok((StatusCode::SEE_OTHER, [(header::LOCATION, url)], crate::failure::no_store())
                    .into_response());
            }
            Step::Over => return Err(over().into()),
        }
    }
}

/// Ends an interaction with an error that is still to leave.
///
/// # Errors
/// A page: it is over, or belongs to another browser.
pub(super) async fn deny(
    cx: &Context,
    grant: Grant,
    browser: Option<&Digest>,
    error: ErrorName,
) -> Result<Grant, Failure> {
    let grant = grant.deny(browser, error, cx.now())?;
    won(cx.store().deny(&grant).await?)?;
    Ok(grant)
}

/// The last page (`/continue`): 200, and the browser leaves by itself.
pub(super) async fn leave(State(app): State<App>, request: Request) -> Response {
    let around = Around::of(&request);
    let outcome = async {
        let Arrival { cx, visitor, grant, .. } = Arrival::of(&app, &around, request).await?;
        let browser = visitor.digest().ok_or_else(over)?;
        match grant.stage {
            Stage::Consented { .. } | Stage::Denied { .. } => {
                let url = respond(&cx, grant, &browser).await?;
                Ok(Pages::of(&cx, &around.headers, &[]).show(&Page::Continue { url: &url }, StatusCode::OK))
            }
            // Not there yet, or somebody came back to it.
            _ => proceed(&cx, grant, &visitor, Leave::Page).await,
        }
    };
    Pages::render(&app, &around, "an authorization response", outcome.await).await
}

/// The answer leaves: once (`PAR-09`, `RSP-15`). The store decides whether this is the first time.
async fn respond(cx: &Context, grant: Grant, browser: &Digest) -> Result<String, Failure> {
    let client = cx.registry().client(&grant.client_id).filter(|client| client.enabled()).cloned();
    let client = client.ok_or_else(|| {
        Rejection::invalid_request("this client is unknown or disabled", "RFC 6749 4.1.2.1")
    })?;
    let destination = Destination::of(&grant.request, &client);
    let error = |rejection: &Rejection| destination.error(rejection, cx.registry(), cx.now());
    let (issuing, outgoing) = if let Stage::Denied { browser: owner, error: name, .. } = grant.stage.clone() {
        if owner.is_some_and(|owner| !owner.matches(browser)) {
            return Err(over().into());
        }
        let issuing = cx.store().close_grant(&grant.close(cx.now())).await?;
        (issuing, error(&refusal(name))?)
    } else {
        let code = Secret::from_random(cx.random());
        let rules = &cx.registry().rules;
        let grant = grant.issue_code(browser, code.digest(Purpose::Code), rules, cx.now())?;
        let id_token = front_channel_id_token(cx, &grant, &code, &client).await?;
        let outgoing = destination.success(&code, id_token, cx.registry(), cx.now())?;
        (cx.store().issue_code(&grant).await?, outgoing)
    };
    match issuing {
        Issuing::Issued => cx.url(outgoing, &destination),
        Issuing::AlreadyDone => Err(over().into()),
        Issuing::Replayed => {
            let replayed =
                Rejection::invalid_request_object("the request object has been used", "RFC 9101 10.2");
            cx.url(error(&replayed)?, &destination)
        }
    }
}

/// The hybrid flow's detached signature (`RSP-02`).
async fn front_channel_id_token(
    cx: &Context,
    grant: &Grant,
    code: &Secret,
    client: &Client,
) -> Result<Option<String>, Failure> {
    let Stage::CodeIssued { authorization, .. } = &grant.stage else { return Ok(None) };
    if grant.request.response != ResponseKind::CodeIdToken {
        return Ok(None);
    }
    cx.joins(&authorization.person, client).await?;
    let hashes = Hashes { access_token: None, code: Some(code.expose()) };
    let claims = id_token(authorization, &grant.request, hashes, client, cx.registry(), cx.now())?;
    cx.id_token(&claims, client).map(Some)
}

async fn remembered(cx: &Context, grant: &Grant, visitor: &Visitor) -> Result<Option<Remembered>, Failure> {
    let Some(session) = &visitor.session else { return Ok(None) };
    Ok(cx.store().remembered(&session.id, &grant.client_id, &grant.incarnation).await?)
}

fn won(claim: Claim) -> Result<(), Failure> {
    match claim {
        Claim::Won => Ok(()),
        Claim::Taken => Err(over().into()),
    }
}

fn refusal(name: ErrorName) -> Rejection {
    let description = match name {
        ErrorName::AccessDenied => "the request was not approved",
        ErrorName::ConsentRequired => "consent is needed, and prompt is none",
        ErrorName::InteractionRequired => "interaction is needed, and prompt is none",
        ErrorName::InvalidAuthorizationDetails => {
            "a type of authorization_details is unknown or not registered for this client"
        }
        ErrorName::LoginRequired => "sign-in is needed, and prompt is none",
        ErrorName::UnmetAuthenticationRequirements => "the wished authentication was not reached",
    };
    Rejection::new(ErrorCode::from(name), description, fapi_core::Clause("OIDC Core 3.1.2.6"))
}

fn over() -> Rejection {
    Rejection::access_denied(
        "this sign-in is over or belongs to another browser: start again",
        "RFC 9700 4.7",
    )
}
