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
    /// `LIMIT_NODES`: fields of a document and uses of fragments, counted where they are used; and a tenth of what may be
    /// looked at to collect them for each type that something may be.
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
    /// `LIMIT_REQUESTS_IN_FLIGHT`: queries and mutations that are answered at the same time in one process.
    pub requests_in_flight: usize,
    /// `LIMIT_CONNECTIONS`: connections of subscribers that are open in one process.
    pub connections: usize,
    /// `LIMIT_CONNECTIONS_PER_ADDRESS`: connections of one address, of whatever kind; an IPv6 network of 64 bits is one.
    pub connections_per_address: usize,
    /// `LIMIT_ANONYMOUS_SOCKETS`: connections of subscribers of whom it is not known who they are.
    pub anonymous_sockets: usize,
    /// `LIMIT_HEAD_SECONDS`: how long a client may take to say what it wants.
    pub head: Duration,
    /// `LIMIT_BODY_BYTES_PER_SECOND`: how much of a body has to come, and of an answer has to be taken, each second.
    pub body_bytes_per_second: usize,
    /// `LIMIT_IDLE_SECONDS`: how long a connection is kept over which nothing is asked.
    pub idle: Duration,
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
    /// `LIMIT_WRONG_TOKENS_PER_ADDRESS`: refresh tokens and stream tickets from one address in an hour that open
    /// nothing.
    pub wrong_tokens_per_address: usize,
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
            requests_in_flight: 256,
            connections: 10_000,
            connections_per_address: 200,
            anonymous_sockets: 1_000,
            head: Duration::from_secs(10),
            body_bytes_per_second: 1024,
            idle: Duration::from_secs(75),
            subscriptions_per_connection: 100,
            subscriptions_per_user: 200,
            logins_per_account: 20,
            logins_per_address: 300,
            registrations_per_address: 100,
            wrong_tokens_per_address: 300,
        }
    }
}

impl Limits {
    pub(super) fn read(reader: &Reader<'_>) -> Result<Self, ConfigError> {
        const BYTES: &str = "a number of bytes from 1024 to 67108864";
        const COUNT: &str = "a number from 1 to 1000000";
        let bytes = |variable, default| reader.within(variable, default, 1024..=64 * 1024 * 1024, BYTES);
        let count = |variable, default| reader.within(variable, default, 1..=1_000_000, COUNT);
        let time = |variable, default: Duration| {
            let number = reader.within(variable, default.as_secs(), 1..=600, "1 to 600 seconds");
            number.map(seconds)
        };
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
            operation: time("LIMIT_OPERATION_SECONDS", usual.operation)?,
            websocket_message_bytes: bytes("LIMIT_WEBSOCKET_MESSAGE_BYTES", usual.websocket_message_bytes)?,
            requests_in_flight: count("LIMIT_REQUESTS_IN_FLIGHT", usual.requests_in_flight)?,
            connections: count("LIMIT_CONNECTIONS", usual.connections)?,
            connections_per_address: count("LIMIT_CONNECTIONS_PER_ADDRESS", usual.connections_per_address)?,
            anonymous_sockets: count("LIMIT_ANONYMOUS_SOCKETS", usual.anonymous_sockets)?,
            head: time("LIMIT_HEAD_SECONDS", usual.head)?,
            body_bytes_per_second: count("LIMIT_BODY_BYTES_PER_SECOND", usual.body_bytes_per_second)?,
            idle: time("LIMIT_IDLE_SECONDS", usual.idle)?,
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
            wrong_tokens_per_address: count(
                "LIMIT_WRONG_TOKENS_PER_ADDRESS",
                usual.wrong_tokens_per_address,
            )?,
        })
    }

    /// Every limit by its variable, times in seconds.
    pub(super) fn table(&self) -> [(&'static str, usize); 30] {
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
            ("LIMIT_OPERATION_SECONDS", whole_seconds(self.operation)),
            ("LIMIT_WEBSOCKET_MESSAGE_BYTES", self.websocket_message_bytes),
            ("LIMIT_REQUESTS_IN_FLIGHT", self.requests_in_flight),
            ("LIMIT_CONNECTIONS", self.connections),
            ("LIMIT_CONNECTIONS_PER_ADDRESS", self.connections_per_address),
            ("LIMIT_ANONYMOUS_SOCKETS", self.anonymous_sockets),
            ("LIMIT_HEAD_SECONDS", whole_seconds(self.head)),
            ("LIMIT_BODY_BYTES_PER_SECOND", self.body_bytes_per_second),
            ("LIMIT_IDLE_SECONDS", whole_seconds(self.idle)),
            (
                "LIMIT_SUBSCRIPTIONS_PER_CONNECTION",
                self.subscriptions_per_connection,
            ),
            ("LIMIT_SUBSCRIPTIONS_PER_USER", self.subscriptions_per_user),
            ("LIMIT_LOGINS_PER_ACCOUNT", self.logins_per_account),
            ("LIMIT_LOGINS_PER_ADDRESS", self.logins_per_address),
            ("LIMIT_REGISTRATIONS_PER_ADDRESS", self.registrations_per_address),
            ("LIMIT_WRONG_TOKENS_PER_ADDRESS", self.wrong_tokens_per_address),
        ]
    }

    /// [`operation`](Self::operation) in seconds.
    pub fn operation_seconds(&self) -> usize {
        whole_seconds(self.operation)
    }
}

/// A time as the variables have it.
pub fn whole_seconds(time: Duration) -> usize {
    usize::try_from(time.as_secs()).unwrap_or(usize::MAX)
}

/// What the names of all limits begin with.
const PREFIX: &str = "LIMIT_";
/// How much alike a name has to be to have been meant: from 0 to 1.
const ALIKE: f64 = 0.75;
/// How many of them are told.
const TOLD: usize = 3;

/// Refuses limits that there are not, and tells what they may have been meant to be.
pub(super) fn known(names: impl Iterator<Item = String>) -> Result<(), ConfigError> {
    let table = Limits::default().table();
    let all = table.iter().map(|(variable, _)| *variable);
    for name in names.filter(|name| name.starts_with(PREFIX)) {
        if all.clone().any(|variable| variable == name) {
            continue;
        }
        // By what comes after the prefix: that is the same in all of them.
        let short = |name: &str| name.trim_start_matches(PREFIX).to_ascii_uppercase();
        let mut near: Vec<_> = all
            .clone()
            .map(|variable| (strsim::jaro_winkler(&short(variable), &short(&name)), variable))
            .filter(|(alike, _)| *alike >= ALIKE)
            .collect();
        near.sort_by(|one, other| other.0.total_cmp(&one.0));
        near.truncate(TOLD);
        let near: Vec<_> = near.into_iter().map(|(_, variable)| variable).collect();
        let near = if near.is_empty() {
            "`plant-care config` lists all there are".to_owned()
        } else {
            format!("was {} meant?", near.join(" or "))
        };
        return Err(ConfigError::UnknownLimit { name, near });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(names: &[&str]) -> Option<String> {
        let names = names.iter().map(|name| (*name).to_owned());
        known(names).err().map(|error| error.to_string())
    }

    #[test]
    fn a_limit_that_there_is_not_is_told_with_its_neighbours() {
        assert_eq!(
            complaint(&["LIMIT_DEPTH", "LIMIT_COST", "PATH", "MY_LIMIT_X"]),
            None
        );
        for (name, meant) in [
            ("LIMIT_DEPHT", "LIMIT_DEPTH"),
            ("LIMIT_SUBSCRIPTIONS_PER_MEMBER", "LIMIT_SUBSCRIPTIONS_PER_USER"),
            ("LIMIT_LOGIN_PER_ACCOUNT", "LIMIT_LOGINS_PER_ACCOUNT"),
            ("LIMIT_body_bytes", "LIMIT_BODY_BYTES"),
        ] {
            let complaint = complaint(&["LIMIT_DEPTH", name]).unwrap();
            let expected = format!("{name} is no limit that there is: was {meant}");
            assert!(complaint.starts_with(&expected), "{complaint}");
        }
        let far = complaint(&["LIMIT_ZZZ"]).unwrap();
        assert_eq!(
            far,
            "LIMIT_ZZZ is no limit that there is: `plant-care config` lists all there are"
        );
    }
}
