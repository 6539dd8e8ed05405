//! Addresses of documents: relative ones against the document they stand in.

/// Resolves a reference against the address of the file it stands in.
///
/// `file:name` without slashes is relative too: that is how the conformance documents write it.
pub fn resolve(base: &str, reference: &str) -> String {
    let reference = reference.trim();
    let reference = match reference.strip_prefix("file:") {
        Some(path) if !path.starts_with('/') => path,
        _ => reference,
    };
    if scheme(reference).is_some() || reference.is_empty() {
        return reference.to_owned();
    }
    let (origin, path) = split(base);
    if reference.starts_with("//") {
        let scheme = scheme(base).unwrap_or("http");
        return format!("{scheme}:{reference}");
    }
    if reference.starts_with('/') {
        return format!("{origin}{reference}");
    }
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let folder = path
        .rfind('/')
        .and_then(|end| path.get(..=end))
        .unwrap_or_default();
    format!("{origin}{}", without_dots(&format!("{folder}{reference}")))
}

/// The scheme of an address; a single letter is the drive of a path.
fn scheme(address: &str) -> Option<&str> {
    let (scheme, _) = address.split_once(':')?;
    let is_scheme = scheme.len() > 1
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_scheme.then_some(scheme)
}

/// Scheme and authority, then the path.
fn split(address: &str) -> (&str, &str) {
    let after = match scheme(address) {
        Some(scheme) => scheme.len() + 1,
        None => return ("", address),
    };
    let rest = address.get(after..).unwrap_or_default();
    let path_at = match rest.strip_prefix("//") {
        Some(authority) => after + 2 + authority.find('/').unwrap_or(authority.len()),
        None => after,
    };
    address.split_at_checked(path_at).unwrap_or((address, ""))
}

fn without_dots(path: &str) -> String {
    let (path, tail) = match path.find(['?', '#']) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved() {
        let check = |base: &str, reference: &str, expected: &str| {
            assert_eq!(resolve(base, reference), expected, "{base} + {reference}");
        };
        check("http://h:1/a/b.scxml", "c.js", "http://h:1/a/c.js");
        check(
            "http://h:1/a/b.scxml?x=/y",
            "../c.js?q=/../z",
            "http://h:1/c.js?q=/../z",
        );
        check("http://h:1/a/b.scxml", "/c.js", "http://h:1/c.js");
        check("http://h:1/a", "https://o/x", "https://o/x");
        check("/srv/a/b.scxml", "./sub/c.js", "/srv/a/sub/c.js");
        check("b.scxml", "file:c.txt", "c.txt");
        check("dir/b.scxml", "../../c", "../c");
        check("file:///srv/b.scxml", "c", "file:///srv/c");
    }
}
