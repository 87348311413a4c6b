//! Sign-in: who is this person?

use axum::extract::{Request, State};
use axum::response::Response;
use fapi_core::grant::{ErrorName, Grant, Person, Stage};
use fapi_core::ids::GrantId;
use fapi_core::params::Params;
use fapi_core::rejection::Rejection;
use fapi_core::secret::{Digest, Purpose, Secret};
use fapi_store::{Claim, Session};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tracing::info;

use super::interaction::{Arrival, Leave, Visitor, deny, proceed};
use crate::app::App;
use crate::context::{Around, Context};
use crate::extract::{BROWSER, KNOWN, SESSION, set_cookie, set_lasting_cookie};
use crate::failure::Failure;
use crate::guesses::Guesser;
use crate::login::{self, Attempt, Outcome};
use crate::pages::{LoginForm, Page, Pages, Problem};
use crate::seal::Form;

/// The sign-in page. Sets the cookie that ties the interaction to this browser.
pub(super) async fn show(State(app): State<App>, request: Request) -> Response {
    let around = Around::of(&request);
    let headers = &around.headers;
    let outcome = async {
        let Arrival { cx, visitor, grant, .. } = Arrival::of(&app, &around, request).await?;
        match &grant.stage {
            Stage::Opened { .. } if grant.interaction_until().is_some_and(|until| cx.now() <= until) => {
                let hint = grant.request.login_hint.clone().unwrap_or_default();
                Ok(page(&cx, headers, Occasion::Grant(&grant), &visitor, &hint, None))
            }
            _ => proceed(&cx, grant, &visitor, Leave::Redirect).await,
        }
    };
    Pages::render(&app, &around, "a sign-in page", outcome.await).await
}

/// The sign-in itself.
pub(super) async fn submit(State(app): State<App>, request: Request) -> Response {
    let around = Around::of(&request);
    let headers = &around.headers;
    let outcome = async {
        let arrival = Arrival::of(&app, &around, request).await?;
        genuine(&arrival, headers, Form::Login)?;
        let Arrival { cx, params, visitor, grant } = arrival;
        if params.get("cancel").is_some() {
            let grant = deny(&cx, grant, visitor.digest().as_ref(), ErrorName::AccessDenied).await?;
            return proceed(&cx, grant, &visitor, Leave::Page).await;
        }
        sign_in(&cx, &around, &params, grant, visitor).await
    };
    Pages::render(&app, &around, "a sign-in", outcome.await).await
}

async fn sign_in(
    cx: &Context,
    around: &Around,
    params: &Params,
    grant: Grant,
    mut visitor: Visitor,
) -> Result<Response, Failure> {
    let signed_in = match check(cx, around, params, Occasion::Grant(&grant), &mut visitor).await? {
        Checked::Page(page) => return Ok(page),
        Checked::SignedIn(signed_in) => signed_in,
    };
    let browser = visitor.digest().ok_or_else(tampered)?;
    let grant = grant.authenticate(browser, signed_in.person.clone(), cx.now())?;
    if cx.store().authenticate(&grant).await? == Claim::Taken {
        return Err(Rejection::access_denied(
            "this sign-in belongs to another browser: start again",
            "RFC 9700 4.7",
        )
        .into());
    }
    let mut response = proceed(cx, grant, &visitor, Leave::Page).await?;
    signed_in.keep_in(&mut response);
    Ok(response)
}

/// For what somebody signs in.
#[derive(Clone, Copy)]
pub(super) enum Occasion<'a> {
    /// To see what they allowed.
    Consents,
    /// To answer a client.
    Grant(&'a Grant),
}

impl Occasion<'_> {
    /// What the form's token is tied to beside the browser.
    pub(super) fn page(self) -> GrantId {
        match self {
            Self::Consents => GrantId::from_stored("consents"),
            Self::Grant(grant) => grant.id.clone(),
        }
    }
}

/// What a name and a password came to.
pub(super) enum Checked {
    /// The sign-in page again, which says why.
    Page(Response),
    /// A session has begun.
    SignedIn(SignedIn),
}

/// A session that has just begun.
pub(super) struct SignedIn {
    person: Person,
    cookies: [String; 2],
}

impl SignedIn {
    /// Gives the browser its cookies.
    pub(super) fn keep_in(&self, response: &mut Response) {
        for cookie in &self.cookies {
            append_cookie(response, cookie);
        }
    }
}

/// A name and a password, looked at as often as is allowed (`B-08`). If they are right, the visitor has a new session.
///
/// # Errors
/// 503 when the store cannot answer.
pub(super) async fn check(
    cx: &Context,
    around: &Around,
    params: &Params,
    occasion: Occasion<'_>,
    visitor: &mut Visitor,
) -> Result<Checked, Failure> {
    let headers = &around.headers;
    let username = params.get("username").unwrap_or_default().to_owned();
    let audit = Audit { cx, around, occasion, username: &username };
    let again = |visitor: &Visitor, problem| page(cx, headers, occasion, visitor, &username, Some(problem));

    // B-08: counted before anything is looked at.
    let known = visitor.known.as_ref();
    let is_known = known.is_some_and(|shown| cx.seal().is_acquainted(shown.expose(), &username));
    let guesser = Guesser { name: &username, address: around.remote, is_known };
    let guess = match cx.app().guesses().count(&guesser, cx.now()) {
        Ok(guess) => guess,
        Err(wait) => {
            audit.note("too_many_wrong");
            let mut response = again(visitor, Problem::TooManyWrong);
            *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_seconds()));
            return Ok(Checked::Page(response));
        }
    };
    let attempt = Attempt {
        username: username.clone(),
        password: Secret::presented(params.get("password").unwrap_or_default()),
    };
    let known = match login::check(cx.users(), attempt).await {
        Outcome::Known(known) => {
            cx.app().guesses().take_back(guess);
            audit.note("signed_in");
            known
        }
        Outcome::Unknown => {
            audit.note("wrong_password");
            return Ok(Checked::Page(again(visitor, Problem::WrongCredentials)));
        }
        Outcome::Busy => {
            cx.app().guesses().take_back(guess);
            return Ok(Checked::Page(again(visitor, Problem::Busy)));
        }
    };

    // B-02: a new session at every sign-in; the one before ends. To clients it is the same one, if the person is the same.
    let old = visitor.session.take();
    let same = old.as_ref().filter(|old| old.person.subject == known.subject).map(|old| old.sid.clone());
    let secret = Secret::from_random(cx.random());
    let lifetimes = &cx.registry().rules.lifetimes;
    let sid = same.unwrap_or_else(|| fapi_jose::b64::encode(cx.random::<16>()));
    let person =
        Person { subject: known.subject, auth_time: cx.now(), acr: known.acr, sid: Some(sid.clone()) };
    let session = Session {
        id: secret.digest(Purpose::Session),
        sid,
        person: person.clone(),
        idle_until: cx.now() + lifetimes.session_idle,
        absolute_until: cx.now() + lifetimes.session_absolute,
    };
    match old {
        None => cx.store().open_session(&session).await?,
        Some(old) => {
            cx.store().replace_session(&old.id, &session, cx.telling()).await?;
            cx.app().notices().notify_one();
        }
    }
    visitor.session = Some(session);
    let acquaintance = Secret::presented(cx.seal().acquaintance(&username));
    let cookies = [set_cookie(SESSION, &secret), set_lasting_cookie(KNOWN, &acquaintance)];
    Ok(Checked::SignedIn(SignedIn { person, cookies }))
}

/// What the log keeps of a sign-in (`B-08`).
struct Audit<'a> {
    cx: &'a Context,
    around: &'a Around,
    occasion: Occasion<'a>,
    username: &'a str,
}

impl Audit<'_> {
    /// One line, never with the password. The person is named by their identifier, and a name that nobody has is not named at
    /// all: people type passwords into that field.
    fn note(&self, outcome: &'static str) {
        let user = self.cx.users().and_then(|users| users.find(self.username));
        let subject = user.map_or("nobody", |user| user.sub.as_str());
        let remote = self.around.remote.map(|remote| remote.to_string()).unwrap_or_default();
        let client = match self.occasion {
            Occasion::Consents => "",
            Occasion::Grant(grant) => grant.client_id.as_str(),
        };
        info!(outcome, subject, client.id = client, %remote, "Sign-in: {outcome}");
    }
}

/// The sign-in page for this visitor, who gets a cookie that ties the form to their browser.
pub(super) fn page(
    cx: &Context,
    headers: &HeaderMap,
    occasion: Occasion<'_>,
    visitor: &Visitor,
    username: &str,
    problem: Option<Problem>,
) -> Response {
    let fresh = visitor.browser.is_none().then(|| Secret::from_random(cx.random()));
    let browser = visitor.digest().or_else(|| fresh.as_ref().map(|secret| secret.digest(Purpose::Browser)));
    let token = browser
        .map(|browser| cx.seal().token(Form::Login, &browser, &occasion.page(), cx.now()))
        .unwrap_or_default();
    let (grant, ui_locales) = match occasion {
        Occasion::Consents => (None, &[][..]),
        Occasion::Grant(grant) => (Some(grant), grant.request.ui_locales.as_slice()),
    };
    let client = grant.and_then(|grant| cx.registry().client(&grant.client_id));
    let pages = Pages::of(cx, headers, ui_locales);
    let client_name = client.map(|client| client.name(pages.languages()).to_owned()).unwrap_or_default();
    let form = LoginForm {
        grant: grant.map(|grant| grant.id.as_str()),
        token: &token,
        username,
        client_name: &client_name,
        logo: client.filter(|client| client.enabled()).and_then(|client| client.logo()),
        problem,
    };
    let mut response = pages.show(&Page::Login(form), StatusCode::OK);
    if let Some(secret) = fresh {
        append_cookie(&mut response, &set_cookie(BROWSER, &secret));
    }
    response
}

pub(super) fn append_cookie(response: &mut Response, cookie: &str) {
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

/// Whether a form is ours: its token, this browser, and no other origin (`B-01`, `AUT-16`).
///
/// # Errors
/// A page, never a redirect: somebody tampers.
pub(super) fn genuine(arrival: &Arrival, headers: &HeaderMap, form: Form) -> Result<(), Failure> {
    let Arrival { cx, params, visitor, grant } = arrival;
    is_ours(cx, headers, params, form, visitor.digest().as_ref(), &grant.id)
}

/// As [`genuine`], of a form for `page` in this browser.
///
/// # Errors
/// A page, never a redirect: somebody tampers.
pub(super) fn is_ours(
    cx: &Context,
    headers: &HeaderMap,
    params: &Params,
    form: Form,
    browser: Option<&Digest>,
    page: &GrantId,
) -> Result<(), Failure> {
    let browser = browser.ok_or_else(tampered)?;
    let token = params.get("csrf").unwrap_or_default();
    if !is_from_here(cx, headers) || !cx.seal().opens(token, form, browser, page, cx.now()) {
        return Err(tampered().into());
    }
    Ok(())
}

/// Whether a form was sent by a page of ours, as far as the browser says.
pub(super) fn is_from_here(cx: &Context, headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok());
    let foreign = origin.is_some_and(|origin| origin != cx.registry().issuer.as_str() && origin != "null");
    let crossed = headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
    !foreign && !crossed
}

pub(super) fn tampered() -> Rejection {
    let description = "this form does not belong to this browser: allow cookies, go back to the application and start again";
    Rejection::invalid_request(description, "RFC 9700 4.7")
}
