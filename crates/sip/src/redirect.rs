//! Redirects (RFC 3261 §8.1.3.4): which contacts of a 3xx are tried, in which order.
//!
//! At most [`TARGETS_MAX`] contacts by their `q`, no loops, and only to hosts that the trunk
//! allows. A contact with another number is not followed: it would get around the rules of which
//! numbers may be dialed.

use crate::header::{Address, authority, elements, user};

/// Contacts that are followed in one try.
pub const TARGETS_MAX: usize = 3;

/// The redirects of one try.
#[derive(Clone, Debug)]
pub struct Redirects {
    number: String,
    hosts: Vec<String>,
    waiting: Vec<String>,
    /// Where the call has been or will be, the first place included.
    seen: Vec<String>,
}

impl Redirects {
    /// Begins with the Request-URI of the INVITE; `hosts` may be redirected to, its own host too.
    #[must_use]
    pub fn new(request_uri: &str, hosts: &[String]) -> Self {
        let own = host(request_uri).map(str::to_owned);
        Self {
            number: bare(&user(request_uri)),
            hosts: hosts.iter().cloned().chain(own).collect(),
            waiting: Vec::new(),
            seen: vec![place(request_uri)],
        }
    }

    /// Takes the values of the `Contact` headers of a 3xx.
    pub fn take<'a>(&mut self, contacts: impl Iterator<Item = &'a str>) {
        let mut found: Vec<(u32, &str)> = contacts
            .flat_map(elements)
            .filter_map(Address::parse)
            .filter(|address| self.allows(address.uri))
            .map(|address| (quality(address.parameter("q")), address.uri))
            .collect();
        found.sort_by_key(|(q, _)| std::cmp::Reverse(*q));
        for (_, uri) in found {
            let place = place(uri);
            // The first place does not count.
            if self.seen.len() <= TARGETS_MAX && !self.seen.contains(&place) {
                self.seen.push(place);
                self.waiting.push(uri.to_owned());
            }
        }
    }

    fn allows(&self, uri: &str) -> bool {
        let sip = uri.get(..4).is_some_and(|s| s.eq_ignore_ascii_case("sip:"));
        let known = host(uri).is_some_and(|host| {
            self.hosts
                .iter()
                .any(|known| known.eq_ignore_ascii_case(host))
        });
        sip && known && bare(&user(uri)) == self.number
    }

    /// The next contact to try.
    pub fn next_target(&mut self) -> Option<String> {
        (!self.waiting.is_empty()).then(|| self.waiting.remove(0))
    }
}

/// A number without the sign in front, as carriers write it both ways.
fn bare(number: &str) -> String {
    number.trim_start_matches('+').to_owned()
}

/// `q` in thousandths; without one it is 1.
fn quality(q: Option<&str>) -> u32 {
    let Some(q) = q else { return 1000 };
    let (whole, part) = q.split_once('.').unwrap_or((q, ""));
    let thousandths = format!("{part:0<3}");
    let part: u32 = thousandths
        .get(..3)
        .and_then(|p| p.parse().ok())
        .unwrap_or(0);
    match whole.trim().parse::<u32>() {
        Ok(0) => part,
        Ok(_) => 1000,
        Err(_) => 0,
    }
}

fn host(uri: &str) -> Option<&str> {
    let authority = authority(uri);
    let host = if authority.starts_with('[') {
        let end = authority.find(']')?;
        authority.get(..=end)?
    } else {
        authority.split(':').next()?
    };
    (!host.is_empty()).then_some(host)
}

/// What makes two targets the same.
fn place(uri: &str) -> String {
    let authority = authority(uri).to_ascii_lowercase();
    let with_port = host(&authority).is_some_and(|host| host.len() < authority.len())
        || authority
            .rsplit_once(':')
            .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let port = if with_port { "" } else { ":5060" };
    format!("{}@{authority}{port}", bare(&user(uri)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(contacts: &[&str], hosts: &[&str], expected: &[&str]) {
        let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
        let mut redirects = Redirects::new("sip:%2B4930555010@a.example:5060", &hosts);
        redirects.take(contacts.iter().copied());
        let followed: Vec<String> = std::iter::from_fn(|| redirects.next_target()).collect();
        assert_eq!(followed, expected, "{contacts:?}");
    }

    #[test]
    fn contacts_are_followed_by_their_q_and_at_most_three() {
        check(
            &[
                "<sip:4930555010@b>;q=0.2, <sip:+4930555010@c>",
                "<sip:4930555010@d>;q=0.25,<sip:4930555010@e>;q=0.9",
            ],
            &["b", "c", "d", "e"],
            &["sip:+4930555010@c", "sip:4930555010@e", "sip:4930555010@d"],
        );
    }

    #[test]
    fn only_what_the_trunk_allows_is_followed() {
        for contact in [
            "<sip:4930555010@other.example>",
            "<sip:112@a.example:5070>",
            "<sip:4930555011@a.example:5070>",
            "<sips:4930555010@a.example:5070>",
            "<tel:+4930555010>",
            "<mailto:x@a.example>",
            "<sip:4930555010@>",
            "nonsense",
        ] {
            check(&[contact], &[], &[]);
        }
        let other_port = "sip:4930555010@A.example:5070;transport=tcp";
        check(&[&format!("<{other_port}>")], &[], &[other_port]);
    }

    #[test]
    fn a_call_is_not_sent_where_it_was() {
        check(&["<sip:4930555010@a.example>"], &[], &[]);
        check(
            &["<sip:4930555010@b>, <sip:4930555010@B:5060>"],
            &["b"],
            &["sip:4930555010@b"],
        );
        let mut redirects = Redirects::new("sip:1@a", &[]);
        for port in 1..9 {
            redirects.take([format!("<sip:1@a:{port}>")].iter().map(String::as_str));
        }
        assert_eq!(
            std::iter::from_fn(|| redirects.next_target()).count(),
            TARGETS_MAX
        );
    }

    #[test]
    fn addresses_in_brackets_have_hosts() {
        assert_eq!(host("sip:1@[::1]:5060"), Some("[::1]"));
        assert_eq!(host("sip:[::1]"), Some("[::1]"));
        assert_eq!(host("sip:1@[::1"), None);
        assert_eq!(host("sip"), None);
        let values = [
            ("1", 1000),
            ("0.5", 500),
            ("0.05", 50),
            ("0", 0),
            ("x", 0),
            ("0.x", 0),
        ];
        for (q, expected) in values {
            assert_eq!(quality(Some(q)), expected, "{q}");
        }
    }
}
