//! Numbers as people read them: three digits that mean something, a unit, thousands apart.
//!
//! What was measured keeps its three digits, so that 4.50 stands below 4.27; what was chosen, as a tick or a
//! number of streams, is as short as it can be.

/// Between a number and its unit.
pub(super) const SPACE: char = '\u{a0}';
/// Between thousands.
const THIN_SPACE: char = '\u{202f}';
const MINUS: char = '\u{2212}';
/// Beyond this a number is written with an exponent.
const PLAIN_MAX: f64 = 1e15;

/// What a number counts. Times keep their unit, so that those of one chart compare at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Milliseconds,
    Microseconds,
    Bytes,
    PerSecond,
    Count,
}

impl Unit {
    /// What was measured: `4.65 µs`, `182 B`, `6.40 M/s`.
    pub(super) fn text(self, value: f64) -> String {
        self.with(value, measured)
    }

    /// What an axis names: `4 µs`, `100 B`, `6 M/s`.
    pub(super) fn tick(self, value: f64) -> String {
        if value == 0.0 { number(value) } else { self.with(value, number) }
    }

    fn with(self, value: f64, digits: fn(f64) -> String) -> String {
        let (factor, unit) = match self {
            Self::Count => return number(value),
            Self::Milliseconds => (1.0, "ms"),
            Self::Microseconds => (1.0, "µs"),
            Self::Bytes => prefix(value, ["B", "kB", "MB", "GB"]),
            Self::PerSecond => prefix(value, ["/s", "k/s", "M/s", "G/s"]),
        };
        format!("{}{SPACE}{unit}", digits(value / factor))
    }
}

/// A ratio to something: `1.11 × floor`.
pub(super) fn times(ratio: f64, of: &str) -> String {
    let ratio = match ratio {
        ratio if ratio >= 9.95 => number(ratio.round()),
        ratio if ratio >= 0.0995 => format!("{ratio:.2}"),
        ratio => format!("{ratio:.3}"),
    };
    format!("{ratio}{SPACE}×{SPACE}{of}")
}

/// A share of nines in percent, without the sign: `99.9`.
pub(super) fn percentile(quantile: f64) -> String {
    // 0.9999 * 100.0 is not quite 99.99.
    ((quantile * 1e8).round() / 1e6).to_string()
}

/// A change in percent, with its sign.
pub(super) fn change_pct(value: f64) -> String {
    let sign = if value > 0.0 { "+" } else { "" };
    format!("{sign}{}{SPACE}%", number((value * 100.0).round() / 100.0))
}

/// So many of something: `1 stream`, `5 000 streams`.
pub(super) fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{}{SPACE}{}", number(count as f64), if count == 1 { one } else { many })
}

/// A number as short as it can be, with three significant digits at most, or all of those before the point.
pub(super) fn number(value: f64) -> String {
    let text = measured(value);
    if !text.contains('.') || value.abs() >= PLAIN_MAX {
        return text;
    }
    let short = text.trim_end_matches('0').trim_end_matches('.');
    if short == format!("{MINUS}0") { "0".to_owned() } else { short.to_owned() }
}

/// A number with three significant digits, or all of those before the point.
fn measured(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let size = value.abs();
    if size >= PLAIN_MAX {
        return format!("{value:.2e}");
    }
    let decimals = if size > 0.0 { (2.0 - rounded(size).log10().floor()).clamp(0.0, 6.0) } else { 0.0 };
    let text = format!("{size:.0$}", decimals as usize);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let point = if fraction.is_empty() { "" } else { "." };
    let sign = if value < 0.0 { MINUS.to_string() } else { String::new() };
    format!("{sign}{}{point}{fraction}", grouped(whole))
}

/// The largest prefix of which the value has one whole.
fn prefix(value: f64, units: [&'static str; 4]) -> (f64, &'static str) {
    match rounded(value.abs()) {
        size if size >= 1e9 => (1e9, units[3]),
        size if size >= 1e6 => (1e6, units[2]),
        size if size >= 1e3 => (1e3, units[1]),
        _ => (1.0, units[0]),
    }
}

/// To three significant digits, so that 999.7 gets the prefix of 1 000.
fn rounded(size: f64) -> f64 {
    if size == 0.0 || !size.is_finite() {
        return size;
    }
    let power = 10_f64.powf(2.0 - size.log10().floor());
    let rounded = (size * power).round() / power;
    if rounded.is_finite() { rounded } else { size }
}

fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(THIN_SPACE);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With plain spaces and minus.
    fn plain(text: &str) -> String {
        text.replace([SPACE, THIN_SPACE], " ").replace(MINUS, "-")
    }

    #[test]
    fn numbers_have_three_digits_that_mean_something() {
        for (value, text) in [
            (4.651, "4.65"),
            (4.6, "4.6"),
            (21.34, "21.3"),
            (182.4, "182"),
            (0.1284, "0.128"),
            (0.001_234, "0.00123"),
            (9.996, "10"),
            (999.7, "1 000"),
            (15_000.0, "15 000"),
            (1_234_567.0, "1 234 567"),
            (0.0, "0"),
            (-12.34, "-12.3"),
            (-0.000_000_01, "0"),
        ] {
            assert_eq!(plain(&number(value)), text);
        }
        assert_eq!(number(f64::NAN), "–");
        assert_eq!(number(1e300), "1.00e300");
    }

    #[test]
    fn what_was_measured_keeps_its_digits() {
        for (value, text) in
            [(4.5, "4.50"), (0.1, "0.100"), (20.0, "20.0"), (182.0, "182"), (-4.5, "-4.50"), (0.0, "0")]
        {
            assert_eq!(plain(&measured(value)), text);
        }
    }

    #[test]
    fn units_have_the_prefix_that_fits() {
        for (unit, value, text) in [
            (Unit::Bytes, 182.0, "182 B"),
            (Unit::Bytes, 27_345.0, "27.3 kB"),
            (Unit::Bytes, 4.9e6, "4.90 MB"),
            (Unit::Bytes, 999_700.0, "1.00 MB"),
            (Unit::Bytes, -45.0, "-45.0 B"),
            (Unit::PerSecond, 6.4e6, "6.40 M/s"),
            (Unit::PerSecond, 300_000.0, "300 k/s"),
            (Unit::Microseconds, 0.128, "0.128 µs"),
            (Unit::Milliseconds, 1_240.4, "1 240 ms"),
            (Unit::Count, 15_000.0, "15 000"),
        ] {
            assert_eq!(plain(&unit.text(value)), text);
        }
        let ticks = [(Unit::Bytes, 1e6), (Unit::PerSecond, 2.5e6), (Unit::Microseconds, 0.0)];
        assert_eq!(ticks.map(|(unit, value)| plain(&unit.tick(value))), ["1 MB", "2.5 M/s", "0"]);
    }

    #[test]
    fn shares_ratios_and_counts() {
        assert_eq!((percentile(0.9999), percentile(0.0)), ("99.99".to_owned(), "0".to_owned()));
        for (ratio, text) in [(1.1, "1.10"), (21.3, "21"), (9.97, "10"), (0.0427, "0.043"), (0.45, "0.45")] {
            assert_eq!(plain(&times(ratio, "floor")), format!("{text} × floor"));
        }
        assert_eq!(plain(&change_pct(0.42)), "+0.42 %");
        assert_eq!(plain(&change_pct(-0.001)), "0 %");
        assert_eq!(plain(&change_pct(-3.0)), "-3 %");
        assert_eq!(plain(&plural(1, "stream", "streams")), "1 stream");
        assert_eq!(plain(&plural(5_000, "stream", "streams")), "5 000 streams");
    }
}
