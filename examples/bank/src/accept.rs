//! Does the caller take JSON? (RFC 9110 12.5.1)

use http::{HeaderMap, header};

/// How closely a media range describes `application/json`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Closeness {
    Anything,
    AnyApplication,
    Json,
}

/// Whether JSON is among what the caller accepts (`RS-06`). Who sends no `Accept`, or one that nobody can read, takes what
/// there is: only a list that leaves JSON out is a refusal.
pub(crate) fn takes_json(headers: &HeaderMap) -> bool {
    let mut readable = false;
    let mut best: Option<(Closeness, bool)> = None;
    for value in headers.get_all(header::ACCEPT) {
        let Ok(list) = value.to_str() else { continue };
        for (range, wanted) in list.split(',').filter_map(read) {
            readable = true;
            let Some(closeness) = closeness(range) else { continue };
            // The closest range decides (RFC 9110 12.5.1); of two equally close ones, the kinder.
            best = best.max(Some((closeness, wanted)));
        }
    }
    best.map_or(!readable, |(_, wanted)| wanted)
}

/// A media range without its parameters, and whether its weight is above zero.
fn read(part: &str) -> Option<(&str, bool)> {
    let mut pieces = part.split(';').map(str::trim);
    let range = pieces.next().filter(|range| *range == "*" || range.contains('/'))?;
    let refused = pieces
        .filter_map(|parameter| parameter.split_once('='))
        .any(|(name, weight)| name.trim().eq_ignore_ascii_case("q") && weight.trim().parse() == Ok(0.0_f32));
    Some((range, !refused))
}

/// Parameters do not matter: JSON has no charset but UTF-8 (RFC 8259 8.1). A lone `*` is what the HTTP client of Java sends.
fn closeness(range: &str) -> Option<Closeness> {
    match range.to_ascii_lowercase().as_str() {
        "application/json" => Some(Closeness::Json),
        "application/*" => Some(Closeness::AnyApplication),
        "*/*" | "*" => Some(Closeness::Anything),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn taken(values: &[&str]) -> bool {
        let headers = values.iter().map(|value| (header::ACCEPT, HeaderValue::from_str(value).unwrap()));
        takes_json(&headers.collect())
    }

    #[test]
    fn whoever_may_mean_json_gets_it() {
        for accept in [
            "application/json",
            "application/json;charset=utf-8",
            "application/json; charset=UTF-8",
            "APPLICATION/JSON",
            "*/*",
            "application/*",
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8",
            "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
            "text/plain;q=1, application/json;q=0.001",
            "*/*;q=0, application/json",
            "",
            "rubbish",
        ] {
            assert!(taken(&[accept]), "RS-06 {accept:?}");
        }
        assert!(taken(&[]), "RS-06");
        assert!(taken(&["text/plain", "application/json"]), "RS-06: two lines are one list");
    }

    #[test]
    fn only_a_list_without_json_is_refused() {
        for accept in [
            "text/plain",
            "application/xml, text/*",
            "application/json;q=0",
            "application/json;q=0, */*",
            "application/json; q=0.000, application/*",
            "*/*;q=0",
            "application/jsonp",
        ] {
            assert!(!taken(&[accept]), "RS-06 {accept:?}");
        }
    }
}
