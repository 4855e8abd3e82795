//! Networks of addresses.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The networks that nobody reaches from outside: loopback, private, link-local and unique local.
const PRIVATE: &str =
    "127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,169.254.0.0/16,::1,fc00::/7,fe80::/10";

/// A list of networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Networks(Vec<Network>);

/// Addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    bits: u32,
}

impl Networks {
    /// Those that nobody reaches from outside.
    pub fn private() -> Self {
        PRIVATE.parse().unwrap_or_else(|()| Self(Vec::new()))
    }

    /// Whether an address is in one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(address))
    }
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differs = network.to_bits() ^ address.to_bits();
                differs.checked_shr(32 - self.bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differs = network.to_bits() ^ address.to_bits();
                differs.checked_shr(128 - self.bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }

    /// The bits that an address of its kind has.
    fn width(address: IpAddr) -> u32 {
        match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        }
    }
}

impl FromStr for Networks {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(Network::from_str).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for Network {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| ())?;
        let width = Self::width(address);
        let bits = bits.map_or(Ok(width), |bits| bits.parse().map_err(|_| ()))?;
        if bits > width {
            return Err(());
        }
        Ok(Self { address, bits })
    }
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, Network { address, bits }) in self.0.iter().enumerate() {
            let comma = if number > 0 { "," } else { "" };
            write!(f, "{comma}{address}/{bits}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_a_network_by_its_first_bits() {
        let networks: Networks = "10.1.0.0/16, 192.0.2.7,2001:db8::/32,0.0.0.0/32".parse().unwrap();
        let holds = |address: &str| networks.contains(address.parse().unwrap());
        for inside in ["10.1.255.255", "192.0.2.7", "2001:db8:1::1", "::ffff:10.1.0.1"] {
            assert!(holds(inside), "{inside}");
        }
        for outside in ["10.2.0.1", "192.0.2.8", "2001:db9::1", "::1"] {
            assert!(!holds(outside), "{outside}");
        }
        let all: Networks = "0.0.0.0/0,::/0".parse().unwrap();
        assert!(all.contains([203, 0, 113, 9].into()) && all.contains([9_u16; 8].into()));
    }

    #[test]
    fn what_is_no_network_is_refused_and_none_is_a_list() {
        for wrong in [
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0/8",
            "::/129",
            "proxy",
            "10.0.0.1/-1",
        ] {
            assert_eq!(wrong.parse::<Networks>(), Err(()), "{wrong}");
        }
        let shown = Networks::private().to_string();
        assert_eq!(shown.parse(), Ok(Networks::private()));
        assert!(Networks::private().contains([172, 31, 0, 1].into()));
        assert!(!Networks::private().contains([172, 32, 0, 1].into()));
    }
}
