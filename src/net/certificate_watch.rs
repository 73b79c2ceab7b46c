//! When a certificate is about to end, somebody has to be told: at start, at a reload, and once a day.

use std::time::Duration;

use super::transport::Identity;
use crate::clock::{Mono, Now};

/// How long before its end a certificate is worth a warning.
const AHEAD: Duration = Duration::from_secs(14 * 24 * 3600);
/// How often it is looked at.
const EVERY: Duration = Duration::from_secs(24 * 3600);

/// See the top of this file.
pub(super) struct CertificateWatch {
    next: Mono,
}

impl CertificateWatch {
    /// Looks at once.
    pub(super) const fn new() -> Self {
        Self { next: Mono::ZERO }
    }

    /// Looks at the certificate in use, if it is time.
    pub(super) fn look(&mut self, identity: Option<&Identity>, now: Now) {
        if now.mono < self.next {
            return;
        }
        self.next = now.mono.after(EVERY);
        let seconds = u64::try_from(now.wall.as_micros() / 1_000_000).unwrap_or(0);
        let Some(warning) = identity.and_then(Identity::not_after).and_then(|end| warning(end, seconds))
        else {
            return;
        };
        log::warn!("{warning}");
    }
}

/// What there is to say of a certificate that ends then; both in seconds since 1970.
fn warning(end: u64, now: u64) -> Option<String> {
    let left = end.saturating_sub(now);
    if left == 0 {
        return Some("the certificate of tls.cert_file has expired: clients refuse it".to_owned());
    }
    let hours = left / 3600;
    (left <= AHEAD.as_secs()).then(|| match hours / 24 {
        0 => format!("the certificate of tls.cert_file expires in {hours} hours"),
        days => format!("the certificate of tls.cert_file expires in {days} days"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_two_weeks_are_warned_of() {
        const DAY: u64 = 24 * 3600;
        let now = 1_000 * DAY;
        assert_eq!(warning(now + 15 * DAY, now), None);
        let text = |end| warning(end, now).unwrap();
        assert!(text(now + 14 * DAY).contains("in 14 days"));
        assert!(text(now + 5 * 3600).contains("in 5 hours"));
        for end in [now, now - 1, 0] {
            assert!(text(end).contains("has expired"));
        }
    }
}
