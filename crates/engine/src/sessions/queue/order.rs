//! Reading `<queue:submit>`: targets, times, flags.

use std::time::Duration;

use callback::routing::Target;
use scxml::ActionElement;
use serde_json::Value;

use super::super::dialog::plain;
use crate::shard::QueueOrder;

/// Longest time of a request, s.
const TIMEOUT_MAX_S: f64 = 86_400.0;

/// Reads `<queue:submit>`.
pub(super) fn read(element: &ActionElement, request: &str) -> Result<QueueOrder, String> {
    let order = QueueOrder {
        request: request.to_owned(),
        queue: None,
        target: Target::default(),
        priority: None,
        timeout_s: 0,
        clear_on_timeout: true,
        route: true,
        since: None,
    };
    changed(element, &order)
}

/// A request with what `<queue:submit>` or `<queue:update>` says about it.
pub(super) fn changed(element: &ActionElement, before: &QueueOrder) -> Result<QueueOrder, String> {
    let text = |name: &str| element.attribute(name).map(plain).unwrap_or_default();
    check_agents_order(&text("ordertype"), &text("orderstat"))?;
    let priority = match text("priority").as_str() {
        "" => before.priority,
        number => Some(number.parse().map_err(|_bad| "priority is no integer")?),
    };
    let timeout_s = match text("timeout").as_str() {
        "" => before.timeout_s,
        time => time
            .trim_end_matches('s')
            .parse::<f64>()
            .ok()
            .filter(|s| (0.0..=TIMEOUT_MAX_S).contains(s))
            .map(|seconds| whole(seconds.ceil()))
            .ok_or("timeout is no time in seconds")?,
    };
    let target = targets(element)?;
    Ok(QueueOrder {
        request: before.request.clone(),
        queue: Some(text("queue"))
            .filter(|queue| !queue.is_empty())
            .or_else(|| before.queue.clone()),
        target: if target.steps.is_empty() {
            before.target.clone()
        } else {
            target
        },
        priority,
        timeout_s,
        clear_on_timeout: flag(&text("clearontimeout"), before.clear_on_timeout)?,
        route: flag(&text("route"), before.route)?,
        since: before.since,
    })
}

/// The order in which agents are taken when several are free: the only one that the router knows.
pub(super) const ORDERED_BY: &str = "StatTimeInReadyState";

/// Looks at what order is asked for; another one than the router's is told, not followed.
fn check_agents_order(kind: &str, statistic: &str) -> Result<(), String> {
    let by = statistic.trim_start_matches('R').trim_start_matches("Stat");
    match kind.to_ascii_lowercase().as_str() {
        "" | "any" => {}
        "max" if matches!(by, "" | "none" | "TimeInReadyState") => {}
        "max" | "min" | "percentage" => tracing::warn!(
            kind,
            statistic,
            "queue: the agent ready for longest is taken, whatever this says"
        ),
        other => return Err(format!("there is no ordertype {other}")),
    }
    Ok(())
}

/// Seconds within a day as a whole number.
fn whole(seconds: f64) -> i64 {
    i64::try_from(Duration::from_secs_f64(seconds).as_secs()).unwrap_or(0)
}

fn flag(text: &str, default: bool) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "" => Ok(default),
        "true" | "1" | "1.0" => Ok(true),
        "false" | "0" | "0.0" => Ok(false),
        other => Err(format!("{other} is neither true nor false")),
    }
}

/// The targets of a request; all of them count at once.
fn targets(element: &ActionElement) -> Result<Target, String> {
    let groups = element.children.iter().filter(|c| c.name == "targets");
    let direct = element.children.iter();
    let mut whole = Target::default();
    for child in groups.flat_map(|group| &group.children).chain(direct) {
        match child.name.as_str() {
            "targetid" => {
                let given = child.attribute("expr").or_else(|| child.attribute("id"));
                add(&mut whole, given.unwrap_or(&Value::Null))?;
            }
            "target" => {
                let text = |name: &str| child.attribute(name).map(plain).unwrap_or_default();
                let kind = kind_of(&text("type"))?;
                let target = format!("{}@{}.{kind}", text("name"), text("statserver"));
                add(&mut whole, &Value::from(target))?;
            }
            _ => {}
        }
    }
    if whole.steps.len() > callback::limits::TARGET_STEPS_MAX {
        let max = callback::limits::TARGET_STEPS_MAX;
        return Err(format!("a request has at most {max} targets"));
    }
    Ok(whole)
}

fn add(whole: &mut Target, given: &Value) -> Result<(), String> {
    match given {
        Value::Array(several) => several.iter().try_for_each(|one| add(whole, one)),
        Value::Object(resource) if resource.contains_key("agent") => {
            let agent = resource.get("agent").map(plain).unwrap_or_default();
            add(whole, &Value::from(format!("{agent}@.A")))
        }
        other => {
            let target = Target::parse(&plain(other))?;
            if target.steps.is_empty() {
                return Err("a target has no name".to_owned());
            }
            whole.steps.extend(target.steps);
            Ok(())
        }
    }
}

/// The letters of a kind of target (options §16).
fn kind_of(word: &str) -> Result<&'static str, String> {
    Ok(match word.to_ascii_lowercase().as_str() {
        "a" | "agent" => "A",
        "ap" | "place" => "AP",
        "" | "ga" | "agentgroup" | "skill" => "GA",
        "gp" | "placegroup" => "GP",
        "gc" | "campaigngroup" => "GC",
        other => return Err(format!("{other} is no type of a target here")),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn element(name: &str, attributes: &[(&str, Value)]) -> ActionElement {
        let owned = |(n, v): &(&str, Value)| ((*n).to_owned(), v.clone());
        ActionElement {
            name: name.to_owned(),
            attributes: attributes.iter().map(owned).collect(),
            params: Vec::new(),
            content: None,
            children: Vec::new(),
        }
    }

    #[test]
    fn a_request_names_its_targets_in_every_form() {
        let mut targets = element("targets", &[]);
        targets.children = vec![
            element("targetid", &[("expr", json!("?:English>5@Stats.GA"))]),
            element(
                "target",
                &[
                    ("name", json!("Billing")),
                    ("type", json!("agentgroup")),
                    ("statserver", json!("Stats")),
                ],
            ),
            element("targetid", &[("expr", json!(["kim@S.A", "D1@S.AP"]))]),
        ];
        let mut submit = element(
            "submit",
            &[
                ("queue", json!("VQ")),
                ("priority", json!(7.0)),
                ("timeout", json!("1.5s")),
                ("route", json!(false)),
            ],
        );
        submit.children = vec![targets];
        let order = read(&submit, "r").unwrap();
        let steps = order.target.steps.iter();
        let names: Vec<_> = steps.map(|step| step.target.as_str()).collect();
        let wanted = [
            "?:English>5@Stats.GA",
            "Billing@Stats.GA",
            "kim@S.A",
            "D1@S.AP",
        ];
        assert_eq!(names, wanted);
        assert_eq!(order.queue.as_deref(), Some("VQ"));
        assert_eq!((order.priority, order.timeout_s), (Some(7), 2));
        assert_eq!((order.route, order.clear_on_timeout), (false, true));
    }

    #[test]
    fn bad_requests_are_refused() {
        for (name, value) in [
            ("timeout", json!("soon")),
            ("timeout", json!(-1)),
            ("priority", json!("high")),
            ("route", json!("perhaps")),
        ] {
            assert!(read(&element("submit", &[(name, value)]), "r").is_err());
        }
        for target in [
            element("targetid", &[("expr", json!("Billing"))]),
            element("targetid", &[]),
            element("target", &[("name", json!("x")), ("type", json!("moon"))]),
        ] {
            let mut submit = element("submit", &[]);
            submit.children = vec![target];
            assert!(read(&submit, "r").is_err());
        }
    }
}
