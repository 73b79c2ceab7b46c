//! How fast may be published: by all together, from each address, and with each token.
//!
//! What one of the limits refuses takes nothing from the others.

use std::net::IpAddr;

use crate::address::counted;
use crate::auth::TokenId;
use crate::clock::Mono;
use crate::limits::{Limit, Limits};
use crate::rate::{Gate, Names, Over, Rates};

/// See the top of this file.
pub(super) struct Pacing {
    addresses: Gate<IpAddr>,
    tokens: Gate<TokenId>,
}

/// Who publishes, as limits see it; whoever has no address or no token has no limit by it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Publisher {
    pub(super) address: Option<IpAddr>,
    pub(super) token: Option<TokenId>,
}

impl Pacing {
    pub(super) fn new(limits: &Limits) -> Self {
        let of_addresses = Names { all: Limit::PublishRate, each: Limit::PublishRatePerIp };
        let of_tokens = Names { each: Limit::PublishRatePerToken, ..of_addresses };
        Self {
            addresses: Gate::new(addresses(limits), of_addresses),
            tokens: Gate::new(tokens(limits), of_tokens),
        }
    }

    /// Takes other limits over.
    pub(super) fn set_limits(&mut self, limits: &Limits) {
        self.addresses.set_rates(addresses(limits));
        self.tokens.set_rates(tokens(limits));
    }

    /// Whether so many events would be let through.
    pub(super) fn check(&self, who: Publisher, events: u64, now: Mono) -> Result<(), Over> {
        self.tokens.check(who.token.as_ref(), events, now)?;
        self.addresses.check(who.address.map(counted).as_ref(), events, now)
    }

    /// Lets a batch of so many events through, unless it comes too fast.
    pub(super) fn take(&mut self, who: Publisher, events: u64, now: Mono) -> Result<(), Over> {
        self.check(who, events, now)?;
        self.tokens.take(who.token, events, now)?;
        self.addresses.take(who.address.map(counted), events, now)
    }
}

fn addresses(limits: &Limits) -> Rates {
    let (all, each) = (limits.publish.rate(), limits.publish_per_ip.rate());
    Rates { all, each, keys: limits.rate_addresses }
}

fn tokens(limits: &Limits) -> Rates {
    Rates { all: None, each: limits.publish_per_token.rate(), keys: limits.rate_addresses }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::TokenHash;
    use crate::limits::Pace;

    fn who(address: &str, token: &str) -> Publisher {
        Publisher {
            address: address.parse().ok(),
            token: (!token.is_empty()).then(|| TokenHash::of(token).id()),
        }
    }

    #[test]
    fn what_one_limit_refuses_takes_nothing_from_the_others() {
        let pace = |rate| Pace { rate, burst: 0 };
        let (publish, publish_per_ip, publish_per_token) = (pace(10), pace(5), pace(2));
        let mut pacing =
            Pacing::new(&Limits { publish, publish_per_ip, publish_per_token, ..Limits::default() });
        let mut take = |address, token, events| {
            let taken = pacing.take(who(address, token), events, Mono::ZERO);
            taken.map_err(|over| over.limit)
        };
        assert_eq!(take("192.0.2.1", "a", 2), Ok(()));
        for _ in 0..10 {
            assert_eq!(take("192.0.2.1", "a", 1), Err(Limit::PublishRatePerToken));
        }
        // Three of five are left to the address, and eight of ten to all.
        assert_eq!(take("192.0.2.1", "b", 2), Ok(()));
        assert_eq!(take("192.0.2.1", "c", 2), Err(Limit::PublishRatePerIp));
        assert_eq!(take("192.0.2.2", "c", 2), Ok(()), "what the address was refused the token still has");
        assert_eq!(take("192.0.2.3", "", 4), Ok(()));
        assert_eq!(take("192.0.2.4", "d", 1), Err(Limit::PublishRate));
        assert_eq!(take("", "d", 1), Err(Limit::PublishRate));
    }
}
