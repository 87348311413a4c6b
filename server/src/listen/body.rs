//! How much of a request do we read, and when has an answer been sent?

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::Version;
use http::header::EXPECT;
use http::request::Parts;
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::timeout;

use super::Limits;
use super::visit::Busy;
use crate::telemetry::Refused;

/// What is still read, and thrown away, of a body that is too large: a client that is told while it still sends would see
/// its connection break, and not the reason.
const DRAINED: usize = 4 * 1024 * 1024;

/// A body, whole. Forms are small, so nothing is begun with half of one.
pub(super) async fn read(head: &Parts, mut body: Incoming, limits: &Limits) -> Result<Bytes, Refused> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut bytes = BytesMut::new();
    let mut fits = announced <= limits.body_bytes;
    while fits && let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refused::BodyMalformed)?;
        // What is not data are trailers: nothing that we read has any.
        let Ok(data) = frame.into_data() else { continue };
        fits = bytes.len() + data.len() <= limits.body_bytes;
        if fits {
            bytes.extend_from_slice(&data);
        }
    }
    if fits {
        return Ok(bytes.freeze());
    }

    // HTTP/2 resets the one stream; a client that waits for `100 Continue` has not sent anything.
    if head.version < Version::HTTP_2 && !head.headers.contains_key(EXPECT) {
        tokio::spawn(timeout(limits.body, drain(body)));
    }
    Err(Refused::BodyTooLarge)
}

async fn drain(mut body: Incoming) {
    let mut left = DRAINED;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        let Some(rest) = left.checked_sub(length) else { return };
        left = rest;
    }
}

/// The body of an answer; the request counts as under way until it has been sent or dropped.
#[derive(Debug)]
pub(super) struct Answer {
    body: Body,
    _busy: Busy,
}

impl Answer {
    pub(super) fn new(body: Body, busy: Busy) -> Self {
        Self { body, _busy: busy }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
