//! Sending the other side elsewhere (RFC 3515): the address it is given, what it reports.

use crate::header::{Address, authority, escape};

/// `Refer-To` of a user at a host; the headers go into the INVITE that follows.
///
/// Everything that is not unreserved is escaped (RFC 3261 §19.1.1).
#[must_use]
pub fn refer_to(user: &str, host: &str, headers: &[(String, String)]) -> String {
    let mut uri = format!("<sip:{}@{host}", escape(user, b"+"));
    for (n, (name, value)) in headers.iter().enumerate() {
        let separator = if n == 0 { '?' } else { '&' };
        uri.push(separator);
        uri.push_str(&escape(name, b"+"));
        uri.push('=');
        uri.push_str(&escape(value, b"+"));
    }
    uri.push('>');
    uri
}

/// The host of an address header, with its port: `<sip:5115@host:5060>` gives `host:5060`.
#[must_use]
pub fn host_of(address: &str) -> Option<&str> {
    let uri = Address::parse(address)?.uri;
    let host = authority(uri);
    (!host.is_empty()).then_some(host)
}

/// The status that a NOTIFY reports (`message/sipfrag`), `None` when it is none.
#[must_use]
pub fn reported(body: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(body).ok()?;
    let mut words = text.trim_start().lines().next()?.split_whitespace();
    words.next().filter(|word| *word == "SIP/2.0")?;
    let status = words.next()?.parse().ok()?;
    (100..700).contains(&status).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_carries_headers_escaped() {
        assert_eq!(refer_to("5100", "host:5060", &[]), "<sip:5100@host:5060>");
        let headers = [
            ("X-Genesys-topic".to_owned(), "a b&c=d\r\n>".to_owned()),
            ("X-n".to_owned(), "7".to_owned()),
        ];
        let expected = "<sip:%2351+@h?X-Genesys-topic=a%20b%26c%3Dd%0D%0A%3E&X-n=7>";
        assert_eq!(refer_to("#51+", "h", &headers), expected);
    }

    #[test]
    fn hosts_are_found() {
        assert_eq!(host_of("\"A\" <sip:5115@h:5060;x=y>;tag=1"), Some("h:5060"));
        assert_eq!(host_of("<sip:h>"), Some("h"));
        assert_eq!(host_of("nothing"), None);
    }

    #[test]
    fn reports_are_read() {
        assert_eq!(reported(b"SIP/2.0 200 OK\r\nTo: x\r\n"), Some(200));
        assert_eq!(reported(b"SIP/2.0 100 Trying"), Some(100));
        for odd in [&b"SIP/2.0 999 x"[..], b"", b"\xff", b"HTTP/1.1 200 OK"] {
            assert_eq!(reported(odd), None);
        }
    }
}
