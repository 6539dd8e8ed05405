//! Who may read an XML file: the processing instruction `access-control` (`VoiceXML` 2.1 §5).
//!
//! A page of the same origin may always. Without the instruction everybody may; with it only hosts
//! that `allow` names and `deny` does not.

use crate::address;

/// Whether a page may read the file at an address.
pub(crate) fn may_read(page: &str, file: &str, text: &str) -> bool {
    let is_same = !file.is_empty() && address::origin(page) == address::origin(file);
    let rules = instructions(text);
    if is_same || rules.is_empty() {
        return true;
    }
    let host = address::host(page).to_ascii_lowercase();
    rules.iter().all(|rule| {
        let named = |name: &str| {
            attribute(rule, name)
                .is_some_and(|hosts| hosts.split_whitespace().any(|h| fits(h, &host)))
        };
        named("allow") && !named("deny")
    })
}

/// `*`, `*.example.com` or a host.
fn fits(pattern: &str, host: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    match pattern.strip_prefix('*') {
        Some("") => true,
        Some(tail) => tail.starts_with('.') && host.ends_with(tail),
        None => pattern == host,
    }
}

/// The instructions before the first element.
fn instructions(text: &str) -> Vec<&str> {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    let mut found = Vec::new();
    loop {
        let (inner, after) = if let Some(comment) = rest.strip_prefix("<!--") {
            let Some(parts) = comment.split_once("-->") else {
                return found;
            };
            ("", parts.1)
        } else if let Some(instruction) = rest.strip_prefix("<?") {
            let Some(parts) = instruction.split_once("?>") else {
                return found;
            };
            parts
        } else {
            return found;
        };
        let is_rule = inner
            .strip_prefix("access-control")
            .is_some_and(|rest| rest.starts_with(char::is_whitespace) || rest.is_empty());
        if is_rule {
            found.push(inner);
        }
        rest = after.trim_start();
    }
}

/// The value of a pseudo-attribute.
fn attribute<'a>(instruction: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = instruction.split_once(char::is_whitespace)?.1;
    loop {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, after) = after.get(1..)?.split_once(quote)?;
        if key.trim() == name {
            return Some(value);
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(prolog: &str, page: &str) -> bool {
        let text = format!("<?xml version='1.0'?><!-- x -->{prolog}<a/>");
        may_read(page, "http://data.test/d.xml", &text)
    }

    #[test]
    fn hosts_are_named_or_fit_a_pattern() {
        let rule = "<?access-control allow='www.one.test *.two.test' deny=\"bad.two.test\"?>";
        for (page, expected) in [
            ("http://www.one.test/p.vxml", true),
            ("https://WWW.ONE.test:8443/p.vxml", true),
            ("http://one.test/p.vxml", false),
            ("http://a.two.test/p.vxml", true),
            ("http://two.test/p.vxml", false),
            ("http://bad.two.test/p.vxml", false),
            ("http://data.test/p.vxml", true),
        ] {
            assert_eq!(check(rule, page), expected, "{page}");
        }
        let page = "http://any.test/p.vxml";
        assert!(check("", page) && check("<?access-control allow='*'?>", page));
        assert!(!check("<?access-control?>", page));
        assert!(!check("<?access-control deny='x.test'?>", page));
        assert!(check("<?other allow='x'?>", page));
        assert!(
            !check("<?access-control allow=x?>", page),
            "nothing is named"
        );
    }

    #[test]
    fn all_instructions_count_and_doctypes_end_the_search() {
        let two = "<?access-control allow='*'?><?access-control allow='x.test'?>";
        assert!(!check(two, "http://any.test/p.vxml"));
        assert!(may_read(
            "http://a.test/",
            "",
            "<a><?access-control deny='*'?></a>"
        ));
    }
}
