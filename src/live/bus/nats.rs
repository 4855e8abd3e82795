//! NATS as a bus, for many servers: what one sends costs Postgres nothing.

use std::io;
use std::str::Utf8Error;
use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, ConnectOptions, Event, PublishError, ServerAddr, Subject};
use futures_util::StreamExt as _;
use percent_encoding::percent_decode_str;
use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, Statement};
use tokio::sync::{Notify, mpsc};
use url::Url;

use super::{Ear, Speaker, wire};
use crate::config::Config;
use crate::crypto::Keys;
use crate::database::Database;
use crate::telemetry::outage::Outage;

/// Operators may allow `plant_care.wake.*` and nothing else.
const SUBJECT: &str = "plant_care.wake";
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// A connection is given up when the server has not answered three of these.
const PING_EVERY: Duration = Duration::from_secs(5);
/// Messages that may wait in this process to be sent, and to be heard; each has at most 7 KiB.
const MESSAGES: usize = 256;

/// The subject of this deployment: of all servers over one database, and of no others.
///
/// A server that heard another deployment's wake-ups would take its own log for one that has lost its
/// end. So the subject is a hash of the database's own identity, which a backup restored by copying its
/// files shares, under a key from `SECRET_KEY`, which a deployment of its own should not share. Where
/// replicas do not agree on it, their events come by anti-entropy: late, and all.
pub(super) async fn subject(config: &Config, database: &Database, keys: &Keys) -> Result<Subject, DbErr> {
    let identity = match config.sqlite_file() {
        Some(file) => file.canonicalize().unwrap_or(file).display().to_string(),
        None => identity(database).await?,
    };
    Ok(format!("{SUBJECT}.{}", keys.deployment(&identity)).into())
}

/// What a standby that takes over shares with its primary, and no other cluster has; every role may ask.
async fn identity(database: &Database) -> Result<String, DbErr> {
    let sql = "SELECT system_identifier || ' ' || oid AS identity \
               FROM pg_control_system(), pg_database WHERE datname = current_database()";
    let row = database
        .reader()
        .query_one_raw(Statement::from_string(DbBackend::Postgres, sql))
        .await?
        .ok_or_else(|| DbErr::RecordNotFound("the database's own identity".to_owned()))?;
    row.try_get("", "identity")
}

/// The two ends of a connection that is made when the server is there, and again whenever it was lost.
pub(super) async fn connect(
    url: &Url,
    subject: Subject,
    compare: Arc<Notify>,
) -> Result<(Publisher, Listener), async_nats::Error> {
    let (sender, events) = mpsc::unbounded_channel();
    let mut url = url.clone();
    let mut options = ConnectOptions::new()
        .name("plant-care")
        .retry_on_initial_connect()
        .require_tls(url.scheme() == "tls")
        .reconnect_delay_callback(|attempt| if attempt > 1 { RETRY_AFTER } else { Duration::ZERO })
        .ping_interval(PING_EVERY)
        .client_capacity(MESSAGES)
        .subscription_capacity(MESSAGES)
        .event_callback(move |event| {
            // Messages came faster than they were heard, and some were dropped.
            if let Event::SlowConsumer(_) = event {
                compare.notify_one();
            } else {
                // Nobody takes it any more when the process stops.
                drop(sender.send(event));
            }
            std::future::ready(())
        });
    // The library takes nothing but host and port from the address.
    if let Some(password) = url.password() {
        options = options.user_and_password(decoded(url.username())?, decoded(password)?);
    }
    if url
        .set_password(None)
        .and_then(|()| url.set_username(""))
        .is_err()
    {
        return Err(io::Error::from(io::ErrorKind::InvalidInput).into());
    }
    let client = options.connect(ServerAddr::from_url(url)?).await?;
    let publisher = Publisher {
        client: client.clone(),
        subject: subject.clone(),
    };
    let listener = Listener {
        client,
        subject,
        events,
    };
    Ok((publisher, listener))
}

/// A part of an address without its escapes.
fn decoded(part: &str) -> Result<String, Utf8Error> {
    Ok(percent_decode_str(part).decode_utf8()?.into_owned())
}

/// Sends to the deployment's subject.
pub(super) struct Publisher {
    client: Client,
    subject: Subject,
}

impl Speaker for Publisher {
    type Error = PublishError;

    async fn publish(&self, message: String) -> Result<bool, PublishError> {
        // The library would keep it for the next connection, which begins with a comparison anyway.
        if self.client.connection_state() != State::Connected {
            return Ok(false);
        }
        self.client.publish(self.subject.clone(), message.into()).await?;
        Ok(true)
    }
}

/// Hears what is sent to the deployment's subject.
pub(super) struct Listener {
    client: Client,
    subject: Subject,
    events: mpsc::UnboundedReceiver<Event>,
}

impl Listener {
    /// Hears what other processes send, for ever.
    ///
    /// With each connection it says hello, and holds itself for listening when it hears that: then the
    /// subscription is in force, and the server lets it send as well as receive.
    pub(super) async fn listen(mut self, ear: Ear) {
        let mut outage = Outage::of("receiving wake-ups");
        let mut connections = 0;
        let mut hello = None;
        let mut messages = match self.client.subscribe(self.subject.clone()).await {
            Ok(messages) => messages,
            Err(error) => return outage.note(&Err::<(), _>(error)),
        };
        loop {
            tokio::select! {
                Some(event) = self.events.recv() => match event {
                    Event::Connected => {
                        connections += 1;
                        let message = wire::hello(&ear.name, connections);
                        hello = Some(message.clone());
                        let sent = self.client.publish(self.subject.clone(), message.into()).await;
                        if sent.is_err() {
                            outage.note(&sent);
                        }
                    }
                    Event::Disconnected => {
                        hello = None;
                        ear.close();
                        outage.note(&Err::<(), _>(event));
                    }
                    Event::ClientError(_) | Event::ServerError(_) => outage.note(&Err::<(), _>(event)),
                    _ => {}
                },
                Some(message) = messages.next() => match std::str::from_utf8(&message.payload) {
                    Ok(text) if hello.as_deref() == Some(text) => {
                        ear.open();
                        outage.note(&Ok::<_, Event>(()));
                    }
                    Ok(text) => ear.hear(text),
                    Err(_) => {}
                },
                else => return,
            }
        }
    }
}
