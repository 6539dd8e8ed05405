//! Whether what the stored services name is there: treatment files and trunks.

use std::path::PathBuf;

use callback::options::{self, Kind};
use callback::service::Service;
use callback::treatment::Treatment;
use store::ServiceRow;
use telephony::playback::Library;

use super::Check;
use crate::config::Config;

const NAME: &str = "services";

/// Looks at every stored service.
pub(super) fn all(config: &Config, rows: &[ServiceRow]) -> Vec<Check> {
    let library = Library::new(PathBuf::from(&config.media.treatments_dir));
    let mut checks = Vec::new();
    for row in rows {
        let service = Service {
            name: row.name.clone(),
            options: row.options.clone(),
        };
        for (option, value) in &service.options {
            if let Some(why) = unplayable(&library, option, value) {
                let message = format!("{}: {option}: {why}", service.name);
                let remedy = "put the file into [media] treatments_dir; until then it is skipped";
                checks.push(Check::advice(NAME, message, remedy));
            }
        }
        if let Some(name) = unknown_trunk(config, &service) {
            let message = format!(
                "{}: _route_point: there is no [[trunk]] {name}, no callback can be dialed",
                service.name
            );
            let remedy = "add the [[trunk]], or correct _route_point";
            checks.push(Check::advice(NAME, message, remedy));
        }
    }
    checks
}

/// Why a treatment cannot be played; addresses are not fetched.
fn unplayable(library: &Library, option: &str, value: &str) -> Option<String> {
    let is_treatment = options::find(option).is_some_and(|o| o.kind == Kind::Treatment);
    // A token is filled in by each request.
    if !is_treatment || value.contains('$') {
        return None;
    }
    let Ok(Treatment::Play { source, .. }) = Treatment::parse(value, None) else {
        return None;
    };
    if source.contains("://") {
        return None;
    }
    let error = library.get(&source).err()?;
    Some(format!("{source}: {error}"))
}

fn unknown_trunk<'a>(config: &Config, service: &'a Service) -> Option<&'a str> {
    let name = service.get("_route_point")?;
    let is_known = config.trunk.iter().any(|trunk| trunk.name == name);
    (!is_known && !name.contains('$')).then_some(name)
}

#[cfg(test)]
mod tests {
    use callback::{ServiceName, Timestamp};

    use super::*;

    #[test]
    fn what_a_service_names_and_is_not_there_is_told() {
        let option = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let row = |options: &[(&str, &str)]| ServiceRow {
            name: ServiceName::new("desk"),
            options: options.iter().map(option).collect(),
            changed: Timestamp(0),
        };
        let told = |options: &[(&str, &str)]| -> Vec<String> {
            let checks = all(&Config::default(), &[row(options)]);
            checks.into_iter().map(|check| check.message).collect()
        };
        let found = told(&[
            ("_treatment_customer_connect", "missing.wav"),
            ("_route_point", "nosuchtrunk"),
        ]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("missing.wav"), "{found:?}");
        assert!(found[1].contains("nosuchtrunk"), "{found:?}");
        let good = [
            ("_treatment_customer_connect", "all_agents_busy.wav"),
            ("_treatment_waiting_for_agent", "http://127.0.0.1:9/a.wav"),
            ("_route_point", "$point$"),
        ];
        assert_eq!(told(&good), Vec::<String>::new());
    }
}
