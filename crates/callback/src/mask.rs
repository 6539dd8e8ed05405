//! What logs and lists show of values that hold secrets (notifications §7.6).

/// Hides user info and query of a URL, where secrets stand.
#[must_use]
pub fn url(target: &str) -> String {
    let (address, query) = match target.split_once(['?', '#']) {
        Some((address, _)) => (address, "?***"),
        None => (target, ""),
    };
    let Some((scheme, rest)) = address.split_once("://") else {
        return format!("{address}{query}");
    };
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://***@{host}{path}{query}"),
        None => format!("{scheme}://{authority}{path}{query}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_a_target_are_hidden() {
        for (target, expected) in [
            ("http://127.0.0.1:9/cb", "http://127.0.0.1:9/cb"),
            ("https://u:p@host/a@b?key=1", "https://***@host/a@b?***"),
            ("http://host?x", "http://host?***"),
            ("http://host/#frag", "http://host/?***"),
            ("session-7", "session-7"),
            ("", ""),
        ] {
            assert_eq!(url(target), expected);
        }
    }
}
