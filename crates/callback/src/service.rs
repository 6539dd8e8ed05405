//! Services: import from a file, and what one request makes of a service's options.
//!
//! A service is a name and the options that were set, under their canonical names. Everything
//! else follows from the catalogue in [`crate::options`]: there is one place for defaults.

use serde::{Deserialize, Serialize};

use crate::{ServiceName, ini, options};

mod import;
mod notification;
mod overrides;
mod request;
mod resolve;
mod resolver;

pub use import::{Fault, Import, Notice, import};
pub use notification::is_language;
pub use request::{
    check_mandatory_keys, check_user_data, desired_time, parameter_text, split_body,
};
pub use resolve::{
    DetectionDefaults, PluginDefaults, Request, ServerDefaults, admission_rules, number_rules,
    resolve,
};
pub use resolver::{Resolved, Resolver};

/// A service as it is stored: `[service.<name>]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Execution name.
    pub name: ServiceName,
    /// Options that were set, as written, in the order of the file; names are canonical and
    /// unique. A JSON object in storage and answers.
    #[serde(with = "options_map")]
    pub options: Vec<(String, String)>,
}

impl Service {
    /// The value of an option that was set; `None` for empty values and texts to be filled in.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.options.iter().find(|(n, _)| n == name)?;
        let value = value.trim();
        (!value.is_empty() && !ini::is_placeholder(value)).then_some(value)
    }

    /// The value of an option, else its default.
    #[must_use]
    pub fn value(&self, name: &str) -> &str {
        self.get(name).unwrap_or_else(|| options::default_of(name))
    }

    /// It runs callbacks, in contrast to office hours and the like.
    #[must_use]
    pub fn is_callback(&self) -> bool {
        let builtin = self
            .get("_type")
            .is_some_and(|t| t.eq_ignore_ascii_case("builtin"));
        !builtin && (self.get("_service").is_none_or(|s| s == "callback") || self.is_strategy())
    }

    /// It runs callbacks by a document of the operator's: `_service` is its address and
    /// `_service_type` says callback.
    #[must_use]
    pub fn is_strategy(&self) -> bool {
        let marked = self.get("_service_type");
        marked.is_some_and(|kind| kind.eq_ignore_ascii_case("callback"))
            && self.get("_service").is_some_and(is_document)
    }

    /// User name and password of the service's own credentials, when both are set.
    #[must_use]
    pub fn credentials(&self) -> Option<(&str, &str)> {
        Some((self.get("username")?, self.get("password")?))
    }

    /// `_customer_lookup_keys`: keys by which records are searched, mandatory ones included.
    pub fn lookup_keys(&self) -> Vec<&str> {
        let mut keys: Vec<&str> = ini::list(self.value("_customer_lookup_keys")).collect();
        for key in self.mandatory_keys() {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }

    /// `_mandatory_customer_lookup_keys`: keys that a request must have.
    pub fn mandatory_keys(&self) -> impl Iterator<Item = &str> {
        ini::list(self.value("_mandatory_customer_lookup_keys"))
    }

    /// The service as text of an import file.
    #[must_use]
    pub fn to_ini(&self) -> String {
        let mut text = format!("[service.{}]\n", self.name);
        for (name, value) in &self.options {
            text.push_str(name);
            text.push_str(" = ");
            // A line break would start a new entry; the reader joins with blanks as well.
            text.push_str(&value.split_whitespace().collect::<Vec<_>>().join(" "));
            text.push('\n');
        }
        text
    }
}

/// An address that a document can be fetched from.
fn is_document(address: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| {
        let start = address.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })
}

mod options_map {
    //! Pairs as a JSON object; the order is kept.

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};
    use serde_json::{Map, Value};

    pub(super) fn serialize<S: Serializer>(
        options: &[(String, String)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(options.iter().map(|(name, value)| (name, value)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(String, String)>, D::Error> {
        let map = Map::<String, Value>::deserialize(deserializer)?;
        map.into_iter()
            .map(|(name, value)| match value {
                Value::String(value) => Ok((name, value)),
                _ => Err(D::Error::custom(format!("option {name} is no text"))),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(options: &[(&str, &str)]) -> Service {
        let text = |(n, v): &(&str, &str)| ((*n).to_owned(), (*v).to_owned());
        Service {
            name: ServiceName::new("billing"),
            options: options.iter().map(text).collect(),
        }
    }

    #[test]
    fn unset_options_have_the_default_of_the_catalogue() {
        let s = service(&[
            ("_ttl", "5"),
            ("_target", "<your target>"),
            ("_route_point", " "),
        ]);
        assert_eq!(
            (s.value("_ttl"), s.value("_urs_queued_ttl")),
            ("5", "14400")
        );
        assert_eq!((s.get("_target"), s.get("_route_point")), (None, None));
        assert_eq!(s.value("_nonsense"), "");
        assert_eq!(s.lookup_keys(), ["_customer_number"]);
    }

    #[test]
    fn credentials_need_both_halves() {
        assert_eq!(service(&[("username", "u")]).credentials(), None);
        let s = service(&[("username", "u"), ("password", "p")]);
        assert_eq!(s.credentials(), Some(("u", "p")));
    }

    #[test]
    fn builtin_and_own_documents_are_no_callbacks() {
        assert!(service(&[("_type", "ors"), ("_service", "callback")]).is_callback());
        assert!(service(&[]).is_callback());
        assert!(!service(&[("_type", "builtin"), ("_service", "capacity")]).is_callback());
        assert!(!service(&[("_type", "ors"), ("_service", "http://x/y.scxml")]).is_callback());
    }

    #[test]
    fn json_and_ini_bring_the_service_back_in_order() {
        let s = service(&[("_wait_for_agent", "true"), ("_ttl", "5"), ("own", "a, b")]);
        let json = serde_json::to_string(&s).unwrap();
        assert!(
            json.contains(r#""options":{"_wait_for_agent":"true","_ttl":"5""#),
            "{json}"
        );
        assert_eq!(serde_json::from_str::<Service>(&json).unwrap(), s);
        let again = import(&s.to_ini(), true);
        assert_eq!(again.services, [s]);
        assert!(serde_json::from_str::<Service>(r#"{"name":"x","options":{"a":1}}"#).is_err());
    }
}
