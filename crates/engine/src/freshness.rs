//! How long an answer of a web server may be used again (RFC 9111).

use reqwest::header::HeaderMap;

/// How long an answer may be used without asking, s; `None` = it may not be kept (RFC 9111).
pub(crate) fn freshness(headers: &HeaderMap, default_s: i64) -> Option<i64> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let mut given = None;
    for directive in headers.get_all("cache-control") {
        let directives = directive.to_str().unwrap_or_default().to_ascii_lowercase();
        for directive in directives.split(',').map(str::trim) {
            match directive.split_once('=') {
                Some(("max-age", age)) => {
                    given = given.or_else(|| age.trim_matches('"').parse::<i64>().ok());
                }
                None if directive == "no-store" => return None,
                None if directive == "no-cache" => given = Some(0),
                _ => {}
            }
        }
    }
    let age_s = text("age").and_then(|age| age.parse::<i64>().ok());
    let fresh_s = match given {
        Some(given) => given.saturating_sub(age_s.unwrap_or(0)),
        // A date of expiry is compared with nobody's clock: such an answer is asked for again.
        None if headers.contains_key("expires") => 0,
        None => default_s,
    };
    Some(fresh_s.max(0))
}
