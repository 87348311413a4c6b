//! An API server that fails as it is told: a proxy before the real one, which sees every request as it is on the wire, repetitions by
//! the client included.

use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::client::{Body, ClientBuilder};
use kube::{Client, Config};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower::BoxError;

/// What becomes of a request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// It is answered, so much later.
    Late(Duration),
    /// It does not reach the API server, which seems to say this.
    Refused(StatusCode, Option<u32>),
    /// It is done, and the answer says that it was not.
    DoneBut(StatusCode),
    /// It is done, and the connection ends amid the answer.
    Cut,
    /// It is done, the head of the answer comes, and its body never does.
    Stuck,
    /// Nothing comes back, and it was not done.
    Lost,
    /// Somebody else answers.
    Answered(Bytes),
    /// A watch whose history is gone.
    Expired,
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    /// With its query.
    pub(crate) path: String,
    /// How many came before it.
    pub(crate) number: usize,
}

impl Asked {
    pub(crate) fn is_watch(&self) -> bool {
        self.path.contains("watch=")
    }

    pub(crate) fn is_write(&self) -> bool {
        self.method != Method::GET
    }

    /// A list of a watch, and not one that decides.
    pub(crate) fn is_list(&self) -> bool {
        !self.is_write() && !self.is_watch() && self.path.contains("limit=")
    }

    pub(crate) fn is_event(&self) -> bool {
        self.path.contains("/events")
    }
}

/// Which faults there are.
pub(crate) type Plan = Arc<dyn Fn(&Asked) -> Option<Fault> + Send + Sync>;

/// At which write the process dies, counted from one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Crash {
    Before(usize),
    After(usize),
}

/// What goes through the streams of watches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flow {
    Open,
    /// Streams that were open at this time end, with an error.
    Cut(usize),
    /// Streams that were open at this time stay open, and nothing comes any more.
    Silent(usize),
}

type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// Listens until it is dropped.
pub(crate) struct Proxy {
    address: std::net::SocketAddr,
    inner: Arc<Inner>,
    task: JoinHandle<()>,
}

struct Inner {
    upstream: Client,
    plan: Mutex<Plan>,
    crash: Mutex<Option<Crash>>,
    crashed: watch::Sender<bool>,
    flow: watch::Sender<Flow>,
    /// Everything but watches, in the order in which it came.
    asked: Mutex<Vec<Asked>>,
    watches: Mutex<Vec<String>>,
    forbidden: Mutex<Vec<String>>,
    lists: Mutex<Vec<(String, Bytes)>>,
    writes: AtomicUsize,
    streams: AtomicUsize,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// Before the API server of a configuration.
    pub(crate) async fn start(mut config: Config) -> Self {
        config.default_retry = false;
        let upstream = ClientBuilder::try_from(config).unwrap().build();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            upstream,
            plan: Mutex::new(Arc::new(|_: &Asked| None)),
            crash: Mutex::default(),
            crashed: watch::channel(false).0,
            flow: watch::channel(Flow::Open).0,
            asked: Mutex::default(),
            watches: Mutex::default(),
            forbidden: Mutex::default(),
            lists: Mutex::default(),
            writes: AtomicUsize::new(0),
            streams: AtomicUsize::new(0),
        });
        let task = tokio::spawn(serve(listener, inner.clone()));
        Self { address, inner, task }
    }

    /// How it is reached. No certificate is asked for, and none shown.
    pub(crate) fn config(&self) -> Config {
        Config::new(self.url().parse().unwrap())
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on these faults.
    pub(crate) fn plan(&self, plan: impl Fn(&Asked) -> Option<Fault> + Send + Sync + 'static) {
        *self.inner.plan.lock().unwrap() = Arc::new(plan);
    }

    /// No fault any more.
    pub(crate) fn heal(&self) {
        self.plan(|_| None);
        self.inner.flow.send_replace(Flow::Open);
    }

    /// The process is to die there.
    pub(crate) fn crash(&self, at: Crash) {
        *self.inner.crash.lock().unwrap() = Some(at);
    }

    /// Waits until it has to die. Nothing passes from then on.
    pub(crate) async fn crashed(&self) {
        self.inner.crashed.subscribe().wait_for(|crashed| *crashed).await.unwrap();
    }

    /// Ends the watches that there are.
    pub(crate) fn cut_watches(&self) {
        self.inner.flow.send_replace(Flow::Cut(self.inner.streams.load(Ordering::SeqCst)));
    }

    /// The watches that there are say nothing any more, and do not end.
    pub(crate) fn silence_watches(&self) {
        self.inner.flow.send_replace(Flow::Silent(self.inner.streams.load(Ordering::SeqCst)));
    }

    /// Everything but watches.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.inner.asked.lock().unwrap().clone()
    }

    /// How many of them.
    pub(crate) fn len(&self) -> usize {
        self.inner.asked.lock().unwrap().len()
    }

    pub(crate) fn writes(&self) -> Vec<String> {
        let asked = self.inner.asked.lock().unwrap();
        let writes = asked.iter().filter(|asked| asked.is_write());
        writes.map(|asked| format!("{} {}", asked.method, asked.path)).collect()
    }

    pub(crate) fn reads(&self) -> Vec<String> {
        let asked = self.inner.asked.lock().unwrap();
        asked.iter().filter(|asked| !asked.is_write()).map(|asked| asked.path.clone()).collect()
    }

    pub(crate) fn watches(&self) -> Vec<String> {
        self.inner.watches.lock().unwrap().clone()
    }

    pub(crate) fn forbidden(&self) -> Vec<String> {
        self.inner.forbidden.lock().unwrap().clone()
    }

    /// The lists of watches, as they were answered first.
    pub(crate) fn lists(&self) -> Vec<(String, Bytes)> {
        self.inner.lists.lock().unwrap().clone()
    }
}

async fn serve(listener: TcpListener, inner: Arc<Inner>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let inner = inner.clone();
        connections.spawn(async move {
            let answer = service_fn(move |request| inner.clone().answer(request));
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await;
            drop(connection);
        });
        while connections.try_join_next().is_some() {}
    }
}

impl Inner {
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Answer, BoxError> {
        let asked = Asked {
            method: request.method().clone(),
            path: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
            number: self.asked.lock().unwrap().len(),
        };
        if *self.crashed.borrow() {
            return std::future::pending().await;
        }
        if asked.is_watch() {
            self.watches.lock().unwrap().push(asked.path.clone());
        } else {
            self.asked.lock().unwrap().push(asked.clone());
        }
        // Events are told to people who look on: that one of them is missing changes nothing.
        let write =
            (asked.is_write() && !asked.is_event()).then(|| self.writes.fetch_add(1, Ordering::SeqCst) + 1);
        let crash = *self.crash.lock().unwrap();
        if write.is_some() && write.map(Crash::Before) == crash {
            self.crashed.send_replace(true);
            return std::future::pending().await;
        }
        let plan = self.plan.lock().unwrap().clone();
        let fault = plan(&asked);
        match &fault {
            Some(Fault::Lost) => return std::future::pending().await,
            Some(Fault::Refused(status, after)) => return Ok(refusal(*status, *after)),
            Some(Fault::Answered(bytes)) => return Ok(json_body(whole(bytes.clone()))),
            Some(Fault::Expired) => {
                let status = json!({"type": "ERROR", "object": {"kind": "Status", "apiVersion": "v1", "metadata": {},
                    "status": "Failure", "message": "too old resource version", "reason": "Expired", "code": 410}});
                return Ok(json_body(whole(format!("{status}\n").into())));
            }
            Some(Fault::Late(by)) => tokio::time::sleep(*by).await,
            Some(Fault::DoneBut(_) | Fault::Cut | Fault::Stuck) | None => {}
        }
        let (mut parts, body) = request.into_parts();
        parts.headers.remove(header::HOST);
        parts.headers.remove(header::ACCEPT_ENCODING);
        let body = body.collect().await?.to_bytes();
        let answer = self.upstream.send(Request::from_parts(parts, Body::from(body.to_vec()))).await?;
        let (mut parts, body) = answer.into_parts();
        parts.headers.remove(header::CONTENT_LENGTH);
        parts.headers.remove(header::TRANSFER_ENCODING);
        if parts.status == StatusCode::FORBIDDEN {
            self.forbidden.lock().unwrap().push(format!("{} {}", asked.method, asked.path));
        }
        if asked.is_watch() && parts.status.is_success() {
            let number = self.streams.fetch_add(1, Ordering::SeqCst);
            let stream = Watched::new(body, self.flow.subscribe(), number);
            return Ok(Response::from_parts(parts, streamed(stream)));
        }
        let body = body.collect().await?.to_bytes();
        if asked.is_list() {
            self.lists.lock().unwrap().push((asked.path.clone(), body.clone()));
        }
        if write.is_some() && write.map(Crash::After) == crash {
            self.crashed.send_replace(true);
            return std::future::pending().await;
        }
        // Whoever died meanwhile hears nothing.
        if *self.crashed.borrow() {
            return std::future::pending().await;
        }
        Ok(match fault {
            Some(Fault::DoneBut(status)) => refusal(status, None),
            Some(Fault::Cut) => {
                let half = body.slice(..body.len() / 2);
                let cut = futures::stream::iter([Ok(Frame::data(half)), Err(BoxError::from("cut"))]);
                Response::from_parts(parts, streamed(cut))
            }
            Some(Fault::Stuck) => {
                let never = futures::stream::pending::<Result<Frame<Bytes>, BoxError>>();
                Response::from_parts(parts, streamed(never))
            }
            _ => Response::from_parts(parts, whole(body)),
        })
    }
}

fn json_body(body: UnsyncBoxBody<Bytes, BoxError>) -> Answer {
    let mut answer = Response::new(body);
    answer.headers_mut().insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
    answer
}

fn whole(bytes: Bytes) -> UnsyncBoxBody<Bytes, BoxError> {
    Full::new(bytes).map_err(BoxError::from).boxed_unsync()
}

fn streamed(
    frames: impl Stream<Item = Result<Frame<Bytes>, BoxError>> + Send + 'static,
) -> UnsyncBoxBody<Bytes, BoxError> {
    StreamBody::new(frames).boxed_unsync()
}

fn refusal(status: StatusCode, retry_after: Option<u32>) -> Answer {
    let reason = match status {
        StatusCode::CONFLICT => "Conflict",
        StatusCode::GONE => "Expired",
        StatusCode::FORBIDDEN => "Forbidden",
        StatusCode::TOO_MANY_REQUESTS => "TooManyRequests",
        StatusCode::GATEWAY_TIMEOUT => "Timeout",
        StatusCode::SERVICE_UNAVAILABLE => "ServiceUnavailable",
        _ => "InternalError",
    };
    let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "a fault of the test", "reason": reason, "code": status.as_u16()});
    let mut answer = json_body(whole(body.to_string().into()));
    *answer.status_mut() = status;
    if let Some(seconds) = retry_after {
        answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}

/// The stream of a watch, as long as it may flow.
struct Watched {
    body: Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, BoxError>> + Send>>,
    flow: watch::Receiver<Flow>,
    changed: Pin<Box<dyn Future<Output = watch::Receiver<Flow>> + Send>>,
    number: usize,
    silent: bool,
}

impl Watched {
    fn new(body: Body, flow: watch::Receiver<Flow>, number: usize) -> Self {
        let body = Box::pin(futures::stream::unfold(body, |mut body| async {
            let frame = body.frame().await?;
            Some((frame.map_err(BoxError::from), body))
        }));
        let changed = changed(flow.clone());
        Self { body, flow, changed, number, silent: false }
    }
}

fn changed(mut flow: watch::Receiver<Flow>) -> Pin<Box<dyn Future<Output = watch::Receiver<Flow>> + Send>> {
    Box::pin(async move {
        // The proxy is gone: nothing changes any more.
        if flow.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        flow
    })
}

impl Stream for Watched {
    type Item = Result<Frame<Bytes>, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while let Poll::Ready(flow) = self.changed.as_mut().poll(context) {
            self.flow = flow.clone();
            self.changed = changed(flow);
        }
        let flow = *self.flow.borrow();
        match flow {
            Flow::Cut(before) if self.number < before => return Poll::Ready(Some(Err("cut".into()))),
            Flow::Silent(before) if self.number < before => self.silent = true,
            Flow::Open | Flow::Cut(_) | Flow::Silent(_) => {}
        }
        if self.silent { Poll::Pending } else { self.body.as_mut().poll_next(context) }
    }
}
