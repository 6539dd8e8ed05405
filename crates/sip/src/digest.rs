//! Digest authentication on the server side (RFC 8760, RFC 7616 without `auth-int` bodies).
//!
//! Nonces carry their time of issue and a keyed hash, so a flood of requests costs no memory;
//! only the counts of nonces that were used with the right password are kept, up to a limit.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use md5::Md5;
use sha2::{Digest as _, Sha256};

use crate::header::quoted;

/// Most used nonces whose count is remembered.
const USED_MAX: usize = 10_000;

/// Hash of a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// MD5, which every phone knows.
    Md5,
    /// SHA-256 (RFC 8760).
    Sha256,
}

impl Algorithm {
    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    fn hash(self, text: &str) -> String {
        match self {
            Self::Md5 => {
                use md5::Digest as _;
                hex(&Md5::digest(text.as_bytes()))
            }
            Self::Sha256 => hex(&Sha256::digest(text.as_bytes())),
        }
    }
}

/// What a client sent in `Authorization`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Digest user name.
    pub username: String,
    /// Realm.
    pub realm: String,
    /// Nonce.
    pub nonce: String,
    /// Digest URI as written.
    pub uri: String,
    /// The answer, hexadecimal.
    pub response: String,
    /// Algorithm as written; empty = MD5.
    pub algorithm: String,
    /// Quality of protection; empty = none (RFC 2069).
    pub qop: String,
    /// Client nonce.
    pub cnonce: String,
    /// Nonce count, eight hexadecimal digits.
    pub nc: String,
}

impl Credentials {
    /// Reads the value of an `Authorization` header; `None` when it is no digest.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let value = value.trim_start();
        let (scheme, rest) = value.split_once(char::is_whitespace)?;
        if !scheme.eq_ignore_ascii_case("digest") {
            return None;
        }
        let mut found = Self::default();
        for (name, value) in parameters(rest) {
            let field = match name.to_ascii_lowercase().as_str() {
                "username" => &mut found.username,
                "realm" => &mut found.realm,
                "nonce" => &mut found.nonce,
                "uri" => &mut found.uri,
                "response" => &mut found.response,
                "algorithm" => &mut found.algorithm,
                "qop" => &mut found.qop,
                "cnonce" => &mut found.cnonce,
                "nc" => &mut found.nc,
                _ => continue,
            };
            *field = value;
        }
        Some(found)
    }
}

/// Splits `a="b, c", d=e` at commas outside quotes; backslashes escape inside quotes.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut name = String::new();
    let mut value = String::new();
    let mut in_value = false;
    let mut quoted = false;
    let mut escaped = false;
    for c in text.chars() {
        if escaped {
            value.push(c);
            escaped = false;
        } else if quoted {
            match c {
                '\\' => escaped = true,
                '"' => quoted = false,
                _ => value.push(c),
            }
        } else {
            match c {
                '"' if in_value => quoted = true,
                '=' if !in_value => in_value = true,
                ',' => {
                    push_pair(&mut pairs, &mut name, &mut value);
                    in_value = false;
                }
                _ if in_value => value.push(c),
                _ => name.push(c),
            }
        }
    }
    push_pair(&mut pairs, &mut name, &mut value);
    pairs
}

fn push_pair(pairs: &mut Vec<(String, String)>, name: &mut String, value: &mut String) {
    let key = std::mem::take(name).trim().to_owned();
    let text = std::mem::take(value).trim().to_owned();
    if !key.is_empty() {
        pairs.push((key, text));
    }
}

/// Computes the response that a client must send; pure, used by both directions of tests.
#[must_use]
pub fn response(credentials: &Credentials, password: &str, method: &str) -> Option<String> {
    let algorithm = match credentials.algorithm.to_ascii_uppercase().as_str() {
        "" | "MD5" => Algorithm::Md5,
        "SHA-256" => Algorithm::Sha256,
        _ => return None,
    };
    let Credentials {
        username,
        realm,
        nonce,
        uri,
        cnonce,
        nc,
        ..
    } = credentials;
    let secret = algorithm.hash(&format!("{username}:{realm}:{password}"));
    let request = algorithm.hash(&format!("{method}:{uri}"));
    Some(match credentials.qop.to_ascii_lowercase().as_str() {
        "" => algorithm.hash(&format!("{secret}:{nonce}:{request}")),
        "auth" => algorithm.hash(&format!("{secret}:{nonce}:{nc}:{cnonce}:auth:{request}")),
        _ => return None,
    })
}

/// Answers a challenge as a client; `challenge` is the value of `WWW-Authenticate` or
/// `Proxy-Authenticate`. `None` when it asks for something unknown.
#[must_use]
pub fn authorization(challenge: &str, account: &Account<'_>, cnonce: &str) -> Option<String> {
    let mut asked = Credentials::parse(challenge)?;
    let offered_qop = std::mem::take(&mut asked.qop);
    let opaque = challenge
        .trim_start()
        .split_once(char::is_whitespace)
        .and_then(|(_, rest)| parameters(rest).into_iter().find(|(n, _)| n == "opaque"));
    let mut answer = Credentials {
        username: account.username.to_owned(),
        uri: account.uri.to_owned(),
        realm: asked.realm,
        nonce: asked.nonce,
        algorithm: asked.algorithm,
        ..Credentials::default()
    };
    if offered_qop
        .split(',')
        .any(|qop| qop.trim().eq_ignore_ascii_case("auth"))
    {
        "auth".clone_into(&mut answer.qop);
        "00000001".clone_into(&mut answer.nc);
        cnonce.clone_into(&mut answer.cnonce);
    } else if !offered_qop.is_empty() {
        return None;
    }
    answer.response = response(&answer, account.password, account.method)?;
    let Credentials {
        username,
        realm,
        nonce,
        uri,
        response,
        ..
    } = &answer;
    let mut value = format!(
        "Digest username={}, realm={}, nonce={}, uri=\"{uri}\", response=\"{response}\"",
        quoted(username),
        quoted(realm),
        quoted(nonce),
    );
    if !answer.algorithm.is_empty() {
        // Writing into a string cannot fail.
        write!(value, ", algorithm={}", answer.algorithm).ok();
    }
    if let Some((_, opaque)) = opaque {
        write!(value, ", opaque={}", quoted(&opaque)).ok();
    }
    if !answer.qop.is_empty() {
        write!(value, ", qop=auth, nc={}, cnonce=\"{cnonce}\"", answer.nc).ok();
    }
    Some(value)
}

/// Who answers a challenge, and for which request.
#[derive(Clone, Copy, Debug)]
pub struct Account<'a> {
    /// Digest user name.
    pub username: &'a str,
    /// Password.
    pub password: &'a str,
    /// Method of the request.
    pub method: &'a str,
    /// Request-URI as it is sent.
    pub uri: &'a str,
}

/// The challenge says that only the nonce was too old.
#[must_use]
pub fn is_stale(challenge: &str) -> bool {
    challenge
        .trim_start()
        .split_once(char::is_whitespace)
        .is_some_and(|(_, rest)| {
            parameters(rest).iter().any(|(name, value)| {
                name.eq_ignore_ascii_case("stale") && value.eq_ignore_ascii_case("true")
            })
        })
}

/// Result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Right password, fresh nonce.
    Accepted,
    /// Right password, but the nonce is too old, foreign or used up: challenge with `stale=true`.
    Stale,
    /// Wrong password, realm or form: challenge again.
    Wrong,
}

/// Issues and checks nonces.
#[derive(Debug)]
pub struct Nonces {
    secret: [u8; 32],
    lifetime_ms: u64,
    /// Highest count seen per nonce.
    used: BTreeMap<String, u32>,
    /// Order of first use, oldest first.
    order: VecDeque<String>,
}

impl Nonces {
    /// Starts with a random secret; nonces live `lifetime_ms`.
    #[must_use]
    pub fn new(secret: [u8; 32], lifetime_ms: u64) -> Self {
        Self {
            secret,
            lifetime_ms,
            used: BTreeMap::new(),
            order: VecDeque::new(),
        }
    }

    /// Makes a nonce from eight random bytes.
    #[must_use]
    pub fn issue(&self, random: [u8; 8], now_ms: u64) -> String {
        let stamp = format!("{now_ms:016x}{}", hex(&random));
        let mac = self.mac(&stamp);
        stamp + &mac
    }

    /// The value of a `WWW-Authenticate` header.
    #[must_use]
    pub fn challenge(realm: &str, nonce: &str, algorithm: Algorithm, stale: bool) -> String {
        let realm: String = realm.chars().filter(|c| !matches!(c, '"' | '\\')).collect();
        let stale = if stale { ", stale=true" } else { "" };
        let algorithm = algorithm.name();
        format!(
            "Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={algorithm}, qop=\"auth\"{stale}"
        )
    }

    /// Checks what a client sent. The password is checked first, so that a wrong one never learns
    /// anything about the nonce.
    pub fn check(
        &mut self,
        credentials: &Credentials,
        realm: &str,
        password: &str,
        method: &str,
        now_ms: u64,
    ) -> Check {
        let right = credentials.realm == realm
            && response(credentials, password, method)
                .is_some_and(|expected| same(&expected, &credentials.response));
        if !right {
            return Check::Wrong;
        }
        if !self.is_ours(&credentials.nonce, now_ms) {
            return Check::Stale;
        }
        let count = if credentials.qop.is_empty() {
            // Without a count a nonce is good for one request only.
            1
        } else {
            match u32::from_str_radix(&credentials.nc, 16) {
                Ok(count) => count,
                Err(_) => return Check::Wrong,
            }
        };
        match self.used.get_mut(&credentials.nonce) {
            Some(last) if count <= *last => Check::Stale,
            Some(last) => {
                *last = count;
                Check::Accepted
            }
            None => {
                self.remember(credentials.nonce.clone(), count);
                Check::Accepted
            }
        }
    }

    fn remember(&mut self, nonce: String, count: u32) {
        while self.order.len() >= USED_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.used.remove(&oldest);
            }
        }
        self.order.push_back(nonce.clone());
        self.used.insert(nonce, count);
    }

    fn is_ours(&self, nonce: &str, now_ms: u64) -> bool {
        let Some((stamp, mac)) = nonce.split_at_checked(32) else {
            return false;
        };
        let Some(issued_ms) = stamp
            .get(..16)
            .and_then(|t| u64::from_str_radix(t, 16).ok())
        else {
            return false;
        };
        same(&self.mac(stamp), mac) && issued_ms <= now_ms && now_ms - issued_ms <= self.lifetime_ms
    }

    /// Nested keyed hash, so that nothing can be appended to a known one.
    fn mac(&self, text: &str) -> String {
        let inner = Sha256::new()
            .chain_update(self.secret)
            .chain_update(text)
            .finalize();
        let outer = Sha256::new()
            .chain_update(self.secret)
            .chain_update(inner)
            .finalize();
        hex(outer.get(..16).unwrap_or_default())
    }
}

/// Compares without an early exit.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len()
        && a.bytes()
            .zip(b.bytes())
            .fold(0, |diff, (x, y)| diff | (x ^ y))
            == 0
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing into a string cannot fail.
            write!(text, "{byte:02x}").ok();
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REALM: &str = "ringback";

    fn credentials(nonce: &str, nc: u32, algorithm: Algorithm, password: &str) -> Credentials {
        let mut credentials = Credentials {
            username: "7001".to_owned(),
            realm: REALM.to_owned(),
            nonce: nonce.to_owned(),
            uri: "sip:127.0.0.1:5060".to_owned(),
            algorithm: algorithm.name().to_owned(),
            qop: "auth".to_owned(),
            cnonce: "0a4f113b".to_owned(),
            nc: format!("{nc:08x}"),
            ..Credentials::default()
        };
        credentials.response = response(&credentials, password, "REGISTER").unwrap();
        credentials
    }

    #[test]
    fn the_example_of_rfc_2617_has_its_response() {
        let value = r#"Digest username="Mufasa", realm="testrealm@host.com",
            nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", qop=auth,
            nc=00000001, cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1",
            opaque="5ccc069c403ebaf9f0171e9517f40e41""#;
        let credentials = Credentials::parse(value).unwrap();
        assert_eq!(credentials.username, "Mufasa");
        assert_eq!(
            response(&credentials, "Circle Of Life", "GET").unwrap(),
            "6629fae49393a05397450978507c4ef1"
        );
    }

    #[test]
    fn the_example_of_rfc_7616_has_its_response() {
        let credentials = Credentials {
            username: "Mufasa".to_owned(),
            realm: "http-auth@example.org".to_owned(),
            nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v".to_owned(),
            uri: "/dir/index.html".to_owned(),
            algorithm: "SHA-256".to_owned(),
            qop: "auth".to_owned(),
            nc: "00000001".to_owned(),
            cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ".to_owned(),
            ..Credentials::default()
        };
        assert_eq!(
            response(&credentials, "Circle of Life", "GET").unwrap(),
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        );
    }

    #[test]
    fn right_and_wrong_passwords_are_told_apart() {
        for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
            let mut nonces = Nonces::new([7; 32], 60_000);
            let nonce = nonces.issue([1; 8], 1000);
            let wrong = credentials(&nonce, 1, algorithm, "guess");
            assert_eq!(
                nonces.check(&wrong, REALM, "secret", "REGISTER", 1001),
                Check::Wrong
            );
            let right = credentials(&nonce, 1, algorithm, "secret");
            assert_eq!(
                nonces.check(&right, REALM, "secret", "REGISTER", 1001),
                Check::Accepted
            );
            assert_eq!(
                nonces.check(&right, "other", "secret", "REGISTER", 1001),
                Check::Wrong
            );
            assert_eq!(
                nonces.check(&right, REALM, "secret", "INVITE", 1001),
                Check::Wrong
            );
        }
    }

    #[test]
    fn a_nonce_count_is_good_once_and_goes_past_nine() {
        let mut nonces = Nonces::new([7; 32], 60_000);
        let nonce = nonces.issue([1; 8], 0);
        for nc in 1..20 {
            let sent = credentials(&nonce, nc, Algorithm::Md5, "secret");
            assert_eq!(
                nonces.check(&sent, REALM, "secret", "REGISTER", 1),
                Check::Accepted
            );
            assert_eq!(
                nonces.check(&sent, REALM, "secret", "REGISTER", 1),
                Check::Stale
            );
        }
    }

    #[test]
    fn old_and_foreign_nonces_are_stale() {
        let mut nonces = Nonces::new([7; 32], 60_000);
        let nonce = nonces.issue([1; 8], 0);
        let sent = credentials(&nonce, 1, Algorithm::Md5, "secret");
        assert_eq!(
            nonces.check(&sent, REALM, "secret", "REGISTER", 60_001),
            Check::Stale
        );
        for foreign in [
            "",
            "0",
            "éééééééééééééééééééé",
            &"f".repeat(64),
            &nonce.replace('0', "1"),
        ] {
            let sent = credentials(foreign, 1, Algorithm::Md5, "secret");
            assert_eq!(
                nonces.check(&sent, REALM, "secret", "REGISTER", 1),
                Check::Stale
            );
        }
    }

    #[test]
    fn memory_of_used_nonces_is_limited() {
        let mut nonces = Nonces::new([7; 32], u64::MAX);
        for n in 0..(USED_MAX as u64 + 10) {
            let nonce = nonces.issue(n.to_be_bytes(), 0);
            nonces.remember(nonce, 1);
        }
        assert_eq!(nonces.used.len(), USED_MAX);
    }

    #[test]
    fn strange_headers_are_no_credentials() {
        for value in ["", "Digest", "Basic abc", "\u{1F600}"] {
            assert_eq!(Credentials::parse(value), None, "{value}");
        }
        let empty = Credentials::parse("Digest ,,=,\"\\").unwrap();
        assert_eq!(empty, Credentials::default());
        assert!(
            Credentials::parse("Digest username=\"a\\\"b\"")
                .unwrap()
                .username
                == "a\"b"
        );
    }

    #[test]
    fn a_client_answers_what_the_server_asks() {
        for algorithm in [Algorithm::Md5, Algorithm::Sha256] {
            let mut nonces = Nonces::new([7; 32], 60_000);
            let challenge = Nonces::challenge(REALM, &nonces.issue([2; 8], 5), algorithm, false);
            assert!(!is_stale(&challenge));
            let account = Account {
                username: "70\"01",
                password: "secret",
                method: "REGISTER",
                uri: "sip:127.0.0.1:5060",
            };
            let sent = authorization(&challenge, &account, "abc").unwrap();
            let credentials = Credentials::parse(&sent).unwrap();
            assert_eq!(credentials.username, "70\"01");
            let check = nonces.check(&credentials, REALM, "secret", "REGISTER", 6);
            assert_eq!(check, Check::Accepted);
        }
        let account = Account {
            username: "a",
            password: "b",
            method: "BYE",
            uri: "sip:c",
        };
        let old = authorization(
            "Digest realm=\"r\", nonce=\"n\", opaque=\"o\"",
            &account,
            "x",
        );
        assert!(old.unwrap().ends_with("opaque=\"o\""));
        for unknown in [
            "Basic x",
            "Digest qop=\"auth-int\"",
            "Digest algorithm=SHA-512",
        ] {
            assert_eq!(authorization(unknown, &account, "x"), None, "{unknown}");
        }
        assert!(is_stale(&Nonces::challenge(
            REALM,
            "n",
            Algorithm::Md5,
            true
        )));
    }

    #[test]
    fn the_challenge_names_all_a_client_needs() {
        assert_eq!(
            Nonces::challenge("ring\"back", "abc", Algorithm::Sha256, true),
            "Digest realm=\"ringback\", nonce=\"abc\", algorithm=SHA-256, qop=\"auth\", stale=true"
        );
    }
}
