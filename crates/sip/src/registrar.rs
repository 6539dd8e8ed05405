//! Bindings of a registrar (RFC 3261 §10.3): which phone is reached where, and until when.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use crate::header::{Address, authority, elements};

/// Limits of the registrar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Shorter lifetimes are refused with 423, seconds.
    pub expires_min_s: u32,
    /// Lifetime when the phone names none, seconds.
    pub expires_default_s: u32,
    /// Longer lifetimes are shortened, seconds: bindings live in memory, so after a restart a
    /// phone can be reached again when it has registered anew.
    pub expires_max_s: u32,
    /// Most contacts of one extension.
    pub contacts_max: usize,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            expires_min_s: 20,
            expires_default_s: 300,
            expires_max_s: 300,
            contacts_max: 8,
        }
    }
}

/// One contact of a REGISTER request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The address exactly as sent, without angle brackets.
    pub uri: String,
    /// The `expires` parameter, seconds.
    pub expires_s: Option<u32>,
}

impl Contact {
    /// Reads the values of all `Contact` headers of a request; the flag says that `*` was among
    /// them. `None` when one cannot be read.
    #[must_use]
    pub fn list<'a>(values: impl Iterator<Item = &'a str>) -> Option<(Vec<Self>, bool)> {
        let mut contacts = Vec::new();
        let mut all = false;
        for element in values.flat_map(elements) {
            if element == "*" {
                all = true;
                continue;
            }
            let address = Address::parse(element)?;
            let expires_s = match address.parameter("expires") {
                Some(text) => Some(text.parse().ok()?),
                None => None,
            };
            contacts.push(Self {
                uri: address.uri.to_owned(),
                expires_s,
            });
        }
        Some((contacts, all))
    }
}

/// What a REGISTER request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// Contacts; empty = only ask what is bound.
    pub contacts: Vec<Contact>,
    /// `Contact: *`: remove all, needs `Expires: 0`.
    pub all: bool,
    /// The `Expires` header, seconds.
    pub expires_s: Option<u32>,
    /// Call-ID.
    pub call_id: String,
    /// `CSeq` number.
    pub cseq: u32,
    /// Where the request came from.
    pub source: SocketAddr,
    /// `Path` header values, in order (RFC 3327).
    pub path: Vec<String>,
}

/// Where a phone is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Request-URI to dial, exactly as registered.
    pub uri: String,
    /// Address the registration came from.
    pub source: SocketAddr,
    /// Route to the phone, in order.
    pub path: Vec<String>,
    /// End, milliseconds of the caller's clock.
    pub expires_ms: u64,
    call_id: String,
    cseq: u32,
}

/// A REGISTER request was refused; nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// 423 with `Min-Expires`.
    #[error("the lifetime is shorter than {min_s} s")]
    TooBrief {
        /// Shortest lifetime, seconds.
        min_s: u32,
    },
    /// 400: `*` together with other contacts or without `Expires: 0`.
    #[error("a wildcard contact needs Expires: 0 and no other contact")]
    Wildcard,
    /// 403: the extension has too many contacts.
    #[error("too many contacts")]
    TooMany,
    /// 500: an older request than the last one (RFC 3261 §10.3 step 7).
    #[error("the request is out of order")]
    OutOfOrder,
}

/// What a REGISTER request changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// All bindings now: address and remaining lifetime in seconds.
    pub bindings: Vec<(String, u32)>,
    /// `Some` when the extension became reachable or unreachable.
    pub change: Option<bool>,
}

/// All bindings.
#[derive(Debug)]
pub struct Registrar {
    policy: Policy,
    /// Newest binding first.
    bindings: BTreeMap<String, Vec<Binding>>,
}

impl Registrar {
    /// Starts without bindings.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            bindings: BTreeMap::new(),
        }
    }

    /// Whether a phone is registered from an address.
    #[must_use]
    pub fn is_source(&self, address: IpAddr, now_ms: u64) -> bool {
        self.bindings
            .values()
            .flatten()
            .any(|b| b.expires_ms > now_ms && b.source.ip() == address)
    }

    /// Takes a request that was authenticated.
    ///
    /// # Errors
    /// [`Refused`] says which answer the phone gets; nothing changed then.
    pub fn register(
        &mut self,
        extension: &str,
        request: &Register,
        now_ms: u64,
    ) -> Result<Registered, Refused> {
        let before = self.bindings.get(extension).cloned().unwrap_or_default();
        let mut after: Vec<Binding> = before
            .iter()
            .filter(|b| b.expires_ms > now_ms)
            .cloned()
            .collect();
        let reachable_before = !before.is_empty();
        let out_of_order = |b: &Binding| b.call_id == request.call_id && request.cseq <= b.cseq;
        if request.all {
            if request.expires_s != Some(0) || !request.contacts.is_empty() {
                return Err(Refused::Wildcard);
            }
            if after.iter().any(out_of_order) {
                return Err(Refused::OutOfOrder);
            }
            after.clear();
        }
        for contact in &request.contacts {
            let expires_s = self.lifetime(contact, request)?;
            if after
                .iter()
                .any(|b| b.uri == contact.uri && out_of_order(b))
            {
                return Err(Refused::OutOfOrder);
            }
            after.retain(|b| !replaces(contact, request, b));
            if expires_s > 0 {
                after.insert(
                    0,
                    Binding {
                        uri: contact.uri.clone(),
                        source: request.source,
                        path: request.path.clone(),
                        expires_ms: now_ms.saturating_add(u64::from(expires_s) * 1000),
                        call_id: request.call_id.clone(),
                        cseq: request.cseq,
                    },
                );
            }
            if after.len() > self.policy.contacts_max {
                return Err(Refused::TooMany);
            }
        }
        let bindings = after
            .iter()
            .map(|b| {
                let left_s = (b.expires_ms - now_ms).div_ceil(1000);
                (b.uri.clone(), u32::try_from(left_s).unwrap_or(u32::MAX))
            })
            .collect();
        let reachable = !after.is_empty();
        if reachable {
            self.bindings.insert(extension.to_owned(), after);
        } else {
            self.bindings.remove(extension);
        }
        let change = (reachable != reachable_before).then_some(reachable);
        Ok(Registered { bindings, change })
    }

    /// Bindings of an extension that still hold, newest first.
    pub fn contacts(&self, extension: &str, now_ms: u64) -> impl Iterator<Item = &Binding> {
        self.bindings
            .get(extension)
            .into_iter()
            .flatten()
            .filter(move |binding| binding.expires_ms > now_ms)
    }

    /// Drops bindings that have ended; returns the extensions that are unreachable now.
    pub fn expire(&mut self, now_ms: u64) -> Vec<String> {
        let mut ended = Vec::new();
        self.bindings.retain(|extension, bindings| {
            bindings.retain(|binding| binding.expires_ms > now_ms);
            if bindings.is_empty() {
                ended.push(extension.clone());
            }
            !bindings.is_empty()
        });
        ended
    }

    /// When the next binding ends, milliseconds.
    #[must_use]
    pub fn next_expiry_ms(&self) -> Option<u64> {
        self.bindings
            .values()
            .flatten()
            .map(|binding| binding.expires_ms)
            .min()
    }

    fn lifetime(&self, contact: &Contact, request: &Register) -> Result<u32, Refused> {
        let wished = contact
            .expires_s
            .or(request.expires_s)
            .unwrap_or(self.policy.expires_default_s);
        if wished > 0 && wished < self.policy.expires_min_s {
            return Err(Refused::TooBrief {
                min_s: self.policy.expires_min_s,
            });
        }
        Ok(wished.min(self.policy.expires_max_s))
    }
}

/// The same contact, or the same phone with a new one: phones that put a random tail into their
/// user part come back after a restart with another address on the same host and port, and the
/// old one would ring nowhere until it expires.
fn replaces(contact: &Contact, request: &Register, binding: &Binding) -> bool {
    binding.uri == contact.uri
        || (binding.source == request.source
            && binding.call_id != request.call_id
            && !authority(&binding.uri).is_empty()
            && authority(&binding.uri).eq_ignore_ascii_case(authority(&contact.uri)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(contacts: &[(&str, Option<u32>)], cseq: u32) -> Register {
        Register {
            contacts: contacts
                .iter()
                .map(|(uri, expires_s)| Contact {
                    uri: (*uri).to_owned(),
                    expires_s: *expires_s,
                })
                .collect(),
            all: false,
            expires_s: None,
            call_id: "c1".to_owned(),
            cseq,
            source: "127.0.0.1:5070".parse().unwrap(),
            path: Vec::new(),
        }
    }

    fn uris(registrar: &Registrar, now_ms: u64) -> Vec<&str> {
        registrar
            .contacts("7001", now_ms)
            .map(|b| b.uri.as_str())
            .collect()
    }

    #[test]
    fn a_binding_lives_for_its_time() {
        let mut registrar = Registrar::new(Policy::default());
        let done = registrar
            .register("7001", &request(&[("sip:a@h:1", Some(60))], 1), 0)
            .unwrap();
        assert_eq!(done.bindings, [("sip:a@h:1".to_owned(), 60)]);
        assert_eq!(done.change, Some(true));
        assert_eq!(registrar.next_expiry_ms(), Some(60_000));
        assert_eq!(registrar.expire(59_999), Vec::<String>::new());
        assert_eq!(uris(&registrar, 60_000), Vec::<&str>::new());
        assert_eq!(registrar.expire(60_000), ["7001"]);
        assert_eq!(registrar.next_expiry_ms(), None);
    }

    #[test]
    fn lifetimes_are_kept_within_limits() {
        let mut registrar = Registrar::new(Policy::default());
        let brief = registrar.register("7001", &request(&[("sip:a@h", Some(5))], 1), 0);
        assert_eq!(brief, Err(Refused::TooBrief { min_s: 20 }));
        let long = registrar.register("7001", &request(&[("sip:a@h", Some(u32::MAX))], 2), 0);
        assert_eq!(long.unwrap().bindings, [("sip:a@h".to_owned(), 300)]);
        let none = registrar
            .register("7001", &request(&[("sip:a@h", None)], 3), 0)
            .unwrap();
        assert_eq!(none.bindings, [("sip:a@h".to_owned(), 300)]);
        assert_eq!(none.change, None);
    }

    #[test]
    fn several_contacts_newest_first_and_removal_of_one() {
        let mut registrar = Registrar::new(Policy::default());
        registrar
            .register("7001", &request(&[("sip:a@h:1", None)], 1), 0)
            .unwrap();
        registrar
            .register("7001", &request(&[("sip:b@h:2", None)], 2), 0)
            .unwrap();
        assert_eq!(uris(&registrar, 1), ["sip:b@h:2", "sip:a@h:1"]);
        let done = registrar
            .register("7001", &request(&[("sip:a@h:1", Some(0))], 3), 1)
            .unwrap();
        assert_eq!(done.change, None);
        assert_eq!(uris(&registrar, 1), ["sip:b@h:2"]);
        let query = registrar.register("7001", &request(&[], 4), 1).unwrap();
        assert_eq!(query.bindings.len(), 1);
        let last = registrar
            .register("7001", &request(&[("sip:b@h:2", Some(0))], 5), 1)
            .unwrap();
        assert_eq!(last.change, Some(false));
    }

    #[test]
    fn the_wildcard_removes_all_and_only_alone() {
        let mut registrar = Registrar::new(Policy::default());
        registrar
            .register("7001", &request(&[("sip:a@h", None)], 1), 0)
            .unwrap();
        let mut all = Register {
            all: true,
            ..request(&[], 2)
        };
        assert_eq!(registrar.register("7001", &all, 1), Err(Refused::Wildcard));
        all.expires_s = Some(0);
        let with_contact = Register {
            contacts: request(&[("sip:b@h", None)], 2).contacts,
            ..all.clone()
        };
        assert_eq!(
            registrar.register("7001", &with_contact, 1),
            Err(Refused::Wildcard)
        );
        assert_eq!(
            registrar.register("7001", &all, 1).unwrap().change,
            Some(false)
        );
        assert_eq!(registrar.register("7001", &all, 1).unwrap().change, None);
    }

    #[test]
    fn old_requests_do_not_undo_new_ones() {
        let mut registrar = Registrar::new(Policy::default());
        registrar
            .register("7001", &request(&[("sip:a@h", None)], 7), 0)
            .unwrap();
        let old = registrar.register("7001", &request(&[("sip:a@h", Some(0))], 6), 0);
        assert_eq!(old, Err(Refused::OutOfOrder));
    }

    #[test]
    fn a_restarted_phone_with_a_new_random_tail_takes_the_place_of_the_old_one() {
        let mut registrar = Registrar::new(Policy::default());
        registrar
            .register(
                "7001",
                &request(&[("sip:7001-0x1@10.0.0.9:5070", None)], 1),
                0,
            )
            .unwrap();
        let again = Register {
            call_id: "c2".to_owned(),
            ..request(&[("sip:7001-0x2@10.0.0.9:5070", None)], 1)
        };
        assert_eq!(
            registrar.register("7001", &again, 1000).unwrap().change,
            None
        );
        assert_eq!(uris(&registrar, 1000), ["sip:7001-0x2@10.0.0.9:5070"]);
    }

    #[test]
    fn contact_headers_are_read() {
        let values = [
            "<sip:a@h;transport=udp>;expires=60, \"B\" <sip:b@h>",
            "sip:c@h;expires=0",
        ];
        let (contacts, all) = Contact::list(values.into_iter()).unwrap();
        assert!(!all);
        assert_eq!(
            contacts
                .iter()
                .map(|c| (c.uri.as_str(), c.expires_s))
                .collect::<Vec<_>>(),
            [
                ("sip:a@h;transport=udp", Some(60)),
                ("sip:b@h", None),
                ("sip:c@h", Some(0))
            ]
        );
        assert_eq!(Contact::list(["*"].into_iter()), Some((Vec::new(), true)));
        assert_eq!(Contact::list(["<sip:a@h"].into_iter()), None);
        assert_eq!(Contact::list(["<sip:a@h>;expires=soon"].into_iter()), None);
    }

    #[test]
    fn contacts_are_limited() {
        let mut registrar = Registrar::new(Policy {
            contacts_max: 2,
            ..Policy::default()
        });
        let three = request(
            &[
                ("sip:a@h:1", None),
                ("sip:b@h:2", None),
                ("sip:c@h:3", None),
            ],
            1,
        );
        assert_eq!(registrar.register("7001", &three, 0), Err(Refused::TooMany));
        assert_eq!(uris(&registrar, 0), Vec::<&str>::new());
    }
}
