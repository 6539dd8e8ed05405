//! Addresses: relative ones against a base, and what stands behind the `#`.

/// An address without its fragment, and the fragment.
pub(crate) fn split_fragment(address: &str) -> (&str, Option<&str>) {
    match address.split_once('#') {
        Some((before, fragment)) => (before, Some(fragment)),
        None => (address, None),
    }
}

/// Resolves a reference against a base, without its fragment.
///
/// An empty reference is the base itself.
pub fn resolve(base: &str, reference: &str) -> String {
    let (reference, _) = split_fragment(reference.trim());
    let (base, _) = split_fragment(base);
    if reference.is_empty() {
        return base.to_owned();
    }
    if scheme(reference).is_some() {
        return reference.to_owned();
    }
    if reference.starts_with("//") {
        return format!("{}:{reference}", scheme(base).unwrap_or("http"));
    }
    let (origin, path) = split_origin(base);
    if reference.starts_with('/') {
        return format!("{origin}{}", without_dots(reference));
    }
    let path = path.split('?').next().unwrap_or_default();
    if reference.starts_with('?') {
        return format!("{origin}{path}{reference}");
    }
    let folder = path.rfind('/').and_then(|end| path.get(..=end));
    // The root of an origin has a path of its own.
    let folder = folder.unwrap_or(if origin.is_empty() { "" } else { "/" });
    format!("{origin}{}", without_dots(&format!("{folder}{reference}")))
}

/// The scheme of an address; a single letter is the drive of a path.
pub(crate) fn scheme(address: &str) -> Option<&str> {
    let (scheme, _) = address.split_once(':')?;
    let is_scheme = scheme.len() > 1
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_scheme.then_some(scheme)
}

/// Scheme and authority.
pub(crate) fn origin(address: &str) -> &str {
    split_origin(address).0
}

/// The host of an address, without user and port.
pub(crate) fn host(address: &str) -> &str {
    let origin = origin(address);
    let authority = origin
        .split_once("//")
        .map_or("", |(_, authority)| authority);
    let authority = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    match authority.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

/// Scheme and authority, then the path.
fn split_origin(address: &str) -> (&str, &str) {
    let Some(scheme) = scheme(address) else {
        return ("", address);
    };
    let after = scheme.len() + 1;
    let rest = address.get(after..).unwrap_or_default();
    let path_at = match rest.strip_prefix("//") {
        Some(authority) => after + 2 + authority.find(['/', '?']).unwrap_or(authority.len()),
        None => after,
    };
    address.split_at_checked(path_at).unwrap_or((address, ""))
}

fn without_dots(path: &str) -> String {
    let (path, tail) = match path.find('?') {
        Some(at) => path.split_at_checked(at).unwrap_or((path, "")),
        None => (path, ""),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." if parts
                .last()
                .is_some_and(|last| !last.is_empty() && *last != "..") =>
            {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("{}{tail}", parts.join("/"))
}

/// Adds fields of a form to the query of an address.
pub(crate) fn with_query(address: &str, query: &str) -> String {
    if query.is_empty() {
        return address.to_owned();
    }
    let mark = if address.contains('?') { '&' } else { '?' };
    format!("{address}{mark}{query}")
}

/// Fields as a form body or query.
pub(crate) fn form(fields: &[(String, String)]) -> String {
    let mut out = String::new();
    for (name, value) in fields {
        if !out.is_empty() {
            out.push('&');
        }
        encode(&mut out, name);
        out.push('=');
        encode(&mut out, value);
    }
    out
}

/// Percent encoding with `%20` for spaces, which every decoder of forms understands.
fn encode(out: &mut String, text: &str) {
    const HEX: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    let digit = |value: u8| HEX.get(usize::from(value)).copied().unwrap_or('0');
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved() {
        let check = |base: &str, reference: &str, expected: &str| {
            assert_eq!(resolve(base, reference), expected, "{base} + {reference}");
        };
        check("http://h:1/a/b.vxml", "c.vxml#f", "http://h:1/a/c.vxml");
        check(
            "http://h:1/a/b?x=/y",
            "../c?q=/../z",
            "http://h:1/c?q=/../z",
        );
        check("http://h:1/a/b", "/c/../d", "http://h:1/d");
        check("http://h:1", "c", "http://h:1/c");
        check("http://h:1/a", "https://o/x", "https://o/x");
        check("http://h:1/a?b=1", "?c=2", "http://h:1/a?c=2");
        check("http://h:1/a?b=1", "#f", "http://h:1/a?b=1");
        check("/srv/a/b.vxml", "./sub/c.vxml", "/srv/a/sub/c.vxml");
        check("dir/b.vxml", "../../c", "../c");
    }

    #[test]
    fn fields_become_a_query() {
        let fields = [
            ("a b".to_owned(), "1&2".to_owned()),
            ("c".to_owned(), String::new()),
        ];
        assert_eq!(
            with_query("http://h/x?y", &form(&fields)),
            "http://h/x?y&a%20b=1%262&c="
        );
    }
}
