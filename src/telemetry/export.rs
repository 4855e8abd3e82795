//! Sending spans: by a task of its own, for which nothing waits. What cannot be sent is dropped and counted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter as _, SpanProcessor};
use prometheus_client::metrics::counter::Counter;
use tokio::sync::mpsc;

use super::outage::Outage;

/// Spans that may wait to be sent; more are dropped and counted.
const WAITING: usize = 4096;
/// Spans that are sent together.
const BATCH: usize = 512;
/// How long they are collected.
const COLLECTED_FOR: Duration = Duration::from_secs(1);

/// Takes spans that have ended. OpenTelemetry's own queue does not say what it drops.
#[derive(Debug)]
pub(super) struct Queue {
    sender: Mutex<Option<mpsc::Sender<SpanData>>>,
    dropped: Counter,
}

impl Queue {
    /// A queue, and what waits in it.
    pub(super) fn new(dropped: Counter) -> (Self, mpsc::Receiver<SpanData>) {
        let (sender, waiting) = mpsc::channel(WAITING);
        let sender = Mutex::new(Some(sender));
        (Self { sender, dropped }, waiting)
    }

    pub(super) fn push(&self, span: SpanData) {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        if sender
            .as_ref()
            .is_none_or(|sender| sender.try_send(span).is_err())
        {
            self.dropped.inc();
        }
    }
}

/// Gives the queue what OpenTelemetry has recorded.
#[derive(Debug)]
pub(super) struct ToQueue(pub(super) Arc<Queue>);

impl SpanProcessor for ToQueue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() {
            self.0.push(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        let mut sender = self.0.sender.lock().unwrap_or_else(PoisonError::into_inner);
        match sender.take() {
            Some(_) => Ok(()),
            None => Err(OTelSdkError::AlreadyShutdown),
        }
    }
}

/// Sends spans together until there will be no more. What cannot be sent is dropped and counted.
pub(super) async fn send(exporter: SpanExporter, mut waiting: mpsc::Receiver<SpanData>, dropped: Counter) {
    let mut outage = Outage::of("sending spans");
    let mut batch = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        let collected = tokio::time::sleep(COLLECTED_FOR);
        tokio::pin!(collected);
        while batch.len() < BATCH {
            let room = BATCH - batch.len();
            tokio::select! {
                () = &mut collected => break,
                more = waiting.recv_many(&mut batch, room) => if more == 0 { break },
            }
        }
        let spans = batch.len() as u64;
        let sent = exporter
            .export(std::mem::replace(&mut batch, Vec::with_capacity(BATCH)))
            .await;
        if sent.is_err() {
            dropped.inc_by(spans);
        }
        outage.note(&sent);
    }
}
