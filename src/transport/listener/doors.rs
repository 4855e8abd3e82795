//! How many connections there may be: in all, and of one address.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::metrics::gauge::Gauge;

use crate::network::Network;

/// Counts who is in.
#[derive(Debug)]
pub struct Doors {
    maximum: usize,
    per_address: usize,
    /// Development is one machine: all who come are one address.
    spares_loopback: bool,
    inside: Mutex<Inside>,
    shown: Gauge,
}

#[derive(Debug, Default)]
struct Inside {
    all: usize,
    by_network: HashMap<Network, usize>,
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// There are too many.
    All,
    /// There are too many of this address.
    Address,
}

impl Doors {
    /// Nobody is in yet. Those who are in are shown by a gauge.
    pub fn new(maximum: usize, per_address: usize, spares_loopback: bool, shown: Gauge) -> Arc<Self> {
        Arc::new(Self {
            maximum,
            per_address,
            spares_loopback,
            inside: Mutex::default(),
            shown,
        })
    }

    /// How many may be in at once.
    pub fn maximum(&self) -> usize {
        self.maximum
    }

    /// How many of one address may be.
    pub fn per_address(&self) -> usize {
        self.per_address
    }

    /// Lets a connection in; `address` is nobody's if it is not the client's own.
    pub fn enter(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Place, Full> {
        self.admit(address, true)
    }

    /// Counts what an address does over a connection that is somebody else's: a proxy's.
    pub fn enter_behind(self: &Arc<Self>, address: IpAddr) -> Result<Place, Full> {
        self.admit(Some(address), false)
    }

    fn admit(self: &Arc<Self>, address: Option<IpAddr>, in_all: bool) -> Result<Place, Full> {
        let capped =
            address.filter(|address| !(self.spares_loopback && address.to_canonical().is_loopback()));
        let network = capped.map(Network::of);
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if in_all && inside.all >= self.maximum {
            return Err(Full::All);
        }
        if let Some(network) = network {
            let count = inside.by_network.entry(network).or_default();
            if *count >= self.per_address {
                return Err(Full::Address);
            }
            *count += 1;
        }
        if in_all {
            inside.all += 1;
            self.shown.inc();
        }
        drop(inside);
        Ok(Place {
            doors: Arc::clone(self),
            network,
            in_all,
        })
    }
}

/// Somebody who was let in, counted until this is dropped.
#[derive(Debug)]
pub struct Place {
    doors: Arc<Doors>,
    network: Option<Network>,
    in_all: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        let doors = &self.doors;
        let mut inside = doors.inside.lock().unwrap_or_else(PoisonError::into_inner);
        if self.in_all {
            inside.all -= 1;
            doors.shown.dec();
        }
        if let Some(network) = self.network
            && let Entry::Occupied(mut count) = inside.by_network.entry(network)
        {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn full(doors: &Arc<Doors>, from: &str) -> Option<Full> {
        doors.enter(Some(address(from))).err()
    }

    #[test]
    fn an_address_and_a_network_of_ipv6_have_so_many_places() {
        let doors = Doors::new(100, 2, true, Gauge::default());
        let mut inside: Vec<_> = ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "2001:db8::2"]
            .into_iter()
            .map(|from| doors.enter(Some(address(from))).unwrap())
            .collect();
        assert_eq!(full(&doors, "192.0.2.1"), Some(Full::Address));
        assert_eq!(full(&doors, "2001:db8::3"), Some(Full::Address));
        assert_eq!(full(&doors, "2001:db8:0:1::1"), None);
        inside.remove(0);
        assert_eq!(full(&doors, "192.0.2.1"), None);
        // Who is behind a proxy counts as herself.
        let behind = doors.enter_behind(address("192.0.2.1")).unwrap();
        assert_eq!(full(&doors, "192.0.2.1"), Some(Full::Address));
        drop(behind);
        inside.clear();
        assert!(
            doors.inside.lock().unwrap().by_network.is_empty(),
            "nobody is kept"
        );
    }

    #[test]
    fn loopback_is_spared_only_where_it_is_said() {
        for (spares, refused) in [(true, None), (false, Some(Full::Address))] {
            let doors = Doors::new(100, 1, spares, Gauge::default());
            let _first = doors.enter(Some(address("127.0.0.1"))).unwrap();
            assert_eq!(full(&doors, "127.0.0.1"), refused);
            let _sixth = doors.enter(Some(address("::1"))).unwrap();
            assert_eq!(full(&doors, "::1"), refused);
        }
    }

    #[test]
    fn all_together_are_no_more_than_the_maximum() {
        let doors = Doors::new(2, 10, true, Gauge::default());
        let inside = [
            doors.enter(None).unwrap(),
            doors.enter(Some(address("127.0.0.1"))).unwrap(),
        ];
        assert_eq!(full(&doors, "192.0.2.1"), Some(Full::All));
        // It did not take a place of its address.
        assert!(doors.inside.lock().unwrap().by_network.is_empty());
        drop(inside);
        assert_eq!(full(&doors, "192.0.2.1"), None);
    }
}
