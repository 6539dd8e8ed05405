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

/// Digits that look like a telephone number; shorter ones are extensions, counts and years.
const NUMBER_DIGITS_MIN: usize = 6;

/// Hides what looks like a telephone number in a text that others wrote: six digits and more,
/// with a plus before them and blanks, dots, dashes, slashes and brackets between them.
#[must_use]
pub fn numbers(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut shown = String::with_capacity(text.len());
    let mut rest = chars.as_slice();
    while let Some((first, behind)) = rest.split_first() {
        let (length, digits) = number_at(rest);
        if digits >= NUMBER_DIGITS_MIN {
            shown.push_str("***");
        } else if length > 0 {
            shown.extend(rest.iter().take(length));
        } else {
            shown.push(*first);
        }
        rest = rest.get(length..).filter(|_| length > 0).unwrap_or(behind);
    }
    shown
}

/// How long what begins here is, up to its last digit, and how many digits it has.
fn number_at(chars: &[char]) -> (usize, usize) {
    let (mut length, mut digits, mut between) = (0, 0, 0);
    for (at, c) in chars.iter().enumerate() {
        if c.is_ascii_digit() {
            (length, digits, between) = (at + 1, digits + 1, 0);
        } else if digits > 0 && between < 2 && " .-/()".contains(*c) {
            between += 1;
        } else if at > 0 || *c != '+' {
            break;
        }
    }
    (length, digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_texts_of_others_are_hidden() {
        for (text, expected) in [
            ("calling +12025550123", "calling ***"),
            ("+1 (202) 555-0123!", "***!"),
            ("a 0049/30.123 45 b", "a *** b"),
            ("tel:5551234;x=1", "tel:***;x=1"),
            ("try 3 of 10, in 2026", "try 3 of 10, in 2026"),
            ("ext 7001 - 42", "ext 7001 - 42"),
            ("+ and +49", "+ and +49"),
            ("\u{661}\u{662} \u{e9}", "\u{661}\u{662} \u{e9}"),
            ("", ""),
        ] {
            assert_eq!(numbers(text), expected);
        }
    }

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
