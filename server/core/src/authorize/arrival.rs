//! What a browser brings to the authorization endpoint, and where a refusal of it may be sent.

use std::sync::Arc;

use super::parse::{Source, parse};
use super::request_object::Way;
use super::{AuthorizationRequest, Delivery, request_object};
use crate::client::Client;
use crate::ids::ClientId;
use crate::lifetime::{CLOCK_SKEW, Timestamp};
use crate::params::Params;
use crate::profile::Response;
use crate::registry::Registry;
use crate::rejection::{ErrorCode, Rejection};
use crate::response::Destination;
use crate::secret::{Digest, Purpose, Secret};

/// The URN before the random half of our `request_uri`s (RFC 9126 2.2).
pub const REQUEST_URI_PREFIX: &str = "urn:ietf:params:oauth:request_uri:";

/// A refusal at the authorization endpoint. Without a destination it becomes a page: nobody is redirected to a place that was
/// not proven (`AUT-04`, `AUT-19`, `P-15`).
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub rejection: Rejection,
    /// Where it may be sent.
    pub destination: Option<Box<Destination>>,
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        Self { rejection, destination: None }
    }
}

/// What arrived: a reference to a pushed request, or a request by value.
#[derive(Debug)]
pub enum Arrival {
    /// A `request_uri` of ours, to be looked up by its digest.
    Reference {
        /// Who says it is theirs.
        client: Arc<Client>,
        /// What to look up.
        request_uri: Digest,
    },
    /// A signed request object.
    ByValue {
        /// Whose it is.
        client: Arc<Client>,
        /// The compact JWS, or the JWE around it.
        jwt: String,
        /// The parameters around it: good for a destination if the object is unusable, for nothing else.
        outside: Params,
    },
}

/// Reads the query or form of the authorization endpoint.
///
/// # Errors
/// A page for an unknown client; else where the outside redirect URI, if it is registered, says.
pub fn arrive(params: &Params, registry: &Registry) -> Result<Arrival, Refused> {
    // AUT-03, AUT-21, E-25.
    let id = params.required("client_id", "client_id is missing", "RFC 6749 4.1.1")?;
    let unknown = || Rejection::invalid_request("this client is unknown or disabled", "RFC 6749 4.1.2.1");
    let id = ClientId::parse(id).map_err(|_| unknown())?;
    let client = registry.client(&id).filter(|client| client.enabled()).ok_or_else(unknown)?;

    let refuse = |rejection: Rejection| Refused {
        rejection,
        destination: outside_destination(params, client, registry).map(Box::new),
    };
    match (params.get("request"), params.get("request_uri")) {
        // RO-10.
        (Some(_), Some(_)) => Err(refuse(Rejection::invalid_request(
            "request and request_uri exclude each other",
            "RFC 9101 5",
        ))),
        (None, Some(uri)) => match uri.strip_prefix(REQUEST_URI_PREFIX) {
            Some(secret) if registry.rules.offers_par() => {
                let request_uri = Secret::presented(secret).digest(Purpose::RequestUri);
                Ok(Arrival::Reference { client: Arc::clone(client), request_uri })
            }
            // RO-16: no client-hosted request objects.
            _ => Err(refuse(Rejection::new(
                ErrorCode::RequestUriNotSupported,
                "only request_uri values of this server are accepted",
                crate::Clause("RFC 9101 6.1"),
            ))),
        },
        // E-19, PAR-12, PAR-13.
        (Some(_), None) if !client.may_send_by_value(&registry.rules) => {
            Err(refuse(Rejection::invalid_request("requests must be pushed (RFC 9126)", "RFC 9126 5")))
        }
        (Some(jwt), None) => {
            Ok(Arrival::ByValue { client: Arc::clone(client), jwt: jwt.to_owned(), outside: params.clone() })
        }
        // E-17, RO-01.
        (None, None) => Err(refuse(Rejection::invalid_request(
            if client.may_send_by_value(&registry.rules) {
                "a signed request object is required"
            } else {
                "requests must be pushed (RFC 9126)"
            },
            "F1A 5.2.2-1",
        ))),
    }
}

/// A request by value. Whether its digest was spent is for the store to say.
///
/// # Errors
/// `invalid_request_object` and what [`parse`] refuses.
pub fn by_value(
    jwt: &str,
    outside: &Params,
    client: &Client,
    registry: &Registry,
    now: Timestamp,
) -> Result<AuthorizationRequest, Refused> {
    let verified = request_object::verify(jwt, client, registry, Way::ThroughBrowser, now);
    let object = verified.map_err(|rejection| Refused {
        rejection,
        destination: outside_destination(outside, client, registry).map(Box::new),
    })?;
    let delivery =
        Delivery::ByValue { digest: object.digest, expires: object.expires + CLOCK_SKEW + CLOCK_SKEW };
    parse(&Source::Claims(&object.claims), client, registry, delivery)
}

/// Requirements section 30, "When an error page and when a redirect", 2: parameters outside an unusable request object may
/// say where the error goes, if the redirect URI is registered.
fn outside_destination(params: &Params, client: &Client, registry: &Registry) -> Option<Destination> {
    let redirect_uri = client.redirect_uri(params.get("redirect_uri")?)?.clone();
    let hybrid =
        params.get("response_type").is_some_and(|types| types.split(' ').any(|word| word.ends_with("token")));
    let response = if hybrid {
        Response::CodeIdToken
    } else {
        client
            .responses(&registry.rules)
            .iter()
            .copied()
            .find(|response| *response != Response::CodeIdToken)
            .unwrap_or(Response::CodeIdToken)
    };
    Some(Destination::new(client, redirect_uri, response, params.get("state").map(ToOwned::to_owned)))
}
