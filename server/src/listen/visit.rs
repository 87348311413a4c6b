//! How long may this connection still stand? One visit is one connection, from accept to close.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::Limits;
use crate::telemetry::Closed;

/// One connection's clock. Whatever happens on the connection is noted here, and [`Visit::overdue`] tells when it is over.
#[derive(Debug)]
pub(crate) struct Visit {
    limits: Limits,
    times: Mutex<Times>,
    /// Rung when others need the place.
    leave: Notify,
}

/// What has happened, and when.
#[derive(Debug)]
struct Times {
    accepted: Instant,
    /// Requests that have begun and whose answers have not been sent.
    busy: usize,
    /// When a request last began or ended.
    changed: Instant,
    /// Since when the head of a request is expected.
    head: Option<Instant>,
    /// Since when the peer has not read what we sent.
    unread: Option<Instant>,
    /// Since when we have asked the peer to end.
    retiring: Option<Instant>,
}

/// What has to be done about a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Overdue {
    /// Close it.
    Cut(Closed),
    /// Let what has begun finish, and begin nothing new.
    Retire(Closed),
}

impl Times {
    fn new(now: Instant) -> Self {
        Self { accepted: now, busy: 0, changed: now, head: None, unread: None, retiring: None }
    }

    /// The handshake is over: the first request may come, and should come soon.
    fn settle(&mut self, now: Instant) {
        self.changed = now;
        self.head = Some(now);
    }

    fn begin(&mut self, now: Instant) {
        self.busy += 1;
        self.changed = now;
        self.head = None;
    }

    fn end(&mut self, now: Instant) {
        self.busy = self.busy.saturating_sub(1);
        self.changed = now;
    }

    /// With no request under way, bytes can only be the beginning of one. Further bytes gain it no time.
    fn receive(&mut self, now: Instant) {
        if self.busy == 0 {
            self.head.get_or_insert(now);
        }
    }

    fn send(&mut self, stuck: bool, now: Instant) {
        if stuck {
            self.unread.get_or_insert(now);
        } else {
            self.unread = None;
        }
    }

    /// What is due first, and when.
    fn next(&self, limits: &Limits) -> (Instant, Overdue) {
        let mut next = match self.retiring {
            Some(since) => (since + limits.farewell, Overdue::Cut(Closed::Old)),
            None => (self.accepted + limits.age, Overdue::Retire(Closed::Old)),
        };
        let mut consider = |since: Option<Instant>, limit, what| {
            if let Some(due) = since.map(|since| since + limit).filter(|due| *due < next.0) {
                next = (due, what);
            }
        };
        consider(self.head, limits.head, Overdue::Cut(Closed::SlowHeader));
        consider(self.unread, limits.write, Overdue::Cut(Closed::SlowReader));
        if self.retiring.is_none() {
            consider(Some(self.changed), limits.idle, Overdue::Retire(Closed::Idle));
        }
        next
    }
}

impl Visit {
    /// A connection that has just been accepted.
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        let times = Mutex::new(Times::new(Instant::now()));
        Arc::new(Self { limits, times, leave: Notify::new() })
    }

    /// The handshake is over.
    pub(crate) fn settled(&self) {
        self.times().settle(Instant::now());
    }

    /// A request has begun; it ends when the returned value is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> Busy {
        self.times().begin(Instant::now());
        Busy(Arc::clone(self))
    }

    /// Bytes came in.
    pub(crate) fn received(&self) {
        self.times().receive(Instant::now());
    }

    /// Bytes went out, or are stuck.
    pub(crate) fn sent(&self, stuck: bool) {
        self.times().send(stuck, Instant::now());
    }

    /// The peer was asked to end.
    pub(crate) fn retiring(&self) {
        self.times().retiring.get_or_insert_with(Instant::now);
    }

    /// Since when nothing has been going on here; none while a request is under way.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        let times = self.times();
        (times.busy == 0).then_some(times.changed)
    }

    /// Others need the place.
    pub(crate) fn evict(&self) {
        self.leave.notify_one();
    }

    /// Returns once others need the place.
    pub(crate) async fn evicted(&self) {
        self.leave.notified().await;
    }

    /// Returns as soon as one of the limits is exceeded.
    pub(crate) async fn overdue(&self) -> Overdue {
        // What begins while we sleep cannot be due before the shortest of the limits has passed again.
        let shortest = self.limits.head.min(self.limits.write).min(self.limits.idle);
        loop {
            let now = Instant::now();
            let (due, what) = self.times().next(&self.limits);
            if due <= now {
                return what;
            }
            tokio::select! {
                () = sleep_until(due.min(now + shortest)) => {}
                () = self.evicted() => return Overdue::Cut(Closed::Crowded),
            }
        }
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under way, until its answer has been sent.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Visit>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.times().end(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A connection whose handshake is over, and what is due on it so many seconds later.
    fn settled() -> (Times, impl Fn(u64) -> Instant, impl Fn(&Times) -> (u64, Overdue)) {
        let start = Instant::now();
        let mut times = Times::new(start);
        times.settle(start);
        let next = move |times: &Times| {
            let (due, what) = times.next(&Limits::default());
            ((due - start).as_secs(), what)
        };
        (times, move |second| start + Duration::from_secs(second), next)
    }

    #[test]
    fn the_first_request_must_come_soon() {
        let (times, _, next) = settled();
        assert_eq!(next(&times), (10, Overdue::Cut(Closed::SlowHeader)), "H-01");
    }

    #[test]
    fn a_head_that_trickles_in_gains_no_time_with_further_bytes() {
        let (mut times, at, next) = settled();
        times.begin(at(1));
        times.end(at(2));
        for second in 3..12 {
            times.receive(at(second));
        }
        assert_eq!(next(&times), (13, Overdue::Cut(Closed::SlowHeader)), "H-01");
    }

    #[test]
    fn a_connection_without_requests_retires_after_a_minute() {
        let (mut times, at, next) = settled();
        times.begin(at(1));
        times.end(at(5));
        assert_eq!(next(&times), (65, Overdue::Retire(Closed::Idle)), "H-01");
    }

    #[test]
    fn a_body_is_no_head() {
        let (mut times, at, next) = settled();
        times.begin(at(1));
        times.receive(at(2));
        assert_eq!(next(&times), (61, Overdue::Retire(Closed::Idle)));
    }

    #[test]
    fn a_busy_connection_retires_when_it_is_old_and_is_cut_when_it_does_not_go() {
        let (mut times, at, next) = settled();
        times.begin(at(890));
        assert_eq!(next(&times), (900, Overdue::Retire(Closed::Old)), "TL-13");
        times.retiring = Some(at(900));
        times.end(at(901));
        times.begin(at(902));
        assert_eq!(next(&times), (925, Overdue::Cut(Closed::Old)), "TL-13");
    }

    #[test]
    fn a_peer_that_does_not_read_is_cut_and_one_that_reads_slowly_is_not() {
        let (mut times, at, next) = settled();
        times.begin(at(0));
        times.send(true, at(1));
        times.send(true, at(20));
        assert_eq!(next(&times), (31, Overdue::Cut(Closed::SlowReader)), "H-01");
        times.send(false, at(30));
        assert_eq!(next(&times), (60, Overdue::Retire(Closed::Idle)));
    }
}
