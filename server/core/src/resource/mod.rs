//! May this access token be used here? For userinfo, for our own APIs, and for resource servers (RFC 6750, RFC 8705 3, RFC 9068 4,
//! RFC 9449 7).

#[cfg(test)]
mod tests;

use fapi_jose::{Alg, JwkSet, Unverified};
use serde_json::Value;

use crate::certificate::PeerCertificate;
use crate::client::ReplayKey;
use crate::details::AuthorizationDetails;
use crate::dpop::{self, Call, NonceRule, Proof};
use crate::ids::{ClientId, GrantId};
use crate::lifetime::Timestamp;
use crate::profile::SenderConstraint;
use crate::registry::Registry;
use crate::rejection::{ErrorCode, Rejection};
use crate::scope::Scopes;
use crate::sender::SenderBinding;

/// What a resource server knows of the authorization server.
#[derive(Clone, Copy, Debug)]
pub struct Expectations<'a> {
    /// The issuer, byte for byte.
    pub issuer: &'a str,
    /// Identifiers of this resource server: the token must be for one of them. `None`: any token of this issuer will do (our
    /// own endpoints).
    pub audience: Option<&'a [&'a str]>,
    /// The issuer's published keys.
    pub keys: &'a JwkSet,
    /// Algorithms the issuer may sign with.
    pub algorithms: &'a [Alg],
}

/// An access token that was verified, and whose presenter holds the key it is bound to. Whether it was revoked is for a store or
/// an introspection endpoint to say.
#[derive(Clone, PartialEq, Debug)]
pub struct AccessToken {
    /// Who the token speaks for, as this client's servers see them.
    pub subject: String,
    /// Who may use it.
    pub client_id: ClientId,
    /// For what.
    pub scope: Scopes,
    /// For what exactly (RFC 9396 9.1).
    pub details: AuthorizationDetails,
    /// Its identifier: `<grant>.<random>`.
    pub jti: String,
    /// When it ends.
    pub expires: Timestamp,
    /// When it was issued.
    pub issued: Timestamp,
    /// Who it is for.
    pub audience: Vec<String>,
    /// The key it is bound to.
    pub binding: SenderBinding,
    /// How the person signed in.
    pub acr: Option<String>,
    /// When they did.
    pub auth_time: Option<i64>,
}

impl AccessToken {
    /// The grant it comes from.
    pub fn grant(&self) -> Option<GrantId> {
        self.jti.split_once('.').map(|(grant, _)| GrantId::from_stored(grant))
    }

    /// Whether it is good for `scope`.
    ///
    /// # Errors
    /// `insufficient_scope`, to be answered with 403 (`RS-03`).
    pub fn require(&self, scope: &str) -> Result<(), Rejection> {
        if self.scope.contains(scope) {
            return Ok(());
        }
        let description = "the access token does not cover this";
        Err(Rejection::new(ErrorCode::InsufficientScope, description, crate::Clause("RFC 6750 3.1")))
    }
}

/// How an access token comes (RFC 9110 11.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// RFC 6750 2.1; with a certificate on the connection where the token is bound to one.
    Bearer,
    /// RFC 9449 7.1: with a proof beside it.
    DPoP,
}

impl Scheme {
    const ALL: [Self; 2] = [Self::Bearer, Self::DPoP];

    /// Its name in a header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::DPoP => "DPoP",
        }
    }

    /// The scheme of an `Authorization` header, in any case (`RS-01`).
    pub fn of(authorization: &str) -> Option<Self> {
        let (scheme, _) = authorization.split_once(' ')?;
        Self::ALL.into_iter().find(|known| scheme.eq_ignore_ascii_case(known.as_str()))
    }
}

/// An access token as it came. Nothing in it is trusted yet.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    /// How.
    pub scheme: Scheme,
    /// The token.
    pub token: &'a str,
}

impl std::fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Presented({} …)", self.scheme.as_str())
    }
}

impl<'a> Presented<'a> {
    /// Reads an `Authorization` header (`RS-01`).
    ///
    /// # Errors
    /// `invalid_request` for a malformed header, `invalid_token` for a missing one.
    pub fn parse(authorization: Option<&'a str>) -> Result<Self, Rejection> {
        let header = authorization.ok_or_else(|| refuse("an access token is required"))?;
        let (_, token) =
            header.split_once(' ').ok_or_else(|| malformed("the Authorization header is malformed"))?;
        let scheme =
            Scheme::of(header).ok_or_else(|| malformed("the Authorization scheme must be Bearer or DPoP"))?;
        let token = token.trim_matches(' ');
        let b64token = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
        if token.is_empty() || !token.bytes().all(b64token) {
            return Err(malformed("the Authorization header is malformed"));
        }
        Ok(Self { scheme, token })
    }
}

/// By what a presenter may show that it holds the token's key.
#[derive(Clone, Copy, Debug)]
pub struct Presenter<'a> {
    /// The certificate of the connection.
    pub certificate: Option<&'a PeerCertificate>,
    /// The values of every `DPoP` header.
    pub proofs: &'a [String],
    /// What is called.
    pub call: Call<'a>,
    /// Whether a proof needs a nonce.
    pub nonce: NonceRule<'a>,
}

/// A token that is right, by a proof that still has to be shown to be fresh.
#[must_use]
#[derive(Debug)]
pub struct Checked {
    token: AccessToken,
    proof: Option<Proof>,
}

impl Checked {
    /// The same, if the certificate that shows the key may still be used: it is valid, and not revoked. A connection outlives
    /// both (`TL-10`, `TL-13`).
    ///
    /// # Errors
    /// `invalid_token`.
    pub fn by_a_usable_certificate(
        self,
        by: &Presenter<'_>,
        registry: &Registry,
        now: Timestamp,
    ) -> Result<Self, Rejection> {
        if self.proof.is_none()
            && let Some(certificate) = by.certificate
        {
            registry.usable(certificate, now).map_err(|why| {
                refuse("the client certificate is not acceptable")
                    .detail(format!("client certificate: {why}"))
            })?;
        }
        Ok(self)
    }

    /// The `jti` of the proof, to be stored before [`admit`](Self::admit); none where a certificate shows the key.
    pub fn replay(&self) -> Option<&ReplayKey> {
        self.proof.as_ref().map(Proof::replay)
    }

    /// `first_use` is the store's answer for [`replay`](Self::replay).
    ///
    /// # Errors
    /// `invalid_dpop_proof` for a proof that was used before (`DPO-08`).
    pub fn admit(self, first_use: bool) -> Result<AccessToken, Rejection> {
        if let Some(proof) = self.proof {
            proof.admit(first_use)?;
        }
        Ok(self.token)
    }
}

/// `WWW-Authenticate` for a refusal: one value for each way to come that `offered` has, the error in that of the request (RFC 6750
/// 3, RFC 9449 7.1; `DPO-10`). The first value is the one with the error.
pub fn challenges(
    rejection: &Rejection,
    used: Option<Scheme>,
    offered: &[SenderConstraint],
    algorithms: &[Alg],
) -> Vec<String> {
    let offered = offered.iter().map(|constraint| match constraint {
        SenderConstraint::Certificate => Scheme::Bearer,
        SenderConstraint::DPoP => Scheme::DPoP,
    });
    let of_proof = matches!(rejection.code, ErrorCode::InvalidDpopProof | ErrorCode::UseDpopNonce);
    let concerned = if of_proof { Some(Scheme::DPoP) } else { used };
    let concerned = concerned.or_else(|| offered.clone().next()).unwrap_or(Scheme::Bearer);
    let mut schemes = vec![concerned];
    schemes.extend(offered.filter(|scheme| *scheme != concerned));
    let names: Vec<&str> = algorithms.iter().map(|alg| alg.as_str()).collect();
    let value = |scheme: Scheme| {
        let mut parameters = Vec::new();
        if scheme == concerned {
            parameters.push(format!("error=\"{}\"", rejection.code));
            parameters.push(format!("error_description=\"{}\"", rejection.description));
        }
        if scheme == Scheme::DPoP {
            parameters.push(format!("algs=\"{}\"", names.join(" ")));
        }
        format!("{} {}", scheme.as_str(), parameters.join(", ")).trim_end().to_owned()
    };
    schemes.into_iter().map(value).collect()
}

fn malformed(description: &'static str) -> Rejection {
    Rejection::invalid_request(description, "RFC 6750 2.1")
}

fn refuse(description: &'static str) -> Rejection {
    Rejection::invalid_token(description, "RFC 6750 3.1")
}

/// Verifies a token without asking who presents it: for introspection and revocation, where the caller is not the presenter.
///
/// # Errors
/// `invalid_token` (`JAT-02`): one sentence, the log learns more.
pub fn read(token: &str, expected: &Expectations<'_>, now: Timestamp) -> Result<AccessToken, Rejection> {
    let invalid = |detail: String| refuse("the access token is not valid").detail(detail);
    let unverified = Unverified::parse(token).map_err(|why| invalid(why.to_string()))?;
    // RFC 9068 4: an ID Token or a JARM response is no access token.
    let typ = unverified.typ().map(str::to_ascii_lowercase);
    if !matches!(typ.as_deref(), Some("at+jwt" | "application/at+jwt")) {
        return Err(invalid("typ is not at+jwt".to_owned()));
    }
    let verified =
        unverified.verify(expected.keys, expected.algorithms).map_err(|why| invalid(why.to_string()))?;
    let claims = verified.claims;
    let text = |name: &str| {
        claims
            .string(name)
            .ok()
            .flatten()
            .map(ToOwned::to_owned)
            .ok_or_else(|| invalid(format!("{name} is missing")))
    };
    let time =
        |name: &str| claims.time(name).ok().flatten().ok_or_else(|| invalid(format!("{name} is missing")));

    if text("iss")? != expected.issuer {
        return Err(invalid("iss is another issuer".to_owned()));
    }
    let audience: Vec<String> = claims
        .audience()
        .map_err(|_| invalid("aud is missing".to_owned()))?
        .into_iter()
        .map(ToOwned::to_owned)
        .collect();
    if let Some(ours) = expected.audience
        && !audience.iter().any(|said| ours.contains(&said.as_str()))
    {
        return Err(invalid("aud is another resource server".to_owned()));
    }
    let expires = Timestamp::from_unix(time("exp")?);
    if now >= expires {
        return Err(refuse("the access token has expired"));
    }
    let client_id =
        ClientId::parse(&text("client_id")?).map_err(|_| invalid("client_id is malformed".to_owned()))?;
    let scope = Scopes::parse(claims.string("scope").ok().flatten().unwrap_or_default())
        .map_err(|_| invalid("scope is malformed".to_owned()))?;
    let details = claims.get("authorization_details").map(AuthorizationDetails::read).transpose();
    let details = details.map_err(|_| invalid("authorization_details is malformed".to_owned()))?;
    // RS-09, TOK-12: a token without a binding is none of ours.
    let binding = claims
        .get("cnf")
        .and_then(SenderBinding::from_cnf)
        .ok_or_else(|| invalid("cnf is missing or unknown".to_owned()))?;
    Ok(AccessToken {
        subject: text("sub")?,
        client_id,
        scope,
        details: details.unwrap_or_default(),
        jti: text("jti")?,
        expires,
        issued: Timestamp::from_unix(time("iat")?),
        audience,
        binding,
        acr: claims.string("acr").ok().flatten().map(ToOwned::to_owned),
        auth_time: claims.get("auth_time").and_then(Value::as_i64),
    })
}

/// Verifies a presented token and that the presenter holds its key (`MTL-06`, `P-19`, `DPO-07`, `DPO-10`).
///
/// # Errors
/// `invalid_token`; `invalid_dpop_proof` and `use_dpop_nonce` where a proof should show the key.
pub fn check(
    presented: Presented<'_>,
    by: &Presenter<'_>,
    expected: &Expectations<'_>,
    now: Timestamp,
) -> Result<Checked, Rejection> {
    let token = read(presented.token, expected, now)?;
    match (&token.binding, presented.scheme) {
        (SenderBinding::Certificate(_), Scheme::Bearer) => {
            if !token.binding.is_held_by(by.certificate) {
                let description = "the access token is bound to another certificate";
                return Err(Rejection::invalid_token(description, "RFC 8705 3"));
            }
            Ok(Checked { token, proof: None })
        }
        (SenderBinding::Certificate(_), Scheme::DPoP) => Err(Rejection::invalid_token(
            "the access token is bound to a certificate: send it as Bearer",
            "RFC 9449 7.1",
        )),
        (SenderBinding::Key(_), Scheme::Bearer) => Err(Rejection::new(
            ErrorCode::InvalidDpopProof,
            "the access token is bound to a key: send it as DPoP, with a proof",
            crate::Clause("RFC 9449 7.2"),
        )),
        (SenderBinding::Key(bound), Scheme::DPoP) => {
            let Presenter { proofs, call, nonce, .. } = *by;
            let proof = dpop::verify(proofs, call, Some(presented.token), expected.algorithms, nonce, now)?;
            if proof.key() != bound {
                let description = "the access token is bound to another key";
                return Err(Rejection::invalid_token(description, "RFC 9449 7.1"));
            }
            Ok(Checked { token, proof: Some(proof) })
        }
    }
}
