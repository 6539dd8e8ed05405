//! Reading `_target`: single form, skill expression, JSON array (options §16).

use std::ops::Range;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::skill::SkillExpression;
use crate::agent::AgentConfig;
use crate::{AgentId, Timestamp, limits};

/// A parsed `_target` (options §16).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The elements in order; a single form is a list of one, an unset target has none.
    pub steps: Vec<TargetStep>,
}

/// One element of a target list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetStep {
    /// `<name>@<stat server>.<type>` or `?:<expression>@<stat server>.GA`, as written.
    pub target: String,
    /// Stay with this element so long before the next joins or replaces it, s; 0 = the next is
    /// used from the start. Without meaning for the last element.
    pub timeout_s: i64,
    /// This element drops the former ones when it becomes active.
    pub clear: bool,
    /// The statistic this element asks for; kept, but not compared yet, see [`Target::pending`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stat: Option<StatCheck>,
}

/// `stat_to_check`, `stat_operator`, `stat_value` of an element.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatCheck {
    /// Name of the statistic.
    pub stat: String,
    /// `<` or `>`.
    pub operator: String,
    /// The value it is compared with.
    pub value: i64,
}

/// Whom one element means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// Type A: one agent by id.
    Agent(AgentId),
    /// Type AP: the agents at a place.
    Place(String),
    /// Types GA, GP and GC: the agents of a group. Place and campaign groups are groups of
    /// agents here.
    Group(String),
    /// `?:<expression>`: the agents with these skills.
    Skills(SkillExpression),
}

/// Statistics that may be asked for together with a skill expression.
const SKILL_STATS: [&str; 3] = [
    "RStatAgentsReadyvoice",
    "RStatAgentsReady",
    "RStatAgentsTotal",
];

impl Target {
    /// Reads `_target`: a single form, a skill expression, or a JSON array of elements.
    ///
    /// Empty text and placeholders (`{unset}`, `<your target>`) give a target without elements.
    ///
    /// ```
    /// use callback::routing::Target;
    ///
    /// let target = Target::parse("?:German>=5&Invoices>2@Stats.GA")?;
    /// assert_eq!(target.steps.len(), 1);
    /// assert!(Target::parse("{unset}")?.steps.is_empty());
    /// # Ok::<(), String>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A sentence that names the element and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.starts_with('[') {
            let value: Vec<Value> = serde_json::from_str(text)
                .map_err(|e| format!("the target is not a JSON array of elements: {e}"))?;
            return Self::from_array(&value);
        }
        // One element without the array around it; everything else in braces is a placeholder.
        if let Ok(Value::Object(element)) = serde_json::from_str(text)
            && !element.is_empty()
        {
            return Self::from_array(&[Value::Object(element)]);
        }
        if text.is_empty() || is_placeholder(text) {
            return Ok(Self::default());
        }
        Selector::parse(text)?;
        let step = TargetStep {
            target: text.to_owned(),
            timeout_s: 0,
            clear: false,
            stat: None,
        };
        Ok(Self { steps: vec![step] })
    }

    fn from_array(elements: &[Value]) -> Result<Self, String> {
        if elements.len() > limits::TARGET_STEPS_MAX {
            return Err(format!(
                "a target has at most {} elements, this one {}",
                limits::TARGET_STEPS_MAX,
                elements.len()
            ));
        }
        let mut steps = Vec::with_capacity(elements.len());
        for (number, element) in (1..).zip(elements) {
            let step = match element {
                Value::Object(map) => TargetStep::from_map(map),
                Value::String(text) => TargetStep::from_text(text),
                _ => Err(String::from("it has to be an object with the key `target`")),
            };
            steps.push(step.map_err(|e| format!("target element {number}: {e}"))?);
        }
        Ok(Self { steps })
    }

    /// The elements in use at `now` for a wait that began at `since`, and when that changes.
    pub(super) fn active(&self, since: Timestamp, now: Timestamp) -> Stage {
        let mut steps = 0..0;
        let mut starts = since;
        for (i, step) in self.steps.iter().enumerate() {
            if i > 0 && starts > now {
                return Stage {
                    steps,
                    until: Some(starts),
                };
            }
            steps = if step.clear {
                i..i + 1
            } else {
                steps.start..i + 1
            };
            starts = starts.plus_seconds(step.timeout_s.max(0));
        }
        Stage { steps, until: None }
    }

    /// Says what of this target is set but not built yet, and what happens instead; one sentence
    /// per element, nothing when all of it works.
    #[must_use]
    pub fn pending(&self) -> Vec<String> {
        let mut pending = Vec::new();
        for (number, step) in (1..).zip(&self.steps) {
            if let Some(stat) = &step.stat {
                pending.push(format!(
                    "target element {number}: stat_to_check {} is not built yet; the element is \
                     used whatever the statistic says",
                    stat.stat
                ));
            }
        }
        pending
    }
}

/// The elements of a target that are in use together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stage {
    /// Their numbers, from 0.
    pub(super) steps: Range<usize>,
    /// When the next element joins or replaces them.
    pub(super) until: Option<Timestamp>,
}

impl TargetStep {
    fn from_text(text: &str) -> Result<Self, String> {
        Selector::parse(text)?;
        Ok(Self {
            target: text.trim().to_owned(),
            timeout_s: 0,
            clear: false,
            stat: None,
        })
    }

    fn from_map(map: &Map<String, Value>) -> Result<Self, String> {
        const KEYS: [&str; 6] = [
            "target",
            "timeout",
            "clear",
            "stat_to_check",
            "stat_operator",
            "stat_value",
        ];
        if let Some(unknown) = map.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(format!(
                "key `{unknown}` is unknown; known are {}",
                KEYS.join(", ")
            ));
        }
        let Some(target) = text_of(map, "target")? else {
            return Err(String::from("key `target` is missing"));
        };
        let selector = Selector::parse(&target)?;
        let timeout_s = int_of(map, "timeout")?.unwrap_or(0);
        if timeout_s < 0 {
            return Err(String::from("`timeout` must not be negative"));
        }
        let clear = match text_of(map, "clear")? {
            None => false,
            Some(text) => bool_of(&text)
                .ok_or_else(|| format!("`clear` has to be true or false, not `{text}`"))?,
        };
        let stat = stat_of(map, matches!(selector, Selector::Skills(_)))?;
        Ok(Self {
            target,
            timeout_s,
            clear,
            stat,
        })
    }

    /// The name the target goes by in events: the group, agent or place, for a skill expression
    /// `?:<expression>`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.target
            .rsplit_once('@')
            .map_or(self.target.as_str(), |(name, _)| name.trim())
    }

    /// The type in capitals: A, AP, GA, GP or GC.
    #[must_use]
    pub fn kind(&self) -> String {
        self.target
            .rsplit_once('.')
            .map_or("", |(_, kind)| kind.trim())
            .to_ascii_uppercase()
    }
}

impl Selector {
    /// Reads one single form; the stat server's name may be any text, also none.
    ///
    /// # Errors
    ///
    /// A sentence that names the target and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        // From the right: ids of agents may contain `@`, names and expressions dots.
        let Some((name, server_and_kind)) = text.trim().rsplit_once('@') else {
            return Err(format!("target `{text}` lacks `@<stat server>.<type>`"));
        };
        let Some((_, kind)) = server_and_kind.rsplit_once('.') else {
            return Err(format!("target `{text}` lacks the type after the last dot"));
        };
        let (name, kind) = (name.trim(), kind.trim().to_ascii_uppercase());
        if name.is_empty() {
            return Err(format!("target `{text}` lacks a name before `@`"));
        }
        if let Some(expression) = name.strip_prefix("?:") {
            if kind != "GA" {
                return Err(format!("skill expression `{text}` has to end in `.GA`"));
            }
            return SkillExpression::parse(expression)
                .map(Self::Skills)
                .map_err(|e| format!("skill expression `{text}`: {e}"));
        }
        if name.starts_with('?') {
            return Err(format!(
                "target `{text}`: a skill expression begins with `?:`"
            ));
        }
        match kind.as_str() {
            "A" => Ok(Self::Agent(AgentId::new(name))),
            "AP" => Ok(Self::Place(name.to_owned())),
            "GA" | "GP" | "GC" => Ok(Self::Group(name.to_owned())),
            _ => Err(format!(
                "target `{text}`: the type has to be A, AP, GA, GP or GC"
            )),
        }
    }
    /// Tells whether the agent is meant.
    #[must_use]
    pub fn matches(&self, agent: &AgentConfig) -> bool {
        match self {
            Self::Agent(id) => agent.id == *id,
            Self::Place(place) => agent.place == *place,
            Self::Group(group) => agent.groups.contains(group),
            Self::Skills(expression) => expression.matches(&agent.skills),
        }
    }
}

/// Options §1: text in braces or angle brackets counts as unset.
fn is_placeholder(text: &str) -> bool {
    (text.starts_with('{') && text.ends_with('}')) || (text.starts_with('<') && text.ends_with('>'))
}

fn text_of(map: &Map<String, Value>, key: &str) -> Result<Option<String>, String> {
    match map.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim().to_owned()).filter(|t| !t.is_empty())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(Value::Bool(flag)) => Ok(Some(flag.to_string())),
        Some(Value::Array(_) | Value::Object(_)) => {
            Err(format!("`{key}` has to be a text or a number"))
        }
    }
}

fn int_of(map: &Map<String, Value>, key: &str) -> Result<Option<i64>, String> {
    text_of(map, key)?
        .map(|text| {
            text.parse()
                .map_err(|_ignored| format!("`{key}` has to be an integer"))
        })
        .transpose()
}

fn bool_of(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Some(true),
        "false" | "0" | "no" => Some(false),
        _ => None,
    }
}

fn stat_of(map: &Map<String, Value>, for_skills: bool) -> Result<Option<StatCheck>, String> {
    let (stat, operator, value) = (
        text_of(map, "stat_to_check")?,
        text_of(map, "stat_operator")?,
        int_of(map, "stat_value")?,
    );
    let (stat, operator, value) = match (stat, operator, value) {
        (None, None, None) => return Ok(None),
        (Some(stat), Some(operator), Some(value)) => (stat, operator, value),
        _ => {
            return Err(String::from(
                "`stat_to_check`, `stat_operator` and `stat_value` have to be set together",
            ));
        }
    };
    if operator != "<" && operator != ">" {
        return Err(format!(
            "`stat_operator` has to be < or >, not `{operator}`"
        ));
    }
    if for_skills && !SKILL_STATS.contains(&stat.as_str()) {
        return Err(format!(
            "with a skill expression `stat_to_check` has to be one of {}",
            SKILL_STATS.join(", ")
        ));
    }
    Ok(Some(StatCheck {
        stat,
        operator,
        value,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, part: &str) {
        let error = Target::parse(text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }

    #[test]
    fn a_single_form_is_a_list_of_one() {
        for (text, selector, name, kind) in [
            (
                "Billing@Stats.GA",
                Selector::Group("Billing".into()),
                "Billing",
                "GA",
            ),
            (
                "Billing DE @Stats.gp",
                Selector::Group("Billing DE".into()),
                "Billing DE",
                "GP",
            ),
            (
                "Billing@.GC",
                Selector::Group("Billing".into()),
                "Billing",
                "GC",
            ),
            (
                "kim@mail.net@S.1.A",
                Selector::Agent(AgentId::new("kim@mail.net")),
                "kim@mail.net",
                "A",
            ),
            (
                " Desk_7001@Stats.AP ",
                Selector::Place("Desk_7001".into()),
                "Desk_7001",
                "AP",
            ),
        ] {
            let target = Target::parse(text).unwrap();
            let [step] = target.steps.as_slice() else {
                panic!("{text}: one element")
            };
            assert_eq!(step.target, text.trim());
            assert_eq!((step.timeout_s, step.clear), (0, false));
            assert_eq!(Selector::parse(&step.target).unwrap(), selector);
            assert_eq!((step.name(), step.kind().as_str()), (name, kind));
        }
    }

    #[test]
    fn a_skill_expression_is_read_and_keeps_its_text() {
        let target = Target::parse("?:German>=5&Invoices>2@Stats.GA").unwrap();
        let step = target.steps.first().unwrap();
        assert_eq!(step.name(), "?:German>=5&Invoices>2");
        assert!(matches!(
            Selector::parse(&step.target),
            Ok(Selector::Skills(_))
        ));
        refused("?:German>=@Stats.GA", "integer");
        refused("?:German>=5@Stats.GP", "`.GA`");
        refused("?German>=5@Stats.GA", "begins with `?:`");
    }

    #[test]
    fn an_array_takes_texts_and_numbers() {
        let target = Target::parse(
            r#"[{"target":"?:German>=5@Stats.GA","timeout":"40","clear":false,
                 "stat_to_check":"RStatAgentsReady","stat_operator":">","stat_value":"0"},
                {"target":"Billing_All@Stats.GA","timeout":600,"clear":"True"}]"#,
        )
        .unwrap();
        let seen: Vec<_> = target
            .steps
            .iter()
            .map(|s| (s.timeout_s, s.clear))
            .collect();
        assert_eq!(seen, [(40, false), (600, true)]);
        let pending = target.pending();
        assert_eq!(pending.len(), 1);
        assert!(
            pending
                .iter()
                .all(|p| p.contains("element 1") && p.contains("not built yet"))
        );
        let stored = serde_json::to_string(&target).unwrap();
        assert_eq!(serde_json::from_str::<Target>(&stored).unwrap(), target);
    }

    #[test]
    fn unset_targets_have_no_elements() {
        for text in [
            "",
            "  ",
            "{unset}",
            "{Specify the target}",
            "<your target>",
            "[]",
            "{}",
        ] {
            assert_eq!(Target::parse(text), Ok(Target::default()), "{text}");
        }
    }

    #[test]
    fn broken_targets_are_refused_with_a_sentence() {
        refused("Billing", "lacks `@");
        refused("Billing@Stats", "lacks the type");
        refused("@Stats.GA", "lacks a name");
        refused("Billing@Stats.Q", "A, AP, GA, GP or GC");
        refused("[{\"target\":\"Billing@Stats.GA\"", "JSON array");
        refused("[5]", "element 1");
        refused(r#"[{"timeout":"4"}]"#, "`target` is missing");
        refused(
            r#"["B@S.GA",{"target":"B@S.GA","timeout":"x"}]"#,
            "element 2: `timeout`",
        );
        refused(r#"[{"target":"B@S.GA","timeout":-1}]"#, "negative");
        refused(r#"[{"target":"B@S.GA","clear":"perhaps"}]"#, "`clear`");
        refused(
            r#"[{"target":"B@S.GA","tmeout":"4"}]"#,
            "`tmeout` is unknown",
        );
        refused(
            r#"[{"target":"B@S.GA","stat_to_check":"X"}]"#,
            "set together",
        );
        refused(
            r#"[{"target":"B@S.GA","stat_to_check":"X","stat_operator":"=","stat_value":1}]"#,
            "< or >",
        );
        refused(
            r#"[{"target":"?:a>1@S.GA","stat_to_check":"X","stat_operator":"<","stat_value":1}]"#,
            "RStatAgentsTotal",
        );
        refused(r#"{"target":"B"}"#, "lacks `@");
    }

    #[test]
    fn elements_join_or_replace_as_their_time_comes() {
        let step = |timeout_s, clear| TargetStep {
            target: String::from("B@S.GA"),
            timeout_s,
            clear,
            stat: None,
        };
        let target = Target {
            steps: vec![
                step(40, false),
                step(20, false),
                step(0, true),
                step(9, false),
            ],
        };
        let at = |ms| {
            let stage = target.active(Timestamp(1000), Timestamp(ms));
            (stage.steps, stage.until.map(|t| t.0))
        };
        assert_eq!(at(0), (0..1, Some(41_000)));
        assert_eq!(at(1000), (0..1, Some(41_000)));
        assert_eq!(at(40_999), (0..1, Some(41_000)));
        assert_eq!(at(41_000), (0..2, Some(61_000)));
        assert_eq!(at(61_000), (2..4, None));
        assert_eq!(at(i64::MAX), (2..4, None));
        let stage = Target::default().active(Timestamp(0), Timestamp(0));
        assert_eq!((stage.steps, stage.until), (0..0, None));
    }

    #[test]
    fn a_list_is_bounded() {
        let list = |n: usize| format!("[{}]", vec!["\"B@S.GA\""; n].join(","));
        assert_eq!(Target::parse(&list(15)).unwrap().steps.len(), 15);
        refused(&list(16), "at most 15");
    }
}
