//! Does the cluster know the three kinds as this version does? Asked at start: an API server drops fields that it does not know,
//! and what a person wrote would be ignored without a word.
//!
//! The answer comes from the `OpenAPI` document that the API server shows to everybody who is authenticated, so that the operator
//! needs no right to read definitions, which belong to the whole cluster.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use fapi_crds::Kind;
use fapi_crds::names::{API_VERSION, GROUP, VERSION};
use fapi_crds::schema::{Difference, compare};
use http::Request;
use http::header::ACCEPT;
use kube::Client;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};

/// How somebody brings the definitions of this version into a cluster.
pub const REMEDY: &str =
    "helm upgrade of the chart of this version (crds.enabled), or kubectl apply --server-side -f crds/";

/// How long what is not there yet is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long until it is asked again.
    pub again: Duration,
    /// How long older definitions may be served. They may have been replaced a moment ago (Helm applies them and starts the
    /// operator at once), and an API server takes some seconds until its document says so.
    pub lag: Duration,
    /// How long until it is said again that there are none.
    pub reminder: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let [again, lag, reminder] = [1, 15, 60].map(Duration::from_secs);
        Self { again, lag, reminder }
    }
}

/// The definitions of the cluster lack what this version needs.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.told())]
pub struct Outdated(Vec<(Kind, Difference)>);

impl Outdated {
    fn told(&self) -> String {
        let version = env!("CARGO_PKG_VERSION");
        let mut text = format!("the definitions of this cluster are older than this operator ({version}):");
        for (kind, difference) in &self.0 {
            let _ = write!(text, " {}.{GROUP} lacks {};", kind.plural(), difference.lacking_in_short());
        }
        format!("{text} apply those of this version first: {REMEDY}")
    }
}

/// Returns when the cluster knows everything that this version needs. Definitions that are missing altogether are waited for.
///
/// # Errors
/// What the definitions lack, if they still do after [`Patience::lag`].
pub async fn are_known(client: &Client, patience: Patience) -> Result<(), Outdated> {
    let mut outdated_since = None;
    let mut reminded: Option<Instant> = None;
    let mut remind = |what: &str| {
        if reminded.is_none_or(|at| at.elapsed() >= patience.reminder) {
            warn!("{what}");
            reminded = Some(Instant::now());
        }
    };
    loop {
        match served(client).await {
            Ok(served) => {
                let missing: Vec<&str> = Kind::ALL
                    .iter()
                    .filter(|kind| !served.contains_key(kind))
                    .map(|kind| kind.plural())
                    .collect();
                let older = older(&served);
                if missing.is_empty() && older.is_empty() {
                    return Ok(());
                }
                if older.is_empty() {
                    outdated_since = None;
                    let names = missing.join(", ");
                    remind(&format!(
                        "This cluster does not know {names} of {API_VERSION}, waiting for them: {REMEDY}"
                    ));
                } else {
                    let since = *outdated_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= patience.lag {
                        return Err(Outdated(older));
                    }
                    info!("Older definitions are served, looking again: they may just have been replaced");
                }
            }
            Err(kube::Error::Api(status)) if status.is_forbidden() => {
                // Somebody has taken it from `system:discovery`: everything else still works.
                warn!(
                    "May not read {}, so nobody has checked that the definitions are those of this version",
                    path()
                );
                return Ok(());
            }
            Err(error) => {
                debug!(%error, "The API server does not say which definitions it has");
                remind(&format!(
                    "The API server does not say which definitions it has, asking again: {error}"
                ));
            }
        }
        sleep(patience.again).await;
    }
}

/// The schemas that the API server serves, of those of the three kinds that it knows.
///
/// # Errors
/// It does not answer, or forbids it.
pub async fn served(client: &Client) -> Result<BTreeMap<Kind, Value>, kube::Error> {
    let request = Request::get(path()).header(ACCEPT, "application/json").body(Vec::new());
    let document: Value = match client.request(request.map_err(kube::Error::HttpError)?).await {
        Ok(document) => document,
        Err(kube::Error::Api(status)) if status.is_not_found() => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let schemas = document.pointer("/components/schemas").and_then(Value::as_object);
    let of = |kind: Kind| {
        let wanted = json!({"group": GROUP, "version": VERSION, "kind": kind.as_str()});
        let is_it = |schema: &&Value| {
            let named = schema.get("x-kubernetes-group-version-kind").and_then(Value::as_array);
            named.is_some_and(|named| named.contains(&wanted))
        };
        schemas?.values().find(is_it).map(|schema| (kind, schema.clone()))
    };
    Ok(Kind::ALL.into_iter().filter_map(of).collect())
}

fn older(served: &BTreeMap<Kind, Value>) -> Vec<(Kind, Difference)> {
    let compared = served.iter().map(|(kind, schema)| (*kind, compare(*kind, schema)));
    compared.filter(|(_, difference)| !difference.is_enough()).collect()
}

fn path() -> String {
    format!("/openapi/v3/apis/{API_VERSION}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use fapi_crds::schema;
    use http::{Response, StatusCode};
    use kube::client::Body;
    use tower::BoxError;

    use super::*;

    const HASTY: Patience = Patience {
        again: Duration::from_millis(5),
        lag: Duration::from_millis(500),
        reminder: Duration::from_mins(1),
    };

    /// An API server that says one thing after the other, and the last one for ever; and how often it was asked.
    fn says(answers: Vec<(u16, Value)>) -> (Client, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            assert_eq!(request.uri(), "/openapi/v3/apis/fapi.rs/v1alpha1");
            let at = counted.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
            let (status, body) = answers[at].clone();
            let mut response = Response::new(Body::from(body.to_string().into_bytes()));
            *response.status_mut() = StatusCode::from_u16(status).unwrap();
            async move { Ok::<_, BoxError>(response) }
        });
        (Client::new(service, "default"), asked)
    }

    /// The document that an API server with the definitions of this version serves, as far as it is looked at.
    fn document() -> Value {
        let schemas = Kind::ALL.map(|kind| {
            let mut schema = schema::openapi(kind).clone();
            if let Value::Object(members) = &mut schema {
                let named = json!([{"group": GROUP, "version": VERSION, "kind": kind.as_str()}]);
                members.insert("x-kubernetes-group-version-kind".to_owned(), named);
            }
            (format!("rs.fapi.{VERSION}.{kind}"), schema)
        });
        json!({"components": {"schemas": schemas.into_iter().collect::<serde_json::Map<_, _>>()}})
    }

    fn without(kind: Kind, fields: &[&str]) -> Value {
        let mut document = document();
        for field in fields {
            let path = format!("/components/schemas/rs.fapi.v1alpha1.{kind}/properties/spec/properties");
            document.pointer_mut(&path).unwrap().as_object_mut().unwrap().remove(*field).unwrap();
        }
        document
    }

    /// F-C06
    #[tokio::test]
    async fn definitions_that_lack_a_field_are_refused_with_what_helps() {
        let (client, _) = says(vec![(200, without(Kind::Workspace, &["mtls", "tls", "scopes", "storage"]))]);
        let hasty = Patience { lag: Duration::ZERO, ..HASTY };
        let refused = are_known(&client, hasty).await.unwrap_err().to_string();
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            refused,
            format!(
                "the definitions of this cluster are older than this operator ({version}): workspaces.fapi.rs lacks spec.mtls, \
                 spec.scopes, spec.storage and 1 more; apply those of this version first: helm upgrade of the chart of this \
                 version (crds.enabled), or kubectl apply --server-side -f crds/"
            )
        );
    }

    /// F-C06: its rollback.
    #[tokio::test]
    async fn definitions_with_more_fields_are_enough() {
        let mut newer = document();
        newer["components"]["schemas"]["rs.fapi.v1alpha1.Client"]["properties"]["spec"]["properties"]["tomorrow"] =
            json!({"type": "string"});
        let (client, asked) = says(vec![(200, newer)]);
        are_known(&client, HASTY).await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn definitions_that_were_replaced_a_moment_ago_are_waited_for() {
        let stale = without(Kind::Client, &["logo"]);
        let none =
            json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": "", "status": "Failure"});
        let (client, asked) = says(vec![
            (404, none),
            (200, stale.clone()),
            (503, json!("away")),
            (200, stale),
            (200, document()),
        ]);
        are_known(&client, HASTY).await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 5);
    }

    #[tokio::test]
    async fn an_api_server_that_shows_nothing_to_the_operator_does_not_stop_it() {
        let forbidden = json!({"kind": "Status", "code": 403, "reason": "Forbidden", "message": "no", "status": "Failure"});
        let (client, _) = says(vec![(403, forbidden)]);
        are_known(&client, HASTY).await.unwrap();
    }
}
