//! Reading and writing the parts of header values that calls need: addresses, lists, parameters.
//!
//! Everything is read as written and kept as written, because a contact has to be dialled exactly
//! as it was registered and a dialog's addresses have to come back unchanged.

use std::fmt::Write as _;

/// Splits a header value at the commas between its elements, not inside quotes or `<>`.
pub fn elements(value: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut quoted = false;
        let mut escaped = false;
        let mut depth = 0_u32;
        for (at, c) in text.char_indices() {
            if std::mem::take(&mut escaped) {
                continue;
            }
            match c {
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                '<' if !quoted => depth += 1,
                '>' if !quoted => depth = depth.saturating_sub(1),
                ',' if !quoted && depth == 0 => {
                    rest = text.get(at + 1..);
                    return text.get(..at).map(str::trim);
                }
                _ => {}
            }
        }
        rest = None;
        Some(text.trim())
    })
    .filter(|element| !element.is_empty())
}

/// An address with its parameters, as in From, To, Contact and Route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// The URI without angle brackets.
    pub uri: &'a str,
    /// What follows the address, beginning with `;`, or empty.
    pub parameters: &'a str,
}

impl<'a> Address<'a> {
    /// Reads one element; `None` when brackets do not match or no URI is there.
    #[must_use]
    pub fn parse(element: &'a str) -> Option<Self> {
        let mut quoted = false;
        let mut escaped = false;
        let mut open = None;
        for (at, c) in element.char_indices() {
            if std::mem::take(&mut escaped) {
                continue;
            }
            match c {
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                '<' if !quoted => {
                    open = Some(at);
                    break;
                }
                _ => {}
            }
        }
        let (uri, parameters) = match open {
            Some(at) => element.get(at + 1..)?.split_once('>')?,
            // Without brackets all parameters belong to the header (RFC 3261 §20).
            None => element.split_at_checked(element.find(';').unwrap_or(element.len()))?,
        };
        let uri = uri.trim();
        (!uri.is_empty()).then_some(Self {
            uri,
            parameters: parameters.trim(),
        })
    }

    /// A parameter of the header, e.g. `tag`; empty for one without a value.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&'a str> {
        parameter(self.parameters, name)
    }
}

/// Finds a parameter in `;a=b;c`.
#[must_use]
pub fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    parameters.split(';').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        key.trim()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().trim_matches('"'))
    })
}

/// The `tag` of a From or To value.
#[must_use]
pub fn tag(value: &str) -> Option<&str> {
    Address::parse(value)?
        .parameter("tag")
        .filter(|tag| !tag.is_empty())
}

/// The user part of a SIP or tel URI, decoded; empty when there is none.
#[must_use]
pub fn user(uri: &str) -> String {
    let Some((scheme, rest)) = uri.split_once(':') else {
        return String::new();
    };
    let user = if scheme.eq_ignore_ascii_case("tel") {
        rest.split(';').next().unwrap_or_default()
    } else {
        let Some((user, _)) = rest.rsplit_once('@') else {
            return String::new();
        };
        user.split([';', ':']).next().unwrap_or_default()
    };
    decode(user)
}

/// Percent-encodes what may not stand in the user part of a URI.
#[must_use]
pub fn encode_user(user: &str) -> String {
    escape(user, b"&=+$,/")
}

/// Percent-encodes what is neither unreserved (RFC 3261 §25.1) nor in `also`.
pub(crate) fn escape(text: &str, also: &[u8]) -> String {
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut text, byte| {
            if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) || also.contains(&byte)
            {
                text.push(char::from(byte));
            } else {
                // Writing into a string cannot fail.
                write!(text, "%{byte:02X}").ok();
            }
            text
        })
}

/// Host of a SIP address, and port if there is one, as written; empty without a scheme.
pub(crate) fn authority(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or("", |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    rest.split([';', '?']).next().unwrap_or_default().trim()
}

/// Decodes `%41`; what is no code stays as it is.
#[must_use]
pub fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after
            .get(..2)
            .filter(|_| first == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Quotes a display name; control characters are left out.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// A header value without anything that could begin another header.
#[must_use]
pub fn single_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect::<String>()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_split_between_their_elements_only() {
        let list = "\"Doe, \\\"J\" <sip:a,b@h;x=1>;q=0.5, <sip:c@h> ,,sip:d@h";
        assert_eq!(
            elements(list).collect::<Vec<_>>(),
            [
                "\"Doe, \\\"J\" <sip:a,b@h;x=1>;q=0.5",
                "<sip:c@h>",
                "sip:d@h"
            ]
        );
        assert_eq!(elements("").count(), 0);
    }

    #[test]
    fn addresses_are_read_as_written() {
        let with =
            Address::parse("\"A <b>\" <sip:7001-0x55@h:5070;transport=udp>;expires=60").unwrap();
        assert_eq!(with.uri, "sip:7001-0x55@h:5070;transport=udp");
        assert_eq!(with.parameter("EXPIRES"), Some("60"));
        let without = Address::parse("sip:a@h;tag=xyz").unwrap();
        assert_eq!(
            (without.uri, without.parameter("tag")),
            ("sip:a@h", Some("xyz"))
        );
        for broken in ["", "<sip:a@h", "<>", ";tag=1", "\"<sip:a@h>"] {
            assert_eq!(
                Address::parse(broken).filter(|a| !a.uri.starts_with('"')),
                None,
                "{broken}"
            );
        }
    }

    #[test]
    fn tags_are_found() {
        assert_eq!(tag("<sip:a@h>;tag=1"), Some("1"));
        assert_eq!(tag("<sip:a@h;tag=2>"), None);
        assert_eq!(tag("<sip:a@h>;tag="), None);
    }

    #[test]
    fn user_parts_are_decoded_and_encoded() {
        for (uri, expected) in [
            ("sip:+4930123@h:5060;user=phone", "+4930123"),
            ("sip:a%20b:secret@h", "a b"),
            ("sip:h", ""),
            ("tel:+49;phone-context=x", "+49"),
            ("sip:1;ext=2@h", "1"),
            ("nothing", ""),
            ("sip:%zz%4@h", "%zz%4"),
        ] {
            assert_eq!(user(uri), expected, "{uri}");
        }
        assert_eq!(encode_user("+49 *#\r\n@"), "+49%20*%23%0D%0A%40");
    }

    #[test]
    fn text_cannot_leave_its_header() {
        assert_eq!(quoted("a\"\r\nVia: x\\"), "\"a\\\"Via: x\\\\\"");
        assert_eq!(single_line(" a\r\nVia: x "), "a  Via: x");
    }
}
