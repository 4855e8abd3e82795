//! How much may be asked for.

use std::time::Duration;

use super::ConfigError;
use super::reader::{Reader, seconds};

/// How much may be asked for: by one request, or by one client.
#[derive(Clone, Debug)]
pub struct Limits {
    /// `LIMIT_BODY_BYTES`: the body of an HTTP request.
    pub body_bytes: usize,
    /// `LIMIT_DOCUMENT_BYTES`: the text of a GraphQL document.
    pub document_bytes: usize,
    /// `LIMIT_TOKENS`: the tokens of a GraphQL document.
    pub tokens: usize,
    /// `LIMIT_DEPTH`: how deep fields may nest.
    pub depth: usize,
    /// `LIMIT_INTROSPECTION_DEPTH`: how deep they may nest below `__schema` and `__type`.
    pub introspection_depth: usize,
    /// `LIMIT_NODES`: fields of a document and uses of fragments, counted where they are used.
    pub nodes: usize,
    /// `LIMIT_ALIASES`: aliases of a document.
    pub aliases: usize,
    /// `LIMIT_DIRECTIVES`: directives of a document.
    pub directives: usize,
    /// `LIMIT_ROOT_FIELDS`: fields of the operation itself.
    pub root_fields: usize,
    /// `LIMIT_COST`: what a query or mutation may have resolved, by the most that it may return.
    pub cost: usize,
    /// `LIMIT_EVENT_COST`: what one message of a stream may have resolved for one member, over all her different
    /// subscriptions to it.
    pub event_cost: usize,
    /// `LIMIT_INTROSPECTION_COST`: what may be told of the schema.
    pub introspection_cost: usize,
    /// `LIMIT_LOADED_BYTES`: the long texts of the rows that one operation, or one message of a subscription, may load.
    pub loaded_bytes: usize,
    /// `LIMIT_ANSWER_BYTES`: one answer, or one message of a subscription.
    pub answer_bytes: usize,
    /// `LIMIT_PAGE_SIZE`: the largest `first` or `last`.
    pub page_size: usize,
    /// `LIMIT_OPERATION_SECONDS`: how long a query or mutation may take.
    pub operation: Duration,
    /// `LIMIT_WEBSOCKET_MESSAGE_BYTES`: one message from a websocket client.
    pub websocket_message_bytes: usize,
    /// `LIMIT_CONNECTIONS`: connections of subscribers that are open in one process.
    pub connections: usize,
    /// `LIMIT_SUBSCRIPTIONS_PER_CONNECTION`: operations that run over one connection at the same time.
    pub subscriptions_per_connection: usize,
    /// `LIMIT_SUBSCRIPTIONS_PER_USER`: subscriptions of one member in one process, over all her connections.
    pub subscriptions_per_user: usize,
    /// `LIMIT_LOGINS_PER_ACCOUNT`: logins of one account with a wrong password in an hour, from anywhere.
    pub logins_per_account: usize,
    /// `LIMIT_LOGINS_PER_ADDRESS`: logins from one address in an hour.
    pub logins_per_address: usize,
    /// `LIMIT_REGISTRATIONS_PER_ADDRESS`: registrations from one address in an hour.
    pub registrations_per_address: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 256 * 1024,
            document_bytes: 16 * 1024,
            tokens: 2_000,
            depth: 12,
            introspection_depth: 30,
            nodes: 500,
            aliases: 30,
            directives: 50,
            root_fields: 20,
            cost: 5_000,
            event_cost: 1_000,
            introspection_cost: 20_000,
            loaded_bytes: 24 * 1024 * 1024,
            answer_bytes: 8 * 1024 * 1024,
            page_size: 100,
            operation: Duration::from_secs(10),
            websocket_message_bytes: 64 * 1024,
            connections: 10_000,
            subscriptions_per_connection: 100,
            subscriptions_per_user: 200,
            logins_per_account: 20,
            logins_per_address: 300,
            registrations_per_address: 100,
        }
    }
}

impl Limits {
    pub(super) fn read(reader: &Reader<'_>) -> Result<Self, ConfigError> {
        const BYTES: &str = "a number of bytes from 1024 to 67108864";
        const COUNT: &str = "a number from 1 to 1000000";
        let bytes = |variable, default| reader.within(variable, default, 1024..=64 * 1024 * 1024, BYTES);
        let count = |variable, default| reader.within(variable, default, 1..=1_000_000, COUNT);
        let usual = Self::default();
        Ok(Self {
            body_bytes: bytes("LIMIT_BODY_BYTES", usual.body_bytes)?,
            document_bytes: bytes("LIMIT_DOCUMENT_BYTES", usual.document_bytes)?,
            tokens: count("LIMIT_TOKENS", usual.tokens)?,
            depth: count("LIMIT_DEPTH", usual.depth)?,
            introspection_depth: count("LIMIT_INTROSPECTION_DEPTH", usual.introspection_depth)?,
            nodes: count("LIMIT_NODES", usual.nodes)?,
            aliases: count("LIMIT_ALIASES", usual.aliases)?,
            directives: count("LIMIT_DIRECTIVES", usual.directives)?,
            root_fields: count("LIMIT_ROOT_FIELDS", usual.root_fields)?,
            cost: count("LIMIT_COST", usual.cost)?,
            event_cost: count("LIMIT_EVENT_COST", usual.event_cost)?,
            introspection_cost: count("LIMIT_INTROSPECTION_COST", usual.introspection_cost)?,
            loaded_bytes: bytes("LIMIT_LOADED_BYTES", usual.loaded_bytes)?,
            answer_bytes: bytes("LIMIT_ANSWER_BYTES", usual.answer_bytes)?,
            page_size: count("LIMIT_PAGE_SIZE", usual.page_size)?,
            operation: seconds(reader.within(
                "LIMIT_OPERATION_SECONDS",
                usual.operation.as_secs(),
                1..=600,
                "1 to 600 seconds",
            )?),
            websocket_message_bytes: bytes("LIMIT_WEBSOCKET_MESSAGE_BYTES", usual.websocket_message_bytes)?,
            connections: count("LIMIT_CONNECTIONS", usual.connections)?,
            subscriptions_per_connection: count(
                "LIMIT_SUBSCRIPTIONS_PER_CONNECTION",
                usual.subscriptions_per_connection,
            )?,
            subscriptions_per_user: count("LIMIT_SUBSCRIPTIONS_PER_USER", usual.subscriptions_per_user)?,
            logins_per_account: count("LIMIT_LOGINS_PER_ACCOUNT", usual.logins_per_account)?,
            logins_per_address: count("LIMIT_LOGINS_PER_ADDRESS", usual.logins_per_address)?,
            registrations_per_address: count(
                "LIMIT_REGISTRATIONS_PER_ADDRESS",
                usual.registrations_per_address,
            )?,
        })
    }

    /// Every limit by its variable, times in seconds.
    pub(super) fn table(&self) -> [(&'static str, usize); 23] {
        [
            ("LIMIT_BODY_BYTES", self.body_bytes),
            ("LIMIT_DOCUMENT_BYTES", self.document_bytes),
            ("LIMIT_TOKENS", self.tokens),
            ("LIMIT_DEPTH", self.depth),
            ("LIMIT_INTROSPECTION_DEPTH", self.introspection_depth),
            ("LIMIT_NODES", self.nodes),
            ("LIMIT_ALIASES", self.aliases),
            ("LIMIT_DIRECTIVES", self.directives),
            ("LIMIT_ROOT_FIELDS", self.root_fields),
            ("LIMIT_COST", self.cost),
            ("LIMIT_EVENT_COST", self.event_cost),
            ("LIMIT_INTROSPECTION_COST", self.introspection_cost),
            ("LIMIT_LOADED_BYTES", self.loaded_bytes),
            ("LIMIT_ANSWER_BYTES", self.answer_bytes),
            ("LIMIT_PAGE_SIZE", self.page_size),
            ("LIMIT_OPERATION_SECONDS", self.operation_seconds()),
            ("LIMIT_WEBSOCKET_MESSAGE_BYTES", self.websocket_message_bytes),
            ("LIMIT_CONNECTIONS", self.connections),
            (
                "LIMIT_SUBSCRIPTIONS_PER_CONNECTION",
                self.subscriptions_per_connection,
            ),
            ("LIMIT_SUBSCRIPTIONS_PER_USER", self.subscriptions_per_user),
            ("LIMIT_LOGINS_PER_ACCOUNT", self.logins_per_account),
            ("LIMIT_LOGINS_PER_ADDRESS", self.logins_per_address),
            ("LIMIT_REGISTRATIONS_PER_ADDRESS", self.registrations_per_address),
        ]
    }

    /// [`operation`](Self::operation) in seconds.
    pub fn operation_seconds(&self) -> usize {
        usize::try_from(self.operation.as_secs()).unwrap_or(usize::MAX)
    }
}
