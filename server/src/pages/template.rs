//! The templates: part of the binary, escaped by default.

use std::sync::LazyLock;

use fapi_core::Timestamp;
use fapi_core::consent::{Item, Standing};
use fapi_core::link::{Link, Links};
use fapi_core::logo::LogoId;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

use super::details;
use super::language::Words;
use super::{ConsentsPage, Page, Problem};

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    // By name would be by ending: nothing here is ever unescaped.
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    for (name, source) in [
        ("layout", include_str!("templates/layout.html")),
        ("consent", include_str!("templates/consent.html")),
        ("consents", include_str!("templates/consents.html")),
        ("continue", include_str!("templates/continue.html")),
        ("details", include_str!("templates/details.html")),
        ("error", include_str!("templates/error.html")),
        ("login", include_str!("templates/login.html")),
        ("logout", include_str!("templates/logout.html")),
        ("signed_out", include_str!("templates/signed_out.html")),
    ] {
        environment
            .add_template(name, source)
            .expect("templates are part of the binary: parsed by every test of this module");
    }
    environment
});

/// The HTML of a page.
pub(super) fn render(
    page: &Page<'_>,
    words: &Words,
    brand: &str,
    links: &Links,
) -> Result<String, minijinja::Error> {
    let (name, values) = match page {
        Page::Login(form) => {
            let problem = form.problem.map(|problem| match problem {
                Problem::Busy => words.busy,
                Problem::TooManyWrong => words.too_many_wrong,
                Problem::WrongCredentials => words.wrong_credentials,
            });
            let values = context! {
                grant => form.grant.unwrap_or_default(), token => form.token, username => form.username, client => form.client_name,
                logo => picture(form.logo),
                problem => problem.unwrap_or_default(),
            };
            ("login", values)
        }
        Page::Consent(form) => {
            let question = form.question;
            let items = items(&question.items, words);
            let values = context! {
                grant => form.grant, token => form.token, client => question.client_name.as_str(), host => question.redirect_host.as_str(),
                logo => picture(question.logo.as_ref()),
                person => form.person, items => items, details => details::values(&question.details, words), ends => day(question.ends),
                website => question.client_uri.as_deref().unwrap_or_default(),
                policy => question.policy_uri.as_deref().unwrap_or_default(), terms => question.tos_uri.as_deref().unwrap_or_default(),
            };
            ("consent", values)
        }
        Page::Consents(page) => ("consents", consents(page, words)),
        Page::Logout(form) => {
            let fields: Vec<_> =
                form.fields.iter().map(|(name, value)| context! { name => *name, value => *value }).collect();
            let values = context! {
                token => form.token, person => form.person, client => form.client_name, fields => fields,
            };
            ("logout", values)
        }
        Page::SignedOut => (
            "signed_out",
            context! { id => "signed-out", title => words.signed_out, text => words.signed_out_text },
        ),
        Page::StillSignedIn => {
            let (title, text) = (words.still_signed_in, words.still_signed_in_text);
            ("signed_out", context! { id => "still-signed-in", title => title, text => text })
        }
        Page::Continue { url } => ("continue", context! { url => *url }),
        Page::Error { code, description, detail, request_id } => {
            let values = context! {
                code => code.as_str(), description => *description, detail => detail.unwrap_or_default(), request => *request_id,
            };
            ("error", values)
        }
    };
    let leads = |link: &Option<Link>| link.as_ref().map(|link| link.as_str().to_owned()).unwrap_or_default();
    let all = context! {
        w => minijinja::Value::from(minijinja::value::Serde(words)), brand => brand,
        bank_support => leads(&links.support), bank_policy => leads(&links.policy), bank_terms => leads(&links.terms),
        ..values
    };
    TEMPLATES.get_template(name)?.render(all)
}

/// The name of the picture, which the templates put below `/logos/`; empty for none.
fn picture(logo: Option<&LogoId>) -> &str {
    logo.map(LogoId::as_str).unwrap_or_default()
}

/// What is asked for, in words where there are some.
fn items(items: &[Item], words: &Words) -> Vec<minijinja::Value> {
    let item = |item: &Item| {
        let said = item.description.as_deref().or_else(|| words.scope(&item.scope));
        context! { text => said.unwrap_or(&item.scope), scope => item.scope.as_str() }
    };
    items.iter().map(item).collect()
}

fn day(time: Timestamp) -> String {
    time.to_string().split('T').next().unwrap_or_default().to_owned()
}

fn consents(page: &ConsentsPage<'_>, words: &Words) -> minijinja::Value {
    let consent = |(standing, token): &(&Standing, String)| {
        context! {
            grant => standing.grant.as_str(), token => token.as_str(), client => standing.client_name.as_str(),
            logo => picture(standing.logo.as_ref()),
            client_id => standing.client_id.as_str(), items => items(&standing.items, words),
            details => details::values(&standing.details, words),
            resource => standing.resource.as_deref().unwrap_or_default(),
            since => day(standing.since), ends => day(standing.ends),
        }
    };
    let consents: Vec<_> = page.consents.iter().map(consent).collect();
    context! { person => page.person, consents => consents, more => page.more, withdrawn => page.withdrawn }
}

#[cfg(test)]
mod tests {
    use fapi_core::consent::Question;
    use fapi_core::details::{Detail, Field, Shown};
    use fapi_core::ids::GrantId;
    use fapi_core::rejection::ErrorCode;

    use super::super::language::ALL;
    use super::super::{ConsentForm, LoginForm, LogoutForm};
    use super::*;

    const HOSTILE: &str = "\"><script>alert(1)</script>'&";

    fn question(name: &str) -> Question {
        Question {
            client_name: name.into(),
            client_id: "c".into(),
            logo: Some(LogoId::of(name.as_bytes())),
            redirect_host: name.into(),
            client_uri: Some("https://app.example/about".into()),
            policy_uri: Some("https://app.example/policy".into()),
            tos_uri: None,
            subject: name.into(),
            details: vec![Detail {
                name: name.into(),
                label: Some(name.into()),
                note: Some(name.into()),
                fields: vec![Field {
                    name: name.into(),
                    label: None,
                    note: Some(name.into()),
                    value: Shown::Fields(vec![Field {
                        name: name.into(),
                        label: Some(name.into()),
                        note: None,
                        value: Shown::List(vec![Shown::Text(name.into()), Shown::Flag(true), Shown::Nothing]),
                    }]),
                }],
            }],
            items: vec![
                Item { scope: "openid".into(), description: None },
                Item { scope: name.into(), description: Some(name.into()) },
            ],
            ends: Timestamp::from_unix(1_800_000_000),
        }
    }

    fn every_page(text: &str) -> Vec<String> {
        let question = question(text);
        let standing = Standing {
            grant: GrantId::from_stored(text),
            client_name: text.into(),
            client_id: text.into(),
            logo: question.logo.clone(),
            items: question.items.clone(),
            details: question.details.clone(),
            resource: Some(text.into()),
            since: Timestamp::from_unix(1_700_000_000),
            ends: Timestamp::from_unix(1_800_000_000),
        };
        let allowed = |consents, more, withdrawn| {
            Page::Consents(ConsentsPage { person: text, consents, more, withdrawn })
        };
        let pages = [
            allowed(vec![(&standing, text.to_owned())], true, false),
            allowed(Vec::new(), false, true),
            Page::Login(LoginForm {
                grant: None,
                token: text,
                username: text,
                client_name: "",
                logo: None,
                problem: None,
            }),
            Page::Login(LoginForm {
                grant: Some(text),
                token: text,
                username: text,
                client_name: text,
                logo: question.logo.as_ref(),
                problem: Some(Problem::WrongCredentials),
            }),
            Page::Consent(ConsentForm { grant: text, token: text, person: text, question: &question }),
            Page::Logout(LogoutForm {
                token: text,
                person: text,
                client_name: text,
                fields: vec![("state", text)],
            }),
            Page::SignedOut,
            Page::StillSignedIn,
            Page::Continue { url: text },
            Page::Error {
                code: ErrorCode::InvalidRequest,
                description: "a fixed sentence",
                detail: Some(text),
                request_id: text,
            },
        ];
        let link = |name: &str| Link::parse(&format!("https://bank.example/{name}")).ok();
        let links = Links { policy: link("privacy"), support: link("help"), terms: link("terms") };
        ALL.into_iter()
            .flat_map(|words| {
                pages.iter().map(|page| render(page, words, text, &links).unwrap()).collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn nothing_reflected_can_become_markup() {
        for html in every_page(HOSTILE) {
            assert!(!html.contains("<script"), "B-05 {html}");
            assert!(!html.contains(HOSTILE), "B-05 {html}");
            assert!(html.contains("&lt;script&gt;"), "it is shown, escaped");
        }
    }

    #[test]
    fn pages_have_a_language_a_title_and_no_script_or_inline_style() {
        for html in every_page("plain") {
            assert!(html.contains("<html lang=\"") && html.contains("<title>"), "{html}");
            assert!(
                !html.contains("style=") && !html.contains("<style") && !html.contains("javascript:"),
                "AUT-16"
            );
        }
    }

    /// `B-06`: of this origin, in a box whose size is known before it is there, and without a text of its own: the name is beside it.
    #[test]
    fn a_picture_stands_beside_the_name_on_three_pages() {
        let expected = format!(
            "<img class=\"logo\" src=\"{}\" width=\"48\" height=\"48\" alt=\"\">",
            LogoId::of(b"x").path()
        );
        let shown = every_page("x").iter().filter(|html| html.contains(&expected)).count();
        assert_eq!(shown, 3 * ALL.into_iter().count(), "B-06");
        assert!(every_page("x").iter().all(|html| html.matches("<img").count() <= 1), "B-06");
    }

    #[test]
    fn forms_have_the_ids_that_automated_browsers_count_on() {
        let pages = every_page("x");
        for id in [
            "username",
            "password",
            "login",
            "approve",
            "deny",
            "continue",
            "error-code",
            "request-id",
            "sign-out",
            "stay",
            "signed-out",
            "still-signed-in",
            "consents",
            "no-consents",
            "withdraw-1",
            "withdrawn",
            "what-i-allowed",
            "detail-1",
            "bank-support",
            "bank-policy",
            "bank-terms",
        ] {
            assert!(pages.iter().any(|html| html.contains(&format!("id=\"{id}\""))), "AUT-18 {id}");
        }
    }
}
