//! Who has to go when too many are here?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::{Limits, Visit};

/// Everybody who is connected.
///
/// A flood must not lock out those who come after it: a new handshake takes the place of the oldest that has not
/// finished, a new connection that of the one that has been idle longest. Only while every connection has a request
/// under way is a new one refused.
#[derive(Debug)]
pub(crate) struct Crowd {
    limits: Limits,
    guests: Mutex<Guests>,
    count: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Guests {
    next: u64,
    here: BTreeMap<u64, Arc<Visit>>,
    /// Those who have not finished their handshake. Numbers rise, so the first is the oldest.
    shaking: BTreeSet<u64>,
}

/// A place in the crowd, given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    number: u64,
    visit: Arc<Visit>,
    crowd: Arc<Crowd>,
}

impl Crowd {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, guests: Mutex::default(), count: watch::Sender::new(0) })
    }

    /// A place for one more, if need be that of somebody else. None if everybody here is busy.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Place> {
        let mut guests = self.guests();
        if guests.shaking.len() >= self.limits.handshakes
            && let Some(oldest) = guests.shaking.pop_first()
        {
            guests.dismiss(oldest);
        }
        if guests.here.len() >= self.limits.connections {
            let idlest = guests
                .here
                .iter()
                .filter_map(|(number, visit)| Some((visit.idle_since()?, *number)))
                .min()?;
            guests.dismiss(idlest.1);
        }

        let number = guests.next;
        guests.next += 1;
        let visit = Visit::new(self.limits);
        guests.here.insert(number, Arc::clone(&visit));
        guests.shaking.insert(number);
        self.count.send_replace(guests.here.len());
        Some(Place { number, visit, crowd: Arc::clone(self) })
    }

    /// How many are here.
    pub(crate) fn len(&self) -> usize {
        *self.count.borrow()
    }

    /// Returns once nobody is here any more.
    pub(crate) async fn empty(&self) {
        // The sender lives as long as we do, so there is no error to see.
        let _ = self.count.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Sends everybody away.
    pub(crate) fn dismiss_all(&self) {
        for visit in self.guests().here.values() {
            visit.evict();
        }
    }

    fn guests(&self) -> MutexGuard<'_, Guests> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guests {
    /// The place is free at once; the connection that had it closes when its task next runs.
    fn dismiss(&mut self, number: u64) {
        self.shaking.remove(&number);
        if let Some(visit) = self.here.remove(&number) {
            visit.evict();
        }
    }
}

impl Place {
    /// The visit of whoever has this place.
    pub(crate) fn visit(&self) -> &Arc<Visit> {
        &self.visit
    }

    /// The handshake is over.
    pub(crate) fn settled(&self) {
        self.visit.settled();
        self.crowd.guests().shaking.remove(&self.number);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut guests = self.crowd.guests();
        guests.shaking.remove(&self.number);
        guests.here.remove(&self.number);
        self.crowd.count.send_replace(guests.here.len());
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn crowd(connections: usize, handshakes: usize) -> Arc<Crowd> {
        Crowd::new(Limits { connections, handshakes, ..Limits::default() })
    }

    fn is_dismissed(place: &Place) -> bool {
        place.visit().evicted().now_or_never().is_some()
    }

    #[tokio::test]
    async fn a_new_handshake_takes_the_place_of_the_oldest_unfinished_one() {
        let crowd = crowd(10, 2);
        let finished = crowd.enter().unwrap();
        finished.settled();
        let (oldest, younger) = (crowd.enter().unwrap(), crowd.enter().unwrap());
        let newest = crowd.enter().unwrap();
        assert!(is_dismissed(&oldest), "TL-16");
        assert!(!is_dismissed(&younger) && !is_dismissed(&newest) && !is_dismissed(&finished));
    }

    #[tokio::test]
    async fn a_new_connection_takes_the_place_of_the_one_that_has_been_idle_longest() {
        let crowd = crowd(2, 2);
        let (busy, idle) = (crowd.enter().unwrap(), crowd.enter().unwrap());
        busy.settled();
        idle.settled();
        let request = busy.visit().begin();
        let _third = crowd.enter().unwrap();
        assert!(is_dismissed(&idle) && !is_dismissed(&busy), "H-01");
        drop(request);
    }

    #[tokio::test]
    async fn nobody_who_is_busy_has_to_go() {
        let crowd = crowd(1, 1);
        let place = crowd.enter().unwrap();
        place.settled();
        let request = place.visit().begin();
        assert!(crowd.enter().is_none());
        drop(request);
        assert!(crowd.enter().is_some());
    }

    #[tokio::test]
    async fn places_are_given_back() {
        let crowd = crowd(1, 1);
        let place = crowd.enter().unwrap();
        assert_eq!(crowd.len(), 1);
        drop(place);
        crowd.empty().await;
        assert_eq!(crowd.len(), 0);
    }
}
