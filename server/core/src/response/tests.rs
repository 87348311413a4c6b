//! How answers travel (requirements section 10).

use serde_json::Value;
use url::Url;

use super::{Destination, Outgoing};
use crate::fixture::{CALLBACK, ISSUER, NOON, Workspace, authenticated, fintech};
use crate::profile::{ProfileName, Response};
use crate::redirect::RedirectUri;
use crate::registry::Registry;
use crate::rejection::Rejection;
use crate::secret::Secret;

fn to(registry: &Registry, response: Response, state: Option<&str>) -> Destination {
    let app = authenticated(registry, "app");
    Destination::new(&app, RedirectUri::parse(CALLBACK).unwrap(), response, state.map(ToOwned::to_owned))
}

fn denied() -> Rejection {
    Rejection::access_denied("the request was not approved", "RFC 6749 4.1.2.1")
}

fn plain(outgoing: Outgoing) -> Url {
    let Outgoing::Plain(url) = outgoing else { panic!("JARM") };
    Url::parse(&url).unwrap()
}

#[test]
fn a_jarm_response_is_one_parameter() {
    let registry = fintech().build();
    let outgoing = to(&registry, Response::CodeJarm, Some("s"))
        .success(&Secret::presented("c"), None, &registry, NOON)
        .unwrap();
    let Outgoing::Jarm(jarm) = outgoing else { panic!("plain") };
    let get = |name: &str| jarm.claims.get(name).cloned().unwrap_or(Value::Null);
    assert_eq!((get("iss"), get("aud")), (ISSUER.into(), "app".into()), "RSP-07");
    assert_eq!((get("code"), get("state")), ("c".into(), "s".into()), "RSP-07");
    assert_eq!(get("exp"), NOON.as_unix() + 300, "RSP-07: at most 10 minutes, more than 10 seconds");
    assert_eq!(jarm.url("the.signed.jwt"), format!("{CALLBACK}&response=the.signed.jwt"), "RSP-06, AUT-05");
}

#[test]
fn jarm_errors_are_jarm_too() {
    let registry = fintech().build();
    let Outgoing::Jarm(jarm) =
        to(&registry, Response::CodeJarm, None).error(&denied(), &registry, NOON).unwrap()
    else {
        panic!()
    };
    let mut names: Vec<&str> = jarm.claims.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["aud", "error", "error_description", "exp", "iss"], "RSP-08, AUT-12, RSP-04");
}

#[test]
fn a_hybrid_response_stands_in_the_fragment() {
    let registry = fintech().hybrid_too().build();
    let hybrid = to(&registry, Response::CodeIdToken, Some("s"));
    let url =
        plain(hybrid.success(&Secret::presented("c"), Some("id.to.ken".into()), &registry, NOON).unwrap());
    assert_eq!(url.query(), Some("dummy1=lorem&dummy2=ipsum"), "RSP-01, AUT-05: nothing added to the query");
    assert_eq!(
        url.fragment(),
        Some("code=c&state=s&iss=https%3A%2F%2Fauth.bank.example&id_token=id.to.ken"),
        "RSP-01, RSP-13"
    );
    let url = plain(hybrid.error(&denied(), &registry, NOON).unwrap());
    assert!(url.fragment().unwrap().starts_with("error=access_denied&"), "RSP-01, AUT-12");
}

#[test]
fn a_fapi_2_response_stands_in_the_query_with_iss() {
    let registry = Workspace::new(ProfileName::FAPI2Security).build();
    let url = plain(
        to(&registry, Response::Code, Some("s"))
            .success(&Secret::presented("c"), None, &registry, NOON)
            .unwrap(),
    );
    let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    assert!(
        query.contains(&("iss".into(), ISSUER.into())) && query.contains(&("code".into(), "c".into())),
        "RSP-05, AUT-22, F2-R08"
    );
    assert_eq!(url.fragment(), None, "RSP-05");
}

#[test]
fn a_state_of_any_characters_comes_back_unchanged() {
    let registry = Workspace::new(ProfileName::FAPI2Security).build();
    let odd = "a b&c=d#e%20\u{e9}\"\n";
    let url = plain(to(&registry, Response::Code, Some(odd)).error(&denied(), &registry, NOON).unwrap());
    let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    assert_eq!(state, odd, "AUT-07");
}
