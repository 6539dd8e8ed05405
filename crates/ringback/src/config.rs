//! `ringback.toml` and `RINGBACK_*`: read once, checked, then trusted.

mod application;
mod environment;
mod keys;
mod not_built;
mod outgoing;
mod schema;
mod validate;
mod value;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) use outgoing::{PushCustomHttp, PushDebug, without_meaning};
pub(crate) use schema::{
    Age, Body, Codec, Config, Encoding, Envelope, Message, Method, NumberFormat, OnDetected,
    OnError, StateCompat, Transport, Trunk,
};

/// Size of a configuration file, bytes; a larger one is some other file.
const FILE_MAX: u64 = 1024 * 1024;

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Line of the file, from 1; `None` for the environment and for missing keys.
    pub(crate) line: Option<usize>,
    /// The key, e.g. `http.listen`, or the environment variable.
    pub(crate) key: String,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do.
    pub(crate) remedy: String,
}

/// The configuration cannot be used.
#[derive(Debug)]
pub(crate) struct LoadError {
    /// The file.
    pub(crate) path: PathBuf,
    /// Everything that is wrong with it.
    pub(crate) problems: Vec<Problem>,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        for (n, problem) in self.problems.iter().enumerate() {
            if n > 0 {
                writeln!(f)?;
            }
            match problem.line {
                Some(line) => write!(f, "{path}:{line}: ")?,
                None => write!(f, "{path}: ")?,
            }
            if !problem.key.is_empty() {
                write!(f, "{}: ", problem.key)?;
            }
            write!(f, "{}", problem.message)?;
            if !problem.remedy.is_empty() {
                write!(f, " ({})", problem.remedy)?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}

/// Reads a file and the environment of the process.
///
/// # Errors
/// Everything that is wrong, at once.
pub(crate) fn load(path: &Path) -> Result<Config, LoadError> {
    let fail = |problems| LoadError {
        path: path.to_owned(),
        problems,
    };
    let text = read(path).map_err(|problem| fail(vec![problem]))?;
    parse(&text, &environment::of_process()).map_err(fail)
}

fn read(path: &Path) -> Result<String, Problem> {
    let problem = |message: String, remedy: &str| Problem {
        line: None,
        key: String::new(),
        message,
        remedy: remedy.to_owned(),
    };
    let unreadable = |error: std::io::Error| {
        problem(
            format!("the configuration cannot be read: {error}"),
            "name a file with --config; ringback.example.toml shows every key",
        )
    };
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > FILE_MAX {
        return Err(problem(
            format!("{size} bytes are too large for a configuration"),
            "check the name of the file",
        ));
    }
    fs::read_to_string(path).map_err(unreadable)
}

/// Reads a text and variables: the whole way without a file.
pub(crate) fn parse(text: &str, variables: &[(String, String)]) -> Result<Config, Vec<Problem>> {
    let lines = keys::check(text)?;
    let config = typed(text, &lines)?;
    let config = environment::apply(config, variables)?;
    let problems = validate::check(&config, &lines);
    if problems.is_empty() {
        Ok(config)
    } else {
        Err(problems)
    }
}

/// The values by their types; of several that do not fit all are told.
fn typed(text: &str, lines: &keys::Lines) -> Result<Config, Vec<Problem>> {
    let mut problems: Vec<Problem> = Vec::new();
    let mut rest = text.to_owned();
    loop {
        let error = match toml::from_str(&rest) {
            Ok(config) if problems.is_empty() => return Ok(config),
            Ok(_) => return Err(problems),
            Err(error) => error,
        };
        let line = error.span().map(|span| keys::line_at(&rest, span.start));
        let known = problems.iter().any(|problem| problem.line == line);
        if known || problems.len() >= keys::PROBLEMS_MAX {
            return Err(problems);
        }
        problems.push(Problem {
            line,
            key: line.and_then(|line| lines.key_at(line)).unwrap_or_default(),
            message: error.message().to_owned(),
            remedy: String::new(),
        });
        // What follows is found by looking again without this line.
        let Some(line) = line else {
            return Err(problems);
        };
        let without = |(number, text): (usize, &str)| {
            if number == line {
                String::new()
            } else {
                text.to_owned()
            }
        };
        let kept: Vec<String> = (1..).zip(rest.lines()).map(without).collect();
        rest = kept.join("\n");
        if keys::check(&rest).is_err() {
            return Err(problems);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../ringback.example.toml");

    fn problems(text: &str) -> Vec<(Option<usize>, String, String)> {
        match parse(text, &[]) {
            Ok(_) => Vec::new(),
            Err(problems) => problems
                .into_iter()
                .map(|p| (p.line, p.key, p.message))
                .collect(),
        }
    }

    fn check(text: &str, line: usize, key: &str, part: &str) {
        let found = problems(text);
        assert!(
            found
                .iter()
                .any(|(l, k, m)| *l == Some(line) && k == key && m.contains(part)),
            "{text}\n{found:?}"
        );
    }

    #[test]
    fn every_line_at_fault_is_told() {
        let found = problems("[http]\napp = \n[store]\npath = [1\n[sip\n");
        assert!(found.len() >= 2, "{found:?}");
        assert_eq!(found[0].0, Some(2), "{found:?}");
        let text = "[http]\napp = 1\nweb_ui = 7\n[store]\npath = true\n";
        check(text, 2, "http.app", "");
        check(text, 3, "http.web_ui", "");
        check(text, 5, "store.path", "");
        assert_eq!(problems(text).len(), 3);
    }

    #[test]
    fn of_very_many_names_the_nearest_are_told() {
        let variable = (
            "RINGBACK_HTTP_SOMETHING_QUITE_DIFFERENT_FROM_ALL_OF_THEM".to_owned(),
            "1".to_owned(),
        );
        let found = parse("", &[variable]).unwrap_err();
        assert!(found[0].remedy.contains("nearest are"), "{found:?}");
        assert!(found[0].remedy.len() < 200, "{found:?}");
    }

    #[test]
    fn an_empty_file_gives_the_defaults() {
        assert_eq!(parse("", &[]), Ok(Config::default()));
    }

    #[test]
    fn the_example_file_parses_to_the_defaults() {
        assert_eq!(parse(EXAMPLE, &[]), Ok(Config::default()));
    }

    #[test]
    fn the_example_file_names_every_key() {
        for path in keys::all() {
            // A section of its own, or a key with a dot in the section above.
            let splits = path.match_indices('.').map(|(at, _)| path.split_at(at));
            let described = splits.into_iter().any(|(section, key)| {
                let header = format!("\n[{section}]\n");
                let Some(at) = EXAMPLE.find(&header) else {
                    return false;
                };
                let body = &EXAMPLE[at + header.len()..];
                let body: Vec<&str> = body.split("\n[").next().unwrap().lines().collect();
                let setting = format!("{} =", &key[1..]);
                let at = body
                    .iter()
                    .position(|line| line.trim_start_matches('#').starts_with(&setting));
                // One line of meaning stands above; several may.
                at.is_some_and(|at| at > 0 && body[at - 1].starts_with("# "))
            });
            assert!(
                described,
                "{path} is missing in the example, or its meaning"
            );
        }
    }

    #[test]
    fn every_setting_of_the_reference_is_in_the_schema() {
        let known = keys::all();
        for path in [
            "notifications.allow_request_target",
            "http.public_url",
            "notifications.allow_hosts",
            "notifications.httpcb.envelope",
            "notifications.accept_2xx",
            "notifications.body",
            "notifications.state_compat",
            "notifications.customhttp.message",
            "notifications.orscb.encoding",
            "plugin.exit_is_cancel",
            "plugin.compat_reason",
            "route_to_rp.age",
            "route_to_rp.method",
            "route_to_rp.header_prefix",
            "telephony.am_detected",
            "telephony.fax_detected",
            "telephony.silence_detected",
            "telephony.sit_detail",
            "dialplan.default_country",
            "dialplan.internal",
            "dialplan.block",
            "dialplan.allow_countries",
            "dialplan.rp_allow",
            "engine.max_running_callbacks",
            "retention.days",
            "media.treatments_dir",
            "vxml.on_error",
            "vxml.tts",
            "fetch.max_age",
            "script.max_stuck_threads",
        ] {
            assert!(known.iter().any(|key| key == path), "{path}");
        }
        let text =
            "[[trunk]]\nname=\"a\"\nhost=\"b\"\nnumber_format=\"e164\"\nmax_calls=1\ncps=1\n";
        assert_eq!(parse(text, &[]).unwrap().trunk[0].max_calls, 1);
    }

    #[test]
    fn the_example_trunk_is_well_formed() {
        let text: String = EXAMPLE
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(setting) if !setting.starts_with(' ') => format!("{setting}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let config = parse(&text, &[]).unwrap();
        assert_eq!(config.trunk.len(), 1);
        assert_eq!(config.trunk[0].host, "sip.example.net");
    }

    #[test]
    fn unknown_keys_are_refused_with_line_and_nearest_key() {
        let found = parse("[http]\n\nlistn = \"x\"\n", &[]).unwrap_err();
        assert_eq!(found[0].line, Some(3));
        assert_eq!(found[0].key, "http.listn");
        assert!(found[0].remedy.contains("'listen'"), "{found:?}");
        check("[htpp]\nlisten = \"127.0.0.1:1\"", 1, "htpp", "unknown");
        check(
            "[[trunk]]\nname=\"a\"\nhots=\"b\"",
            3,
            "trunk.hots",
            "unknown",
        );
        check(
            "[notifications.httpcb]\nenvelop = \"bare\"",
            2,
            "notifications.httpcb.envelop",
            "unknown",
        );
        assert_eq!(problems("a = 1\nb = 2").len(), 2);
    }

    #[test]
    fn wrong_values_are_refused_with_their_line() {
        check(
            "[http]\nlisten = \"localhost\"",
            2,
            "http.listen",
            "address:port",
        );
        check("[http]\nlisten = 8080", 2, "http.listen", "string");
        check(
            "[media]\nrtp_ports = \"29999-20000\"",
            2,
            "media.rtp_ports",
            "from-to",
        );
        check(
            "[media]\nrtp_ports = \"70000-80000\"",
            2,
            "media.rtp_ports",
            "from-to",
        );
        check(
            "[sip]\nexternal_address = \"nat\"",
            2,
            "sip.external_address",
            "address",
        );
        check(
            "[sip]\nallow_sources = [\"10.0.0.0/40\"]",
            2,
            "sip.allow_sources",
            "network",
        );
        check(
            "[telephony]\nam_detected = \"maybe\"",
            2,
            "telephony.am_detected",
            "connect",
        );
        check("[http]\nlisten = \"127.0.0.1:1", 2, "http.listen", "");
    }

    #[test]
    fn a_syntax_error_never_shows_the_line_itself() {
        let found = parse("[server]\npassword = \"hunter2", &[]).unwrap_err();
        assert_eq!(found[0].line, Some(2));
        assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
    }

    #[test]
    fn listening_beyond_loopback_needs_credentials() {
        check(
            "[http]\nlisten = \"0.0.0.0:8080\"",
            2,
            "http.listen",
            "credentials",
        );
        let text = "[http]\nlisten = \"0.0.0.0:8080\"\n[server]\nusername=\"a\"\npassword=\"b\"";
        assert_eq!(problems(text), []);
        check(
            "[server]\nusername = \"a\"",
            2,
            "server.username",
            "together",
        );
    }

    #[test]
    fn trunks_are_checked() {
        check(
            "[[trunk]]\nname=\"a\"\nhost=\"h\"\n[[trunk]]\nname=\"a\"\nhost=\"h\"",
            5,
            "trunk.name",
            "twice",
        );
        check("[[trunk]]\nhost=\"h\"", 1, "trunk", "name");
        check("[[trunk]]\nname=\"a\"", 1, "trunk", "host");
        check(
            "[[trunk]]\nname=\"a\"\nhost=\"h\"\nregister=true",
            4,
            "trunk.register",
            "username",
        );
        check(
            "[[trunk]]\nname=\"a\"\nhost=\"h\"\ntransport=\"tls\"",
            4,
            "trunk.transport",
            "not built",
        );
        check(
            "[[trunk]]\nname=\"a\"\nhost=\"h\"\ncodecs=[]",
            4,
            "trunk.codecs",
            "at least one",
        );
        check(
            "[[trunk]]\nname=\"a\"\nhost=\"h\"\ncodecs=[\"opus\"]",
            4,
            "trunk.codecs",
            "pcmu",
        );
    }

    #[test]
    fn what_is_not_built_is_refused_by_name() {
        check(
            "[http]\ntls_cert = \"a.pem\"",
            2,
            "http.tls_cert",
            "not built",
        );
        check(
            "[store]\npath = \"postgres://db\"",
            2,
            "store.path",
            "PostgreSQL",
        );
        check("[dialplan]\ninternal = [\"[\"]", 1, "dialplan", "pattern");
        let secret = "[notifications]\nsigning_secret = \"whsec_short\"";
        check(secret, 2, "notifications.signing_secret", "base64");
        check("[vxml]\ntts = \"say\"", 2, "vxml.tts", "command:");
        for good in ["none", "command:espeak-ng", "https://tts.example.net/"] {
            assert_eq!(problems(&format!("[vxml]\ntts = {good:?}")), []);
        }
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let env = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        let file = "[http]\nlisten = \"127.0.0.1:1\"";
        let config = parse(file, &env("RINGBACK_HTTP_LISTEN", "127.0.0.1:2")).unwrap();
        assert_eq!(config.http.listen.0.port(), 2);
        let config = parse("", &env("RINGBACK_RETENTION_DAYS", "7")).unwrap();
        assert_eq!(config.retention.days, 7);
        let config = parse("", &env("RINGBACK_TELEPHONY_SIT_DETAIL", "true")).unwrap();
        assert!(config.telephony.sit_detail);
        let config = parse(
            "",
            &env("RINGBACK_NOTIFICATIONS_ALLOW_HOSTS", "[\"a\", \"b\"]"),
        );
        assert_eq!(config.unwrap().notifications.allow_hosts, ["a", "b"]);
        let config = parse("", &env("RINGBACK_TEST_DATA", "x"));
        assert_eq!(config, Ok(Config::default()));
    }

    #[test]
    fn bad_variables_are_refused_by_name() {
        for (name, value, part) in [
            ("RINGBACK_HTTP_LISTEN", "nowhere", "address:port"),
            ("RINGBACK_RETENTION_DAYS", "many", "number"),
            ("RINGBACK_TELEPHONY_SIT_DETAIL", "maybe", "true"),
            (
                "RINGBACK_NOTIFICATIONS_ALLOW_HOSTS",
                "a,b",
                "[\"a\", \"b\"]",
            ),
            ("RINGBACK_HTTP_LISTN", "127.0.0.1:1", "unknown"),
            ("RINGBACK_TRUNK_HOST", "x", "file"),
            ("RINGBACK_HTTP_LISTEN", "0.0.0.0:1", "credentials"),
        ] {
            let found = parse("", &[(name.to_owned(), value.to_owned())]).unwrap_err();
            assert!(
                found[0].message.contains(part) || found[0].remedy.contains(part),
                "{found:?}"
            );
        }
    }

    #[test]
    fn secrets_stay_out_of_debug() {
        let text = "[http]\napi_keys=[\"hunter2\"]\n[server]\nusername=\"u\"\npassword=\"hunter2\"\n[[trunk]]\nname=\"a\"\n\
            host=\"h\"\npassword=\"hunter2\"\n";
        let config = parse(text, &[]).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
