//! Of whom does an ID Token speak that a client hands back to us (`id_token_hint`)?

use fapi_jose::Unverified;

use crate::client::Client;
use crate::registry::Registry;
use crate::rejection::Rejection;

/// The person, as this client knows them. An ID Token that has expired still says so (OpenID Connect Core 3.1.2.1), one whose
/// key is no longer published does not.
///
/// # Errors
/// `invalid_request`: not ours, not for this client, or not an ID Token (`KEY-04`, `KEY-11`).
pub fn subject(hint: &str, client: &Client, registry: &Registry) -> Result<String, Rejection> {
    let unusable = |why: String| {
        let description = "id_token_hint is not an ID Token of this server for this client";
        Rejection::invalid_request(description, "OIDC Core 3.1.2.1").detail(why)
    };
    let unverified = Unverified::parse(hint).map_err(|why| unusable(why.to_string()))?;
    // KEY-11: an access token names a person too.
    if unverified.typ().is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
        return Err(unusable("typ is not JWT".to_owned()));
    }
    let verified = unverified.verify(&registry.jwks(), &registry.rules.signing);
    let claims = verified.map_err(|why| unusable(why.to_string()))?.claims;
    if claims.string("iss").ok().flatten() != Some(registry.issuer.as_str()) {
        return Err(unusable("iss is another issuer".to_owned()));
    }
    if !claims.audience().is_ok_and(|audience| audience.contains(&client.id().as_str())) {
        return Err(unusable("aud is another client".to_owned()));
    }
    // Signed answers of UserInfo have no end.
    if claims.time("exp").ok().flatten().is_none() {
        return Err(unusable("exp is missing".to_owned()));
    }
    let subject = claims.string("sub").ok().flatten();
    subject.map(ToOwned::to_owned).ok_or_else(|| unusable("sub is missing".to_owned()))
}
