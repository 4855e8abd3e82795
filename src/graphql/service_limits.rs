//! The limits in force, for clients to keep to.

use async_graphql::{Context, Object, SimpleObject};

use super::lexical::NESTING;
use super::limits::maxima::PASSWORDS;
use super::scope::app;
use crate::config::{Limits, whole_seconds};

/// How much may be asked for. What exceeds a limit is refused with `LIMIT_EXCEEDED`; `extensions.limit` is then
/// the limit's name here, in capitals: `BODY_BYTES` for `bodyBytes`.
#[derive(SimpleObject)]
pub struct ServiceLimits {
    /// Bytes of an HTTP request's body.
    body_bytes: usize,
    /// Bytes of a document.
    document_bytes: usize,
    /// Tokens of a document.
    tokens: usize,
    /// How deep a document's brackets nest, of whatever kind.
    nesting: usize,
    /// How deep fields nest.
    depth: usize,
    /// How deep fields nest below `__schema` and `__type`.
    introspection_depth: usize,
    /// Fields and uses of fragments of a document, counted wherever a fragment is used.
    nodes: usize,
    /// Aliases of a document.
    aliases: usize,
    /// Directives of a document.
    directives: usize,
    /// Fields at the root of an operation.
    root_fields: usize,
    /// Fields of a document that hash a password: `login` and `register`.
    passwords: usize,
    /// What a query or mutation may have resolved, by the most that it may return: an object costs 1, a page its size, a
    /// list without pages the longest that it may be, a scalar nothing but where it is selected again, and all of it is
    /// multiplied by the lists around it. Lists that are sent cost their length. A request with
    /// `"extensions": {"cost": true}` is told its own.
    cost: usize,
    /// What one message of a subscription may have resolved, counted as `cost` is: the sum over all different subscriptions
    /// of one member to the same stream.
    event_cost: usize,
    /// What `__schema` and `__type` may tell, counted as `cost` is, but exactly: as many objects as there are.
    introspection_cost: usize,
    /// Bytes of the long texts that are loaded for an answer, or for one message of a subscription, whether they are told
    /// or not.
    loaded_bytes: usize,
    /// Bytes of an answer, or of one message of a subscription.
    answer_bytes: usize,
    /// The largest `first` or `last` of a connection.
    page_size: usize,
    /// Seconds that a query or mutation may take.
    operation_seconds: usize,
    /// Bytes of a message from a websocket client.
    websocket_message_bytes: usize,
    /// Queries and mutations that one server process answers at the same time. A few more wait for a moment, and whoever
    /// would have to wait longer is told `SERVER_BUSY` at once.
    requests_in_flight: usize,
    /// Connections of subscribers that one server process has open at the same time.
    connections: usize,
    /// Connections that one address has open to one server process at the same time, of whatever kind; of IPv6 a network of
    /// 64 bits counts as one address.
    connections_per_address: usize,
    /// Connections of subscribers of whom it is not known who they are, which one server process has open at the same time.
    anonymous_sockets: usize,
    /// Seconds that a client may take to say what it wants, from its first byte to the end of a request's headers.
    head_seconds: usize,
    /// Bytes of a request's body that have to come each second, and of an answer that have to be taken.
    body_bytes_per_second: usize,
    /// Seconds that a connection is kept over which nothing is asked.
    idle_seconds: usize,
    /// Operations that run over one connection at the same time.
    subscriptions_per_connection: usize,
    /// Subscriptions of one member that run in one server process at the same time, over all her connections.
    subscriptions_per_user: usize,
    /// Wrong passwords for one account in an hour, from anywhere. After them every address still has one try each
    /// quarter of an hour.
    logins_per_account: usize,
    /// Logins from one address in an hour.
    logins_per_address: usize,
    /// Registrations from one address in an hour.
    registrations_per_address: usize,
    /// Refresh tokens and stream tickets from one address in an hour that open nothing.
    wrong_tokens_per_address: usize,
}

impl From<&Limits> for ServiceLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            body_bytes: limits.body_bytes,
            document_bytes: limits.document_bytes,
            tokens: limits.tokens,
            nesting: NESTING,
            depth: limits.depth,
            introspection_depth: limits.introspection_depth,
            nodes: limits.nodes,
            aliases: limits.aliases,
            directives: limits.directives,
            root_fields: limits.root_fields,
            passwords: PASSWORDS,
            cost: limits.cost,
            event_cost: limits.event_cost,
            introspection_cost: limits.introspection_cost,
            loaded_bytes: limits.loaded_bytes,
            answer_bytes: limits.answer_bytes,
            page_size: limits.page_size,
            operation_seconds: whole_seconds(limits.operation),
            websocket_message_bytes: limits.websocket_message_bytes,
            requests_in_flight: limits.requests_in_flight,
            connections: limits.connections,
            connections_per_address: limits.connections_per_address,
            anonymous_sockets: limits.anonymous_sockets,
            head_seconds: whole_seconds(limits.head),
            body_bytes_per_second: limits.body_bytes_per_second,
            idle_seconds: whole_seconds(limits.idle),
            subscriptions_per_connection: limits.subscriptions_per_connection,
            subscriptions_per_user: limits.subscriptions_per_user,
            logins_per_account: limits.logins_per_account,
            logins_per_address: limits.logins_per_address,
            registrations_per_address: limits.registrations_per_address,
            wrong_tokens_per_address: limits.wrong_tokens_per_address,
        }
    }
}

/// Queries about the service itself.
#[derive(Default)]
pub struct ServiceQuery;

#[Object]
impl ServiceQuery {
    /// The limits in force.
    async fn service_limits(&self, context: &Context<'_>) -> ServiceLimits {
        (&app(context).config.limits).into()
    }
}
