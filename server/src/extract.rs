//! What did the caller send? Parsed, not trusted.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use fapi_config::LONGEST_SEALED;
use fapi_core::certificate::PeerCertificate;
use fapi_core::client::Credentials;
use fapi_core::params::Params;
use fapi_core::rejection::Rejection;
use fapi_core::secret::{Digest, Purpose, Secret};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use crate::listen::Peer;

/// Bodies end here (`H-04`): a form with a request object fits many times over.
const LONGEST_FORM: usize = 64 * 1024;

/// A call of a program: its form, its credentials, its certificate.
#[derive(Debug)]
pub struct ClientRequest {
    /// The form.
    pub params: Params,
    /// Who it says it is, and with what proof.
    pub credentials: Credentials,
    /// The certificate of its connection.
    pub certificate: Option<PeerCertificate>,
    /// Its headers.
    pub headers: HeaderMap,
}

/// Why a body is no form.
#[derive(Debug)]
pub enum Unreadable {
    /// Over the limit: 413.
    TooLarge,
    /// Wrong type, or parameters that break the rules: 400.
    Rejected(Rejection),
}

impl From<Rejection> for Unreadable {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

impl ClientRequest {
    /// Reads a form post.
    ///
    /// # Errors
    /// Another content type (`TLS-14`), a duplicate parameter, a body that is too large.
    pub async fn read(request: Request) -> Result<Self, Unreadable> {
        let certificate = certificate(&request);
        let (parts, body) = request.into_parts();
        let params = form(&parts.headers, body).await?;
        let credentials =
            Credentials::new(&params, parts.headers.contains_key(header::AUTHORIZATION), certificate.clone());
        Ok(Self { params, credentials, certificate, headers: parts.headers })
    }
}

/// The certificate of the connection a request came in by.
pub fn certificate(request: &Request) -> Option<PeerCertificate> {
    request.extensions().get::<Peer>()?.certificate().cloned()
}

/// The values of every `DPoP` header (RFC 9449 4.1). One that is no text is no proof either.
pub fn proofs(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all("dpop").iter();
    values.map(|value| value.to_str().unwrap_or_default().to_owned()).collect()
}

/// The parameters of a GET query or a POST form.
///
/// # Errors
/// As [`ClientRequest::read`].
pub async fn query_or_form(request: Request) -> Result<Params, Unreadable> {
    if request.method() == Method::POST {
        let (parts, body) = request.into_parts();
        return form(&parts.headers, body).await;
    }
    Ok(Params::parse(request.uri().query().unwrap_or_default().as_bytes())?)
}

async fn form(headers: &HeaderMap, body: Body) -> Result<Params, Unreadable> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let description = "the content type must be application/x-www-form-urlencoded";
        return Err(Rejection::invalid_request(description, "RFC 6749 3.2").into());
    }
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(
            Rejection::invalid_request("compressed bodies are not accepted", "RFC 9110 15.5.16").into()
        );
    }
    let bytes = to_bytes(body, LONGEST_FORM).await.map_err(|_| Unreadable::TooLarge)?;
    Ok(Params::parse(&bytes)?)
}

/// The cookie that ties an interaction to one browser.
pub const BROWSER: &str = "__Host-fapi-browser";
/// The cookie of a sign-in session.
pub const SESSION: &str = "__Host-fapi-session";
/// The cookie of a browser in which somebody has signed in before (`B-08`).
pub const KNOWN: &str = "__Host-fapi-known";

/// One of our cookies.
///
/// # Errors
/// Two of the same name: somebody tossed one in (`B-12`).
pub fn cookie(headers: &HeaderMap, name: &str) -> Result<Option<Secret>, Rejection> {
    let mut found = None;
    for value in headers.get_all(header::COOKIE) {
        for pair in value.to_str().unwrap_or_default().split(';') {
            let Some((known, value)) = pair.trim().split_once('=') else { continue };
            if known != name {
                continue;
            }
            if found.is_some() {
                return Err(Rejection::invalid_request(
                    "a cookie was sent twice: clear the cookies of this site",
                    "RFC 6265 5.4",
                ));
            }
            found = Some(Secret::presented(value));
        }
    }
    Ok(found)
}

/// `Set-Cookie` for one of our cookies: never readable by scripts, never sent to other sites' forms.
pub fn set_cookie(name: &str, value: &Secret) -> String {
    format!("{name}={}; Path=/; Secure; HttpOnly; SameSite=Lax", value.expose())
}

/// As [`set_cookie`], for a cookie that outlives the browser's window: for half a year, as long as the key that sealed it is kept.
pub fn set_lasting_cookie(name: &str, value: &Secret) -> String {
    format!("{}; Max-Age={}", set_cookie(name, value), LONGEST_SEALED.as_seconds())
}

/// `Set-Cookie` that makes a browser forget one of our cookies.
pub fn unset_cookie(name: &str) -> String {
    format!("{name}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")
}

/// The digest of this browser's cookie.
///
/// # Errors
/// As [`cookie`].
pub fn browser(headers: &HeaderMap) -> Result<Option<Digest>, Rejection> {
    Ok(cookie(headers, BROWSER)?.map(|secret| secret.digest(Purpose::Browser)))
}

/// The header by which a client and a bank find the same call in both their logs (FAPI 1.0 Baseline 6.2.1-11).
pub const INTERACTION_ID: HeaderName = HeaderName::from_static("x-fapi-interaction-id");

/// What the caller calls this interaction, if that is a UUID; else a fresh one (`RS-05`).
#[expect(clippy::missing_panics_doc, reason = "digits and hyphens may stand in every header")]
pub fn interaction_id(headers: &HeaderMap, random: [u8; 16]) -> HeaderValue {
    let said = headers.get(INTERACTION_ID).filter(|said| is_uuid(said.as_bytes()));
    said.cloned().unwrap_or_else(|| {
        // RFC 9562 5.4: version 4, variant 10.
        let bits = u128::from_be_bytes(random) & !(0xf << 76) & !(0b11 << 62) | 0x4 << 76 | 0b10 << 62;
        let hex = format!("{bits:032x}");
        let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| hex.get(range).unwrap_or_default());
        HeaderValue::from_str(&parts.join("-")).expect("hexadecimal digits and hyphens may stand in a header")
    })
}

fn is_uuid(text: &[u8]) -> bool {
    let fits = |(at, byte): (usize, &u8)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.iter().enumerate().all(fits)
}

/// The languages a browser asks for, preferred first (RFC 9110 12.5.4).
pub fn accepted_languages(headers: &HeaderMap) -> Vec<String> {
    let header =
        headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut wishes: Vec<(f32, String)> = header
        .split(',')
        .take(16)
        .filter_map(|wish| {
            let mut parts = wish.split(';');
            let tag = parts.next()?.trim();
            let quality = parts.find_map(|part| part.trim().strip_prefix("q=")?.parse().ok()).unwrap_or(1.0);
            (!tag.is_empty() && tag != "*" && quality > 0.0).then(|| (quality, tag.to_owned()))
        })
        .collect();
    wishes.sort_by(|one, other| other.0.total_cmp(&one.0));
    wishes.into_iter().map(|(_, tag)| tag).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &HeaderName, values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_cookie_that_comes_twice_is_refused() {
        let one = headers(&header::COOKIE, &["a=1; __Host-fapi-session=x"]);
        assert_eq!(cookie(&one, SESSION).unwrap().unwrap().expose(), "x");
        for two in [
            &["__Host-fapi-session=x; __Host-fapi-session=y"][..],
            &["__Host-fapi-session=x", "__Host-fapi-session=y"],
        ] {
            assert!(cookie(&headers(&header::COOKIE, two), SESSION).is_err(), "B-12");
        }
        assert!(cookie(&one, BROWSER).unwrap().is_none());
    }

    #[test]
    fn an_interaction_is_called_what_the_caller_calls_it_or_gets_a_uuid() {
        let uuid = "c770aef3-6784-41f7-8E0E-ff5f97bddb3a";
        assert_eq!(interaction_id(&headers(&INTERACTION_ID, &[uuid]), [0; 16]), uuid, "RS-05");
        for other in ["", "1", "c770aef3-6784-41f7-8e0e_ff5f97bddb3a", "c770aef3-6784-41f7-8e0e-ff5f97bddb3g"]
        {
            let made = interaction_id(&headers(&INTERACTION_ID, &[other]), [255; 16]);
            assert_eq!(made, "ffffffff-ffff-4fff-bfff-ffffffffffff", "RS-05 {other}");
        }
        assert_eq!(
            interaction_id(&HeaderMap::new(), [0; 16]),
            "00000000-0000-4000-8000-000000000000",
            "RS-05"
        );
    }

    #[test]
    fn languages_come_in_order_of_preference() {
        let wishes = headers(&header::ACCEPT_LANGUAGE, &["en;q=0.5, pt-BR, *;q=0.1, de;q=0"]);
        assert_eq!(accepted_languages(&wishes), ["pt-BR", "en"]);
    }
}
