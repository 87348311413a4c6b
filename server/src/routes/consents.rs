//! What did I allow, and how do I end it? A person sees what goes on in their name, and withdraws it (`REV-05`).
//!
//! Nobody is sent here by a client: there is no interaction, only a session. The form of each grant is tied to the session and to
//! that grant; the store ends it if it is this person's.

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use fapi_core::consent::{Standing, oldest_without_refresh, standing};
use fapi_core::ids::GrantId;
use fapi_store::{Session, Withdrawal};
use http::{HeaderMap, StatusCode};
use tracing::info;

use super::interaction::Visitor;
use super::login::{Checked, Occasion, check, is_ours, page};
use crate::app::App;
use crate::context::{Around, Context};
use crate::extract::query_or_form;
use crate::failure::Failure;
use crate::login;
use crate::pages::{ConsentsPage, Page, Pages};
use crate::seal::Form;

/// Where the page is.
pub(super) const PATH: &str = "/consents";

/// Where its sign-in form goes.
pub(super) const SIGN_IN: &str = "/consents/sign-in";

/// As many as one page shows.
const SHOWN: u32 = 100;

/// The page, or the sign-in before it.
pub(super) async fn show(State(app): State<App>, request: Request) -> Response {
    let around = Around::of(&request);
    let headers = &around.headers;
    let outcome = async {
        let cx = Context::begin(&app, &around)?;
        let visitor = Visitor::of(headers, &cx).await?;
        match &visitor.session {
            Some(session) => list(&cx, headers, session, false).await,
            None => Ok(page(&cx, headers, Occasion::Consents, &visitor, "", None)),
        }
    };
    Pages::render(&app, &around, "a page of consents", outcome.await).await
}

/// The sign-in before the page: as any other, under the same limits.
pub(super) async fn sign_in(State(app): State<App>, request: Request) -> Response {
    let around = Around::of(&request);
    let headers = &around.headers;
    let outcome = async {
        let cx = Context::begin(&app, &around)?;
        let params = query_or_form(request).await?;
        let mut visitor = Visitor::of(headers, &cx).await?;
        let here = Occasion::Consents.page();
        is_ours(&cx, headers, &params, Form::Login, visitor.digest().as_ref(), &here)?;
        Ok(match check(&cx, &around, &params, Occasion::Consents, &mut visitor).await? {
            Checked::Page(page) => page,
            Checked::SignedIn(signed_in) => {
                let mut response = Redirect::to(PATH).into_response();
                signed_in.keep_in(&mut response);
                response
            }
        })
    };
    Pages::render(&app, &around, "a sign-in", outcome.await).await
}

/// Ends one.
pub(super) async fn withdraw(State(app): State<App>, request: Request) -> Response {
    let around = Around::of(&request);
    let headers = &around.headers;
    let outcome = async {
        let cx = Context::begin(&app, &around)?;
        let params = query_or_form(request).await?;
        let visitor = Visitor::of(headers, &cx).await?;
        // The session has ended since: sign in, and look again.
        let Some(session) = &visitor.session else { return Ok(Redirect::to(PATH).into_response()) };
        let grant = params.required("grant", "grant is missing", "RFC 9700 4.7")?;
        let grant = GrantId::from_stored(grant);
        is_ours(&cx, headers, &params, Form::Withdraw, Some(&session.id), &grant)?;

        let subject = &session.person.subject;
        let until = cx.last_access_token();
        let withdrawn = match cx.store().withdraw(&grant, subject, cx.now(), until).await? {
            Withdrawal::NotTheirs => false,
            Withdrawal::Withdrawn(client) => {
                let remote = around.remote.map(|remote| remote.to_string()).unwrap_or_default();
                info!(%grant, %subject, client.id = %client, %remote, "Consent: withdrawn");
                true
            }
        };
        list(&cx, headers, session, withdrawn).await
    };
    Pages::render(&app, &around, "a withdrawal of consent", outcome.await).await
}

async fn list(
    cx: &Context,
    headers: &HeaderMap,
    session: &Session,
    withdrawn: bool,
) -> Result<Response, Failure> {
    // Whoever uses a session is not idle.
    cx.store().touch(&session.id, cx.now() + cx.registry().rules.lifetimes.session_idle).await?;
    let recent = oldest_without_refresh(cx.registry(), cx.now());
    let held = cx.store().held(&session.person.subject, recent, SHOWN + 1, cx.now()).await?;
    let pages = Pages::of(cx, headers, &[]);
    let languages: Vec<&str> = pages.languages().collect();
    let more = held.len() > SHOWN as usize;
    let standing: Vec<Standing> = held
        .iter()
        .take(SHOWN as usize)
        .filter_map(|held| standing(&held.grant, held.refreshable, cx.registry(), &languages, cx.now()))
        .collect();
    let consents = standing
        .iter()
        .map(|standing| (standing, cx.seal().token(Form::Withdraw, &session.id, &standing.grant, cx.now())))
        .collect();
    let person = login::called(cx.users(), session.person.subject.as_str());
    let shown = ConsentsPage { person: &person, consents, more, withdrawn };
    Ok(pages.show(&Page::Consents(shown), StatusCode::OK))
}
