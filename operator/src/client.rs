//! How is the API server spoken to? Every call has a deadline, and every call is counted.

use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;

use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Either, Full};
use hyper::body::Bytes;
use kube::client::{Body, ClientBuilder};
use kube::{Client, Config};
use tower::{BoxError, Layer, Service};

use crate::metrics::Metrics;

/// How long an answer may take.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// Until it begins, repetitions of the call included. A watch answers at once and then goes on.
    pub begin: Duration,
    /// From then until it is whole. A long list needs some of it; without an end, an API server that stops amid an answer would
    /// hold up a Workspace for ever.
    pub rest: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { begin: Duration::from_secs(10), rest: Duration::from_secs(20) }
    }
}

/// Builds the client for everything but the Lease.
pub fn build(config: Config, deadlines: Deadlines, metrics: Metrics) -> Result<Client, kube::Error> {
    Ok(ClientBuilder::try_from(config)?.with_layer(&Watched { deadlines, metrics }).build())
}

#[derive(Clone)]
struct Watched {
    deadlines: Deadlines,
    metrics: Metrics,
}

impl<S> Layer<S> for Watched {
    type Service = Timed<S>;

    fn layer(&self, inner: S) -> Timed<S> {
        Timed { inner, deadlines: self.deadlines, metrics: self.metrics.clone() }
    }
}

struct Timed<S> {
    inner: S,
    deadlines: Deadlines,
    metrics: Metrics,
}

impl<S, B> Service<Request<Body>> for Timed<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Either<Full<Bytes>, B>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut task::Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (method, metrics, deadlines) = (request.method().clone(), self.metrics.clone(), self.deadlines);
        let goes_on = is_watch(&request);
        let answer = self.inner.call(request);
        Box::pin(async move {
            let Ok(answer) = tokio::time::timeout(deadlines.begin, answer).await else {
                metrics.called(&method, None);
                return Err(format!("the API server did not answer within {:?}", deadlines.begin).into());
            };
            let answer = answer.map_err(Into::into);
            metrics.called(&method, answer.as_ref().ok().map(Response::status));
            let (head, body) = answer?.into_parts();
            if goes_on {
                return Ok(Response::from_parts(head, Either::Right(body)));
            }
            let Ok(whole) = tokio::time::timeout(deadlines.rest, body.collect()).await else {
                return Err(format!(
                    "the API server began to answer and did not end within {:?}",
                    deadlines.rest
                )
                .into());
            };
            let whole = whole.map_err(Into::into)?.to_bytes();
            Ok(Response::from_parts(head, Either::Left(Full::new(whole))))
        })
    }
}

/// Whether the answer has no end of its own.
fn is_watch<B>(request: &Request<B>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    request.method() == Method::GET && query.split('&').any(|parameter| parameter == "watch=true")
}
