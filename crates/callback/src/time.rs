//! Points in time as the domain and the wire know them.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Whole seconds since 1970, rounded down.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This time plus seconds; stops at the end of the range.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    /// Milliseconds from `earlier` to this time, 0 when it lies in the future.
    #[must_use]
    pub fn millis_since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }

    /// `yyyy-MM-ddTHH:mm:ss.SSSZ` in UTC (callback-api §1).
    #[must_use]
    pub fn to_iso(self) -> String {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(ts) => ts.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
            Err(_) => String::from("9999-12-31T23:59:59.999Z"),
        }
    }

    /// Date `yyyy-MM-dd`, time `HH:mm:ss` and English name of the day in a time zone of the
    /// tz database; `None` when there is no such zone.
    #[must_use]
    pub fn in_zone(self, zone: &str) -> Option<(String, String, String)> {
        let at = jiff::Timestamp::from_millisecond(self.0).ok()?;
        let at = at.in_tz(zone).ok()?;
        let text = |format: &str| at.strftime(format).to_string();
        Some((text("%Y-%m-%d"), text("%H:%M:%S"), text("%A")))
    }

    /// Reads an ISO 8601 time: UTC `Z`, an offset, with or without fraction; without zone = UTC.
    #[must_use]
    pub fn parse_iso(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(ts) = text.parse::<jiff::Timestamp>() {
            return Some(Self(ts.as_millisecond()));
        }
        let civil: DateTime = text.parse().ok()?;
        let zoned = civil.to_zoned(TimeZone::UTC).ok()?;
        Some(Self(zoned.timestamp().as_millisecond()))
    }
}

/// A length of time as options write it: a number and one of `y M w d h m` (options §1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// How many.
    pub count: u32,
    /// `y`, `M`, `w`, `d`, `h` or `m`.
    pub unit: char,
}

impl Span {
    /// Reads a span.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let unit = text.chars().next_back()?;
        let count = text.strip_suffix(unit)?.parse().ok()?;
        "yMwdhm".contains(unit).then_some(Self { count, unit })
    }

    /// The time that lies so far behind `start`, by the calendar of UTC; `None` for a span of 0
    /// and for times that no calendar has.
    #[must_use]
    pub fn after(self, start: Timestamp) -> Option<Timestamp> {
        if self.count == 0 {
            return None;
        }
        let count = i64::from(self.count);
        let span = jiff::Span::new();
        let span = match self.unit {
            'y' => span.try_years(count),
            'M' => span.try_months(count),
            'w' => span.try_weeks(count),
            'd' => span.try_days(count),
            'h' => span.try_hours(count),
            _ => span.try_minutes(count),
        };
        let start = jiff::Timestamp::from_millisecond(start.0).ok()?;
        let end = start.to_zoned(TimeZone::UTC).checked_add(span.ok()?).ok()?;
        Some(Timestamp(end.timestamp().as_millisecond()))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(rhs.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, rhs: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(rhs.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_iso())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_follow_the_calendar() {
        let start = Timestamp::parse_iso("2026-01-31T12:00:00Z").unwrap();
        for (span, end) in [
            ("1M", "2026-02-28T12:00:00.000Z"),
            ("1y", "2027-01-31T12:00:00.000Z"),
            ("2w", "2026-02-14T12:00:00.000Z"),
            ("10d", "2026-02-10T12:00:00.000Z"),
            ("3h", "2026-01-31T15:00:00.000Z"),
            ("90m", "2026-01-31T13:30:00.000Z"),
        ] {
            let after = Span::parse(span).and_then(|span| span.after(start));
            assert_eq!(after.map(Timestamp::to_iso).as_deref(), Some(end), "{span}");
        }
        assert_eq!(Span::parse("0d").and_then(|span| span.after(start)), None);
        assert_eq!(
            Span::parse("99999y").and_then(|span| span.after(start)),
            None
        );
    }

    #[test]
    fn iso_times_are_read_with_and_without_fraction_and_offset() {
        let expected = Some(Timestamp(1_790_000_000_000));
        for text in [
            "2026-09-21T14:13:20.000Z",
            "2026-09-21T14:13:20Z",
            "2026-09-21T16:13:20+02:00",
            "2026-09-21T14:13:20",
        ] {
            assert_eq!(Timestamp::parse_iso(text), expected, "{text}");
        }
        assert_eq!(Timestamp::parse_iso("tomorrow"), None);
        assert_eq!(Span::parse("1 M"), None);
        assert_eq!(
            Timestamp(1_790_000_000_007).to_iso(),
            "2026-09-21T14:13:20.007Z"
        );
    }
}
