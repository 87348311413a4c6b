//! How much, and for how long?

use std::time::Duration;

/// What one server takes from its callers. The defaults are what a pod runs with.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once. When one more comes in, the one that has been idle longest goes.
    pub connections: usize,
    /// Handshakes at once. When one more begins, the one that began first goes (`TL-16`).
    pub handshakes: usize,
    /// Requests at once, over all connections; further ones are told to come back.
    pub requests: usize,
    /// Requests at once on one HTTP/2 connection (H-03).
    pub streams: u32,
    /// A form. Larger ones are refused before a route sees them (H-04).
    pub body_bytes: usize,
    /// The head of a request at the front door: an authorize URL carries whole request objects (`TLS-16`).
    pub front_head_bytes: usize,
    /// The head of a request at the back door.
    pub back_head_bytes: usize,
    /// A handshake, from the first byte to the last.
    pub handshake: Duration,
    /// The head of a request, from its first byte (H-01); also the first request, from the end of the handshake.
    pub head: Duration,
    /// The body of a request (H-01).
    pub body: Duration,
    /// A route's answer.
    pub answer: Duration,
    /// How long a peer may read nothing of what we send.
    pub write: Duration,
    /// How long a connection may stand on which nothing begins or ends.
    pub idle: Duration,
    /// How long a connection may stand at all: what it was opened with has an end (`TL-13`).
    pub age: Duration,
    /// How long a connection that was asked to end may take.
    pub farewell: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            handshakes: 1024,
            requests: 1024,
            streams: 100,
            body_bytes: 64 * 1024,
            front_head_bytes: 64 * 1024,
            back_head_bytes: 16 * 1024,
            handshake: Duration::from_secs(5),
            head: Duration::from_secs(10),
            body: Duration::from_secs(10),
            answer: Duration::from_secs(30),
            write: Duration::from_secs(30),
            idle: Duration::from_mins(1),
            age: Duration::from_mins(15),
            farewell: Duration::from_secs(25),
        }
    }
}
