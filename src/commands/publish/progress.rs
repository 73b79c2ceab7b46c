//! How far publishing is, as a line for a terminal, and the summary at its end.
//!
//! Never writes and never reads a clock.

use std::time::Duration;

use bytesize::ByteSize;

/// How far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// Events that the server has.
    pub(super) accepted: u64,
    /// Those of them that went by fallback: the server had lost Redis.
    pub(super) fallback: u64,
    /// Requests.
    pub(super) batches: u64,
    /// Bytes of the input that are read and sent.
    pub(super) bytes: u64,
    /// Bytes of the input, where that is known.
    pub(super) total_bytes: Option<u64>,
    /// The id of the last event, where the server has given it one.
    pub(super) last_id: Option<String>,
}

impl Progress {
    /// The line while it goes on.
    pub(super) fn line(&self, elapsed: Duration) -> String {
        let mut line = format!("{} events, {}/s", grouped(self.accepted), grouped(self.rate(elapsed)));
        if let Some(total) = self.total_bytes.filter(|total| *total > 0) {
            let share = (self.bytes as f64 / total as f64).min(1.0);
            line += &format!(", {:.0} % of {}", share * 100.0, ByteSize(total));
            if share > 0.0 && share < 1.0 {
                let left = elapsed.mul_f64((1.0 - share) / share);
                line += &format!(", {} left", rough(left));
            }
        }
        line
    }

    /// What is said at the end.
    pub(super) fn summary(&self, elapsed: Duration) -> String {
        let events =
            |count: u64| if count == 1 { "1 event".to_owned() } else { format!("{} events", grouped(count)) };
        let mut text = format!("{} accepted", events(self.accepted));
        if self.batches > 1 {
            let seconds = elapsed.as_secs_f64();
            text += &format!(" in {} batches, {seconds:.1} s", grouped(self.batches));
            text += &format!(" ({}/s)", grouped(self.rate(elapsed)));
        }
        if let Some(id) = &self.last_id {
            text += &format!("; last id {id}");
        }
        if self.fallback > 0 {
            text += &format!("; {} by fallback, as the server had lost Redis", events(self.fallback));
        }
        text
    }

    fn rate(&self, elapsed: Duration) -> u64 {
        let seconds = elapsed.as_secs_f64();
        if seconds > 0.0 { (self.accepted as f64 / seconds) as u64 } else { 0 }
    }
}

/// A number with a space between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// A time that is only guessed at.
fn rough(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_far_it_is() {
        let mut progress =
            Progress { accepted: 12_345, bytes: 25, total_bytes: Some(100), ..Progress::default() };
        let elapsed = Duration::from_secs(2);
        assert_eq!(progress.line(elapsed), "12 345 events, 6 172/s, 25 % of 100 B, 6 s left");
        progress.bytes = 100;
        assert_eq!(progress.line(elapsed), "12 345 events, 6 172/s, 100 % of 100 B");
        progress.total_bytes = None;
        assert_eq!(progress.line(Duration::ZERO), "12 345 events, 0/s");
    }

    #[test]
    fn the_summary_says_what_the_server_has() {
        let mut progress =
            Progress { accepted: 1, batches: 1, last_id: Some("i-1-x".into()), ..Progress::default() };
        assert_eq!(progress.summary(Duration::from_secs(1)), "1 event accepted; last id i-1-x");
        (progress.accepted, progress.batches, progress.fallback) = (6603, 7, 1000);
        assert_eq!(
            progress.summary(Duration::from_millis(500)),
            "6 603 events accepted in 7 batches, 0.5 s (13 206/s); last id i-1-x; 1 000 events by fallback, as the \
             server had lost Redis"
        );
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1 000", "1 234 567"]);
        assert_eq!(
            [5, 119, 120, 7200].map(|s| rough(Duration::from_secs(s))),
            ["5 s", "119 s", "2 min", "2 h"]
        );
    }
}
