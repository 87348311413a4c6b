//! Consent: does this person agree?

use axum::extract::{Request, State};
use axum::response::Response;
use fapi_core::consent::{is_remembered, question};
use fapi_core::grant::{ErrorName, Stage};
use fapi_core::interaction::Step;
use fapi_core::rejection::Rejection;
use fapi_store::Claim;
use http::StatusCode;

use super::interaction::{Arrival, Leave, deny, proceed};
use super::login::genuine;
use crate::app::App;
use crate::context::Around;
use crate::failure::Failure;
use crate::login;
use crate::pages::{ConsentForm, Page, Pages};
use crate::seal::Form;

/// The consent page: what is asked, by whom, of whom (`AUT-13`).
pub(super) async fn show(State(app): State<App>, request: Request) -> Response {
    let around = Around::of(&request);
    let headers = &around.headers;
    let outcome = async {
        let Arrival { cx, visitor, grant, .. } = Arrival::of(&app, &around, request).await?;
        let asked =
            fapi_core::interaction::next(cx.registry(), &grant, None, None, cx.now()) == Step::Consent;
        if !asked {
            return proceed(&cx, grant, &visitor, Leave::Redirect).await;
        }
        let browser = visitor.digest().ok_or_else(elsewhere)?;
        if !matches!(&grant.stage, Stage::Authenticated { browser: owner, .. } if owner.matches(&browser)) {
            return Err(elsewhere().into());
        }
        let client =
            cx.registry().client(&grant.client_id).filter(|client| client.enabled()).ok_or_else(elsewhere)?;
        let pages = Pages::of(&cx, headers, &grant.request.ui_locales);
        let languages: Vec<&str> = pages.languages().collect();
        let question = question(&grant, client, cx.registry(), &languages, cx.now()).ok_or_else(elsewhere)?;
        let token = cx.seal().token(Form::Consent, &browser, &grant.id, cx.now());
        let person = login::called(cx.users(), &question.subject);
        let form =
            ConsentForm { grant: grant.id.as_str(), token: &token, person: &person, question: &question };
        Ok(pages.show(&Page::Consent(form), StatusCode::OK))
    };
    Pages::render(&app, &around, "a consent page", outcome.await).await
}

/// The person's answer.
pub(super) async fn submit(State(app): State<App>, request: Request) -> Response {
    let around = Around::of(&request);
    let outcome = async {
        let arrival = Arrival::of(&app, &around, request).await?;
        genuine(&arrival, &around.headers, Form::Consent)?;
        let Arrival { cx, params, visitor, grant } = arrival;
        let browser = visitor.digest().ok_or_else(elsewhere)?;
        let grant = match params.get("decision") {
            Some("approve") => {
                let scope = grant.request.scope.clone();
                // AUT-17: somebody else may have signed in since, in another tab. They have agreed to nothing.
                let same_session = matches!(&grant.stage, Stage::Authenticated { person, .. }
                    if visitor.session.as_ref().is_some_and(|session| session.person == *person));
                let grant = grant.consent(&browser, &scope, &cx.registry().rules, cx.now())?;
                if cx.store().consent(&grant).await? == Claim::Taken {
                    return Err(elsewhere().into());
                }
                let remembered = same_session && is_remembered(&grant);
                if let Some(session) = visitor.session.as_ref().filter(|_| remembered) {
                    cx.store()
                        .remember_consent(&session.id, &grant.client_id, &grant.incarnation, &scope)
                        .await?;
                }
                grant
            }
            Some("deny") => deny(&cx, grant, Some(&browser), ErrorName::AccessDenied).await?,
            _ => {
                return Err(Failure::from(Rejection::invalid_request(
                    "choose to allow or to deny",
                    "RFC 6749 4.1.1",
                )));
            }
        };
        proceed(&cx, grant, &visitor, Leave::Page).await
    };
    Pages::render(&app, &around, "a consent", outcome.await).await
}

fn elsewhere() -> Rejection {
    Rejection::access_denied(
        "this sign-in is over or belongs to another browser: start again",
        "RFC 9700 4.7",
    )
}
