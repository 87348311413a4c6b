//! How is the API server spoken to? Every call has a deadline, and every call is counted.

use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;

use http::{Request, Response};
use kube::client::{Body, ClientBuilder};
use kube::{Client, Config};
use tower::{BoxError, Layer, Service};

use crate::metrics::Metrics;

/// How long a call may take, its repetitions included, until its answer begins. A watch answers at once and then goes on.
const DEADLINE: Duration = Duration::from_secs(10);

/// Builds the client for everything but the Lease.
pub fn build(config: Config, metrics: Metrics) -> Result<Client, kube::Error> {
    Ok(ClientBuilder::try_from(config)?.with_layer(&Watched { metrics }).build())
}

#[derive(Clone)]
struct Watched {
    metrics: Metrics,
}

impl<S> Layer<S> for Watched {
    type Service = Timed<S>;

    fn layer(&self, inner: S) -> Timed<S> {
        Timed { inner, metrics: self.metrics.clone() }
    }
}

struct Timed<S> {
    inner: S,
    metrics: Metrics,
}

impl<S, B> Service<Request<Body>> for Timed<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut task::Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (method, metrics) = (request.method().clone(), self.metrics.clone());
        let answer = self.inner.call(request);
        Box::pin(async move {
            let Ok(answer) = tokio::time::timeout(DEADLINE, answer).await else {
                metrics.called(&method, None);
                return Err("the API server did not answer within 10 s".into());
            };
            let answer = answer.map_err(Into::into);
            metrics.called(&method, answer.as_ref().ok().map(Response::status));
            answer
        })
    }
}
