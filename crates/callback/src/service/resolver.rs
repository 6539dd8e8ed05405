//! Resolutions that are kept: most requests of a service change no option of it.
//!
//! What [`resolve`] makes of a request depends on the service, on the server's settings and on
//! the parameters that are not about the one call. Requests that agree in them share one
//! [`Settings`] in memory, which the store then writes once.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::overrides::has_token;
use super::resolve::{Request, ServerDefaults, admission_rules, number_rules, resolve};
use super::{Service, parameter_text};
use crate::number::Rules;
use crate::settings::Settings;
use crate::transaction_list::TransactionList;
use crate::{Error, ServiceName, admission};

/// Resolutions kept per service; beyond, they are forgotten and made again.
const KEPT_MAX: usize = 64;
/// Longest text of parameters under which a resolution is kept, bytes.
const KEY_MAX: usize = 1_024;
/// Parameters that say whom to call and when: no option depends on them but by a token.
const OF_THE_CALL: &[&str] = &["_customer_number", "_desired_time"];
/// Attached data that takes part in a resolution.
const DEVICE_DATA: &str = "push_notification_deviceid";

/// What the options of a service come to for a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// Frozen settings.
    pub settings: Arc<Settings>,
    /// Rules for the number of the request.
    pub rules: Rules,
    /// Throttles and queue rules.
    pub admission: admission::Rules,
    /// Warnings for the history of the callback.
    pub notes: Vec<String>,
}

/// Resolves requests and remembers what came out.
#[derive(Debug, Default)]
pub struct Resolver {
    /// Settings of the server that take part.
    pub defaults: ServerDefaults,
    /// The Transaction Lists by name.
    lists: RwLock<BTreeMap<String, Arc<TransactionList>>>,
    /// Counts their changes: what was resolved with other lists is worthless.
    lists_version: AtomicU64,
    known: Mutex<HashMap<ServiceName, Known>>,
}

/// What is known about one service.
#[derive(Debug)]
struct Known {
    /// The service as it was; another one under its name makes everything known worthless.
    service: Arc<Service>,
    /// The Transaction Lists as they were.
    lists_version: u64,
    /// Its options hold tokens: attached data takes part, nothing is kept.
    has_tokens: bool,
    resolved: HashMap<String, Arc<Resolved>>,
}

impl Resolver {
    /// A resolver that knows nothing yet.
    #[must_use]
    pub fn new(defaults: ServerDefaults) -> Self {
        Self {
            defaults,
            ..Self::default()
        }
    }

    /// Adds or replaces Transaction Lists; later requests go by them.
    pub fn put_lists(&self, new: impl IntoIterator<Item = TransactionList>) {
        let mut lists = self.lists.write().unwrap_or_else(PoisonError::into_inner);
        for list in new {
            lists.insert(list.name.clone(), Arc::new(list));
        }
        self.lists_version.fetch_add(1, Ordering::AcqRel);
    }

    /// Forgets a Transaction List.
    pub fn remove_list(&self, name: &str) {
        let mut lists = self.lists.write().unwrap_or_else(PoisonError::into_inner);
        lists.remove(name);
        self.lists_version.fetch_add(1, Ordering::AcqRel);
    }

    /// A Transaction List by name.
    #[must_use]
    pub fn list(&self, name: &str) -> Option<Arc<TransactionList>> {
        let lists = self.lists.read().unwrap_or_else(PoisonError::into_inner);
        lists.get(name).cloned()
    }

    /// All Transaction Lists by name.
    #[must_use]
    pub fn lists(&self) -> Vec<Arc<TransactionList>> {
        let lists = self.lists.read().unwrap_or_else(PoisonError::into_inner);
        lists.values().cloned().collect()
    }

    /// Resolves the options of one request.
    ///
    /// # Errors
    /// Those of [`resolve`], [`number_rules`] and [`admission_rules`]; they are made anew each time.
    pub fn resolve(
        &self,
        service: &Arc<Service>,
        request: &Request<'_>,
    ) -> Result<Arc<Resolved>, Error> {
        let Some(key) = key(request) else {
            return self.fresh(service, request);
        };
        let lists_version = self.lists_version.load(Ordering::Acquire);
        {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            match known.get(&service.name) {
                Some(of)
                    if Arc::ptr_eq(&of.service, service) && of.lists_version == lists_version =>
                {
                    if let Some(found) = of.resolved.get(&key) {
                        return Ok(Arc::clone(found));
                    }
                }
                _ => {
                    let has_tokens = service.options.iter().any(|(_, value)| has_token(value));
                    let fresh = Known {
                        service: Arc::clone(service),
                        lists_version,
                        has_tokens,
                        resolved: HashMap::new(),
                    };
                    known.insert(service.name.clone(), fresh);
                }
            }
        }
        let resolved = self.fresh(service, request)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of) = known.get_mut(&service.name)
            && Arc::ptr_eq(&of.service, service)
            && of.lists_version == lists_version
            && !of.has_tokens
        {
            if of.resolved.len() >= KEPT_MAX {
                of.resolved.clear();
            }
            of.resolved.insert(key, Arc::clone(&resolved));
        }
        Ok(resolved)
    }

    fn fresh(&self, service: &Service, request: &Request<'_>) -> Result<Arc<Resolved>, Error> {
        let (settings, notes) = resolve(service, request, &self.defaults, &|name| self.list(name))?;
        Ok(Arc::new(Resolved {
            settings: Arc::new(settings),
            rules: number_rules(service, request, &self.defaults)?,
            admission: admission_rules(service, request, &self.defaults)?,
            notes,
        }))
    }
}

/// Everything of a request that takes part in the resolution of a service without tokens;
/// `None` when it is too long to be kept.
fn key(request: &Request<'_>) -> Option<String> {
    let mut key = String::new();
    for (name, value) in request.parameters {
        if OF_THE_CALL.contains(&name.as_str()) {
            continue;
        }
        // Neither a name nor JSON text holds a line break that is not escaped; names are checked
        // here because they come from outside.
        if name.contains('\n') || name.len() > KEY_MAX {
            return None;
        }
        key.push_str(name);
        key.push('\n');
        key.push_str(&value.to_string());
        key.push('\n');
        if key.len() > KEY_MAX {
            return None;
        }
    }
    if let Some(device) = parameter_text(request.user_data, DEVICE_DATA) {
        key.push_str(DEVICE_DATA);
        key.push('\n');
        key.push_str(&device.len().min(1).to_string());
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;

    fn service(options: &[(&str, &str)]) -> Arc<Service> {
        let text = |(n, v): &(&str, &str)| ((*n).to_owned(), (*v).to_owned());
        Arc::new(Service {
            name: ServiceName::new("billing"),
            options: [("_call_direction", "USERTERMINATED")]
                .iter()
                .chain(options)
                .map(text)
                .collect(),
        })
    }

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    /// The same resolution as without anything kept.
    fn check(
        resolver: &Resolver,
        service: &Arc<Service>,
        parameters: Value,
        data: Value,
    ) -> Arc<Resolved> {
        let (parameters, user_data) = (map(parameters), map(data));
        let request = Request {
            parameters: &parameters,
            user_data: &user_data,
        };
        let got = resolver.resolve(service, &request).unwrap();
        let (settings, notes) = resolve(service, &request, &resolver.defaults, &|name| {
            resolver.list(name)
        })
        .unwrap();
        let rules = number_rules(service, &request, &resolver.defaults).unwrap();
        let admission = admission_rules(service, &request, &resolver.defaults).unwrap();
        assert_eq!(
            *got,
            Resolved {
                settings: Arc::new(settings),
                rules,
                admission,
                notes
            }
        );
        got
    }

    #[test]
    fn requests_that_change_nothing_share_their_settings() {
        let resolver = Resolver::default();
        let s = service(&[("_ttl", "100")]);
        let a = check(
            &resolver,
            &s,
            json!({"_customer_number": "1"}),
            json!({"name": "Kim"}),
        );
        let b = check(
            &resolver,
            &s,
            json!({"_customer_number": "2", "_desired_time": "2026-10-05T13:00:00.000Z"}),
            json!({}),
        );
        assert!(Arc::ptr_eq(&a.settings, &b.settings));
    }

    #[test]
    fn overrides_and_unknown_parameters_are_told_apart() {
        let resolver = Resolver::default();
        let s = service(&[]);
        for priority in ["5", "6", "5"] {
            let parameters = json!({"_urs_vq_priority": priority});
            check(&resolver, &s, parameters, json!({}));
        }
        let noted = check(&resolver, &s, json!({"_nonsense": "x"}), json!({}));
        assert_eq!(noted.notes.len(), 1);
        check(
            &resolver,
            &s,
            json!({}),
            json!({"push_notification_deviceid": "x"}),
        );
        check(&resolver, &s, json!({}), json!({}));
    }

    #[test]
    fn tokens_and_a_changed_service_are_read_anew() {
        let resolver = Resolver::default();
        let s = service(&[("_calling_party_display_name", "for $name$")]);
        for name in ["Kim", "Lee"] {
            check(&resolver, &s, json!({}), json!({"name": name}));
        }
        check(&resolver, &service(&[("_ttl", "5")]), json!({}), json!({}));
        check(&resolver, &service(&[("_ttl", "6")]), json!({}), json!({}));
    }

    #[test]
    fn a_changed_transaction_list_is_read_anew() {
        let resolver = Resolver::default();
        let s = service(&[("_callback_events_list", "L")]);
        check(&resolver, &s, json!({}), json!({}));
        let import = crate::transaction_list::import("L", "[_cbe_on_dial_done]\n", true);
        resolver.put_lists([import.list]);
        let got = check(&resolver, &s, json!({}), json!({}));
        let plan = &got.settings.notification.plan;
        assert!(matches!(plan.events, crate::settings::Events::List(_)));
        assert_eq!(resolver.lists().len(), 1);
        resolver.remove_list("L");
        assert!(resolver.lists().is_empty());
    }

    #[test]
    fn many_and_long_parameters_are_not_kept() {
        let resolver = Resolver::default();
        let s = service(&[]);
        for n in 0..KEPT_MAX * 2 {
            check(
                &resolver,
                &s,
                json!({"_urs_vq_priority": n.to_string()}),
                json!({}),
            );
        }
        let long = "x".repeat(2 * KEY_MAX);
        check(
            &resolver,
            &s,
            json!({"_status_notification_language": "de", "_none": long}),
            json!({}),
        );
        let known = resolver.known.lock().unwrap();
        assert!(known.values().all(|k| k.resolved.len() <= KEPT_MAX));
    }
}
