//! How long, and when? As kubectl writes it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// Two digits at least, one unit at best: `45s`, `3m20s`, `5h`, `29d`.
pub(crate) fn span(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 if seconds % 60 != 0 => format!("{minutes}m{}s", seconds % 60),
        120..10_800 => format!("{minutes}m"),
        10_800..172_800 => format!("{hours}h"),
        172_800..63_072_000 => format!("{days}d"),
        _ => format!("{}y", days / 365),
    }
}

/// How long ago.
pub(crate) fn age(time: Option<&Time>, now: i64) -> String {
    time.map_or_else(|| "?".to_owned(), |time| span(now - time.0.as_second()))
}

/// `in 5h`, or `now` when it is past.
pub(crate) fn until(time: &Time, now: i64) -> String {
    let left = time.0.as_second() - now;
    if left > 0 { format!("in {}", span(left)) } else { "now".to_owned() }
}

/// One word or another, by number: `1 pod`, `2 pods`.
pub(crate) fn counted(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_kubectl_does() {
        for (seconds, said) in [
            (-5, "0s"),
            (45, "45s"),
            (200, "3m20s"),
            (180, "3m"),
            (3600, "60m"),
            (5 * 3600, "5h"),
            (29 * 86_400, "29d"),
            (3 * 365 * 86_400, "3y"),
        ] {
            assert_eq!(span(seconds), said);
        }
        assert_eq!((counted(1, "pod"), counted(2, "pod")), ("1 pod".to_owned(), "2 pods".to_owned()));
    }
}
