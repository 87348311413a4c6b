//! The endpoints. One file each: load, ask core, store, answer.
//!
//! | step | `/par` | `/authorize` | `/login` | `/consent` | `/continue` | `/token` | `/userinfo` | `/introspect` | `/revoke` | `/logout` | `/consents` |
//! |---|---|---|---|---|---|---|---|---|---|---|---|
//! | authenticate the client | ● | | | | | ● | | ● | ● | | |
//! | bind to its key | | | | | | ● | ● | | | | |
//! | parse the request | ● | by value | | | | ● | | ● | ● | ● | |
//! | belong to this browser | | | ● | ● | ● | | | | | ● | ● |
//! | ask `interaction::next` | | ● | ● | ● | ● | | | | | | |
//! | issue a code | | ● | | | ● | | | | | | |
//! | check an access token | | | | | | | ● | ● | ● | | |

mod authorize;
mod consent;
mod consents;
mod discovery;
mod interaction;
mod introspect;
mod login;
mod logo;
mod logout;
mod par;
mod revoke;
mod token;
mod userinfo;

use axum::Router;
use axum::routing::{any, get, post};
use fapi_core::client::Endpoint;
use fapi_core::metadata;

use crate::app::App;
use crate::failure::{method_not_allowed, not_found};
use crate::listen::Routers;
use crate::pages;

/// Everything behind the two doors.
pub fn all(app: &App) -> Routers {
    Routers { front: front(app.clone()), back: back(app.clone()) }
}

/// What browsers open.
fn front(app: App) -> Router {
    Router::new()
        .route(metadata::AUTHORIZE, get(authorize::open).post(authorize::open))
        .route("/login", get(login::show).post(login::submit))
        .route("/consent", get(consent::show).post(consent::submit))
        .route(consents::PATH, get(consents::show).post(consents::withdraw))
        .route(consents::SIGN_IN, post(consents::sign_in))
        .route("/continue", get(interaction::leave))
        .route(metadata::END_SESSION, get(logout::open).post(logout::open))
        .route(logout::CONFIRM, post(logout::confirm))
        .route("/error", get(pages::error_page))
        .route(pages::STYLE, get(pages::style))
        .route(&format!("{}{{file}}", fapi_core::logo::PATH), get(logo::show))
        .route(metadata::OPENID_CONFIGURATION, get(discovery::document))
        .route(metadata::AUTHORIZATION_SERVER, get(discovery::document))
        .route(metadata::JWKS, get(discovery::jwks))
        .fallback(pages::not_found)
        .with_state(app)
}

/// What programs call.
fn back(app: App) -> Router {
    Router::new()
        .route(Endpoint::Par.path(), post(par::post).fallback(|| async { method_not_allowed("POST") }))
        .route(Endpoint::Token.path(), post(token::post).fallback(|| async { method_not_allowed("POST") }))
        .route(
            Endpoint::Introspection.path(),
            post(introspect::post).fallback(|| async { method_not_allowed("POST") }),
        )
        .route(
            Endpoint::Revocation.path(),
            post(revoke::post).fallback(|| async { method_not_allowed("POST") }),
        )
        .route(
            metadata::USERINFO,
            get(userinfo::answer)
                .post(userinfo::answer)
                .fallback(|| async { method_not_allowed("GET, POST") }),
        )
        .fallback(any(|| async { not_found() }))
        .with_state(app)
}
