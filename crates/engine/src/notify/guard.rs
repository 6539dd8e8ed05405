//! Which addresses a target may have (notifications §7.6).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressRefused {
    /// A cloud metadata service: denied for every source.
    #[error("the address belongs to a metadata service")]
    Metadata,
    /// Loopback, private, link-local or another inner range.
    #[error("the address is not public")]
    Inner,
}

/// Judges an address; `guarded` = supplied by an API caller.
///
/// # Errors
/// [`AddressRefused`] with the rule that hit.
pub fn check_literal(address: IpAddr, guarded: bool) -> Result<(), AddressRefused> {
    let embedded = match address {
        IpAddr::V6(v6) => embedded_v4(v6).map(IpAddr::V4),
        IpAddr::V4(_) => None,
    };
    let both = [Some(address), embedded];
    if both.into_iter().flatten().any(is_metadata) {
        return Err(AddressRefused::Metadata);
    }
    if guarded && both.into_iter().flatten().any(is_inner) {
        return Err(AddressRefused::Inner);
    }
    Ok(())
}

/// The IPv4 address that an IPv6 address leads to: mapped and compatible (RFC 4291 §2.5.5),
/// NAT64 (RFC 6052 §2.1), 6to4 (RFC 3056 §2).
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let join = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match segments {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(join(high, low))
        }
        [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

/// Judges the host of a URL that an API caller supplied, as far as it can be told without
/// resolving it.
///
/// # Errors
/// Says why it is refused.
pub(crate) fn check_url(url: &str, allow_hosts: &[String]) -> Result<(), String> {
    let url =
        reqwest::Url::parse(url).map_err(|_error| "the target is no absolute URL".to_owned())?;
    let host = url.host_str().unwrap_or_default();
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    let address = literal.parse();
    let is_allowed = allow_hosts.iter().any(|h| h.eq_ignore_ascii_case(literal));
    match address {
        Ok(address) => check_literal(address, !is_allowed).map_err(|error| error.to_string()),
        Err(_) if literal.eq_ignore_ascii_case("localhost") && !is_allowed => {
            Err(AddressRefused::Inner.to_string())
        }
        // A name: its addresses are judged when it is resolved.
        Err(_) => Ok(()),
    }
}

/// Judges the literal host of a URL that the operator wrote: only metadata services are denied.
///
/// # Errors
/// Says why it is refused.
pub(crate) fn check_operators_url(url: &str) -> Result<(), String> {
    let url = reqwest::Url::parse(url).map_err(|_error| "no absolute URL".to_owned())?;
    let host = url.host_str().unwrap_or_default();
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    match literal.parse() {
        Ok(address) => check_literal(address, false).map_err(|error| error.to_string()),
        // A name: its addresses are judged when it is resolved.
        Err(_) => Ok(()),
    }
}

/// Metadata services of the large clouds, and what hands out credentials there.
fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => matches!(
            v4.octets(),
            [169, 254, 169, 254]
                | [169, 254, 170, 2 | 23]
                | [100, 100, 100, 200]
                | [192, 0, 0, 192]
                | [168, 63, 129, 16]
        ),
        IpAddr::V6(v6) => matches!(
            v6.segments(),
            [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254 | 0x0023]
                | [0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254]
        ),
    }
}

fn is_inner(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
                || v4.is_documentation()
                || a == 0
                // Protocol assignments, RFC 6890.
                || (a == 192 && b == 0 && c == 0)
                // Shared address space, RFC 6598; benchmarking, RFC 2544; reserved, RFC 1112.
                || (a == 100 && (64..128).contains(&b))
                || (a == 198 && (18..20).contains(&b))
                || a >= 240
        }
        IpAddr::V6(v6) => {
            let first = v6.segments()[0];
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                // Unique local, link-local, site-local (RFC 3879); 6to4 and NAT64 lead elsewhere.
                || (first & 0xfe00) == 0xfc00
                || (first & 0xffc0) == 0xfe80
                || (first & 0xffc0) == 0xfec0
                || first == 0x2002
                || (first == 0x0064 && v6.segments()[1] == 0xff9b)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, guarded: bool, expected: Result<(), AddressRefused>) {
        assert_eq!(
            check_literal(address.parse().unwrap(), guarded),
            expected,
            "{address}"
        );
    }

    #[test]
    fn inner_addresses_are_closed_to_strangers_only() {
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "::1",
            "fe80::1",
            "::ffff:192.168.0.1",
            "100.64.0.1",
            "0.0.0.0",
            "192.0.0.8",
            "fec0::1",
            "2002:a00:1::",
            "64:ff9b::10.0.0.1",
            "::127.0.0.1",
        ] {
            check(address, true, Err(AddressRefused::Inner));
            check(address, false, Ok(()));
        }
        check("93.184.216.34", true, Ok(()));
        check("2606:2800:220:1::1", true, Ok(()));
    }

    #[test]
    fn hosts_of_urls_are_judged_before_they_are_resolved() {
        let allowed = ["127.0.0.1".to_owned(), "169.254.169.254".to_owned()];
        let check = |url: &str, allow: &[String]| check_url(url, allow).is_ok();
        assert!(!check("http://127.0.0.1:9/x", &[]));
        assert!(!check("http://localhost/", &[]));
        assert!(!check("http://[::1]/", &[]));
        assert!(!check("crm", &[]));
        assert!(check("http://127.0.0.1:9/x", &allowed));
        assert!(check("https://hooks.example.net/", &[]));
        assert!(!check("http://169.254.169.254/", &allowed), "never");
    }

    #[test]
    fn metadata_addresses_are_closed_to_everybody() {
        for guarded in [true, false] {
            for address in [
                "169.254.169.254",
                "169.254.170.23",
                "168.63.129.16",
                "fd00:ec2::254",
                "fd20:ce::254",
                "::ffff:169.254.169.254",
                "64:ff9b::169.254.169.254",
                "2002:a9fe:a9fe::",
            ] {
                check(address, guarded, Err(AddressRefused::Metadata));
            }
        }
    }
}
