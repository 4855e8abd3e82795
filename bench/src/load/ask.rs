//! What is asked, and what a right answer has.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::Method;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use memchr::memmem::Finder;
use plant_care_prove::failure::{Failure, Result, fail};
use serde_json::Value;

use super::connection::answers;

/// Characters of a wrong answer that are told.
const TOLD: usize = 600;

/// One request, ready to be sent any number of times.
#[derive(Clone, Debug)]
pub struct Ask {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Ask {
    /// Gets a path.
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// Posts a JSON document, such as a GraphQL request.
    pub fn post(path: impl Into<String>, body: &Value) -> Self {
        Self {
            method: Method::POST,
            body: body.to_string().into(),
            ..Self::get(path)
        }
        .header(CONTENT_TYPE, "application/json")
    }

    /// The same with one more header, whose value must be plain text.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

/// Where to ask, what, in turn, and what every right answer has.
#[derive(Clone, Debug)]
pub struct Asks {
    /// Where.
    pub address: SocketAddr,
    list: Arc<[Ask]>,
    next: Arc<AtomicUsize>,
    has: Arc<Finder<'static>>,
    errors: Arc<Finder<'static>>,
}

impl Asks {
    /// Asks these in turn. An answer without the text `has` is a wrong one.
    pub fn new(address: SocketAddr, asks: impl IntoIterator<Item = Ask>, has: &str) -> Result<Self> {
        let host = HeaderValue::from_str(&address.to_string())?;
        let list: Arc<[Ask]> = asks
            .into_iter()
            .map(|mut ask| {
                ask.headers.insert(HOST, host.clone());
                ask
            })
            .collect();
        if list.is_empty() {
            return fail("there is nothing to ask");
        }
        Ok(Self {
            address,
            list,
            next: Arc::default(),
            has: Arc::new(Finder::new(has).into_owned()),
            errors: Arc::new(Finder::new("\"errors\":").into_owned()),
        })
    }

    /// The next to be sent.
    pub(super) fn next(&self) -> &Ask {
        self.number(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// The one of a number; after the last comes the first.
    pub(super) fn number(&self, number: usize) -> &Ask {
        &self.list[number % self.list.len()]
    }

    /// The answers to so many of its requests, from the first on.
    pub async fn answers(&self, count: usize) -> Result<Vec<Bytes>> {
        answers(self, count).await
    }

    /// Fails with what an answer says unless it is a right one.
    pub(super) fn check(&self, status: u16, body: &[u8]) -> Result<()> {
        let wrong = if status != 200 {
            format!("status {status}")
        } else if self.errors.find(body).is_some() {
            "errors".to_owned()
        } else if self.has.find(body).is_none() {
            format!("no {}", String::from_utf8_lossy(self.has.needle()))
        } else {
            return Ok(());
        };
        let text: String = String::from_utf8_lossy(body).chars().take(TOLD).collect();
        Err(Failure::new(format!(
            "{} answered with {wrong}: {text}",
            self.address
        )))
    }
}
