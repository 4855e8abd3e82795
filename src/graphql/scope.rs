//! What every resolver may ask of its operation: who is asking, in which language, and the loaders.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use async_graphql::Context;

use super::error::ApiError;
use super::loaders::{self, Loaders};
use super::meter::Meter;
use crate::admission::Key;
use crate::app::App;
use crate::auth::{self, Bearer};
use crate::database::Database;
use crate::domain::{Member, Viewer};
use crate::entity::user::Locale;
use crate::telemetry::operation::{self, Notes};

/// Who sends operations, over one HTTP request or one websocket.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// On whose behalf.
    pub viewer: Viewer,
    /// The language that the client asked for; a member's own comes first.
    pub accepts: Locale,
    /// From where.
    pub address: IpAddr,
}

/// Who sends an HTTP request or opened a websocket, as she says. Asked anew for every operation, because
/// tokens expire and sessions end while a websocket is open.
#[derive(Clone, Debug)]
pub struct Session {
    /// The `Authorization` header, or the `authorization` of `connection_init`.
    pub authorization: Option<String>,
    /// The language that the client asked for.
    pub accepts: Locale,
    /// The client's address.
    pub address: IpAddr,
}

impl Session {
    /// Who she says she is.
    pub fn bearer(&self, app: &App) -> Bearer {
        Bearer::read(app, self.authorization.as_deref())
    }

    /// The caller now.
    pub async fn caller(&self, app: &App, bearer: Bearer) -> Result<Caller, ApiError> {
        let viewer = auth::authenticate(app, bearer).await?;
        Ok(Caller {
            viewer,
            accepts: self.accepts,
            address: self.address,
        })
    }
}

impl Caller {
    /// Whose requests take turns with others'.
    pub fn key(&self) -> Key {
        match self.viewer.member() {
            Some(member) => Key::Member(member.id),
            None => Key::of_address(self.address),
        }
    }

    /// A caller who did not say who she is.
    pub fn nobody() -> Self {
        Self {
            viewer: Viewer::Anonymous,
            accepts: Locale::default(),
            address: Ipv6Addr::UNSPECIFIED.into(),
        }
    }
}

/// One operation, or one event of a subscription.
pub struct Scope {
    /// Who is asking.
    pub caller: Caller,
    database: Database,
    /// What is noted of it.
    pub notes: Arc<Notes>,
    /// How large the answer is so far.
    pub meter: Arc<Meter>,
    loaders: Mutex<Arc<Loaders>>,
}

impl Scope {
    /// The scope of one operation.
    pub fn new(caller: Caller, database: Database, notes: Arc<Notes>, meter: Arc<Meter>) -> Self {
        let loaders = Mutex::new(Arc::new(loaders::loaders(
            database.clone(),
            caller.viewer.member().copied(),
        )));
        Self {
            caller,
            database,
            notes,
            meter,
            loaders,
        }
    }

    /// The language to answer in.
    pub fn locale(&self) -> Locale {
        self.caller
            .viewer
            .member()
            .map_or(self.caller.accepts, |member| member.locale)
    }

    /// The rows that were loaded so far.
    pub fn loaders(&self) -> Arc<Loaders> {
        Arc::clone(&self.loaders.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Forgets the rows that were loaded: something has changed.
    pub fn renew(&self) {
        let fresh = Arc::new(loaders::loaders(
            self.database.clone(),
            self.caller.viewer.member().copied(),
        ));
        *self.loaders.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
    }
}

/// The scope of the operation that is being resolved.
pub fn scope<'a>(context: &Context<'a>) -> &'a Scope {
    let scope = context.data_unchecked::<Scope>();
    scope.notes.resolving();
    scope
}

/// The process.
pub fn app<'a>(context: &Context<'a>) -> &'a App {
    context.data_unchecked::<App>()
}

/// The rows that were loaded so far.
pub fn loaded(context: &Context<'_>) -> Arc<Loaders> {
    operation::asks_a_loader();
    scope(context).loaders()
}

/// The member who is asking.
pub fn member<'a>(context: &Context<'a>) -> Result<&'a Member, ApiError> {
    scope(context)
        .caller
        .viewer
        .member()
        .ok_or(ApiError::Unauthenticated)
}
