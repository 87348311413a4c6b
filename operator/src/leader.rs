//! Who leads? One process at a time, by a Lease that is only ever changed by compare-and-swap.
//!
//! Leading saves work; safety does not rest on it: what is published is a compare-and-swap of its own. Expiry is judged from
//! renewals that this process has seen itself, on its own monotonic clock, so that clocks that differ harm nobody.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use crate::clock::{Clock, share_of};

/// How long things take.
#[derive(Clone, Copy, Debug)]
pub struct Timings {
    /// How long others wait after the last renewal that they saw.
    pub duration: Duration,
    /// How long this process believes itself after the last renewal that succeeded; shorter than `duration`.
    pub renew_deadline: Duration,
    /// Between two tries.
    pub retry: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry: Duration::from_secs(2),
        }
    }
}

/// Where this process stands.
#[derive(Clone, Copy, PartialEq, Debug)]
enum State {
    Following,
    /// Until the instant, if no renewal succeeds before. `None`: for good, where nobody else is.
    Leading(Option<Instant>),
    Lost,
}

/// Whether this process may write. Asked before every pass of writes.
#[derive(Clone, Debug)]
pub struct Leadership(watch::Receiver<State>);

impl Leadership {
    /// For the only process there is.
    pub fn always() -> Self {
        Self(watch::channel(State::Leading(None)).1)
    }

    /// Whether it leads at this moment.
    pub fn is_valid(&self) -> bool {
        match *self.0.borrow() {
            State::Leading(until) => until.is_none_or(|until| Instant::now() < until),
            State::Following | State::Lost => false,
        }
    }

    /// Waits until it leads.
    pub async fn acquired(&mut self) {
        if self.0.wait_for(|state| matches!(state, State::Leading(_))).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// A candidate.
pub struct Candidate {
    api: Api<Lease>,
    name: String,
    identity: String,
    timings: Timings,
    clock: Arc<dyn Clock>,
    state: watch::Sender<State>,
}

/// A lease that another process holds, and since when we have known this very state of it.
struct Observed {
    version: Option<String>,
    since: Instant,
}

impl Candidate {
    /// A candidate for the Lease of a name. The client must not retry by itself: a call that outlives the lease is worse than one
    /// that fails. The identity must be this process's alone.
    pub fn new(
        client: Client,
        namespace: &str,
        name: &str,
        identity: String,
        timings: Timings,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            name: name.to_owned(),
            identity,
            timings,
            clock,
            state: watch::channel(State::Following).0,
        }
    }

    /// What it tells others in this process.
    pub fn leadership(&self) -> Leadership {
        Leadership(self.state.subscribe())
    }

    /// Waits for the lease, then keeps it. Returns when it is lost; the process ends then, so that nothing of it can write late.
    /// When `stop` completes, the lease is given back.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let lease = tokio::select! {
            lease = self.acquire() => lease,
            () = &mut stop => return,
        };
        info!(identity = self.identity, "Leading");
        let mut held = lease;
        tokio::select! {
            () = self.keep(&mut held) => warn!(identity = self.identity, "Lost the lease"),
            () = &mut stop => {
                self.state.send_replace(State::Lost);
                self.release(held).await;
                return;
            }
        }
        self.state.send_replace(State::Lost);
    }

    async fn acquire(&self) -> Lease {
        let mut observed: Option<Observed> = None;
        loop {
            let begun = Instant::now();
            match timeout(self.timings.renew_deadline, self.try_acquire(&mut observed)).await {
                Ok(Ok(Some(lease))) => {
                    self.state.send_replace(State::Leading(Some(begun + self.timings.renew_deadline)));
                    return lease;
                }
                Ok(Ok(None)) => {}
                Ok(Err(error)) => warn!(%error, "Cannot read or take the lease {}", self.name),
                Err(_) => warn!("No answer about the lease {}", self.name),
            }
            sleep(self.timings.retry + share_of(self.timings.retry / 5)).await;
        }
    }

    async fn try_acquire(&self, observed: &mut Option<Observed>) -> Result<Option<Lease>, kube::Error> {
        let Some(lease) = self.api.get_opt(&self.name).await? else {
            let mut lease = Lease {
                metadata: ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() },
                spec: None,
            };
            self.sign(&mut lease);
            return won(self.api.create(&PostParams::default(), &lease).await);
        };
        let spec = lease.spec.clone().unwrap_or_default();
        let holder = spec.holder_identity.unwrap_or_default();
        let version = lease.metadata.resource_version.clone();
        let now = Instant::now();
        let unchanged = observed.as_ref().filter(|observed| observed.version == version);
        let since = unchanged.map_or(now, |observed| observed.since);
        *observed = Some(Observed { version, since });
        let theirs = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let expired = now >= since + theirs.map_or(self.timings.duration, Duration::from_secs);
        if !holder.is_empty() && holder != self.identity && !expired {
            return Ok(None);
        }
        let mut lease = lease;
        self.sign(&mut lease);
        // The resourceVersion that was read travels along: of two who saw it expire, one gets a conflict.
        won(self.api.replace(&self.name, &PostParams::default(), &lease).await)
    }

    /// Returns when the lease is lost.
    async fn keep(&self, held: &mut Lease) {
        let State::Leading(Some(mut until)) = *self.state.borrow() else { return };
        loop {
            let wait = self.timings.retry + share_of(self.timings.retry / 5);
            if Instant::now() + wait >= until {
                tokio::time::sleep_until(until).await;
                return;
            }
            sleep(wait).await;
            let begun = Instant::now();
            let left = until.saturating_duration_since(begun);
            match timeout(left, self.renew(held)).await {
                Ok(Ok(true)) => {
                    until = begun + self.timings.renew_deadline;
                    self.state.send_replace(State::Leading(Some(until)));
                }
                Ok(Err(error)) => warn!(%error, "Cannot renew the lease {}", self.name),
                Ok(Ok(false)) | Err(_) => return,
            }
        }
    }

    /// Whether it is still ours.
    async fn renew(&self, held: &mut Lease) -> Result<bool, kube::Error> {
        let mut next = held.clone();
        next.spec.get_or_insert_default().renew_time = Some(MicroTime(self.clock.now()));
        match self.api.replace(&self.name, &PostParams::default(), &next).await {
            Ok(lease) => *held = lease,
            // Changed by somebody, or an answer of ours that was lost: who holds it now?
            Err(kube::Error::Api(status)) if status.is_conflict() => {
                let lease = self.api.get(&self.name).await?;
                let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref());
                if holder != Some(&self.identity) {
                    return Ok(false);
                }
                *held = lease;
                return Box::pin(self.renew(held)).await;
            }
            Err(kube::Error::Api(status)) if status.is_not_found() => return Ok(false),
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    async fn release(&self, mut held: Lease) {
        let spec = held.spec.get_or_insert_default();
        spec.holder_identity = Some(String::new());
        spec.lease_duration_seconds = Some(1);
        let released =
            timeout(self.timings.retry, self.api.replace(&self.name, &PostParams::default(), &held)).await;
        if let Ok(Ok(_)) = released {
            info!("Gave the lease {} back", self.name);
        } else {
            warn!("Could not give the lease {} back; it expires by itself", self.name);
        }
    }

    fn sign(&self, lease: &mut Lease) {
        let now = MicroTime(self.clock.now());
        let before = lease.spec.take().unwrap_or_default();
        let moved = before.holder_identity.as_deref() != Some(&self.identity);
        let transitions = before.lease_transitions.unwrap_or(0);
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(self.timings.duration.as_secs()).ok(),
            acquire_time: if moved { Some(now.clone()) } else { before.acquire_time },
            renew_time: Some(now),
            lease_transitions: Some(if moved { transitions.saturating_add(1) } else { transitions }),
            ..before
        });
    }
}

/// A conflict is no error here: somebody else was faster.
fn won(result: Result<Lease, kube::Error>) -> Result<Option<Lease>, kube::Error> {
    match result {
        Ok(lease) => Ok(Some(lease)),
        Err(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists() => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use http::{Method, Request, Response, StatusCode};
    use http_body_util::BodyExt as _;
    use kube::client::Body;
    use tower::service_fn;

    use super::*;
    use crate::clock::SystemClock;

    /// An API server that knows one Lease, and how to fail.
    #[derive(Clone, Default)]
    struct Fake(Arc<Mutex<Stored>>);

    #[derive(Default)]
    struct Stored {
        lease: Option<Lease>,
        version: u64,
        down: bool,
        writes: u32,
    }

    impl Fake {
        fn client(&self) -> Client {
            let fake = self.clone();
            let service = service_fn(move |request: Request<Body>| {
                let fake = fake.clone();
                async move { Ok::<_, std::convert::Infallible>(fake.answer(request).await) }
            });
            Client::new(service, "fapi-system")
        }

        async fn answer(&self, request: Request<Body>) -> Response<Body> {
            let method = request.method().clone();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let mut stored = self.0.lock().unwrap();
            if stored.down {
                return refuse(StatusCode::INTERNAL_SERVER_ERROR, "InternalError");
            }
            if method == Method::GET {
                return match &stored.lease {
                    Some(lease) => Response::new(Body::from(serde_json::to_vec(lease).unwrap())),
                    None => refuse(StatusCode::NOT_FOUND, "NotFound"),
                };
            }
            let mut lease: Lease = serde_json::from_slice(&body).unwrap();
            let current = stored.lease.as_ref().and_then(|lease| lease.metadata.resource_version.clone());
            if lease.metadata.resource_version != current {
                let reason = if method == Method::POST { "AlreadyExists" } else { "Conflict" };
                return refuse(StatusCode::CONFLICT, reason);
            }
            stored.version += 1;
            stored.writes += 1;
            lease.metadata.resource_version = Some(stored.version.to_string());
            stored.lease = Some(lease.clone());
            Response::new(Body::from(serde_json::to_vec(&lease).unwrap()))
        }

        fn holder(&self) -> Option<String> {
            self.0.lock().unwrap().lease.as_ref()?.spec.as_ref()?.holder_identity.clone()
        }

        fn down(&self, down: bool) {
            self.0.lock().unwrap().down = down;
        }

        fn candidate(&self, identity: &str) -> Candidate {
            let timings = Timings {
                duration: Duration::from_secs(1),
                renew_deadline: Duration::from_millis(600),
                retry: Duration::from_millis(50),
            };
            Candidate::new(
                self.client(),
                "fapi-system",
                "fapi-operator",
                identity.to_owned(),
                timings,
                Arc::new(SystemClock),
            )
        }
    }

    fn refuse(code: StatusCode, reason: &str) -> Response<Body> {
        let status = serde_json::json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason,
            "message": reason, "code": code.as_u16()});
        Response::builder().status(code).body(Body::from(serde_json::to_vec(&status).unwrap())).unwrap()
    }

    #[tokio::test]
    async fn one_of_many_leads() {
        let fake = Fake::default();
        let mut leaders = Vec::new();
        for identity in ["a", "b", "c", "d"] {
            let candidate = fake.candidate(identity);
            leaders.push((identity, candidate.leadership()));
            tokio::spawn(candidate.run(std::future::pending()));
        }
        while fake.0.lock().unwrap().writes < 10 {
            let leading: Vec<_> =
                leaders.iter().filter(|(_, leads)| leads.is_valid()).map(|(name, _)| *name).collect();
            assert!(leading.len() <= 1, "{leading:?}");
            if let [leader] = leading.as_slice() {
                assert_eq!(fake.holder().as_deref(), Some(*leader));
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// F-C09: by its own clock, before another can believe to lead.
    #[tokio::test]
    async fn a_leader_that_cannot_renew_stops_before_another_leads() {
        let fake = Fake::default();
        let first = fake.candidate("first");
        let mut leads = first.leadership();
        let running = tokio::spawn(first.run(std::future::pending()));
        leads.acquired().await;
        fake.down(true);
        running.await.unwrap();
        assert!(!leads.is_valid());

        fake.down(false);
        let second = fake.candidate("second");
        let mut next = second.leadership();
        let begun = Instant::now();
        tokio::spawn(second.run(std::future::pending()));
        next.acquired().await;
        // It has watched the lease unchanged for its whole duration itself: the time that stands in it is another clock's.
        assert!(begun.elapsed() >= Duration::from_secs(1));
        assert_eq!(fake.holder().as_deref(), Some("second"));
        assert!(!leads.is_valid());
    }

    #[tokio::test]
    async fn a_lease_that_is_given_back_is_free_at_once() {
        let fake = Fake::default();
        let first = fake.candidate("first");
        let mut leads = first.leadership();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let running = tokio::spawn(first.run(async {
            let _ = stopped.await;
        }));
        leads.acquired().await;
        stop.send(()).unwrap();
        running.await.unwrap();
        assert!(!leads.is_valid());
        assert_eq!(fake.holder().as_deref(), Some(""));

        let second = fake.candidate("second");
        let mut next = second.leadership();
        tokio::spawn(second.run(std::future::pending()));
        next.acquired().await;
        let transitions = fake.0.lock().unwrap().lease.clone().unwrap().spec.unwrap().lease_transitions;
        assert_eq!(transitions, Some(2), "from nobody to first, from first to second");
    }
}
