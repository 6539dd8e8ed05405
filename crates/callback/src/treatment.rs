//! Treatments: the forms a `_treatment…` option may have (play-treatments §1.2).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// File played while the customer waits, when the option is empty.
pub const WAITING_DEFAULT: &str = "next_customer_rep.wav";
/// File played when no agent was found in time, when the option is empty.
pub const FIND_AGENT_FAIL_DEFAULT: &str = "all_agents_busy.wav";
/// File played to a machine, when the option is empty.
pub const MACHINE_DEFAULT: &str = "call_fail_ans_machine.wav";

/// The hint that makes a treatment wait for the machine's beep.
const BEEP_HINT: &str = "am-beep-detection";

/// What one treatment plays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Treatment {
    /// Nothing.
    Off,
    /// A file or URL.
    Play {
        /// Bare file name below `media.treatments_dir`, or an `http(s)` URL.
        source: String,
        /// Hints of the JSON form, e.g. `am-beep-detection`.
        hints: Map<String, Value>,
    },
}

impl Treatment {
    /// Reads the value of a treatment option; an empty one means `default_file`, without such a
    /// file silence.
    ///
    /// # Errors
    ///
    /// Says what is wrong with a file name that leaves the folder, with JSON that is not
    /// `{"file":…,"hints":{…}}`, or with a URL of another scheme than http and https.
    pub fn parse(value: &str, default_file: Option<&str>) -> Result<Self, String> {
        let value = value.trim();
        if value.is_empty() {
            return Ok(default_file.map_or(Self::Off, |file| Self::Play {
                source: file.to_owned(),
                hints: Map::new(),
            }));
        }
        if !value.starts_with('{') {
            return Ok(Self::Play {
                source: check_source(value)?,
                hints: Map::new(),
            });
        }
        let object: Map<String, Value> = serde_json::from_str(value)
            .map_err(|e| format!("not a file name, URL or JSON object ({e})"))?;
        if object.is_empty() {
            return Ok(Self::Off);
        }
        let file = object
            .get("file")
            .and_then(Value::as_str)
            .ok_or(r#"the JSON form is {"file":"name.wav","hints":{}}"#)?;
        let hints = match object.get("hints") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(hints)) => hints.clone(),
            Some(_) => return Err(String::from("hints is a JSON object")),
        };
        Ok(Self::Play {
            source: check_source(file.trim())?,
            hints,
        })
    }

    /// Names of hints that mean nothing to the media layer.
    pub fn unknown_hints(&self) -> impl Iterator<Item = &str> {
        let hints = match self {
            Self::Off => None,
            Self::Play { hints, .. } => Some(hints),
        };
        let names = hints.into_iter().flat_map(Map::keys);
        names.map(String::as_str).filter(|name| *name != BEEP_HINT)
    }

    /// Something is played.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        matches!(self, Self::Play { .. })
    }

    /// The hint `am-beep-detection` is `on`: playing starts after the machine's beep.
    #[must_use]
    pub fn waits_for_beep(&self) -> bool {
        match self {
            Self::Off => false,
            Self::Play { hints, .. } => hints
                .get(BEEP_HINT)
                .and_then(Value::as_str)
                .is_some_and(|v| v.eq_ignore_ascii_case("on")),
        }
    }
}

/// Passes bare names that stay below the treatments' folder, and http(s) URLs.
fn check_source(source: &str) -> Result<String, String> {
    if source.is_empty() {
        return Err(String::from("the file name is empty"));
    }
    if let Some((scheme, rest)) = source.split_once("://") {
        let web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if !web || host.is_empty() || source.contains(char::is_whitespace) {
            return Err(String::from(
                "a URL starts with http:// or https:// and a host",
            ));
        }
        return Ok(source.to_owned());
    }
    let leaves_folder = source.split(['/', '\\']).any(|part| part == "..");
    let absolute = source.starts_with(['/', '\\']) || source.contains(':');
    if leaves_folder || absolute || source.contains(char::is_control) {
        return Err(String::from(
            "a file name is relative to media.treatments_dir, without ..",
        ));
    }
    Ok(source.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(value: &str, default_file: Option<&str>) -> String {
        match Treatment::parse(value, default_file) {
            Ok(Treatment::Play { source, .. }) => source,
            Ok(Treatment::Off) => String::from("(off)"),
            Err(message) => format!("error: {message}"),
        }
    }

    #[test]
    fn every_form_of_a_treatment_is_read() {
        for (value, expected) in [
            ("welcome.wav", "welcome.wav"),
            ("de/welcome.wav", "de/welcome.wav"),
            (" a b.wav ", "a b.wav"),
            (
                "https://media.example.net/welcome.wav",
                "https://media.example.net/welcome.wav",
            ),
            ("HTTP://host/x", "HTTP://host/x"),
            (
                r#"{"file":"welcome.wav","hints":{"am-beep-detection":"on"}}"#,
                "welcome.wav",
            ),
            (r#"{"file":"welcome.wav"}"#, "welcome.wav"),
            ("{ }", "(off)"),
            ("{}", "(off)"),
            ("", "default.wav"),
        ] {
            assert_eq!(source(value, Some("default.wav")), expected, "{value}");
        }
        assert_eq!(source("  ", None), "(off)");
    }

    #[test]
    fn names_outside_the_folder_and_broken_forms_are_refused() {
        for value in [
            "../secret.wav",
            "a/../../b.wav",
            "/etc/passwd",
            r"\\host\x.wav",
            r"a\..\b.wav",
            "C:x.wav",
            "file:///etc/passwd",
            "http://",
            "https:///path",
            "{",
            r#"{"hints":{}}"#,
            r#"{"file":""}"#,
            r#"{"file":"../x"}"#,
            r#"{"file":"x","hints":1}"#,
        ] {
            assert!(Treatment::parse(value, None).is_err(), "{value}");
        }
    }

    #[test]
    fn hints_are_kept_and_the_beep_hint_is_understood() {
        let on = r#"{"file":"a.wav","hints":{"am-beep-detection":"ON","other":1}}"#;
        let treatment = Treatment::parse(on, None).unwrap();
        assert!(treatment.waits_for_beep());
        assert_eq!(treatment.unknown_hints().collect::<Vec<_>>(), ["other"]);
        assert!(treatment.is_on());
        assert!(!Treatment::parse("a.wav", None).unwrap().waits_for_beep());
    }
}
