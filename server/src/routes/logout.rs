//! Signing out (OpenID Connect RP-Initiated Logout 1.0), with a page between where anybody could have sent the browser.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use fapi_core::ids::GrantId;
use fapi_core::logout::{Decision, LogoutRequest};
use fapi_core::metadata::END_SESSION;
use fapi_core::params::Params;
use fapi_store::Session;
use http::{HeaderMap, Method, StatusCode, header};

use super::interaction::Visitor;
use super::login::{append_cookie, is_from_here, tampered};
use crate::app::App;
use crate::context::{Around, Context};
use crate::extract::{BROWSER, SESSION, query_or_form, unset_cookie};
use crate::failure::{Failure, no_store};
use crate::login;
use crate::pages::{LogoutForm, Page, Pages};
use crate::seal::Form;

/// Where the page between sends its form.
pub(super) const CONFIRM: &str = "/logout/confirm";

/// What a request may say; everything else is left behind.
const NAMES: [&str; 5] = ["client_id", "id_token_hint", "post_logout_redirect_uri", "state", "ui_locales"];

/// The `end_session_endpoint`, by GET and POST (`LGO-01`).
pub(super) async fn open(State(app): State<App>, request: Request) -> Response {
    let around = Around::of(&request);
    let posted = request.method() == Method::POST;
    let outcome = async {
        let cx = Context::begin(&app, &around)?;
        let params = query_or_form(request).await?;
        let asked = LogoutRequest::parse(&params, cx.registry())?;
        // SameSite=Lax: what another site posts comes without the session, as if nobody were signed in. By GET it comes with it.
        if posted {
            return Ok(Redirect::to(&by_get(&params)).into_response());
        }
        let visitor = Visitor::of(&around.headers, &cx).await?;
        match (asked.decide(visitor.person(), cx.registry()), visitor.session) {
            (Decision::Ask, Some(session)) => Ok(ask(&cx, &around.headers, &params, &asked, &session)),
            (Decision::End, Some(session)) => {
                let after = after(&cx, &around.headers, &asked, Way::Redirect);
                end(&cx, &session, after).await
            }
            _ => Ok(after(&cx, &around.headers, &asked, Way::Redirect)),
        }
    };
    Pages::render(&app, &around, "a sign-out", outcome.await).await
}

/// The person's answer.
pub(super) async fn confirm(State(app): State<App>, request: Request) -> Response {
    let around = Around::of(&request);
    let headers = &around.headers;
    let outcome = async {
        let cx = Context::begin(&app, &around)?;
        let params = query_or_form(request).await?;
        let asked = LogoutRequest::parse(&params, cx.registry())?;
        let visitor = Visitor::of(headers, &cx).await?;
        let Some(session) = visitor.session else { return Ok(after(&cx, headers, &asked, Way::Page)) };
        // LGO-07, B-01: the form of this session, from a page of ours.
        let token = params.get("csrf").unwrap_or_default();
        let page = GrantId::from_stored(session.sid.as_str());
        if !is_from_here(&cx, headers) || !cx.seal().opens(token, Form::Logout, &session.id, &page, cx.now())
        {
            return Err(tampered().into());
        }
        if params.get("decision") != Some("sign-out") {
            return Ok(Pages::of(&cx, headers, &asked.ui_locales).show(&Page::StillSignedIn, StatusCode::OK));
        }
        let after = after(&cx, headers, &asked, Way::Page);
        end(&cx, &session, after).await
    };
    Pages::render(&app, &around, "a sign-out", outcome.await).await
}

/// How the browser goes on to the client. Chromium applies a form's `form-action` to every hop after the post.
#[derive(Clone, Copy)]
enum Way {
    Page,
    Redirect,
}

fn ask(
    cx: &Context,
    headers: &HeaderMap,
    params: &Params,
    asked: &LogoutRequest,
    session: &Session,
) -> Response {
    let pages = Pages::of(cx, headers, &asked.ui_locales);
    let token =
        cx.seal().token(Form::Logout, &session.id, &GrantId::from_stored(session.sid.as_str()), cx.now());
    let person = login::called(cx.users(), session.person.subject.as_str());
    let client_name = asked.client().map(|client| client.name(pages.languages()).to_owned());
    let form = LogoutForm {
        token: &token,
        person: &person,
        client_name: client_name.as_deref().unwrap_or_default(),
        fields: said(params).collect(),
    };
    pages.show(&Page::Logout(form), StatusCode::OK)
}

/// The session is over, and the browser forgets it. What had begun in it is over too: nobody who comes next can finish it.
async fn end(cx: &Context, session: &Session, mut after: Response) -> Result<Response, Failure> {
    cx.store().close_session(&session.id, cx.telling()).await?;
    cx.app().notices().notify_one();
    append_cookie(&mut after, &unset_cookie(SESSION));
    append_cookie(&mut after, &unset_cookie(BROWSER));
    Ok(after)
}

/// On to the client that showed a hint, or a page that says that nobody is signed in (`LGO-04`).
fn after(cx: &Context, headers: &HeaderMap, asked: &LogoutRequest, way: Way) -> Response {
    let pages = Pages::of(cx, headers, &asked.ui_locales);
    match (asked.onward(), way) {
        (None, _) => pages.show(&Page::SignedOut, StatusCode::OK),
        (Some(url), Way::Page) => pages.show(&Page::Continue { url: &url }, StatusCode::OK),
        (Some(url), Way::Redirect) => {
            (StatusCode::SEE_OTHER, [(header::LOCATION, url)], no_store()).into_response()
        }
    }
}

fn by_get(params: &Params) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(said(params)).finish();
    format!("{END_SESSION}?{query}")
}

fn said(params: &Params) -> impl Iterator<Item = (&'static str, &str)> {
    NAMES.into_iter().filter_map(|name| Some((name, params.get(name)?)))
}
