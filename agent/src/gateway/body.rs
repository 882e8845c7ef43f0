//! What is answered: the gateway's own words as they come, or a sentence of ours.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};

/// The body of an answer.
pub enum Answer {
    /// The gateway's, piece by piece: a pack may be larger than all memory.
    Passed(Incoming),
    /// Ours.
    Sentence(Option<Bytes>),
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Passed(body) => Poll::Ready(ready!(Pin::new(body).poll_frame(context))),
            Self::Sentence(sentence) => Poll::Ready(sentence.take().map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Passed(body) => body.is_end_stream(),
            Self::Sentence(sentence) => sentence.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Passed(body) => body.size_hint(),
            Self::Sentence(sentence) => SizeHint::with_exact(sentence.as_ref().map_or(0, Bytes::len) as u64),
        }
    }
}
