//! From where a request comes.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::config::Config;
use crate::graphql::Api;

/// The address of the client: the one who is connected or, behind a proxy that is believed, whom that one names.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

impl FromRequestParts<Api> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        let connected = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        // All who come without one count as one.
        let connected = connected.map_or(Ipv6Addr::UNSPECIFIED.into(), |connected| connected.0.ip());
        Ok(Self::of(connected, &parts.headers, &api.app().config))
    }
}

impl ClientAddress {
    /// The address of who sends a request with these headers, over a connection from an address.
    pub(super) fn of(connected: IpAddr, headers: &HeaderMap, config: &Config) -> Self {
        let named = speaks_for_others(config, connected).then(|| named(config, headers));
        Self(named.flatten().unwrap_or(connected))
    }
}

/// Whether one who is connected from an address is believed about whose requests are.
pub(super) fn speaks_for_others(config: &Config, address: IpAddr) -> bool {
    config.client_address_header.is_some() && config.trusted_proxies.contains(address)
}

/// Whom the header of `CLIENT_ADDRESS_HEADER` names: last, because a proxy adds its client at the end and
/// what stands before was said by the client.
pub(super) fn named(config: &Config, headers: &HeaderMap) -> Option<IpAddr> {
    let header = config.client_address_header.as_ref()?;
    let line = headers.get_all(header).iter().next_back()?.to_str().ok()?;
    let last = line.rsplit(',').next()?.trim();
    let with_port = || last.parse().map(|address: SocketAddr| address.ip());
    last.parse().or_else(|_| with_port()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_address_of_a_believed_header_counts() {
        let config = |name: Option<&str>| {
            Config::from_source(&|variable| {
                name.filter(|_| variable == "CLIENT_ADDRESS_HEADER")
                    .map(str::to_owned)
            })
            .unwrap()
        };
        let believing = config(Some("X-Forwarded-For"));
        let named = |config: &Config, lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            named(config, &headers).map(|address| address.to_string())
        };
        let told = |address: &str| Some(address.to_owned());
        assert_eq!(named(&believing, &["192.0.2.1"]), told("192.0.2.1"));
        assert_eq!(
            named(&believing, &["192.0.2.1, 2001:db8::1"]),
            told("2001:db8::1")
        );
        assert_eq!(
            named(&believing, &["192.0.2.1", "192.0.2.2:443"]),
            told("192.0.2.2")
        );
        assert_eq!(named(&believing, &["192.0.2.1, unknown"]), None);
        assert_eq!(named(&believing, &[]), None);
        assert_eq!(named(&config(None), &["192.0.2.1"]), None);
    }
}
