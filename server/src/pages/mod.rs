//! What people see: sign-in, consent, the way back, errors. Server-rendered, without JavaScript, in the person's language.
//!
//! Everything reflected is escaped by the templates; there is no script and no inline style, and the policy allows none
//! (`B-05`, `AUT-16`).

mod details;
mod language;
mod template;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use fapi_core::consent::{Question, Standing};
use fapi_core::link::Links;
use fapi_core::logo::LogoId;
use fapi_core::rejection::ErrorCode;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::app::App;
use crate::context::{Around, Context};
use crate::extract::accepted_languages;
use crate::failure::{Failure, no_store};

/// Where the style sheet is.
pub const STYLE: &str = "/style.css";

/// One page.
#[derive(Debug)]
pub enum Page<'a> {
    /// What the person allowed. Ids: `consents`, `no-consents`, `withdrawn`, `withdraw-1`, ….
    Consents(ConsentsPage<'a>),
    /// May this client have what it asks for? Ids: `approve`, `deny`, and `detail-1` and so on for authorization details.
    Consent(ConsentForm<'a>),
    /// The way back to the client. Id: `continue`.
    Continue {
        /// Where to.
        url: &'a str,
    },
    /// Something went wrong. Ids: `error-code`, `request-id`.
    Error {
        /// The OAuth code.
        code: ErrorCode,
        /// One fixed sentence.
        description: &'static str,
        /// What the log knows, on a laptop only.
        detail: Option<&'a str>,
        /// What the log calls this request.
        request_id: &'a str,
    },
    /// Who are you? Ids: `username`, `password`, `login`.
    Login(LoginForm<'a>),
    /// Do you want to sign out? Ids: `sign-out`, `stay`.
    Logout(LogoutForm<'a>),
    /// Nobody is signed in any more. Id: `signed-out`.
    SignedOut,
    /// The person wants to stay. Id: `still-signed-in`.
    StillSignedIn,
}

/// The consent page's values.
#[derive(Debug)]
pub struct ConsentForm<'a> {
    /// The interaction.
    pub grant: &'a str,
    /// Its CSRF token.
    pub token: &'a str,
    /// Who is signed in, as they know themselves.
    pub person: &'a str,
    /// What is asked.
    pub question: &'a Question,
}

/// The values of the page of what a person allowed.
#[derive(Debug)]
pub struct ConsentsPage<'a> {
    /// Who is signed in, as they know themselves.
    pub person: &'a str,
    /// What they allowed, each with its CSRF token.
    pub consents: Vec<(&'a Standing, String)>,
    /// Whether there is more than is shown.
    pub more: bool,
    /// Whether one was just withdrawn.
    pub withdrawn: bool,
}

/// The sign-in page's values.
#[derive(Debug)]
pub struct LoginForm<'a> {
    /// The interaction; none where somebody signs in to see what they allowed.
    pub grant: Option<&'a str>,
    /// Its CSRF token.
    pub token: &'a str,
    /// What stands in the first field already.
    pub username: &'a str,
    /// For whom the person signs in.
    pub client_name: &'a str,
    /// The picture beside that name.
    pub logo: Option<&'a LogoId>,
    /// Why the page is shown again.
    pub problem: Option<Problem>,
}

/// The sign-out page's values.
#[derive(Debug)]
pub struct LogoutForm<'a> {
    /// The session's CSRF token.
    pub token: &'a str,
    /// Who is signed in, as they know themselves.
    pub person: &'a str,
    /// Who asks; empty if nobody says.
    pub client_name: &'a str,
    /// What came with the request, to be judged again with the answer.
    pub fields: Vec<(&'static str, &'a str)>,
}

/// Why a sign-in was not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Problem {
    /// Too many at once.
    Busy,
    /// Too many that were wrong (`B-08`).
    TooManyWrong,
    /// Nobody with this name and password.
    WrongCredentials,
}

/// The pages as one visitor sees them.
#[derive(Debug)]
pub struct Pages {
    languages: Vec<String>,
    brand: String,
    links: Links,
}

impl Pages {
    /// In the languages of the request (`ui_locales`), then of the browser, then of the Workspace.
    pub fn of(cx: &Context, headers: &HeaderMap, ui_locales: &[String]) -> Self {
        let wishes = ui_locales.iter().cloned().chain(accepted_languages(headers));
        let languages = wishes.chain(cx.registry().languages.iter().cloned()).collect();
        Self { languages, brand: cx.brand().to_owned(), links: cx.registry().links.clone() }
    }

    fn without_context(headers: &HeaderMap) -> Self {
        Self { languages: accepted_languages(headers), brand: String::new(), links: Links::default() }
    }

    /// The languages, most wanted first.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.languages.iter().map(String::as_str)
    }

    /// A page, with the headers that every page has.
    pub fn show(&self, page: &Page<'_>, status: StatusCode) -> Response {
        let words = language::choose(self.languages());
        let headers = || headers(page.has_pictures());
        match template::render(page, words, &self.brand, &self.links) {
            Ok(html) => {
                (status, headers(), no_store(), [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html)
                    .into_response()
            }
            // The templates are part of the binary and rendered by tests: this is a bug, and it must not look like success.
            Err(why) => {
                tracing::error!(%why, "Could not render a page");
                (StatusCode::INTERNAL_SERVER_ERROR, headers(), no_store(), "server_error").into_response()
            }
        }
    }

    /// The outcome of a page's route: a failure becomes an error page, and is logged here.
    pub async fn render(
        app: &App,
        around: &Around,
        doing: &str,
        outcome: Result<Response, Failure>,
    ) -> Response {
        let failure = match outcome {
            Ok(response) => return response,
            Err(failure) => failure,
        };
        let pages = match Context::begin(app, around) {
            Ok(cx) => {
                cx.note(&failure, doing).await;
                Self::of(&cx, &around.headers, &[])
            }
            Err(_) => Self::without_context(&around.headers),
        };
        pages.error(app, &failure, &around.request_id)
    }

    fn error(&self, app: &App, failure: &Failure, request_id: &str) -> Response {
        let rejection = failure.rejection();
        let detail = app.explains_errors().then(|| match failure {
            Failure::Unavailable(why) | Failure::Internal(why) => why.clone(),
            _ => format!("{rejection}"),
        });
        let page = Page::Error {
            code: rejection.code,
            description: rejection.description,
            detail: detail.as_deref(),
            request_id,
        };
        let mut response = self.show(&page, failure.page_status());
        failure.invite_back(&mut response);
        response
    }
}

/// `/error`: for whoever lands there by hand.
pub async fn error_page(State(app): State<App>, request: Request) -> Response {
    let nothing = fapi_core::Rejection::invalid_request(
        "nothing went wrong here: go back to the application",
        "RFC 6749 4.1.2.1",
    );
    Pages::render(&app, &Around::of(&request), "the error page", Err(nothing.into())).await
}

/// A path that does not exist at the front door.
pub async fn not_found(State(app): State<App>, request: Request) -> Response {
    let around = Around::of(&request);
    let pages = match Context::begin(&app, &around) {
        Ok(cx) => Pages::of(&cx, &around.headers, &[]),
        Err(_) => Pages::without_context(&around.headers),
    };
    let request_id = around.request_id;
    let description = "there is no such page";
    let page =
        Page::Error { code: ErrorCode::InvalidRequest, description, detail: None, request_id: &request_id };
    pages.show(&page, StatusCode::NOT_FOUND)
}

/// The one style sheet.
pub async fn style() -> Response {
    let kind = HeaderValue::from_static("text/css; charset=utf-8");
    let cache = HeaderValue::from_static("public, max-age=3600");
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, cache)], include_str!("templates/style.css"))
        .into_response()
}

impl Page<'_> {
    /// Whether it shows what a client looks like.
    fn has_pictures(&self) -> bool {
        match self {
            Self::Consents(page) => page.consents.iter().any(|(standing, _)| standing.logo.is_some()),
            Self::Consent(form) => form.question.logo.is_some(),
            Self::Login(form) => form.logo.is_some(),
            Self::Continue { .. }
            | Self::Error { .. }
            | Self::Logout(_)
            | Self::SignedOut
            | Self::StillSignedIn => false,
        }
    }
}

/// `AUT-16`, `B-04`, `B-06`, `P-17`: nothing is framed, nothing foreign is loaded, nothing leaks by Referer. Pictures only where
/// there are some; `data:` is the empty icon.
fn headers(pictures: bool) -> [(HeaderName, HeaderValue); 6] {
    let policy = if pictures {
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    } else {
        "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    };
    [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy)),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
        (
            HeaderName::from_static("permissions-policy"),
            HeaderValue::from_static("camera=(), geolocation=(), microphone=()"),
        ),
    ]
}
