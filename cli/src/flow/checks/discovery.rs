//! What does the server say about itself? Its metadata (OpenID Connect Discovery, RFC 8414).

use std::fmt;

use serde_json::{Map, Value};
use url::Url;

use crate::flow::client::{AuthMethod, ResponseKind};
use crate::flow::findings::Findings;
use crate::flow::http::Answer;
use crate::flow::possession::Binding;

/// What the client is about to do: only what it needs is asked of the metadata.
#[derive(Clone, Copy, Debug)]
pub struct Intent<'a> {
    /// The issuer, byte for byte.
    pub issuer: &'a str,
    /// How the client authenticates.
    pub auth: AuthMethod,
    /// Which response it asks for.
    pub response: ResponseKind,
    /// The algorithm of the client's signatures.
    pub alg: &'a str,
    /// What it asks for.
    pub scope: &'a str,
    /// Whether it pushes its request; `None`: as the server likes.
    pub pushed: Option<bool>,
    /// What its tokens are bound to.
    pub binding: Binding,
}

/// Where things are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Metadata {
    /// For the browser.
    pub authorization: Url,
    /// For the client, as all that follow: on the host where certificates are asked for.
    pub token: Url,
    /// Where requests are pushed.
    pub par: Option<Url>,
    /// Who the person is.
    pub userinfo: Option<Url>,
    /// What a token is worth.
    pub introspection: Option<Url>,
    /// Where people sign out.
    pub end_session: Option<Url>,
    /// The server's keys.
    pub jwks: Url,
    /// Requests must be pushed.
    pub par_required: bool,
    /// Requests must be signed.
    pub signed_required: bool,
    /// Responses name their issuer (RFC 9207).
    pub issuer_is_promised: bool,
}

/// Members that are booleans (IANA, OAuth Authorization Server Metadata).
const BOOLEANS: [&str; 11] = [
    "authorization_response_iss_parameter_supported",
    "backchannel_logout_session_supported",
    "backchannel_logout_supported",
    "claims_parameter_supported",
    "frontchannel_logout_session_supported",
    "frontchannel_logout_supported",
    "request_parameter_supported",
    "request_uri_parameter_supported",
    "require_pushed_authorization_requests",
    "require_request_uri_registration",
    "tls_client_certificate_bound_access_tokens",
];

/// DSC-01 to DSC-27: the document. `twin` is what RFC 8414's address gave.
pub fn check(
    answer: &Answer,
    twin: &Answer,
    intent: Intent<'_>,
    findings: &mut Findings,
) -> Option<Metadata> {
    findings.hold_or(
        answer.status == 200 && answer.is("application/json"),
        "the metadata is JSON with status 200",
        "OpenID Connect Discovery 4.2",
        format!("{} {:?}", answer.status, answer.header("content-type")),
    );
    let document = match answer.json() {
        Some(Value::Object(members)) => Ok(Document(members)),
        _ => Err("something else"),
    };
    let document =
        findings.have(document, "it is one JSON object, no name twice", "OpenID Connect Discovery 4.2")?;

    let issuer = document.text("issuer");
    findings.hold_or(
        issuer == Some(intent.issuer),
        &format!("issuer is {}, byte for byte", intent.issuer),
        "OpenID Connect Discovery 4.3",
        super::quoted(issuer),
    );
    findings.hold_or(
        twin.json() == answer.json(),
        "the document of RFC 8414 says the same",
        "RFC 8414 3",
        twin.summary(),
    );
    document.check_types(findings);
    document.check_algorithms(intent, findings);
    document.check_responses(intent, findings);
    document.check_requests(intent, findings);
    document.check_clients(intent, findings);
    document.endpoints(findings)
}

struct Document(Map<String, Value>);

impl Document {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    fn is_true(&self, name: &str) -> bool {
        self.0.get(name) == Some(&Value::Bool(true))
    }

    fn list(&self, name: &str) -> List<'_> {
        let members = self.0.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        List(members.iter().filter_map(Value::as_str).collect())
    }

    /// DSC-05
    fn check_types(&self, findings: &mut Findings) {
        let strings = |list: &Vec<Value>| {
            !list.is_empty() && list.iter().all(|one| one.as_str().is_some_and(|text| !text.is_empty()))
        };
        let wrong: Vec<&str> = self
            .0
            .iter()
            .filter(|(name, value)| !match value {
                Value::Bool(_) => BOOLEANS.contains(&name.as_str()) || !name.ends_with("_supported"),
                Value::Array(list) => !BOOLEANS.contains(&name.as_str()) && strings(list),
                Value::String(text) => {
                    !text.is_empty() && !BOOLEANS.contains(&name.as_str()) && !name.ends_with("_supported")
                }
                Value::Object(_) => *name == "mtls_endpoint_aliases",
                Value::Null | Value::Number(_) => false,
            })
            .map(|(name, _)| name.as_str())
            .collect();
        findings.hold_or(wrong.is_empty(), "every member has its type", "RFC 8414 2", format!("{wrong:?}"));
    }

    /// KEY-04, DSC-11 to DSC-14
    fn check_algorithms(&self, intent: Intent<'_>, findings: &mut Findings) {
        let weak = |name: &&str| *name == "none" || name.starts_with("HS") || name.starts_with("RS");
        let lists = self.0.keys().filter(|name| name.contains("signing_alg"));
        let offering: Vec<&String> = lists.filter(|name| self.list(name).0.iter().any(weak)).collect();
        findings.hold_or(
            offering.is_empty(),
            "no list of signature algorithms has none, HS* or RS*",
            "FAPI 1.0 Part 2 8.6",
            format!("{offering:?}"),
        );
        let id_tokens = self.list("id_token_signing_alg_values_supported");
        findings.hold_or(
            ["PS256", "ES256", "EdDSA"].iter().any(|alg| id_tokens.has(alg)),
            "ID Tokens are signed with an algorithm of FAPI",
            "FAPI 1.0 Part 2 8.6, FAPI 2.0 Security Profile 5.4.1",
            &id_tokens,
        );
        let requests = self.list("request_object_signing_alg_values_supported");
        findings.hold_or(
            requests.has(intent.alg),
            &format!("request objects may be signed with {}", intent.alg),
            "OpenID Connect Discovery 3",
            &requests,
        );
    }

    /// DSC-07, DSC-08, DSC-09, DSC-24
    fn check_responses(&self, intent: Intent<'_>, findings: &mut Findings) {
        let (types, wanted) = (self.list("response_types_supported"), intent.response.response_type());
        findings.hold_or(
            types.has(wanted),
            &format!("the response type {wanted:?} is offered"),
            "FAPI 1.0 Part 2 5.2.2",
            &types,
        );
        if intent.response.is_jarm() {
            let modes = self.list("response_modes_supported");
            findings.hold_or(modes.has("jwt"), "the response mode jwt is offered", "JARM 4", &modes);
            let algorithms = self.list("authorization_signing_alg_values_supported");
            findings.hold_or(
                !algorithms.0.is_empty()
                    && algorithms.0.iter().all(|alg| ["PS256", "ES256", "EdDSA"].contains(alg)),
                "responses are signed with PS256 or ES256",
                "JARM 4",
                &algorithms,
            );
        }
        if intent.response == ResponseKind::Code {
            let promised = self.is_true("authorization_response_iss_parameter_supported");
            findings.hold(promised, "responses name their issuer", "FAPI 2.0 Security Profile 5.3.2.2");
        }
        if intent.response == ResponseKind::JarmEncrypted {
            let named = ["alg", "enc"]
                .map(|part| self.list(&format!("authorization_encryption_{part}_values_supported")));
            findings.hold(
                named.iter().all(|list| !list.0.is_empty()) && !named.iter().any(|list| list.has("RSA1_5")),
                "encrypted responses are offered",
                "JARM 4",
            );
        }
    }

    /// DSC-15, DSC-16, DSC-17, DSC-18, DSC-20, DSC-26
    fn check_requests(&self, intent: Intent<'_>, findings: &mut Findings) {
        let (offered, required) = (
            self.0.contains_key("pushed_authorization_request_endpoint"),
            self.is_true("require_pushed_authorization_requests"),
        );
        if intent.pushed.unwrap_or(offered) {
            findings.hold(offered, "requests can be pushed", "RFC 9126 5");
            let methods = self.list("code_challenge_methods_supported");
            findings.hold_or(
                methods.0 == ["S256"],
                "code challenges are made with S256 and nothing else",
                "FAPI 1.0 Part 2 5.2.2",
                &methods,
            );
        } else {
            findings.hold(
                self.is_true("request_parameter_supported") && !required,
                "request objects may come through the browser",
                "OpenID Connect Discovery 3",
            );
        }
        findings.hold(
            self.0.get("request_uri_parameter_supported") == Some(&Value::Bool(false)),
            "it fetches no request objects from elsewhere, and says so",
            "OpenID Connect Discovery 3",
        );
        let scopes = self.list("scopes_supported");
        findings.hold_or(
            intent.scope.split(' ').all(|scope| scopes.has(scope)),
            &format!("the scope {:?} is offered", intent.scope),
            "RFC 8414 2",
            &scopes,
        );
    }

    /// DSC-10, DSC-11, DSC-21, DSC-23, DSC-25, DSC-27
    fn check_clients(&self, intent: Intent<'_>, findings: &mut Findings) {
        let (methods, method) = (self.list("token_endpoint_auth_methods_supported"), intent.auth.as_str());
        let strong = ["private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"];
        findings.hold_or(
            methods.has(method) && methods.0.iter().all(|method| strong.contains(method)),
            &format!("clients authenticate with {method}, and with nothing weaker than that"),
            "FAPI 1.0 Part 2 5.2.2",
            &methods,
        );
        if intent.auth == AuthMethod::PrivateKeyJwt {
            let algorithms = self.list("token_endpoint_auth_signing_alg_values_supported");
            findings.hold_or(
                algorithms.has(intent.alg),
                &format!("assertions may be signed with {}", intent.alg),
                "RFC 8414 2",
                &algorithms,
            );
        }
        match intent.binding {
            Binding::Mtls => {
                let holds = self.is_true("tls_client_certificate_bound_access_tokens");
                findings.hold(holds, "access tokens are bound to certificates", "RFC 8705 3.3");
            }
            Binding::Dpop => {
                let algorithms = self.list("dpop_signing_alg_values_supported");
                let claim = "DPoP proofs may be signed with ES256";
                findings.hold_or(algorithms.has("ES256"), claim, "RFC 9449 5.1", &algorithms);
            }
        }
        let grants = self.list("grant_types_supported");
        findings.hold_or(
            grants.has("authorization_code") && !grants.has("password"),
            "codes can be redeemed, passwords cannot",
            "RFC 8414 2",
            &grants,
        );
        let subjects = self.list("subject_types_supported");
        findings.hold_or(
            subjects.has("public") || subjects.has("pairwise"),
            "it says how it names people",
            "OpenID Connect Discovery 3",
            &subjects,
        );
    }

    /// DSC-04, DSC-22, DSC-32
    fn endpoints(&self, findings: &mut Findings) -> Option<Metadata> {
        let aliases = self.0.get("mtls_endpoint_aliases").and_then(Value::as_object);
        let plain = self.0.iter().filter(|(name, _)| name.ends_with("_endpoint") || *name == "jwks_uri");
        let wrong: Vec<&str> = plain
            .chain(aliases.into_iter().flatten())
            .filter(|(_, value)| value.as_str().and_then(https).is_none())
            .map(|(name, _)| name.as_str())
            .collect();
        findings.hold_or(
            wrong.is_empty(),
            "every endpoint is an https address",
            "RFC 8414 2",
            format!("{wrong:?}"),
        );

        let at = |name: &str| self.text(name).and_then(https);
        // RFC 8705 5: a client that shows a certificate prefers the alias.
        let called = |name: &str| {
            aliases.and_then(|aliases| aliases.get(name)?.as_str()).and_then(https).or_else(|| at(name))
        };
        let metadata = (|| {
            Some(Metadata {
                authorization: at("authorization_endpoint")?,
                token: called("token_endpoint")?,
                par: called("pushed_authorization_request_endpoint"),
                userinfo: called("userinfo_endpoint"),
                introspection: called("introspection_endpoint"),
                end_session: at("end_session_endpoint"),
                jwks: at("jwks_uri")?,
                par_required: self.is_true("require_pushed_authorization_requests"),
                signed_required: self.is_true("require_signed_request_object"),
                issuer_is_promised: self.is_true("authorization_response_iss_parameter_supported"),
            })
        })();
        let metadata = findings.have(
            metadata.ok_or("not all of them"),
            "authorization, token and key addresses are there",
            "OpenID Connect Discovery 3",
        )?;
        let apart = metadata.token.origin() != metadata.authorization.origin();
        let complete = ["token_endpoint", "pushed_authorization_request_endpoint", "userinfo_endpoint"]
            .iter()
            .all(|name| {
                !self.0.contains_key(*name) || aliases.is_some_and(|aliases| aliases.contains_key(*name))
            });
        findings.hold(
            complete || aliases.is_none() && !apart,
            "what is called with a certificate has an address of its own (`mtls_endpoint_aliases`)",
            "RFC 8705 5",
        );
        findings.fact("mtls", metadata.token.origin().ascii_serialization());
        Some(metadata)
    }
}

fn https(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| url.scheme() == "https" && url.fragment().is_none())
}

/// The strings of a list.
struct List<'a>(Vec<&'a str>);

impl List<'_> {
    fn has(&self, wanted: &str) -> bool {
        self.0.contains(&wanted)
    }
}

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

#[cfg(test)]
#[path = "discovery_tests.rs"]
mod tests;
